/** An activation both ways: each value by itself, and the slope that lets its gradient pass or not. */

import { createClock } from "../../clock.js";
import { el, refill } from "../../dom.js";
import { namesFrom } from "../../labels.js";
import { block, display, indices, row, sub, sup } from "../../formula.js";
import { createGridPanel, marksKey } from "../../panel.js";
import { createPrediction } from "../../predict.js";
import { scaleFor } from "../../scales.js";
import { createScatter } from "./scatter.js";

const CELL = 35; // so that both ways lie side by side
const MOST = 16; // rows and columns that are written out

export class GatePicture {
  /**
   * @param {import("../../shell.js").Context} context
   * @param {{row: any, x: any, y: any, dy: any, dx: any, all: any, kinks: any}} layer  arrays
   *   (H,W) of one channel; all: the output of all channels; kinks: or null
   * @param {AbortSignal} signal
   */
  constructor(context, layer, signal) {
    Object.assign(this, { context, signal }, layer);
    const [height, width] = this.x.shape;
    this.size = [Math.min(height, MOST), Math.min(width, MOST)];
    this.cells = Array.from({ length: this.size[0] * this.size[1] }, (_, n) => [
      Math.floor(n / this.size[1]),
      n % this.size[1],
    ]).filter(([r, c]) => !Number.isNaN(this.x.at(r, c)));
    this.isRelu = this.cells.every(([r, c]) => this.y.at(r, c) === Math.max(0, this.x.at(r, c)));
    this.pointed = null;
    this.build();
    this.follow();
  }

  get cell() {
    return this.pointed ?? this.cells[this.clock.position];
  }

  /** f'(x) as it was used, dX / dY; null where dY is 0 and tells nothing. */
  slope(r, c) {
    const g = this.dy.at(r, c);
    return g === 0 ? null : this.dx.at(r, c) / g;
  }

  isBlocked(r, c) {
    return this.dy.at(r, c) !== 0 && this.dx.at(r, c) === 0;
  }

  /** Whether x lies where the function bends: there a slope means nothing. */
  isKink(r, c) {
    return (this.kinks?.at(r, c) ?? 0) > 0;
  }

  build() {
    const { context, signal, cells } = this;
    const { t, say } = context;
    const kinks = cells.filter((cell) => this.isKink(...cell));
    this.clock = createClock({
      t, signal, length: cells.length, start: Math.max(0, cells.findIndex((cell) => this.isBlocked(...cell))),
      say: (n) => t("grid.cell", { row: cells[n][0], column: cells[n][1] }),
      onTick: () => {
        this.pointed = null;
        this.follow();
        say(this.card.textContent);
      },
    });
    this.buildPanels();
    this.panels.x.grid.mark("kink", kinks);
    this.card = el("div", { class: "card" });
    this.plots = this.scatters();
    const way = (name, ...panels) =>
      el("section", { class: `way ${name}` }, el("h2", {}, t(`pool.${name}`)), el("div", { class: "panels" }, panels));
    this.element = el(
      "div",
      {},
      this.question().element,
      this.clock.element,
      marksKey(context, ["now", "preview", ...(kinks.length ? ["kink"] : [])]),
      el(
        "div",
        { class: "two-ways both-ways" },
        way("forward", this.panels.x.element, this.panels.y.element),
        way("backward", this.panels.dx.element, this.panels.dy.element),
      ),
      el("div", { class: "pair" }, el("div", { class: "plots" }, this.plots.map(({ element }) => element)), this.card),
      el("p", { class: "remark" }, this.share()),
      kinks.length ? el("p", { class: "remark" }, t("gate.kinks", { count: kinks.length })) : null,
      el(
        "section",
        { class: "explain" },
        el("h2", {}, t("shell.explain")),
        display(block(row("d", "x"), "=", row("d", "y"), "·", sup("f", "′"), "(", "x", ")")),
        ["each", "blocks", "dead"].map((key) => el("p", {}, t(`gate.explain.${key}`))),
      ),
    );
  }

