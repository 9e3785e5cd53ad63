/** The ladders of outputs that stand each for itself: sigmoids and squared errors. */

import { el } from "../../dom.js";
import { block, frac, inline, row, sub, sum, sup } from "../../formula.js";
import { scaleFor, scaleTo } from "../../scales.js";
import { sumLine } from "../../sums.js";
import { difference, line, restLine, result, steepest } from "./lines.js";

const MOST_OUTPUTS = 12; // in a row, the first ones
const SQUARES = ["mse", "mean_squared_error"];
const NEAR = 1e-3;

/** Sigmoids with the binary cross-entropy. @returns {import("./ladder.js").Climb | null} */
export function sigmoidClimb(context, traced) {
  const { t, numbers, lab } = context;
  const { long, cell } = numbers;
  const found = read(traced, traced.logits, traced.d_logits);
  if (!found || lab.loss !== "binary_crossentropy") return null;
  const { given: z, truth, gradient, count } = found;
  const probability = z.map((value) => 1 / (1 + Math.exp(-value)));
  if (!agrees(gradient, (k) => (probability[k] - truth[k]) / count)) return null;
  const losses = z.map((value, k) => Math.max(value, 0) - value * truth[k] + Math.log1p(Math.exp(-Math.abs(value))));
  const nameOf = (k) => (count > 1 ? String(lab.data?.classes?.[k] ?? k) : t("loss.yes", { name: lab.data?.classes?.[1] ?? 1 }));
  const end = steepest(gradient);

  function told(stage, k) {
    const words = el("p", {}, t(`loss.sigmoid.${stage}`, { name: nameOf(k) }));
    switch (stage) {
      case "logits":
        return [line("z = ", result(z[k], numbers)), words];
      case "probability":
        return [line(`p = 1 / (1 + exp(${long(-z[k])})) = `, result(probability[k], numbers)), words];
      case "loss":
        return [
          truth[k] > 0.5
            ? line(`−ln p = −ln ${long(probability[k])} = `, result(losses[k], numbers))
            : line(`−ln (1 − p) = −ln ${long(1 - probability[k])} = `, result(losses[k], numbers)),
          ...meanLines(context, losses, traced.loss, nameOf),
          words,
        ];
      default:
        return [difference(probability[k], truth[k], count * gradient[k], "p − y = ", numbers), shareLine(count * gradient[k], gradient[k], count, numbers), words];
    }
  }

  const y = truth[0];
  return {
    ...of(context, found, nameOf, told),
    title: t("loss.sigmoid.title"),
    stages: ["logits", "probability", "loss", "gradient"],
    rungs: [
      { name: "logits", formula: inline("z"), scale: scaleFor("values", [{ data: z }]) },
      { name: "probability", formula: inline("p", "=", frac("1", row("1", "+", sup("e", row("−", "z"))))), scale: scaleTo("counts", 1), ends: [0, 1] },
      { name: "truth", from: "loss", formula: inline("y"), scale: scaleTo("counts", 1) },
      { name: "loss", formula: inline("−", "y", row("ln", "p"), "−", row("(", "1", "−", "y", ")"), row("ln", row("(", "1", "−", "p", ")"))), scale: scaleFor("values", [{ data: losses }]) },
      { name: "gradient", formula: inline(shared(row("p", "−", "y"), count)), scale: scaleTo("gradients", end), ends: [-end, end] },
    ],
    values: { logits: z, probability, truth, loss: losses, gradient },
    secret: "gradient",
    question: {
      id: `loss.sigmoid.${y}.${cell(probability[0])}`,
      question: t("loss.sigmoid.ask", { name: nameOf(0), y: cell(y), p: cell(probability[0]) }),
      choices: ["up", "down", "none"].map((value) => ({ value, text: t(`loss.ask.${value}`) })),
      answer: y > probability[0] ? "up" : "down",
      explain: () => t("loss.sigmoid.answer", { y: cell(y), g: cell(count * gradient[0]) }),
    },
    formula: block("L", "=", mean(count), row("−", sub("y", "k"), row("ln", sub("p", "k")), "−", row("(", "1", "−", sub("y", "k"), ")"), row("ln", row("(", "1", "−", sub("p", "k"), ")")))),
    explain: ["loss.sigmoid.explain.one", "loss.sigmoid.explain.push"],
  };
}

