/** A figure: a heading, a picture, its scale, and the same numbers as a table for who wants one. */

import { el, refill, svg } from "./dom.js";
import { createGrid } from "./grid.js";
import { legend } from "./scales.js";

const NARROW = 640; // pixels; as in style.css, panels then lie one under the other
const LARGE = 44; // pixels a cell, so that its digits can be read on a phone

/**
 * @typedef {Object} Table
 * @property {number} rows
 * @property {number} columns
 * @property {(row: number) => string | number} rowName  as the picture counts
 * @property {(column: number) => string | number} columnName
 * @property {(row: number, column: number) => string} text
 */

/**
 * @param {{title: string, body: Node, scale?: import("./scales.js").Scale, note?: string | Node,
 *   table?: () => Table, class?: string}} options
 * @param {{t: Function, numbers: import("./numbers.js").Numbers}} words
 */
export function createPanel({ title, body, scale, note, table, class: name = "" }, words) {
  const heading = el("figcaption", {}, title);
  const key = el("div", { class: "key" }, scale ? legend(scale, words) : null);
  const under = el("div", { class: "note" }, note);
  const element = el(
    "figure",
    { class: `panel ${name}` },
    heading,
    el("div", { class: "scroll" }, body),
    key,
    under,
    table ? asTable(table, title, words) : null,
  );
  return {
    element,
    setTitle: (text) => refill(heading, text),
    setNote: (text) => refill(under, text),
    setScale: (changed) => refill(key, legend(changed, words)),
  };
}

/**
 * A panel that holds a grid.
 * @param {{title: string, grid: Omit<import("./grid.js").GridOptions, "label" | "write"> &
 *   {label?: string, write?: (value: number, row: number, column: number) => string},
 *   note?: string | Node, class?: string, hasTable?: boolean}} options
 */
export function createGridPanel(
  { title, grid: options, note, class: name, hasTable = true },
  words,
) {
  const rowName = (r) => options.rowLabels?.[r] ?? r;
  const columnName = (c) => options.columnLabels?.[c] ?? c;
  const describe = (r, c) => words.t("grid.cell", { row: rowName(r), column: columnName(c) });
  const given = { label: title, describe, ...written(options.scale, words), ...options };
  if (innerWidth <= NARROW) given.size = Math.max(given.size ?? 0, LARGE);
  const grid = createGrid(given);
  const text = (r, c) => (given.isHidden?.(r, c) ? "?" : words.numbers.long(given.value(r, c)));
  const names = { rowName, columnName, text };
  const table = hasTable ? () => ({ rows: given.rows, columns: given.columns, ...names }) : undefined;
  const panel = createPanel(
    { title, body: grid.element, scale: given.scale, note, class: name, table },
    words,
  );
  return {
    ...panel,
    grid,
    update(wanted = {}) {
      const isRescaled = wanted.scale && !options.write;
      const changes = isRescaled ? { ...written(wanted.scale, words), ...wanted } : wanted;
      Object.assign(given, changes);
      grid.update(changes);
      if (changes.scale) panel.setScale(changes.scale);
    },
  };
}

/** How a scale's cells are written: those of small numbers without their common power of ten. */
function written(scale, { numbers }) {
  if (scale.kind === "counts") return { write: numbers.cell, factor: "" };
  const { cell, factor } = numbers.shared(scale.limit);
  return { write: cell, factor };
}

function asTable(table, title, { t }) {
  const place = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title });
  const fill = (event) => {
    if (event.target.open) refill(place, tableOf(table()));
  };
  return el(
    "details",
    { class: "as-table", ontoggle: fill },
    el("summary", {}, t("panel.table")),
    place,
  );
}

function tableOf({ rows, columns, rowName, columnName, text }) {
  const head = el(
    "tr",
    {},
    el("td"),
    Array.from({ length: columns }, (_, c) => el("th", { scope: "col" }, columnName(c))),
  );
  const row = (r) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, rowName(r)),
      Array.from({ length: columns }, (_, c) => el("td", {}, text(r, c))),
    );
  return el(
    "table",
    {},
    head,
    Array.from({ length: rows }, (_, r) => row(r)),
  );
}

/**
 * What the outlines mean, which are the same in every panel.
 * @param {{t: Function}} words @param {string[]} kinds
 */
export function marksKey({ t }, kinds) {
  const one = (kind) => {
    const path = { class: `mark mark-${kind}`, d: "M3 3h16v12h-16z" };
    const picture = svg(
      "svg",
      { viewBox: "0 0 22 18", width: 22, height: 18, "aria-hidden": "true" },
      svg("path", path),
    );
    return el("span", {}, picture, " ", t(`mark.${kind}`));
  };
  return el("p", { class: "marks-key" }, kinds.map(one));
}
