/** From the logits to the loss and to its gradient, one step after the other. */

import { createBars } from "./bars.js";
import { createClock } from "../../clock.js";
import { el, refill } from "../../dom.js";
import { block, frac, inline, row, sub, sum, sup } from "../../formula.js";
import { createGrid } from "../../grid.js";
import { createPrediction } from "../../predict.js";
import { legend, scaleFor, scaleTo } from "../../scales.js";
import { sumLine } from "../../sums.js";
import { createTable } from "../../tables.js";

const MOST_CLASSES = 12; // in a row; of more, the likeliest ones and the right one
const STAGES = ["logits", "shifted", "exponentials", "probabilities", "loss", "gradient"];

export class LossPicture {
  /**
   * @param {import("../../shell.js").Context} context
   * @param {any} traced  a trace that has logits and a label
   * @param {AbortSignal} signal
   */
  constructor(context, traced, signal) {
    Object.assign(this, { context, traced, signal });
    const { arrays, logits, d_logits: d, probabilities, label } = traced;
    const z = Array.from(arrays[logits].data);
    this.label = label;
    this.classes = chosen(probabilities, label);
    this.largest = Math.max(...z);
    const shifted = z.map((value) => value - this.largest);
    const exponentials = shifted.map(Math.exp);
    this.all = {
      logits: z, shifted, exponentials, probabilities,
      truth: z.map((_, k) => (k === label ? 1 : 0)),
      gradient: Array.from(arrays[d].data),
    };
    this.total = exponentials.reduce((a, b) => a + b, 0);
    this.isCrossEntropy = this.all.gradient.every(
      (g, k) => Math.abs(g - (probabilities[k] - this.all.truth[k])) < 1e-3,
    );
    this.pointed = null;
    this.pinned = this.classes.indexOf(label);
    this.build();
    this.follow();
  }

  get stage() {
    return this.clock.position;
  }

  /** The class that is looked at. */
  get column() {
    return this.pointed ?? this.pinned;
  }

  nameOf(k) {
    return String(this.context.lab.data?.classes?.[k] ?? k);
  }

  build() {
    const { context, signal } = this;
    const { t, say } = context;
    this.prediction = this.question();
    this.clock = createClock({
      t, signal, length: STAGES.length,
      say: (n) => t(`loss.stage.${STAGES[n]}`),
      onTick: () => {
        this.follow();
        say(this.card.textContent);
      },
    });
    this.card = el("div", { class: "card" });
    const shifted = (k) => row(sub("z", k), "−", row("max", "z"));
    const steepest = Math.max(1e-12, ...this.all.gradient.map(Math.abs));
    this.rungs = [
      this.rung("logits", inline(sub("z", "k")), scaleFor("values", [{ data: this.all.logits }])),
      this.rung("shifted", inline(shifted("k")), scaleFor("values", [{ data: this.all.shifted }])),
      this.rung("exponentials", inline(sup("e", shifted("k"))), scaleTo("counts", 1)),
      this.rung("probabilities", inline(sub("p", "k"), "=", frac(sup("e", shifted("k")), row(sum("j"), sup("e", shifted("j"))))), scaleTo("counts", 1), [0, 1]),
      this.rung("truth", inline(sub("y", "k")), scaleTo("counts", 1)),
      this.rung("gradient", inline(sub("p", "k"), "−", sub("y", "k")), scaleTo("gradients", steepest), [-steepest, steepest]),
    ];
    const names = { logits: 0, shifted: 1, exponentials: 2, probabilities: 3, truth: 4, gradient: 5 };
    const table = createTable(
      {
        title: t("loss.title"),
        head: ["", ...this.classes.map((k) => this.nameOf(k))],
        rows: () => Object.keys(names).map((name) => [t(`loss.stage.${name}`), ...this.classes.map((k) => context.numbers.long(this.all[name][k]))]),
      },
      context,
    );
    this.element = el(
      "section",
      { class: "loss" },
      el("h2", {}, t("loss.title")),
      this.prediction.element,
      this.clock.element,
      el("div", { class: "ladder-and-card" }, el("div", { class: "ladder" }, this.rungs.map(({ element }) => element), table.element), this.card),
      this.classes.length < this.all.logits.length ? el("p", { class: "remark" }, t("loss.cut", { count: this.classes.length, all: this.all.logits.length })) : null,
      this.isCrossEntropy ? null : el("p", { class: "remark" }, t("loss.otherLoss", { loss: context.lab.loss ?? "" })),
      el(
        "section",
        { class: "explain" },
        el("h2", {}, t("shell.explain")),
        el("div", { class: "formula" }, block("L", "=", "−", row("ln", sub("p", "y")), "=", row("ln", sum("k"), sup("e", row(sub("z", "k"), "−", row("max", "z")))), "−", row("(", sub("z", "y"), "−", row("max", "z"), ")"))),
        ["shift", "push", "sum"].map((key) => el("p", {}, t(`loss.explain.${key}`))),
      ),
    );
  }