  buildPanels() {
    const { context, size } = this;
    const { t } = context;
    const values = scaleFor("values", [this.x, this.y]);
    const gradients = scaleFor("gradients", [this.dy, this.dx]);
    const isAt = (r, c) => !Number.isNaN(this.x.at(r, c));
    const shared = {
      rows: size[0], columns: size[1], size: CELL, rowLabels: namesFrom(0, size[0]), columnLabels: namesFrom(0, size[1]),
      isEmpty: (r, c) => !isAt(r, c),
      onPreview: (r, c) => this.point(isAt(r, c) ? [r, c] : null),
      onLeave: () => this.point(null),
      onPin: (r, c) => {
        const n = this.cells.findIndex(([a, b]) => a === r && b === c);
        if (n >= 0) this.clock.go(n);
      },
    };
    const panel = (name, scale, more = {}) =>
      createGridPanel({ title: t(`gate.${name}`), grid: { ...shared, scale, value: (r, c) => this[name].at(r, c), ...more } }, context);
    const describe = (r, c) => {
      const named = t("grid.cell", { row: r, column: c });
      return this.isKink(r, c) ? `${named}, ${t("mark.kink")}` : named;
    };
    const hatched = { isPadding: (r, c) => this.isBlocked(r, c) };
    this.panels = {
      x: panel("x", values, { describe }), y: panel("y", values),
      dx: panel("dx", gradients, hatched), dy: panel("dy", gradients),
    };
  }

  scatters() {
    const { context, cells } = this;
    const { t } = context;
    const points = (value) => cells.map(([r, c]) => [this.x.at(r, c), value(r, c) ?? NaN]);
    return [
      createScatter({ label: t("gate.plot.y"), xName: "x", yName: "y", kind: "values", points: points((r, c) => this.y.at(r, c)) }, context),
      createScatter({ label: t("gate.plot.slope"), xName: "x", yName: "f′(x)", kind: "gradients", points: points((r, c) => this.slope(r, c)) }, context),
    ];
  }

  point(cell) {
    this.pointed = cell;
    this.follow();
  }

  follow() {
    const [r, c] = this.cell;
    for (const { grid } of Object.values(this.panels)) {
      grid.mark("now", [this.cells[this.clock.position]]);
      grid.mark("preview", this.pointed ? [this.pointed] : []);
    }
    this.plots[0].mark([this.x.at(r, c), this.y.at(r, c)]);
    this.plots[1].mark([this.x.at(r, c), this.slope(r, c) ?? NaN]);
    refill(this.card, this.told(r, c));
  }

  told(r, c) {
    const { t, numbers } = this.context;
    const [x, y, dy, dx] = [this.x, this.y, this.dy, this.dx].map((array) => numbers.long(array.at(r, c)));
    const slope = this.slope(r, c);
    const called = this.isRelu ? `max(0, ${x})` : `f(${x})`;
    return [
      display(block(sub("y", indices(r, c)), "=", this.isRelu ? row("max", "(", "0", ",", "x", ")") : row("f", "(", "x", ")"))),
      el("p", { class: "sum" }, `y = ${called} = `, el("strong", {}, y)),
      el("p", { class: "sum" }, `dX = dY · f′(x) = ${dy} · ${slope === null ? "?" : numbers.long(slope)} = `, el("strong", {}, dx)),
      slope === null
        ? el("p", {}, t("gate.nothing"))
        : el("p", {}, t(slope === 0 ? "gate.blocked" : slope === 1 ? "gate.passes" : "gate.scaled", { slope: numbers.cell(slope) })),
    ];
  }

  /** How much of the whole layer is 0. */
  share() {
    const { t, numbers } = this.context;
    const values = this.all.data.filter((value) => !Number.isNaN(value));
    const zeros = values.filter((value) => value === 0).length;
    return t("gate.share", { share: numbers.percent(zeros / values.length), zeros, count: values.length });
  }

  question() {
    const { context, cells } = this;
    const { t } = context;
    const blocked = cells.filter(([r, c]) => this.isBlocked(r, c)).length;
    const told = { blocked, count: cells.length };
    return createPrediction(
      {
        id: `gate.${this.row.path}`,
        question: t(this.isRelu ? "gate.ask" : "gate.askOther"),
        choices: ["zero", "all", "half"].map((value) => ({ value, text: t(`gate.ask.${value}`) })),
        answer: this.isRelu ? "zero" : "half",
        explain: () => t(this.isRelu ? "gate.answer" : "gate.answerOther", told),
      },
      context,
    );
  }
}
