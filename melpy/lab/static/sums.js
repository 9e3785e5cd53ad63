/** A sum written out: terms that add up as they are shown, each linked to the cells it comes from. */

import { el } from "./dom.js";

/**
 * @param {{name: Node | string, terms: {value: number, title?: string, class?: string}[], sum: number,
 *   onTerm?: (index: number | null) => void}} options  onTerm: the term that is pointed at
 * @param {{t: Function, numbers: import("./numbers.js").Numbers}} words
 */
export function sumLine({ name, terms, sum, onTerm }, { t, numbers }) {
  const telling = terms
    .map((term, index) => ({ ...term, index }))
    .filter(({ value }) => value !== 0);
  const added = numbers.addUp(
    telling.map(({ value }) => value),
    sum,
  );
  const shown = telling.map(({ title, index, class: kind = "" }, n) =>
    el(
      "span",
      {
        class: `term ${kind}`,
        title,
        "data-index": index,
        onpointerenter: () => onTerm?.(index),
        onpointerleave: () => onTerm?.(null),
      },
      n > 0 ? el("span", { class: "sign" }, " + ") : null,
      added.terms[n].startsWith("−") && n > 0 ? `(${added.terms[n]})` : added.terms[n],
    ),
  );
  const zeros = terms.length - telling.length;
  return el(
    "p",
    { class: "sum" },
    el("span", { class: "name" }, name),
    " = ",
    shown.length ? shown : "0",
    added.rounding
      ? el(
          "span",
          { class: "term rounding", title: t("sum.rounding") },
          " + ",
          added.rounding.startsWith("−") ? `(${added.rounding})` : added.rounding,
          el("small", {}, ` ${t("sum.rounded")}`),
        )
      : null,
    zeros ? el("small", { class: "zeros" }, ` ${t("sum.zeros", { count: zeros })}`) : null,
    " = ",
    el("strong", { class: "total" }, added.sum),
  );
}
