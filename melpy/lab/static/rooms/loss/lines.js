/** Lines of arithmetic on the card beside a ladder. */

import { el } from "../../dom.js";

export const line = (...parts) => el("p", { class: "sum" }, parts);

/** What comes out. @param {number} value @param {import("../../numbers.js").Numbers} numbers */
export const result = (value, { long }) => el("strong", {}, long(value));

/** A number after a sign, in brackets where it has one of its own. */
export const signed = (value, { long }) => (value < 0 ? `(${long(value)})` : long(value));

/** a − b = value, with the digits that it takes to come out. */
export function difference(a, b, value, head, numbers) {
  const { terms, sum, decimals } = numbers.addUp([a, -b], value);
  const less = numbers.fixed(b, decimals);
  return line(head, terms[0], " − ", b < 0 ? `(${less})` : less, " = ", el("strong", {}, sum));
}

/** The largest size, for a scale that needs one. @param {number[]} values */
export const steepest = (values) => Math.max(1e-12, ...values.map(Math.abs));
