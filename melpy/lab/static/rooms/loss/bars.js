/** Bars that stand under the cells of a row: a number's size is seen before it is read. */

import { svg } from "../../dom.js";

const HEIGHT = 72;

/**
 * @param {{label: string, values: number[], size: number, left?: number,
 *   scale: import("../../scales.js").Scale, low: number, high: number}} options
 *   size: of a cell; low, high: the ends of the axis, 0 among them
 */
export function createBars({ label, values, size, left = 2, scale, low, high }) {
  const y = (value) => 4 + ((high - value) / (high - low)) * (HEIGHT - 8);
  const width = left + values.length * size + 2;
  const bars = values.map(() => svg("rect", { class: "bar" }));
  const element = svg(
    "svg",
    { class: `bars kind-${scale.kind}`, preserveAspectRatio: "none", viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": label },
    bars,
    svg("path", { class: "axis", d: `M${left} ${y(0)}H${width - 2}` }),
  );

  /** @param {number[]} shown @param {number | null} marked  which bar is looked at */
  function update(shown, marked = null) {
    shown.forEach((value, n) => {
      const [top, bottom] = [y(Math.max(0, value)), y(Math.min(0, value))];
      const place = { x: left + n * size + size * 0.2, y: top, width: size * 0.6, height: Math.max(0.5, bottom - top) };
      for (const [name, number] of Object.entries(place)) bars[n].setAttribute(name, number);
      bars[n].setAttribute("fill", scale.colour(value));
      bars[n].classList.toggle("marked", n === marked);
    });
  }

  update(values);
  return { element, update };
}
