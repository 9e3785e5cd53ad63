/** From what the last layer gives to the loss and its gradient, one step after the other. */

import { createBars } from "./bars.js";
import { createClock } from "../../clock.js";
import { el, refill } from "../../dom.js";
import { display } from "../../formula.js";
import { createGrid } from "../../grid.js";
import { marksKey } from "../../panel.js";
import { createPrediction } from "../../predict.js";
import { legend } from "../../scales.js";
import { createTable } from "../../tables.js";

/**
 * What is climbed: of a softmax, of sigmoids, of squares.
 * @typedef {Object} Climb
 * @property {string} title
 * @property {string[]} stages  where the clock stops
 * @property {{name: string, formula: Node, scale: import("../../scales.js").Scale, ends?: number[], from?: string}[]} rungs
 *   ends: of the axis of bars; from: the stage at which it is there, if not the one of its name
 * @property {Record<string, number[]>} values  by rung
 * @property {number[]} columns  which of the values are drawn
 * @property {number} asked  the one that the question is about
 * @property {string | null} secret  the rung that shows it only when it is answered
 * @property {(k: number) => string} nameOf
 * @property {(stage: string, k: number) => any} told
 * @property {object} question  of createPrediction
 * @property {Node} formula  of the whole
 * @property {string[]} explain  keys
 * @property {string[]} remarks
 */

export class Ladder {
  /**
   * @param {import("../../shell.js").Context} context
   * @param {Climb} climb
   * @param {AbortSignal} signal
   */
  constructor(context, climb, signal) {
    Object.assign(this, { context, climb, signal });
    this.pointed = null;
    this.pinned = climb.columns.indexOf(climb.asked);
    this.build();
    this.follow();
  }

  get stage() {
    return this.clock.position;
  }

  /** The column that is looked at. */
  get column() {
    return this.pointed ?? this.pinned;
  }

  /** Whether a cell is what the question asks for, and not yet answered. */
  isSecret(name, n) {
    const { secret, columns, asked } = this.climb;
    return name === secret && columns[n] === asked && !this.prediction?.isAnswered;
  }

  build() {
    const { context, climb, signal } = this;
    const { t, say, numbers } = context;
    this.prediction = createPrediction({ ...climb.question, onAnswered: () => this.follow() }, context);
    this.clock = createClock({
      t, signal, length: climb.stages.length,
      say: (n) => t(`loss.stage.${climb.stages[n]}`),
      onTick: () => {
        this.follow();
        say(this.card.textContent);
      },
    });
    this.card = el("div", { class: "card" });
    this.rungs = climb.rungs.map((one) => this.rung(one));
    const names = climb.rungs.map(({ name }) => name);
    const table = createTable(
      {
        title: climb.title,
        head: ["", ...climb.columns.map(climb.nameOf)],
        rows: () => names.map((name) => [t(`loss.stage.${name}`), ...climb.columns.map((k) => numbers.long(climb.values[name][k]))]),
      },
      context,
    );
    this.element = el(
      "section",
      { class: "loss" },
      el("h2", {}, climb.title),
      this.prediction.element,
      this.clock.element,
      marksKey(context, ["pin", "preview"]),
      el("div", { class: "ladder-and-card" }, el("div", { class: "ladder" }, this.rungs.map(({ element }) => element), table.element), this.card),
      climb.remarks.map((text) => el("p", { class: "remark" }, text)),
      el(
        "section",
        { class: "explain" },
        el("h2", {}, t("shell.explain")),
        display(climb.formula),
        climb.explain.map((key) => el("p", {}, t(key))),
      ),
    );
  }

  /** One line of the ladder: its name, its cells, and bars where their size matters. */
  rung({ name, formula, scale, ends, from = name }) {
    const { context, climb } = this;
    const { columns, nameOf } = climb;
    const { t, numbers } = context;
    const stage = climb.stages.indexOf(from);
    const value = (_, n) => climb.values[name][columns[n]];
    const size = cellSize(columns.length);
    const short = (x) => (x !== 0 && Math.abs(x) < 5e-4 ? "≈0" : numbers.cell(x));
    const grid = createGrid({
      label: t(`loss.stage.${name}`), rows: 1, columns: columns.length, size, scale, value, write: scale.kind === "values" ? numbers.cell : short,
      isEmpty: () => this.stage < stage,
      describe: (_, n) => nameOf(columns[n]),
      columnLabels: columns.map(nameOf),
      isHidden: (_, n) => this.stage >= stage && this.isSecret(name, n),
      onPreview: (_, n) => ((this.pointed = n), this.follow()),
      onLeave: () => ((this.pointed = null), this.follow()),
      onPin: (_, n) => ((this.pinned = n), this.follow()),
    });
    const values = columns.map((k) => climb.values[name][k]);
    const bars = ends && createBars({ label: t(`loss.stage.${name}`), values, size, scale, low: ends[0], high: ends[1] });
    const element = el(
      "div",
      { class: `rung rung-${name}` },
      el("p", { class: "rung-name" }, el("span", {}, t(`loss.stage.${name}`)), " ", formula),
      el("div", { class: "scroll" }, grid.element, bars?.element),
      legend(scale, { numbers, t: (key, values) => t(key === "scale.counts" ? "loss.scale" : key, values) }),
    );
    return { name, from, stage, grid, bars, values, element };
  }

  follow() {
    for (const { name, from, stage, grid, bars, values, element } of this.rungs) {
      const isThere = this.stage >= stage;
      grid.update();
      grid.mark("preview", this.pointed === null ? [] : [[0, this.pointed]]);
      grid.mark("pin", [[0, this.pinned]]);
      bars?.update(values.map((value, n) => (isThere && !this.isSecret(name, n) ? value : 0)), this.column);
      element.classList.toggle("to-come", !isThere);
      element.classList.toggle("current", stage === this.stage && name === from);
    }
    const [stage, k] = [this.climb.stages[this.stage], this.climb.columns[this.column]];
    const isHidden = this.isSecret(stage, this.column);
    refill(this.card, isHidden ? el("p", { class: "sum" }, this.context.t("loss.secret")) : this.climb.told(stage, k));
  }
}

/** Cells as large as the window lets ten of them be. */
const cellSize = (count) => Math.max(31, Math.min(56, Math.floor((Math.min(innerWidth, 640) - 60) / count)));
