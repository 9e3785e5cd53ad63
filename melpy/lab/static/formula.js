/** Formulas in MathML, put together from their parts. */

import { el, math } from "./dom.js";

const part =
  (name) =>
  (...children) =>
    math(name, {}, ...children.map(leaf));

/** Bare text becomes what it is: a number, a name or a sign. */
function leaf(child) {
  if (child instanceof Node) return child;
  const text = String(child);
  if (/^[−-]?\d[\d.,]*(e[−-]?\d+)?$/.test(text)) return math("mn", {}, text);
  return math(/^[\p{L}?]/u.test(text) ? "mi" : "mo", {}, text);
}

export const row = part("mrow");
export const sub = part("msub");
export const sup = part("msup");
export const subsup = part("msubsup");
export const frac = part("mfrac");
export const root = part("msqrt");

/** Indices side by side: i, j as one subscript. @param {...(string | number | Node)} indices */
export const indices = (...list) =>
  row(
    ...list.flatMap((index, n) => (n ? [math("mo", { separator: "true" }, ","), index] : [index])),
  );

/** A large sum over what stands below it. @param {string | Node} under @param {string | Node} [over] */
export const sum = (under, over) =>
  over === undefined
    ? math("munder", {}, math("mo", {}, "∑"), leaf(under))
    : math("munderover", {}, math("mo", {}, "∑"), leaf(under), leaf(over));

/** A whole word as one name. @param {string} text */
export const word = (text) => math("mtext", {}, text);

/** A formula within a line. @param {...(string | number | Node)} children */
export const inline = (...children) => math("math", {}, row(...children));

/** A formula on a line of its own. @param {...(string | number | Node)} children */
export const block = (...children) => math("math", { display: "block" }, row(...children));

/**
 * Formulas in a place of their own. One that is too long goes on below, before one of its equals
 * signs. What is wider than the page even so scrolls, and then the keyboard reaches it; what fits is
 * no stop on the way.
 * @param {...import("./dom.js").Child} formulas
 */
export function display(...formulas) {
  const place = el("div", { class: "formula" }, ...formulas.map(breakable));
  new ResizeObserver(() => {
    if (place.scrollWidth > place.clientWidth) place.setAttribute("tabindex", "0");
    else place.removeAttribute("tabindex");
  }).observe(place);
  return place;
}

/** A formula in parts, each from an equals sign to the next; as it is where there is but one. */
function breakable(formula) {
  if (formula?.localName !== "math") return formula;
  const parts = [[]];
  for (const one of [...formula.firstChild.childNodes]) {
    const isNext = one.localName === "mo" && one.textContent === "=";
    if (isNext && parts.at(-1).some((earlier) => earlier.textContent === "=")) parts.push([]);
    parts.at(-1).push(one);
  }
  if (parts.length === 1) return formula;
  const isBlock = formula.getAttribute("display") === "block";
  const style = isBlock ? { displaystyle: "true" } : {};
  const pieces = parts.map((part) => math("math", style, row(...part)));
  return el(
    "div",
    { class: isBlock ? "equation" : null },
    pieces.flatMap((piece, n) => (n ? [" ", piece] : [piece])),
  );
}
