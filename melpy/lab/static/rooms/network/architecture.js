/** The network as a picture to click through, and the maps of the layer that is chosen. */

import { channelOf } from "../../arrays.js";
import { el, refill, svg } from "../../dom.js";
import { asImage } from "../../images.js";
import { namesFrom } from "../../labels.js";
import { createMap } from "../../maps.js";
import { createGridPanel, createPanel } from "../../panel.js";
import { scaleFor } from "../../scales.js";

const MOST_MAPS = 32;
const WRITTEN = 16; // rows and columns up to which a map is also written out
const BOX = 46;

/**
 * @param {import("../../shell.js").Context} context
 * @param {any[]} rows  of a trace
 * @param {(index: number) => void} onChoose
 */
export function createArchitecture({ t }, rows, arrays, onChoose) {
  const buttons = rows.map((row, n) =>
    el(
      "button",
      { type: "button", class: `layer kind-${row.kind}`, onclick: () => onChoose(n) },
      pictogram(arrays[row.output]?.shape ?? []),
      el("span", { class: "name" }, row.name ?? row.path),
      el("span", { class: "shape" }, shapeOf(arrays[row.output])),
    ),
  );
  const element = el("ol", { class: "architecture", "aria-label": t("net.architecture") }, buttons.map((button) => el("li", {}, button)));

  /** @param {number} chosen @param {boolean} isBack  which way the clock goes */
  function mark(chosen, isBack) {
    buttons.forEach((button, n) => {
      if (n === chosen) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
      button.classList.toggle("forward", isBack || n <= chosen);
      button.classList.toggle("backward", isBack && n >= chosen);
    });
    const { parentElement: item } = buttons[chosen];
    element.scrollTo?.({ left: item.offsetLeft - element.clientWidth / 2 + item.clientWidth / 2 });
  }

  return { element, mark };
}

const shapeOf = (array) => (array ? array.shape.join(" × ") : "?");

/** Maps as a stack of squares, values in a row as a bar; larger where there are more. */
function pictogram(shape) {
  const picture = (...children) => svg("svg", { viewBox: `0 0 ${BOX} ${BOX}`, width: BOX, height: BOX, "aria-hidden": "true" }, children);
  if (shape.length >= 3) {
    const [height, , channels] = shape.slice(-3);
    const count = Math.min(5, Math.max(1, Math.ceil(Math.log2(channels + 1))));
    const side = Math.max(8, Math.min(30, 9 * Math.log2(height + 1) - 4));
    return picture(
      Array.from({ length: count }, (_, n) => {
        const at = (BOX - side) / 2 + (n - (count - 1) / 2) * 3.5;
        return svg("rect", { class: "sheet", x: at, y: at, width: side, height: side });
      }),
    );
  }
  const length = Math.max(8, Math.min(42, 6 * Math.log2((shape.at(-1) ?? 1) + 1)));
  return picture(svg("rect", { class: "sheet", x: (BOX - 9) / 2, y: (BOX - length) / 2, width: 9, height: length }));
}

/**
 * The maps of a layer, forward and backward.
 * @param {import("../../shell.js").Context} context
 */
export function createLayerMaps(context) {
  const { t } = context;
  const place = el("div", { class: "layer-maps" });
  let channel = 0;

  /** @param {any} row @param {Record<string, import("../../arrays.js").NdArray>} arrays @param {boolean} hasBack */
  function update(row, arrays, hasBack) {
    const [y, dy] = [arrays[row.output], arrays[row.d_output]];
    const title = (key) => t(key, { name: row.path, type: row.class_name });
    refill(
      place,
      y ? half(title("net.forward"), asImage(y), "values") : el("p", { class: "remark" }, t("net.leftOut")),
      dy && hasBack ? half(title("net.backward"), asImage(dy), "gradients") : null,
      dy || !y ? null : el("p", { class: "remark" }, t("net.noGradient")),
    );

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
      };
      return createGridPanel({ title: name, grid }, context).element;
    }
  }

  return { element: place, update };
}

