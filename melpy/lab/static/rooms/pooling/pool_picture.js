/** A pooling layer both ways: whose value a window hands on, and who gets its gradient. */

import { createArrows } from "./arrows.js";
import { createClock } from "../../clock.js";
import { toggle } from "../../controls.js";
import { el, refill } from "../../dom.js";
import { namesFrom } from "../../labels.js";
import { createGridPanel, marksKey } from "../../panel.js";
import { createPrediction } from "../../predict.js";
import { scaleFor } from "../../scales.js";

const CELL = 35; // so that both ways lie side by side

/** @typedef {import("./pool.js").Cell} Cell */

export class PoolPicture {
  gathered = (_row, _column) => 0;
  pointed = null; // the window under the pointer
  pinned = null;

  /**
   * @param {import("../../shell.js").Context} context
   * @param {import("./pool.js").Pool} pool
   * @param {string} id  of the question: the layer and its settings
   * @param {AbortSignal} signal
   */
  constructor(context, pool, id, signal) {
    Object.assign(this, { context, pool, id, signal });
    this.hasAll = context.kept["pool.arrows"] ?? false;
    this.build();
    this.follow();
  }

  // The clock goes through the windows forward, then through the same ones backward.

  get isBack() {
    return this.clock.position >= this.pool.windows.length;
  }

  get number() {
    return this.clock.position % this.pool.windows.length;
  }

  get window() {
    return this.pointed ?? this.pinned ?? this.pool.windows[this.number];
  }

  /** An output cell as the whole map counts. @param {Cell} window */
  named([p, q]) {
    const [top, left] = this.pool.outOrigin;
    return { row: p + top, column: q + left };
  }

  /** An input cell as the whole image counts. @param {Cell} cell */
  placed([r, c]) {
    const [top, left] = this.pool.origin;
    return { row: r + top, column: c + left };
  }

  build() {
    const { context, pool, signal } = this;
    const { t, say } = context;
    const count = pool.windows.length;
    this.kinks = pool.windows.filter((window) => pool.isKink(...window));
    this.prediction = this.question();
    this.clock = createClock({
      t, signal, length: 2 * count,
      say: (n) => t(n < count ? "pool.atForward" : "pool.atBackward", this.named(pool.windows[n % count])),
      onTick: () => {
        this.pinned = null;
        this.follow();
        say(this.card.textContent);
      },
    });
    this.buildPanels();
    this.card = el("div", { class: "card" });
    const way = (name, ...panels) =>
      el("section", { class: `way ${name}` }, el("h2", {}, t(`pool.${name}`)), el("div", { class: "panels" }, panels));
    this.panels = el(
      "div",
      { class: "two-ways" },
      way("forward", this.x.element, this.y.element),
      way("backward", this.dx.element, this.dy.element),
      this.times ? el("div", { class: "panels" }, this.times.element) : null,
    );
    this.arrows = createArrows(this.panels, signal);
    this.element = el(
      "div",
      {},
      this.prediction.element,
      this.clock.element,
      marksKey(context, ["now", "pin", "preview", "window", ...(pool.isMax ? ["winner"] : []), ...(this.kinks.length ? ["kink"] : [])]),
      toggle({ label: t("pool.allArrows"), value: this.hasAll, onChange: (on) => this.showAll(on) }),
      this.panels,
      this.card,
      this.remark(),
      this.kinks.length ? el("p", { class: "remark" }, t("pool.kinks", { count: this.kinks.length })) : null,
      el(
        "section",
        { class: "explain" },
        el("h2", {}, t("shell.explain")),
        ["winner", "ties", "overlap", "average"].map((key) => el("p", {}, t(`pool.explain.${key}`))),
      ),
    );
  }

  remark() {
    const { pool, context } = this;
    const { cut, layer } = pool.found;
    if (!cut?.crop) return null;
    const sizes = { rows: pool.height, columns: pool.width, height: layer.size[0], width: layer.size[1] };
    const edge = pool.overlaps ? ` ${context.t("pool.cutEdge")}` : "";
    return el("p", { class: "remark" }, context.t("pool.cut", sizes), edge);
  }

  buildPanels() {
    const { context, pool } = this;
    const { t } = context;
    const values = scaleFor("values", [pool.valuesOf("x")]);
    const gradients = scaleFor("gradients", [pool.valuesOf("dy"), pool.valuesOf("dx")]);
    const sides = ([top, left], rows, columns) => ({
      rows, columns, size: CELL, rowLabels: namesFrom(top, rows), columnLabels: namesFrom(left, columns),
    });
    const input = { ...sides(pool.origin, pool.height, pool.width), ...this.pointing((cell) => pool.over(cell) ?? null) };
    const output = { ...sides(pool.outOrigin, pool.rows, pool.columns), ...this.pointing((cell) => cell) };
    const panel = (key, grid, note) => createGridPanel({ title: t(`pool.${key}`), grid, note }, context);
    const isToCome = (r, c) => !this.isBack && r * pool.columns + c > this.number;
    const describe = (r, c) => {
      const named = t("grid.cell", this.named([r, c]));
      return pool.isKink(r, c) ? `${named}, ${t("mark.kink")}` : named;
    };
    const note = pool.found.dy_from === "example" ? t("pool.example") : null;
    this.x = panel("x", { ...input, scale: values, value: (r, c) => pool.x(r, c) });
    this.y = panel("y", { ...output, scale: values, value: (r, c) => pool.y(r, c), isEmpty: isToCome, describe });
    this.y.grid.mark("kink", this.kinks);
    this.dy = panel("dy", { ...output, scale: gradients, value: (r, c) => pool.dy(r, c) }, note);
    this.dx = panel("dx", { ...input, scale: gradients, value: (r, c) => this.gathered(r, c) });
    const counts = scaleFor("counts", [pool.found.arrays.coverage]);
    this.times = pool.overlaps
      ? panel("coverage", { ...input, scale: counts, value: (r, c) => pool.coverage(r, c) })
      : null;
  }

