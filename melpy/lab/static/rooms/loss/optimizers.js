/** Steps of one weight by SGD and by Adam: g, the moments, their corrections, the step. */

import { createClock } from "../../clock.js";
import { createCurves } from "../../curves.js";
import { el, refill } from "../../dom.js";
import { block, display, frac, root, row, sub, sup } from "../../formula.js";
import { createPanel } from "../../panel.js";
import { createPrediction } from "../../predict.js";
import { line, signed } from "./lines.js";
import { createTable } from "../../tables.js";

const NAMES = { adam: "Adam", sgd: "SGD" };

export class OptimizerPicture {
  /**
   * @param {import("../../shell.js").Context} context
   * @param {any} found  an answer of /api/optimizer
   * @param {AbortSignal} signal
   */
  constructor(context, found, signal) {
    Object.assign(this, { context, found, signal, adam: found.runs.adam, sgd: found.runs.sgd });
    this.length = Math.min(this.adam.length, this.sgd.length);
    this.build();
    this.follow();
  }

  build() {
    const { context, found, signal } = this;
    const { t, say } = context;
    this.prediction = this.question();
    this.clock = createClock({
      t, signal, length: this.length,
      say: (n) => t("opt.step", { t: n + 1 }),
      onTick: () => {
        this.follow();
        say(this.adamCard.textContent);
      },
    });
    this.adamCard = el("div", { class: "card adam" });
    this.sgdCard = el("div", { class: "card sgd" });
    const points = (name, key, of = (x) => x) => found.runs[name].map((one) => [one.t, of(one[key])]);
    const lines = (key, of) =>
      Object.keys(NAMES).map((name, n) => ({ label: NAMES[name], style: 2 * n, points: points(name, key, of), hasDots: true }));
    const chart = (key, more, of) => {
      const curves = createCurves({ label: t(`opt.chart.${key}`), xLabel: t("opt.t"), height: 190, ...more }, { ...context, signal });
      curves.update({ lines: lines(key, of) });
      return { curves, panel: createPanel({ title: t(`opt.chart.${key}`), body: curves.element, class: "chart" }, context) };
    };
    this.charts = [chart("after", {}), chart("step", { isLog: true }, Math.abs), chart("loss", {})];
    this.table = this.steps();
    this.element = el(
      "div",
      {},
      this.prediction?.element,
      this.clock.element,
      el("div", { class: "pair cards" }, this.adamCard, this.sgdCard),
      el("div", { class: "charts" }, this.charts.map(({ panel }) => panel.element)),
      this.table.element,
    );
  }

  steps() {
    const { context } = this;
    const { t, numbers } = context;
    const columns = ["gradient", "m", "v", "m_hat", "v_hat", "step", "after"];
    return createTable(
      {
        title: t("opt.table"),
        head: ["t", ...columns.map((key) => `Adam ${t(`opt.column.${key}`)}`), ...["gradient", "step", "after"].map((key) => `SGD ${t(`opt.column.${key}`)}`)],
        rows: () =>
          Array.from({ length: this.length }, (_, n) => [
            String(n + 1),
            ...columns.map((key) => numbers.long(this.adam[n][key])),
            ...["gradient", "step", "after"].map((key) => numbers.long(this.sgd[n][key])),
          ]),
      },
      context,
    );
  }

  follow() {
    const n = this.clock.position;
    refill(this.adamCard, this.toldAdam(n));
    refill(this.sgdCard, this.toldSgd(n));
    for (const { curves } of this.charts) curves.update({ cursor: n + 1 });
  }

  /** ε̂ = ε / √(1 − β₂ᵗ). */
  adamShare(n) {
    const { beta_2: b2, epsilon } = this.found.numbers;
    return epsilon / Math.sqrt(1 - b2 ** this.adam[n].t);
  }

  /** The step as its line says, before any constraint: see toldSgd. */
  adamStep(n) {
    const { m_hat: m, v_hat: v } = this.adam[n];
    return (-this.found.rates.adam * m) / (Math.sqrt(v) + this.adamShare(n));
  }