  /** One line of the ladder: its name, its cells, and bars where their size matters. */
  rung(name, formula, scale, ends) {
    const { context, classes } = this;
    const { t, numbers } = context;
    const stage = name === "truth" ? STAGES.indexOf("loss") : STAGES.indexOf(name);
    const value = (_, n) => this.all[name][classes[n]];
    const size = cellSize(classes.length);
    const isEmpty = () => this.stage < stage;
    const short = (x) => (x !== 0 && Math.abs(x) < 5e-4 ? "≈0" : numbers.cell(x));
    const grid = createGrid({
      label: t(`loss.stage.${name}`), rows: 1, columns: classes.length, size, scale, value, write: scale.kind === "values" ? numbers.cell : short, isEmpty,
      describe: (_, n) => t("loss.class", { name: this.nameOf(classes[n]) }),
      columnLabels: classes.map((k) => this.nameOf(k)),
      isHidden: (_, n) => name === "gradient" && classes[n] === this.label && !this.prediction?.isAnswered && this.stage >= stage,
      onPreview: (_, n) => ((this.pointed = n), this.follow()),
      onLeave: () => ((this.pointed = null), this.follow()),
      onPin: (_, n) => ((this.pinned = n), this.follow()),
    });
    const values = classes.map((k) => this.all[name][k]);
    const bars = ends && createBars({ label: t(`loss.stage.${name}`), values, size, scale, low: ends[0], high: ends[1] });
    const element = el(
      "div",
      { class: `rung rung-${name}` },
      el("p", { class: "rung-name" }, el("span", {}, t(`loss.stage.${name}`)), " ", formula),
      el("div", { class: "scroll" }, grid.element, bars?.element),
      legend(scale, { numbers, t: (key, values) => t(key === "scale.counts" ? "loss.scale" : key, values) }),
    );
    return { name, stage, grid, bars, values, element };
  }

  follow() {
    const isHidden = !this.prediction.isAnswered;
    for (const { name, stage, grid, bars, values, element } of this.rungs) {
      const isThere = this.stage >= stage;
      grid.update();
      grid.mark("now", [[0, this.column]]);
      grid.mark("pin", [[0, this.pinned]]);
      const shown = values.map((value, n) => {
        const isSecret = name === "gradient" && isHidden && this.classes[n] === this.label;
        return isThere && !isSecret ? value : 0;
      });
      bars?.update(shown, this.column);
      element.classList.toggle("to-come", !isThere);
      element.classList.toggle("current", stage === this.stage && name !== "truth");
    }
    refill(this.card, this.told(STAGES[this.stage], this.classes[this.column]));
  }

  told(stage, k) {
    const { t, numbers } = this.context;
    const { long } = numbers;
    const { logits, shifted, exponentials, probabilities, truth, gradient } = this.all;
    const name = this.nameOf(k);
    const line = (...parts) => el("p", { class: "sum" }, parts);
    const result = (value) => el("strong", {}, long(value));
    const words = el("p", {}, t(`loss.told.${stage}`, { name, right: this.nameOf(this.label) }));
    const difference = (a, b, value, head) => {
      const added = numbers.addUp([a, -b], value);
      return line(head, added.terms[0], " − ", numbers.fixed(b, added.decimals), " = ", el("strong", {}, added.sum));
    };
    switch (stage) {
      case "logits":
        return [line(`z(${name}) = `, result(logits[k])), words];
      case "shifted":
        return [difference(logits[k], this.largest, shifted[k], `z(${name}) − max = `), words];
      case "exponentials":
        return [line(`exp(${long(shifted[k])}) = `, result(exponentials[k])), words];
      case "probabilities":
        return [
          sumLine({ name: t("loss.sum"), terms: exponentials.map((value, n) => ({ value, title: t("loss.class", { name: this.nameOf(n) }) })).filter(({ value }) => value > 1e-9), sum: this.total }, this.context),
          line(`p(${name}) = ${long(exponentials[k])} / ${long(this.total)} = `, result(probabilities[k])),
          words,
        ];
      case "loss":
        return [line(`L = −ln p(${this.nameOf(this.label)}) = −ln ${long(probabilities[this.label])} = `, result(this.traced.loss)), words];
      default:
        if (k === this.label && !this.prediction.isAnswered) return line(t("loss.secret"));
        return [
          this.isCrossEntropy ? difference(probabilities[k], truth[k], gradient[k], `p(${name}) − y(${name}) = `) : line(`∂L/∂z(${name}) = `, result(gradient[k])),
          words,
        ];
    }
  }

  question() {
    const { context, label } = this;
    const { t, numbers } = context;
    const p = this.all.probabilities[label];
    return createPrediction(
      {
        id: `loss.${label}.${numbers.cell(p)}`,
        question: t("loss.ask", { name: this.nameOf(label), p: numbers.cell(p) }),
        choices: ["up", "down", "none"].map((value) => ({ value, text: t(`loss.ask.${value}`) })),
        answer: "up",
        explain: () => t("loss.answer", { name: this.nameOf(label), g: numbers.cell(this.all.gradient[label]) }),
        onAnswered: () => this.follow(),
      },
      context,
    );
  }
}

/** Which classes are drawn, in their order. */
function chosen(probabilities, label) {
  const all = probabilities.map((_, k) => k);
  if (all.length <= MOST_CLASSES) return all;
  const likeliest = all.toSorted((a, b) => probabilities[b] - probabilities[a]).slice(0, MOST_CLASSES - 1);
  return [...new Set([...likeliest, label])].sort((a, b) => a - b);
}

/** Cells as large as the window lets ten of them be. */
const cellSize = (count) => Math.max(31, Math.min(56, Math.floor((Math.min(innerWidth, 640) - 60) / count)));