  /** What happens to a window when a cell is pointed at. @param {(cell: Cell) => Cell | null} windowOf */
  pointing(windowOf) {
    const point = (window) => {
      this.pointed = window;
      this.follow();
    };
    return {
      onPreview: (r, c) => point(windowOf([r, c])),
      onLeave: () => point(null),
      onPin: (r, c) => {
        const window = windowOf([r, c]);
        this.pinned = String(window) === String(this.pinned) ? null : window;
        this.follow();
      },
    };
  }

  showAll(on) {
    this.hasAll = this.context.kept["pool.arrows"] = on;
    this.follow();
  }

  /** Draw the window that is looked at, everywhere. */
  follow() {
    const { pool, window, isBack } = this;
    this.gathered = pool.gathered(isBack ? this.number + 1 : 0);
    this.y.update();
    this.dx.update();
    for (const panel of [this.x, this.dx, this.times]) {
      panel?.grid.mark("window", pool.cells(...window));
      panel?.grid.mark("winner", pool.isMax ? pool.takers(...window) : []);
    }
    for (const panel of [this.y, this.dy]) {
      panel.grid.mark("now", [pool.windows[this.number]]);
      panel.grid.mark("preview", this.pointed ? [this.pointed] : []);
      panel.grid.mark("pin", this.pinned ? [this.pinned] : []);
    }
    this.panels.classList.toggle("is-back", isBack);
    this.arrows.set([
      ...(this.hasAll ? pool.windows.flatMap((one) => this.arrowsOf(one, true)) : []),
      ...this.arrowsOf(window, false),
    ]);
    refill(this.card, isBack ? this.toldBack(window) : this.toldForward(window));
  }

  /** From who wins to the output, or from the output's gradient to who gets it. */
  arrowsOf(window, isFaint) {
    const { pool, isBack } = this;
    const [inside, outside] = isBack ? [this.dx, this.dy] : [this.x, this.y];
    const cell = ({ grid }, [r, c]) => grid.element.querySelector(`[data-at="${r},${c}"]`);
    const out = cell(outside, window);
    return pool.takers(...window).map((place) => {
      const taker = cell(inside, place);
      return isBack ? { from: out, to: taker, isFaint } : { from: taker, to: out, isFaint };
    });
  }

  toldForward(window) {
    const { pool, context } = this;
    const { t, numbers } = context;
    const winner = pool.winner(...window);
    const out = this.named(window);
    const terms = pool.cells(...window).map((cell, n) => [
      n ? "; " : "",
      el(String(cell) === String(winner) ? "strong" : "span", {}, numbers.long(pool.x(...cell))),
    ]);
    const ties = pool.ties(...window);
    return [
      el("p", { class: "sum" }, `y(${out.row}, ${out.column}) = `, pool.isMax ? "max" : t("pool.mean"), "(", terms, ") = ", el("strong", {}, numbers.long(pool.y(...window)))),
      winner ? el("p", {}, t(ties > 1 ? "pool.tied" : "pool.won", { ...this.placed(winner), count: ties })) : null,
    ];
  }

  toldBack(window) {
    const { pool, context } = this;
    const { t, numbers } = context;
    const g = pool.dy(...window);
    const takers = pool.takers(...window);
    const out = this.named(window);
    const to = this.placed(takers[0]);
    const name = pool.isMax ? `${to.row}, ${to.column}` : "r, c";
    const share = pool.isMax ? "" : ` / ${takers.length} = ${numbers.long(g)} / ${takers.length}`;
    const times = pool.isMax ? pool.coverage(...takers[0]) : 1;
    const others = pool.cells(...window).length - (pool.isMax ? 1 : 0);
    return [
      el("p", { class: "sum" }, `dX(${name}) += dY(${out.row}, ${out.column})${share} = `, el("strong", {}, numbers.long(g / takers.length))),
      el("p", {}, t(pool.isMax ? "pool.others" : "pool.each", { count: others })),
      times > 1 ? el("p", {}, t("pool.adds", { count: times })) : null,
    ];
  }

  question() {
    const { pool, context } = this;
    const { t } = context;
    const cells = pool.height * pool.width;
    const told = { cells, windows: pool.windows.length, zeros: pool.zeros, got: cells - pool.zeros };
    const kind = pool.isMax ? "max" : "average";
    return createPrediction(
      {
        id: `pool.${this.id}`,
        question: t(`pool.ask.${kind}`, told),
        choices: ["all", "one", "ties"].map((value) => ({ value, text: t(`pool.ask.${value}`, told) })),
        answer: pool.isMax ? "one" : "all",
        explain: () => t(`pool.answer.${kind}`, told),
      },
      context,
    );
  }
}
