/**
 * A matrix of numbered cells in SVG, which the keyboard walks: one cell takes the tab, the arrows go
 * on from there; resting on a cell previews it, Enter or a click pins it.
 */

import { svg } from "./dom.js";

/**
 * @typedef {[number, number]} Cell  row, column
 * @typedef {Object} GridOptions
 * @property {string} label  what a screen reader calls the grid
 * @property {number} rows
 * @property {number} columns
 * @property {(row: number, column: number) => number} value
 * @property {import("./scales.js").Scale} scale
 * @property {(value: number, row: number, column: number) => string} write  the text in a cell
 * @property {string} [factor]  what all cells are to be multiplied by
 * @property {(row: number, column: number) => string} [describe]  a cell in words
 * @property {(row: number, column: number) => boolean} [isPadding]  drawn hatched
 * @property {(row: number, column: number) => boolean} [isEmpty]  not there yet: drawn blank
 * @property {(row: number, column: number) => boolean} [isHidden]  drawn as a question mark
 * @property {string[]} [rowLabels]
 * @property {string[]} [columnLabels]
 * @property {number} [size]  of a cell, in pixels
 * @property {(row: number, column: number) => void} [onPreview]
 * @property {() => void} [onLeave]
 * @property {(row: number, column: number) => void} [onPin]
 */

const LETTER = 0.62; // a digit's width, as a share of the font's size
const READABLE = 10; // pixels, the least that a number of three digits is written in

/**
 * @param {GridOptions} options
 * @returns {{element: SVGSVGElement, update: (changes?: Partial<GridOptions>) => void,
 *   mark: (kind: string, cells: Cell[]) => void, focus: (row: number, column: number) => void}}
 */
export function createGrid(options) {
  const given = { size: 46, describe: (r, c) => `${r}, ${c}`, ...options };
  const { rows, columns, size } = given;
  const left = given.rowLabels ? labelWidth(given.rowLabels) : 2;
  const top = given.columnLabels ? 18 : 2;
  const [width, height] = [left + columns * size + 2, top + rows * size + 2];
  const marks = new Map();
  let active = [0, 0];

  const cells = Array.from({ length: rows }, (_, r) =>
    Array.from({ length: columns }, (_, c) => newCell(left + c * size, top + r * size, size, r, c)),
  );
  const markLayer = svg("g", { class: "marks", "aria-hidden": "true" });
  const element = svg(
    "svg",
    {
      class: `grid kind-${given.scale.kind}`,
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "grid",
      "aria-label": given.label,
      "aria-rowcount": rows,
      "aria-colcount": columns,
    },
    labels(given, left, top, size),
    cells.map((row, r) =>
      svg(
        "g",
        { role: "row", "aria-rowindex": r + 1 },
        row.map((c) => c.group),
      ),
    ),
    markLayer,
    svg("rect", {
      class: "frame",
      x: left,
      y: top,
      width: columns * size,
      height: rows * size,
    }),
  );

  element.style.maxWidth = "100%"; // on a narrow page cells shrink, as far as one can read them
  const smallest = Math.min(size, (size * READABLE) / fontSize("−0.123", size));
  element.style.minWidth = `${Math.floor(left + columns * smallest)}px`;

  function update(changes = {}) {
    Object.assign(given, changes);
    element.setAttribute("aria-label", given.label);
    element.setAttribute("class", `grid kind-${given.scale.kind}`);
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) drawCell(cells[r][c], given, r, c);
  }

  function mark(kind, marked) {
    const path = outline(marked, left, top, size);
    if (!marks.has(kind)) {
      const halo = svg("path", { class: "halo" });
      const line = svg("path", { class: `mark mark-${kind}` });
      markLayer.append(halo, line);
      marks.set(kind, [halo, line]);
    }
    for (const node of marks.get(kind)) node.setAttribute("d", path);
    if (kind === "pin") {
      const pinned = new Set(marked.map(([r, c]) => r * columns + c));
      cells.forEach((row, r) =>
        row.forEach(({ group }, c) => {
          if (pinned.has(r * columns + c)) group.setAttribute("aria-selected", "true");
          else group.removeAttribute("aria-selected");
        }),
      );
    }
  }

  function activate(r, c) {
    cells[active[0]][active[1]].group.setAttribute("tabindex", "-1");
    active = [r, c];
    cells[r][c].group.setAttribute("tabindex", "0");
  }

  function focus(r, c) {
    activate(r, c);
    cells[r][c].group.focus();
  }

  const at = (event) => {
    const group = event.target.closest?.("[data-at]");
    return group ? group.dataset.at.split(",").map(Number) : null;
  };
  const onCell = (then) => (event) => {
    const cell = at(event);
    if (cell) then?.(...cell);
  };
  element.addEventListener("pointerover", onCell(given.onPreview));
  element.addEventListener("pointerleave", () => given.onLeave?.());
  element.addEventListener(
    "focusin",
    onCell((r, c) => {
      activate(r, c);
      given.onPreview?.(r, c);
    }),
  );
  element.addEventListener("focusout", () => given.onLeave?.());
  element.addEventListener(
    "click",
    onCell((r, c) => {
      focus(r, c);
      given.onPin?.(r, c);
    }),
  );
  element.addEventListener("keydown", (event) => {
    if (event.altKey || event.metaKey) return;
    if (event.key === "Enter" || event.key === " ") given.onPin?.(...active);
    else {
      const to = goal(event, active, rows, columns);
      if (!to) return;
      focus(...to);
    }
    event.preventDefault();
  });

  if (rows && columns) activate(0, 0);
  update();
  return { element, update, mark, focus };
}

