/** The ladder of a softmax and its cross-entropy. */

import { el } from "../../dom.js";
import { block, frac, inline, row, sub, sum, sup } from "../../formula.js";
import { scaleFor, scaleTo } from "../../scales.js";
import { sumLine } from "../../sums.js";
import { difference, line, restLine, result, steepest } from "./lines.js";

const MOST_CLASSES = 12; // in a row; of more, the likeliest ones and the right one

/**
 * @param {import("../../shell.js").Context} context
 * @param {any} traced  a trace that has logits and a label
 * @returns {import("./ladder.js").Climb | null}  null where the model ends otherwise
 */
export function softmaxClimb(context, traced) {
  const { t, numbers, lab } = context;
  const { long, cell } = numbers;
  const { arrays, probabilities, label } = traced;
  const z = Array.from(arrays[traced.logits]?.data ?? []);
  if (label === null || z.length < 2 || probabilities?.length !== z.length || !traced.d_logits) return null;
  const largest = Math.max(...z);
  const shifted = z.map((value) => value - largest);
  const exponentials = shifted.map(Math.exp);
  const total = exponentials.reduce((a, b) => a + b, 0);
  if (probabilities.some((p, k) => Math.abs(p - exponentials[k] / total) > 1e-3)) return null;
  const truth = z.map((_, k) => Number(k === label));
  const gradient = Array.from(arrays[traced.d_logits].data);
  const isCrossEntropy = gradient.every((g, k) => Math.abs(g - (probabilities[k] - truth[k])) < 1e-3);
  const crossEntropy = -Math.log(probabilities[label]);
  const rest = restLine(context, crossEntropy, traced.loss);
  const values = { logits: z, shifted, exponentials, probabilities, truth, gradient };
  const columns = chosen(probabilities, label);
  const nameOf = (k) => String(lab.data?.classes?.[k] ?? k);
  const end = steepest(gradient);
  const less = (k) => row(sub("z", k), "−", row("max", "z"));

  function told(stage, k) {
    const name = nameOf(k);
    const words = el("p", {}, t(`loss.told.${stage}`, { name, right: nameOf(label) }));
    switch (stage) {
      case "logits":
        return [line(`z(${name}) = `, result(z[k], numbers)), words];
      case "shifted":
        return [difference(z[k], largest, shifted[k], `z(${name}) − max = `, numbers), words];
      case "exponentials":
        return [line(`exp(${long(shifted[k])}) = `, result(exponentials[k], numbers)), words];
      case "probabilities":
        return [
          sumLine({ name: t("loss.sum"), terms: exponentials.map((value, n) => ({ value, title: t("loss.class", { name: nameOf(n) }) })).filter(({ value }) => value > 1e-9), sum: total }, context),
          line(`p(${name}) = ${long(exponentials[k])} / ${long(total)} = `, result(probabilities[k], numbers)),
          words,
        ];
      case "loss":
        return [
          line(`${rest ? "" : "L = "}−ln p(${nameOf(label)}) = −ln ${long(probabilities[label])} = `, result(crossEntropy, numbers)),
          rest,
          words,
        ];
      default:
        return [
          isCrossEntropy ? difference(probabilities[k], truth[k], gradient[k], `p(${name}) − y(${name}) = `, numbers) : line(`∂L/∂z(${name}) = `, result(gradient[k], numbers)),
          words,
        ];
    }
  }

  return {
    title: t("loss.title"),
    stages: ["logits", "shifted", "exponentials", "probabilities", "loss", "gradient"],
    rungs: [
      { name: "logits", formula: inline(sub("z", "k")), scale: scaleFor("values", [{ data: z }]) },
      { name: "shifted", formula: inline(less("k")), scale: scaleFor("values", [{ data: shifted }]) },
      { name: "exponentials", formula: inline(sup("e", less("k"))), scale: scaleTo("counts", 1) },
      { name: "probabilities", formula: inline(sub("p", "k"), "=", frac(sup("e", less("k")), row(sum("j"), sup("e", less("j"))))), scale: scaleTo("counts", 1), ends: [0, 1] },
      { name: "truth", from: "loss", formula: inline(sub("y", "k")), scale: scaleTo("counts", 1) },
      { name: "gradient", formula: inline(sub("p", "k"), "−", sub("y", "k")), scale: scaleTo("gradients", end), ends: [-end, end] },
    ],
    values, columns, nameOf, told,
    asked: label,
    secret: "gradient",
    question: {
      id: `loss.${label}.${cell(probabilities[label])}`,
      question: t("loss.ask", { name: nameOf(label), p: cell(probabilities[label]) }),
      choices: ["up", "down", "none"].map((value) => ({ value, text: t(`loss.ask.${value}`) })),
      answer: "up",
      explain: () => t(isCrossEntropy ? "loss.answer" : "loss.answerOther", { name: nameOf(label), g: cell(gradient[label]) }),
    },
    formula: block("L", "=", "−", row("ln", sub("p", "y")), "=", row("ln", sum("k"), sup("e", less("k"))), "−", row("(", less("y"), ")")),
    explain: ["loss.explain.shift", "loss.explain.push", "loss.explain.sum"],
    remarks: [
      columns.length < z.length ? t("loss.cut", { count: columns.length, all: z.length }) : "",
      isCrossEntropy ? "" : t("loss.otherLoss", { loss: lab.loss ?? "" }),
    ].filter(Boolean),
  };
}

/** Which classes are drawn, in their order. */
function chosen(probabilities, label) {
  const all = probabilities.map((_, k) => k);
  if (all.length <= MOST_CLASSES) return all;
  const likeliest = all.toSorted((a, b) => probabilities[b] - probabilities[a]).slice(0, MOST_CLASSES - 1);
  return [...new Set([...likeliest, label])].sort((a, b) => a - b);
}
