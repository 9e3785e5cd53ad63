/** Lines of arithmetic on the card beside a ladder. */

import { el } from "../../dom.js";

const NEAR = 1e-4; // what float32 leaves between two ways to a loss

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

/**
 * What a loss has beside what is drawn of it, such as penalties on weights; null where it has nothing.
 * @param {number} drawn @param {number | null} loss
 */
export function restLine({ t, numbers }, drawn, loss) {
  const rest = loss - drawn;
  if (loss === null || !(Math.abs(rest) > NEAR * Math.max(1, Math.abs(loss)))) return null;
  return line(t("loss.rest"), ` L = ${numbers.long(drawn)} + ${signed(rest, numbers)} = `, result(loss, numbers));
}

/** The largest size, for a scale that needs one. @param {number[]} values */
export const steepest = (values) => Math.max(1e-12, ...values.map(Math.abs));