function newCell(x, y, size, r, c) {
  const box = svg("rect", { x, y, width: size, height: size });
  const hatch = svg("path", { class: "hatch", d: hatching(x, y, size) });
  const text = svg("text", { x: x + size / 2, y: y + size / 2 });
  const ring = svg("rect", {
    class: "ring",
    x: x + 2,
    y: y + 2,
    width: size - 4,
    height: size - 4,
  });
  const group = svg(
    "g",
    { role: "gridcell", tabindex: -1, "data-at": `${r},${c}`, "aria-colindex": c + 1 },
    box,
    hatch,
    text,
    ring,
  );
  return { group, box, hatch, text, size };
}

/** Slanted lines over a cell: it is no part of the image. */
function hatching(x, y, size) {
  const gap = size / 4;
  return [1, 2, 3, 4]
    .map((n) => `M${x} ${y + n * gap}L${x + n * gap} ${y}`)
    .concat([1, 2, 3].map((n) => `M${x + n * gap} ${y + size}L${x + size} ${y + n * gap}`))
    .join("");
}

function drawCell({ group, box, hatch, text, size }, given, r, c) {
  const value = given.value(r, c);
  const isHidden = given.isHidden?.(r, c) ?? false;
  const isEmpty = !isHidden && (given.isEmpty?.(r, c) ?? false);
  const isPadding = given.isPadding?.(r, c) ?? false;
  const words = isHidden ? "?" : isEmpty ? "" : given.write(value, r, c);
  box.setAttribute("fill", isHidden ? "#fff7d6" : isEmpty ? "#fff" : given.scale.colour(value));
  hatch.setAttribute("visibility", isPadding ? "visible" : "hidden");
  text.textContent = words;
  text.setAttribute("fill", isHidden ? "#000" : given.scale.ink(value));
  text.setAttribute("font-size", fontSize(words, size).toFixed(1));
  group.setAttribute(
    "aria-label",
    `${given.describe(r, c)}: ${[words || "–", given.factor].join(" ").trim()}`,
  );
}

/** As large as fits into the cell. */
const fontSize = (words, size) =>
  Math.min(size * 0.34, (size - 4) / (Math.max(1, words.length) * LETTER));

const labelWidth = (labels) =>
  8 + 6.4 * labels.reduce((most, text) => Math.max(most, text.length), 0);

function labels({ rowLabels = [], columnLabels = [] }, left, top, size) {
  const beside = rowLabels.map((words, r) =>
    svg("text", { class: "label row", x: left - 5, y: top + (r + 0.5) * size }, words),
  );
  const above = columnLabels.map((words, c) =>
    svg("text", { class: "label column", x: left + (c + 0.5) * size, y: top - 6 }, words),
  );
  return svg("g", { "aria-hidden": "true" }, beside, above);
}

/** The border around a set of cells, as a path: an edge is drawn where the neighbour is not in it. */
function outline(marked, left, top, size) {
  const set = new Set(marked.map(([r, c]) => `${r},${c}`));
  const edges = [];
  for (const [r, c] of marked) {
    const [x, y] = [left + c * size, top + r * size];
    if (!set.has(`${r - 1},${c}`)) edges.push(`M${x} ${y}h${size}`);
    if (!set.has(`${r + 1},${c}`)) edges.push(`M${x} ${y + size}h${size}`);
    if (!set.has(`${r},${c - 1}`)) edges.push(`M${x} ${y}v${size}`);
    if (!set.has(`${r},${c + 1}`)) edges.push(`M${x + size} ${y}v${size}`);
  }
  return edges.join("");
}

/** Where a key leads to, or null. @returns {Cell | null} */
function goal({ key, ctrlKey }, [r, c], rows, columns) {
  const last = [rows - 1, columns - 1];
  switch (key) {
    case "ArrowUp":
      return [Math.max(0, r - 1), c];
    case "ArrowDown":
      return [Math.min(last[0], r + 1), c];
    case "ArrowLeft":
      return [r, Math.max(0, c - 1)];
    case "ArrowRight":
      return [r, Math.min(last[1], c + 1)];
    case "Home":
      return [ctrlKey ? 0 : r, 0];
    case "End":
      return [ctrlKey ? last[0] : r, last[1]];
    default:
      return null;
  }
}