/** Squared errors. @returns {import("./ladder.js").Climb | null} */
export function squareClimb(context, traced) {
  const { t, numbers, lab } = context;
  const { long, cell } = numbers;
  const last = traced.rows.at(-1);
  const found = read(traced, last?.output, last?.d_output);
  if (!found || !SQUARES.includes(lab.loss)) return null;
  const { given: prediction, truth, gradient, count } = found;
  const gap = prediction.map((value, k) => value - truth[k]);
  const square = gap.map((value) => value * value);
  if (!agrees(gradient, (k) => (2 * gap[k]) / count)) return null;
  const nameOf = (k) => (count > 1 ? String(k) : "ŷ");
  const end = steepest(gradient);

  function told(stage, k) {
    const words = el("p", {}, t(`loss.square.${stage}`));
    const twice = count > 1 ? `2 / ${count}` : "2";
    switch (stage) {
      case "prediction":
        return [line("ŷ = ", result(prediction[k], numbers)), words];
      case "difference":
        return [difference(prediction[k], truth[k], gap[k], "ŷ − y = ", numbers), words];
      case "loss":
        return [line(`(${long(gap[k])})² = `, result(square[k], numbers)), ...meanLines(context, square, traced.loss, nameOf), words];
      default:
        return [line(`${twice} · (${long(gap[k])}) = `, result(gradient[k], numbers)), words];
    }
  }

  const bound = scaleFor("values", [{ data: [...prediction, ...truth, ...gap] }]);
  return {
    ...of(context, found, nameOf, told),
    title: t("loss.square.title"),
    stages: ["prediction", "difference", "loss", "gradient"],
    rungs: [
      { name: "prediction", formula: inline("ŷ"), scale: bound },
      { name: "truth", from: "difference", formula: inline("y"), scale: bound },
      { name: "difference", formula: inline("ŷ", "−", "y"), scale: bound },
      { name: "loss", formula: inline(sup(row("(", "ŷ", "−", "y", ")"), "2")), scale: scaleFor("values", [{ data: square }]) },
      { name: "gradient", formula: inline(count > 1 ? frac("2", String(count)) : "2", "·", row("(", "ŷ", "−", "y", ")")), scale: scaleTo("gradients", end), ends: [-end, end] },
    ],
    values: { prediction, truth, difference: gap, loss: square, gradient },
    secret: null,
    question: {
      id: "loss.square",
      question: t("loss.square.ask", { prediction: cell(prediction[0]), y: cell(truth[0]) }),
      choices: ["same", "twice", "four"].map((value) => ({ value, text: t(`loss.square.ask.${value}`) })),
      answer: "twice",
      explain: () => t("loss.square.answer"),
    },
    formula: block("L", "=", mean(count), sup(row("(", sub("ŷ", "k"), "−", sub("y", "k"), ")"), "2")),
    explain: ["loss.square.explain.size", "loss.square.explain.outlier"],
  };
}

/** What went in, what is right and the gradient, output by output; null where they do not fit. */
function read({ arrays, target }, given, gradient) {
  const [x, y, g] = [given, target, gradient].map((key) => arrays[key]?.data);
  if (!x || x.length !== y?.length || x.length !== g?.length) return null;
  return { given: Array.from(x), truth: Array.from(y), gradient: Array.from(g), count: x.length };
}

const agrees = (gradient, expected) => gradient.every((g, k) => Math.abs(g - expected(k)) < NEAR * Math.max(1, Math.abs(g)));

/** What both have in common. */
function of({ t }, { count }, nameOf, told) {
  const columns = Array.from({ length: Math.min(count, MOST_OUTPUTS) }, (_, k) => k);
  const remarks = columns.length < count ? [t("loss.cutOutputs", { count: columns.length, all: count })] : [];
  return { columns, asked: 0, nameOf, told, remarks };
}

/** The mean over the outputs, where there are several, and what the loss has beside it. */
function meanLines(context, losses, loss, nameOf) {
  const drawn = losses.reduce((total, value) => total + value, 0) / losses.length;
  const rest = restLine(context, drawn, loss);
  if (losses.length < 2 || losses.length > MOST_OUTPUTS) return [rest];
  const terms = losses.map((value, k) => ({ value: value / losses.length, title: nameOf(k) }));
  return [sumLine({ name: rest ? context.t("loss.mean") : "L", terms, sum: rest ? drawn : loss }, context), rest];
}

const shareLine = (whole, part, count, numbers) =>
  count > 1 ? line(`${numbers.long(whole)} / ${count} = `, result(part, numbers)) : null;

const shared = (what, count) => (count > 1 ? frac(what, String(count)) : what);

const mean = (count) => (count > 1 ? row(frac("1", String(count)), sum("k")) : row());