  /** Where a step leads to, and where the weight's constraint then puts it. */
  arrival({ before, after }, step) {
    const { context, found } = this;
    const { t, numbers } = context;
    const strong = (value) => el("strong", {}, numbers.long(value));
    const sum = `w = ${numbers.long(before)} + ${signed(step, numbers)} = `;
    if (!found.constraint) return line(sum, strong(after));
    return [
      line(sum, numbers.long(before + step)),
      line(t("opt.constrained", { name: found.constraint }), " w = ", strong(after)),
    ];
  }

  toldAdam(n) {
    const { t, numbers } = this.context;
    const { long } = numbers;
    const now = this.adam[n];
    const before = this.adam[n - 1] ?? { m: 0, v: 0 };
    const { beta_1: b1, beta_2: b2 } = this.found.numbers;
    const rate = this.found.rates.adam;
    const raised = () => (now.t === 1 ? null : el("sup", {}, now.t));
    const after = (value) => signed(value, numbers);
    const strong = (value) => el("strong", {}, long(value));
    const share = this.adamShare(n);
    const step = this.adamStep(n);
    return [
      el("h3", {}, `Adam, t = ${now.t}`),
      line("g = ", strong(now.gradient)),
      line(`m = ${long(b1)} · ${after(before.m)} + ${long(1 - b1)} · ${after(now.gradient)} = `, strong(now.m)),
      line(`v = ${long(b2)} · ${long(before.v)} + ${long(1 - b2)} · ${after(now.gradient)}² = `, strong(now.v)),
      line(`m̂ = ${long(now.m)} / (1 − ${long(b1)}`, raised(), ") = ", strong(now.m_hat)),
      line(`v̂ = ${long(now.v)} / (1 − ${long(b2)}`, raised(), ") = ", strong(now.v_hat)),
      line(`${t("opt.theStep")} = −${long(rate)} · ${after(now.m_hat)} / (√${long(now.v_hat)} + ${long(share)}) = `, strong(step)),
      this.arrival(now, step),
      display(block("w", "←", "w", "−", "α", "·", frac(row("m̂"), row(root("v̂"), "+", "ε̂"))), block("ε̂", "=", frac("ε", root(row("1", "−", sup(sub("β", "2"), "t")))))),
    ];
  }

  toldSgd(n) {
    const { t, numbers } = this.context;
    const { long } = numbers;
    const now = this.sgd[n];
    const rate = this.found.rates.sgd;
    // Of after − before, float32 leaves beside w fewer digits than are shown: the line would not come out.
    const step = -rate * now.gradient;
    const ratio = Math.abs(this.adamStep(n) / step);
    return [
      el("h3", {}, `SGD, t = ${now.t}`),
      line("g = ", el("strong", {}, long(now.gradient))),
      line(`${t("opt.theStep")} = −${long(rate)} · ${signed(now.gradient, numbers)} = `, el("strong", {}, long(step))),
      this.arrival(now, step),
      display(block("w", "←", "w", "−", "α", "·", "g")),
      Number.isFinite(ratio) && ratio > 0 ? el("p", {}, t("opt.ratio", { ratio: numbers.cell(ratio) })) : null,
    ];
  }

  question() {
    const { context, found, adam } = this;
    const { t, numbers } = context;
    const g = Math.abs(adam[0].gradient);
    const rate = found.rates.adam;
    if (g < 1e-4) return null; // so small that epsilon counts: no question to begin with
    const sizes = { rate, gradient: rate * g, mean: rate * (1 - found.numbers.beta_1) * g };
    return createPrediction(
      {
        id: `opt.${found.weight}.${found.index}.${rate}.${numbers.cell(g)}`,
        question: t("opt.ask", { weight: found.weight, g: numbers.cell(adam[0].gradient), rate: numbers.long(rate) }),
        choices: ["gradient", "rate", "mean"].map((value) => ({ value, text: t(`opt.ask.${value}`, { size: value === "rate" ? numbers.long(rate) : numbers.cell(sizes[value]) }) })),
        answer: "rate",
        explain: () => t("opt.answer", { step: numbers.long(Number(adam[0].step.toPrecision(3))), rate: numbers.long(rate) }),
      },
      context,
    );
  }
}
