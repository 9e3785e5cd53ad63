/** Choosing one value among all weights: layer, array, and a cell in a plane of it. */

import { choice } from "../../controls.js";
import { el, refill } from "../../dom.js";
import { namesFrom } from "../../labels.js";
import { createGridPanel } from "../../panel.js";
import { scaleFor } from "../../scales.js";

const ACROSS = 8; // columns in which a long row is wrapped
const MOST_ROWS = 9;

/**
 * @param {import("../../shell.js").Context} context
 * @param {any} traced
 * @param {(picked: {weight: string, index: number, gradient: number}) => void} onPick
 */
export function createWeightPicker(context, traced, onPick) {
  const { t, kept } = context;
  const known = weightsOf(traced);
  const first = known.find(({ name }) => name === kept["opt.weight"]) ?? known.find(({ w }) => w.shape.length > 1) ?? known[0];
  const fields = el("div", { class: "controls", role: "group", "aria-label": t("opt.pick") });
  const place = el("div", { class: "panels" });
  let array = first;
  let index = first.name === kept["opt.weight"] ? kept["opt.index"] : largest(first.dw.data);
  let grids = [];
  draw();

  /** The plane that holds the index: all axes fixed but those that are drawn. */
  function plane() {
    const { shape } = array.w;
    const at = array.w.unflat(index);
    if (shape.length === 4) {
      const [rows, columns] = shape;
      return { rows, columns, flat: (r, c) => array.w.flat(r, c, at[2], at[3]), cell: [at[0], at[1]] };
    }
    const axis = shape.length === 2 ? 0 : shape.length - 1;
    const size = shape[axis];
    const columns = Math.min(size, ACROSS);
    const page = Math.floor(at[axis] / (ACROSS * MOST_ROWS)) * ACROSS * MOST_ROWS;
    const rows = Math.ceil(Math.min(size - page, ACROSS * MOST_ROWS) / columns);
    const flat = (r, c) => {
      const n = page + r * columns + c;
      return n < size ? array.w.flat(...at.with(axis, n)) : -1;
    };
    const n = at[axis] - page;
    return { rows, columns, flat, cell: [Math.floor(n / columns), n % columns], page };
  }

  /** Selects for the axes that are not drawn. */
  function axes() {
    const { shape } = array.w;
    const at = array.w.unflat(index);
    const others = shape.slice(0, -1).map(() => "opt.axis"); // the last one is drawn
    const names = { 4: [null, null, "opt.channel", "opt.filter"], 2: [null, "opt.unit"] }[shape.length] ?? others;
    return names.map((key, axis) =>
      key && choice({
        label: t(key, { axis: axis + 1 }), value: at[axis],
        options: Array.from({ length: Math.min(shape[axis], 512) }, (_, n) => [n, String(n)]),
        onChange: (v) => pick(array.w.flat(...at.with(axis, Number(v))), true),
      }),
    );
  }

  function pick(to, isAnew = false) {
    index = to;
    if (isAnew) draw();
    else tell();
  }

  function draw() {
    const focused = [...fields.children].findIndex((child) => child.contains(document.activeElement));
    refill(
      fields,
      choice({
        label: t("opt.weight"), value: array.name,
        options: known.map(({ name }) => [name, name]),
        onChange: (name) => {
          array = known.find((one) => one.name === name);
          pick(largest(array.dw.data), true);
        },
      }),
      axes(),
    );
    fields.children[focused]?.querySelector("select")?.focus();
    const { rows, columns, flat } = plane();
    const panel = (key, kind, from) =>
      createGridPanel(
        {
          title: t(key),
          grid: {
            rows, columns, scale: scaleFor(kind, [from]),
            value: (r, c) => (flat(r, c) < 0 ? NaN : from.data[flat(r, c)]),
            isEmpty: (r, c) => flat(r, c) < 0,
            rowLabels: namesFrom(0, rows), columnLabels: namesFrom(0, columns),
            onPreview: (r, c) => outline("preview", [r, c]),
            onLeave: () => outline("preview", null),
            onPin: (r, c) => flat(r, c) >= 0 && pick(flat(r, c)),
          },
        },
        context,
      );
    grids = [panel("opt.weights", "weights", array.w), panel("opt.gradients", "gradients", array.dw)];
    refill(place, grids.map(({ element }) => element));
    tell();
  }

  /** Mark a cell in the weights and in their gradients. */
  function outline(kind, cell) {
    for (const { grid } of grids) grid.mark(kind, cell ? [cell] : []);
  }

  function tell() {
    kept["opt.weight"] = array.name;
    kept["opt.index"] = index;
    outline("pin", plane().cell);
    onPick({ weight: array.name, index, gradient: array.dw.data[index], place: array.w.unflat(index) });
  }

  return { element: el("div", {}, fields, place) };
}

/**
 * All weights that have a gradient, once each: "conv1/kernel", values and gradient. A layer that is
 * called again has the same gradients, of all its calls, under the same key.
 */
export function weightsOf(traced) {
  const seen = new Set();
  const isNew = (key) => !seen.has(key) && seen.add(key);
  return traced.rows.flatMap((row) =>
    Object.keys(row.d_weights ?? {})
      .filter((name) => row.d_weights[name] && row.weights[name] && isNew(row.d_weights[name]))
      .map((name) => ({
        name: `${row.path}/${name}`,
        w: traced.arrays[row.weights[name]],
        dw: traced.arrays[row.d_weights[name]],
      })),
  );
}

const largest = (data) => data.reduce((top, g, n) => (Math.abs(g) > Math.abs(data[top]) ? n : top), 0);
