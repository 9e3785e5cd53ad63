/** Arrows from the cells of one grid to those of another, over whatever lies between them. */

import { newId, svg } from "../../dom.js";

const HEAD = 9;

/**
 * @param {HTMLElement} container  that holds the grids; the arrows lie upon it
 * @param {AbortSignal} signal
 */
export function createArrows(container, signal) {
  const id = newId("arrowhead");
  const head = svg(
    "marker",
    { id, viewBox: "0 0 10 10", refX: 8, refY: 5, markerWidth: HEAD, markerHeight: HEAD, orient: "auto", markerUnits: "userSpaceOnUse" },
    svg("path", { d: "M0 0L10 5L0 10z" }),
  );
  const layer = svg("g");
  const picture = svg("svg", { class: "arrows", "aria-hidden": "true" }, svg("defs", {}, head), layer);
  container.classList.add("with-arrows");
  container.append(picture);
  let arrows = [];
  let waiting = 0;

  /** @param {{from: Element, to: Element, isFaint?: boolean}[]} list  cells */
  function set(list) {
    arrows = list;
    waiting ||= requestAnimationFrame(draw);
  }

  function draw() {
    waiting = 0;
    const box = container.getBoundingClientRect();
    const drawn = arrows.map(({ from, to, isFaint }) => {
      const [a, b] = [seen(from), seen(to)];
      if (!a || !b) return null;
      const d = bow(...edge(a, b, box), ...edge(b, a, box));
      const shared = { d, "marker-end": `url(#${id})` };
      return [svg("path", { d, class: "halo" }), svg("path", { ...shared, class: isFaint ? "faint" : "arrow" })];
    });
    layer.replaceChildren(...drawn.filter(Boolean).flat());
  }

  const again = () => (waiting ||= requestAnimationFrame(draw));
  const observer = new ResizeObserver(again);
  observer.observe(container);
  container.addEventListener("scroll", again, { capture: true, signal });
  container.addEventListener("toggle", again, { capture: true, signal });
  signal.addEventListener("abort", () => observer.disconnect());
  return { set };
}

/** Where a cell lies, unless it is scrolled out of its panel. */
function seen(cell) {
  const box = cell.getBoundingClientRect();
  const middle = box.left + box.width / 2;
  const frame = cell.closest(".scroll")?.getBoundingClientRect();
  return frame && (middle < frame.left || middle > frame.right) ? null : box;
}

/** The point on a cell's border that looks at another cell: its number stays free. */
function edge(cell, other, container) {
  const [x, y] = [cell.left + cell.width / 2, cell.top + cell.height / 2];
  const [dx, dy] = [other.left + other.width / 2 - x, other.top + other.height / 2 - y];
  const share = Math.min(cell.width / 2 / (Math.abs(dx) || 1e-9), cell.height / 2 / (Math.abs(dy) || 1e-9));
  return [x + share * dx - container.left, y + share * dy - container.top];
}

/** A slightly bent line, so that arrows to and fro do not lie upon each other. */
function bow(x1, y1, x2, y2) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const [mx, my] = [(x1 + x2) / 2 - dy * 0.12, (y1 + y2) / 2 + dx * 0.12];
  return `M${x1.toFixed(1)} ${y1.toFixed(1)}Q${mx.toFixed(1)} ${my.toFixed(1)} ${x2.toFixed(1)} ${y2.toFixed(1)}`;
}
