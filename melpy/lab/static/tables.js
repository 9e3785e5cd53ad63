/** The numbers of a picture as a table, folded away until somebody wants it. */

import { el, refill } from "./dom.js";

/**
 * @param {{title: string, head: string[], rows: () => (string | Node)[][]}} options  the first of
 *   each row names it
 * @param {{t: Function}} words
 */
export function createTable({ title, head, rows }, { t }) {
  const place = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title });
  const details = el("details", { class: "as-table", ontoggle: draw }, el("summary", {}, t("panel.table")), place);

  function draw() {
    if (details.open) refill(place, tableOf(head, rows()));
  }

  return { element: details, update: draw };
}

/** @param {string[]} head @param {(string | Node)[][]} rows */
export function tableOf(head, rows) {
  return el(
    "table",
    {},
    el("thead", {}, el("tr", {}, head.map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, rows.map(rowOf)),
  );
}

const rowOf = ([name, ...cells]) =>
  el("tr", {}, el("th", { scope: "row" }, name), cells.map((cell) => el("td", {}, cell)));
