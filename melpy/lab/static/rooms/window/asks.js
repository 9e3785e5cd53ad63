/** What the window's room asks: the number that comes out, and how large the output becomes. */

import { el } from "../../dom.js";
import { block, display, frac, row } from "../../formula.js";
import { windowsIn } from "../../geometry.js";
import { createPrediction } from "../../predict.js";

/**
 * Which number comes out of a window? The wrong answers are those of known misunderstandings: the
 * kernel turned, the bias added to every product, the largest product alone. It is asked once for a
 * layer and an image: who then changes the kernel or the stride wants to see, not to be asked.
 * @param {import("../../shell.js").Context} context
 * @param {{id: string, place: {row: number, column: number}, right: number, bias: number,
 *   cells: {x: number, weight: number, product: number}[][], onAnswered: () => void}} asked
 *   cells: of each channel
 */
export function outputQuestion(context, { id, place, right, bias, cells, onAnswered }) {
  const { t, numbers } = context;
  const all = cells.flat();
  const turned = cells.flatMap((one) => one.map(({ x }, n) => x * one[one.length - 1 - n].weight));
  const flipped = turned.reduce((a, b) => a + b, bias);
  const biased = all.reduce((total, { product }) => total + product + bias, 0);
  const largest = all.reduce(
    (top, { product }) => (Math.abs(product) > Math.abs(top) ? product : top),
    0,
  );
  const offered = [right, flipped, biased, largest, -right].map(numbers.cell);
  const told = {
    ...place,
    value: numbers.cell(right),
    bias: numbers.cell(bias),
    biased: numbers.cell(biased),
    flipped: numbers.cell(flipped),
  };
  const once = `window.asked.${id}.${JSON.stringify(context.look())}`;
  const key = `window.${id}.${offered.join()}`;
  if ((context.kept[once] ?? key) !== key) return { element: null, isAnswered: true };
  return createPrediction(
    {
      id: key,
      question: t("window.ask", place),
      choices: [...new Set(offered)]
        .slice(0, 4)
        .sort()
        .map((text) => ({ value: text, text })),
      answer: numbers.cell(right),
      explain: () => t("window.explain", told),
      onAnswered() {
        context.kept[once] = key;
        onAnswered();
      },
    },
    context,
  );
}

/**
 * How large the output becomes: asked, and as a formula with this layer's numbers.
 * @param {import("../../shell.js").Context} context
 * @param {import("../../geometry.js").Geometry} geometry
 */
export function sizeCards(context, geometry) {
  const { t } = context;
  const [stride, dilation] = [geometry.strides[0], geometry.dilations[0]]; // of rows
  const [n, K] = [geometry.rows, geometry.kernelRows];
  const next = stride + 1;
  const right = windowsIn(n, K, next, dilation);
  const offered = [
    right,
    Math.ceil(n / next),
    right + 1,
    windowsIn(n, K, stride, dilation),
    right - 1,
  ];
  const values = [...new Set(offered)]
    .filter((v) => v > 0)
    .slice(0, 4)
    .sort((a, b) => a - b);
  const asked = createPrediction(
    {
      id: `window.size.${n}.${K}.${next}.${dilation}`,
      question: t("window.askSize", { stride: next, size: n, kernel: K, dilation }),
      choices: values.map((v) => ({ value: String(v), text: String(v) })),
      answer: String(right),
      explain: () =>
        t("window.explainSize", { last: n - (K - 1) * dilation - 1, stride: next, value: right }),
    },
    context,
  );
  const formula = block(
    "o",
    "=",
    row("⌊", frac(row("n", "−", row("(", "K", "−", "1", ")"), "·", "d", "−", "1"), "s"), "⌋"),
    "+",
    "1",
    "=",
    row("⌊", frac(row(n, "−", row("(", K, "−", "1", ")"), "·", dilation, "−", "1"), stride), "⌋"),
    "+",
    "1",
    "=",
    geometry.outRows,
  );
  const card = el(
    "div",
    { class: "card" },
    el("h2", {}, t("window.size")),
    display(formula),
    el("p", {}, t("window.sizeNote")),
  );
  return el("div", { class: "pair" }, asked.element, card);
}
