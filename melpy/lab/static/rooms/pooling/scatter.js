/** Points in a plot: a function as a layer computed it, one dot a value. */

import { el, svg } from "../../dom.js";

const SIZE = 180;
const MARGIN = 30;

/**
 * @param {{label: string, xName: string, yName: string, points: [number, number][],
 *   kind: import("../../scales.js").Kind}} options
 * @param {{numbers: import("../../numbers.js").Numbers}} words
 */
export function createScatter({ label, xName, yName, points, kind }, { numbers }) {
  const finite = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  const end = (n) => Math.max(1e-12, ...finite.map((point) => Math.abs(point[n])));
  const [wide, high] = [end(0), end(1)];
  const inner = SIZE - 2 * MARGIN;
  const x = (value) => MARGIN + ((value / wide + 1) / 2) * inner;
  const y = (value) => SIZE - MARGIN - ((value / high + 1) / 2) * inner;
  const marked = svg("circle", { class: "marked", r: 5, visibility: "hidden" });
  const text = (at, words, name = "tick") => svg("text", { class: name, x: at[0], y: at[1] }, words);
  const picture = svg(
    "svg",
    { class: `scatter kind-${kind}`, viewBox: `0 0 ${SIZE} ${SIZE}`, width: SIZE, height: SIZE, role: "img", "aria-label": label },
    svg("path", { class: "axis", d: `M${MARGIN} ${y(0)}H${SIZE - MARGIN}M${x(0)} ${MARGIN}V${SIZE - MARGIN}` }),
    finite.map((point) => svg("circle", { class: "point", cx: x(point[0]), cy: y(point[1]), r: 2.5 })),
    marked,
    text([SIZE - MARGIN + 4, y(0) + 4], xName, "axis-name"),
    text([x(0), MARGIN - 8], yName, "axis-name"),
    text([SIZE - MARGIN, y(0) + 14], numbers.cell(wide)),
    text([MARGIN, y(0) + 14], numbers.cell(-wide)),
    text([x(0) - 6, MARGIN + 4], numbers.cell(high), "tick y"),
  );

  /** @param {[number, number] | null} point */
  function mark(point) {
    const isSeen = point && point.every(Number.isFinite);
    marked.setAttribute("visibility", isSeen ? "visible" : "hidden");
    if (!isSeen) return;
    marked.setAttribute("cx", x(point[0]));
    marked.setAttribute("cy", y(point[1]));
  }

  return { element: el("div", { class: "scatter-box" }, picture), mark };
}
