/** The network as a picture to click through, and the maps of the layer that is chosen. */

import { channelOf } from "../../arrays.js";
import { el, refill, svg } from "../../dom.js";
import { asImage, hasChannelsFirst } from "../../images.js";
import { namesFrom } from "../../labels.js";
import { createMap } from "../../maps.js";
import { createGridPanel, createPanel } from "../../panel.js";
import { scaleFor } from "../../scales.js";

const MOST_MAPS = 32;
const WRITTEN = 16; // rows and columns up to which a map is also written out
const BOX = 34; // pixels a pictogram

/**
 * The model's graph, one button a layer, where the server says that they stand.
 * @param {import("../../shell.js").Context} context
 * @param {any[]} rows  of a trace
 * @param {(index: number) => void} onChoose
 */
export function createArchitecture({ t, lab }, rows, arrays, onChoose) {
  const { boxes, ways, size } = lab.model.picture;
  const nameOf = (n) => (n < 0 ? t("net.input") : (rows[n].name ?? rows[n].path));
  const from = (n) => ways.filter(({ to }) => to === n).map((way) => nameOf(way.from));
  const buttons = rows.map((row, n) => {
    const words = { name: nameOf(n), shape: shapeOf(arrays[row.output]), from: from(n).join(", ") };
    return el(
      "button",
      { type: "button", class: `layer kind-${row.kind}`, title: row.path, "aria-label": t("net.layer", words), onclick: () => onChoose(n) },
      pictogram(arrays[row.output]?.shape ?? []),
      el("span", { class: "name" }, words.name),
      el("span", { class: "shape" }, words.shape),
    );
  });
  const input = el("span", { class: "input" }, t("net.input"));
  const lines = ways.map((way) => svg("path", { d: curve(way.points), "data-from": way.from, "data-to": way.to }));
  const [width, height] = size;
  const list = el(
    "ol",
    { class: "architecture", "aria-label": t("net.architecture") },
    [input, ...buttons].map((box, n) => placed(el("li", {}, box), boxes[n])),
  );
  const picture = svg("svg", { class: "edges", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, lines);
  const sheet = el("div", { class: "graph" }, picture, list);
  sheet.style.setProperty("--across", String(width));
  sheet.style.setProperty("--down", String(height));
  const element = el("div", { class: "graph-box" }, sheet);

  /** @param {number} chosen @param {boolean} isBack  which way the clock goes */
  function mark(chosen, isBack) {
    const marked = (node, first, last) => {
      node.classList.toggle("forward", isBack || last <= chosen);
      node.classList.toggle("backward", isBack && first >= chosen);
    };
    buttons.forEach((button, n) => {
      if (n === chosen) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
      marked(button, n, n);
    });
    ways.forEach((way, n) => marked(lines[n], way.from, way.to));
    const { parentElement: item } = buttons[chosen];
    element.scrollTo?.({ top: item.offsetTop - (element.clientHeight - item.clientHeight) / 2 });
  }

  return { element, mark };
}

/** Put a box where its centre is to be, of a picture of boxes one wide and high. */
function placed(item, [x, y]) {
  item.style.setProperty("--x", String(x));
  item.style.setProperty("--y", String(y));
  return item;
}

/** From point to point, each time leaving and coming straight down. */
function curve(points) {
  const bends = points.slice(1).map(([x, y], n) => {
    const [from, above] = points[n];
    const middle = (above + y) / 2;
    return `C${from} ${middle} ${x} ${middle} ${x} ${y}`;
  });
  return `M${points[0].join(" ")}${bends.join("")}`;
}

const shapeOf = (array) => (array ? array.shape.join(" × ") : "?");

/** Maps as a stack of squares, values in a row as a bar; larger where there are more. */
function pictogram(shape) {
  const picture = (...children) => svg("svg", { viewBox: `0 0 ${BOX} ${BOX}`, width: BOX, height: BOX, "aria-hidden": "true" }, children);
  if (shape.length >= 3) {
    const [height, , channels] = shape.slice(-3);
    const count = Math.min(5, Math.max(1, Math.ceil(Math.log2(channels + 1))));
    const side = Math.max(7, Math.min(20, 6 * Math.log2(height + 1) - 3));
    return picture(
      Array.from({ length: count }, (_, n) => {
        const at = (BOX - side) / 2 + (n - (count - 1) / 2) * 2.8;
        return svg("rect", { class: "sheet", x: at, y: at, width: side, height: side });
      }),
    );
  }
  const length = Math.max(7, Math.min(BOX - 2, 5 * Math.log2((shape.at(-1) ?? 1) + 1)));
  return picture(svg("rect", { class: "sheet", x: (BOX - 8) / 2, y: (BOX - length) / 2, width: 8, height: length }));
}

/**
 * The maps of a layer, forward and backward.
 * @param {import("../../shell.js").Context} context
 */
export function createLayerMaps(context) {
  const { t } = context;
  const place = el("div", { class: "layer-maps" });
  let channel = 0;
  let grids = []; // of the way forward and of the way back: the same cell is outlined in both
  let pinned = null;
  let drawn = null;

  /** @param {any} row @param {Record<string, import("../../arrays.js").NdArray>} arrays @param {boolean} hasBack */
  function update(row, arrays, hasBack) {
    const [y, dy] = [arrays[row.output], arrays[row.d_output]];
    const isFirst = hasChannelsFirst(context.lab, row.path);
    if (row.path !== drawn) pinned = null;
    [drawn, grids] = [row.path, []];
    const title = (key) => t(key, { name: row.path, type: row.class_name });
    refill(
      place,
      y ? half(title("net.forward"), asImage(y, isFirst), "values") : el("p", { class: "remark" }, t("net.leftOut")),
      dy && hasBack ? half(title("net.backward"), asImage(dy, isFirst), "gradients") : null,
      dy || !y ? null : el("p", { class: "remark" }, t("net.noGradient")),
    );
    outline("pin", pinned);

    /** All maps small, and one of them large. */
    function half(name, image, kind) {
      const channels = image.shape[2];
      const shown = Math.min(channels, MOST_MAPS);
      channel = Math.min(channel, shown - 1);
      const scale = scaleFor(kind, [image], { robust: true });
      const maps = Array.from({ length: channels > 1 ? shown : 0 }, (_, k) => {
        const map = createMap({
          label: t("net.map", { channel: k }), caption: String(k), values: channelOf(image, k), scale,
          onPin: () => ((channel = k), update(row, arrays, hasBack)),
        });
        if (k === channel) map.element.setAttribute("aria-current", "true");
        return map.element;
      });
      const note = channels > shown ? t("net.more", { shown, all: channels }) : null;
      return el(
        "section",
        { class: `half kind-${kind}` },
        el("h3", {}, name),
        maps.length ? createPanel({ title: t("net.maps", { count: channels }), body: el("div", { class: "maps" }, maps), scale, note }, context).element : null,
        large(image, kind, scale, channels > 1 ? t("net.map", { channel }) : t("net.values")),
      );
    }

    function large(image, kind, scale, name) {
      const one = channelOf(image, channel);
      const [height, width] = one.shape;
      if (height > WRITTEN || width > WRITTEN) {
        const map = createMap({ label: name, values: one, scale });
        map.element.classList.add("large");
        return createPanel({ title: name, body: map.element, scale }, context).element;
      }
      const grid = {
        rows: height, columns: width, size: width > 10 ? 30 : 38, scale,
        value: (r, c) => one.at(r, c), isEmpty: (r, c) => Number.isNaN(one.at(r, c)),
        rowLabels: namesFrom(0, height), columnLabels: namesFrom(0, width),
        onPreview: (r, c) => outline("preview", [r, c]),
        onLeave: () => outline("preview", null),
        onPin: (r, c) => {
          pinned = String(pinned) === String([r, c]) ? null : [r, c];
          outline("pin", pinned);
        },
      };
      const panel = createGridPanel({ title: name, grid }, context);
      grids.push(panel.grid);
      return panel.element;
    }
  }

  function outline(kind, cell) {
    for (const grid of grids) grid.mark(kind, cell ? [cell] : []);
  }

  return { element: place, update };
}

