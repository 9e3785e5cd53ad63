/** Room 2: im2col. Every window becomes a column; then the convolution is one matrix product. */

import { createClock } from "../clock.js";
import { tabs } from "../controls.js";
import { Shown, convolutionRoom } from "./convolution_room.js";
import { el, refill } from "../dom.js";
import { block, display, indices, row } from "../formula.js";
import { createGridPanel, marksKey } from "../panel.js";
import { createPrediction } from "../predict.js";
import { scaleFor } from "../scales.js";
import { sumLine } from "../sums.js";
import {
  imageGrid,
  kernelGrid,
  matrixGrid,
  productGrid,
  reshapedGrid,
  writing,
} from "./columns/grids.js";
import { indexCard, memoryCard } from "./columns/cards.js";

const MOST_ROWS = 30; // of the matrix of columns: more channels are looked at one by one

/** @param {import("../shell.js").Context} context */
export function open(context) {
  const settings = {
    windows: 3,
    channels: ({ depth, kernel: [rows, columns] }) =>
      depth * rows * columns <= MOST_ROWS ? "all" : "one",
  };
  return convolutionRoom(context, settings, (shown) => new Picture(...shown).element);
}

class Picture extends Shown {
  constructor(...shown) {
    super(...shown);
    const { x, w, y } = this.found.arrays;
    this.scales = {
      values: scaleFor("values", [x]),
      weights: scaleFor("weights", [w]),
      output: scaleFor("values", [y]),
    };
    this.previewed = null;
    this.pinned = null;
    this.asked = [Math.min(1, this.geometry.rows - 1), Math.min(1, this.geometry.columns - 1)];
    this.build();
    this.show();
  }

  build() {
    const { context, geometry, signal, found } = this;
    const { t } = context;
    this.prediction = this.question();
    this.clock = createClock({
      t,
      signal,
      length: geometry.windows,
      start: geometry.windows >> 1,
      say: (p) => t("columns.column", { ...this.named(p), column_number: p }),
      onTick: () => {
        this.previewed = null;
        this.show();
        this.speak();
      },
    });
    this.image = createGridPanel(
      { title: t("columns.image", { channel: this.channelName() }), grid: imageGrid(this) },
      context,
    );
    this.matrix = createGridPanel(
      { title: t("columns.matrix", this.matrixSize()), grid: matrixGrid(this, "values") },
      context,
    );
    this.kernels = createGridPanel(
      { title: t("columns.kernels"), grid: kernelGrid(this) },
      context,
    );
    this.product = createGridPanel(
      { title: t("columns.product"), grid: productGrid(this) },
      context,
    );
    this.reshaped = createGridPanel(
      {
        title: t("columns.reshaped", { filter: this.filterName(found.filter) }),
        grid: reshapedGrid(this),
      },
      context,
    );
    this.sums = el("div", { class: "card sums" });
    this.told = el("p", { class: "card told" });
    this.rule = indexCard(context, geometry);
    const look = tabs({
      label: t("columns.look"),
      value: "values",
      options: ["values", "sources"].map((name) => [name, t(`columns.${name}`)]),
      onChange: (name) => this.matrix.update({ write: writing(this, name) }),
    });
    const operator = (sign) => el("span", { class: "operator", "aria-hidden": "true" }, sign);
    this.element = el(
      "div",
      {},
      found.asked.channels
        ? el("p", { class: "remark" }, t("conv.oneChannel", { channel: this.channelName() }))
        : null,
      this.prediction.element,
      this.clock.element,
      marksKey(context, ["now", "pin", "preview", "link"]),
      look,
      el("div", { class: "panels" }, this.image.element, operator("→"), this.matrix.element),
      this.told,
      el(
        "div",
        { class: "panels" },
        this.kernels.element,
        operator("·"),
        this.product.element,
        operator("→"),
        this.reshaped.element,
      ),
      this.sums,
      el("div", { class: "pair" }, this.rule.element, memoryCard(context, found)),
      this.explanation(),
    );
    this.tell();
  }

  matrixSize() {
    const { channels, taps, windows } = this.geometry;
    return { rows: channels * taps, columns: windows };
  }

  get shown() {
    return this.previewed ?? this.clock.position;
  }

  chooseFilter(f) {
    const { t } = this.context;
    this.found.filter = f;
    this.reshaped.setTitle(t("columns.reshaped", { filter: this.filterName(f) }));
    this.show();
  }

  show() {
    this.product.update();
    this.reshaped.update();
    this.markWindow("now", this.clock.position);
    this.markWindow("preview", this.previewed);
    const rows = Array.from({ length: this.matrixSize().rows }, (_, r) => [this.found.filter, r]);
    this.kernels.grid.mark("now", rows);
    refill(this.sums, this.sumLines(this.shown));
    this.rule.show(this.shown);
  }

  markWindow(kind, p) {
    const { geometry } = this;
    const isThere = p !== null;
    const down = (rows) => (isThere ? Array.from({ length: rows }, (_, r) => [r, p]) : []);
    this.image.grid.mark(kind, isThere ? geometry.window(p) : []);
    this.matrix.grid.mark(kind, down(this.matrixSize().rows));
    this.product.grid.mark(kind, isThere ? [[this.found.filter, p]] : []);
    this.reshaped.grid.mark(kind, isThere ? [geometry.outOf(p)] : []);
  }

  preview(p) {
    if (p === this.previewed) return;
    this.previewed = p;
    this.show();
  }

  /** Outline a pixel and all its copies, where one may see them already. */
  markCopies(kind, cell) {
    const { geometry, found } = this;
    const isOpen = this.prediction.isAnswered || !cell || cell.join() !== this.asked.join();
    const copies = cell && isOpen ? geometry.covering(...cell) : [];
    this.image.grid.mark(kind, cell ? [cell] : []);
    this.matrix.grid.mark(
      kind,
      copies.map(({ p, i, j }) => [geometry.matrixRow(found.channel, i, j), p]),
    );
    this.reshaped.grid.mark(kind, kind === "pin" ? copies.map(({ p }) => geometry.outOf(p)) : []);
  }

  pin(cell) {
    this.pinned = this.pinned?.join() === cell.join() ? null : cell;
    this.markCopies("pin", this.pinned);
    this.tell();
    this.context.say(this.told.textContent);
  }

  /** How many copies the pinned pixel has. */
  tell() {
    const { t } = this.context;
    const { pinned, asked, found } = this;
    if (!pinned) return refill(this.told, t("columns.pinHint"));
    if (!this.prediction.isAnswered && pinned.join() === asked.join()) {
      return refill(this.told, t("columns.secret"));
    }
    refill(
      this.told,
      t("columns.copies", {
        ...this.inImage(pinned),
        count: this.geometry.covering(...pinned).length,
        value: this.context.numbers.cell(found.arrays.padded.at(...pinned, found.channel)),
      }),
    );
  }

  sumLines(p) {
    const { context, found, geometry } = this;
    const { t } = context;
    const { w, columns, y, b } = found.arrays;
    const terms = Array.from({ length: columns.shape[0] }, (_, r) => ({
      value: w.at(found.filter, r) * columns.at(r, p),
      title: t("columns.term", { row: geometry.ofMatrixRow(r).join(" ") }),
    }));
    terms.push({ value: b.data[found.filter], title: t("window.bias"), class: "bias" });
    const name = t("columns.entry", { filter: this.filterName(found.filter), column: p });
    const onTerm = (r) => {
      const isRow = r !== null && r < columns.shape[0];
      this.matrix.grid.mark("link", isRow ? [[r, p]] : []);
      this.kernels.grid.mark("link", isRow ? [[found.filter, r]] : []);
    };
    return sumLine({ name, terms, sum: y.at(p, found.filter), onTerm }, context);
  }

  speak() {
    const { t, numbers, say } = this.context;
    const p = this.clock.position;
    say(
      t("columns.spoken", {
        ...this.named(p),
        position: p,
        value: numbers.cell(this.found.arrays.y.at(p, this.found.filter)),
      }),
    );
  }

  question() {
    const { context, geometry, asked } = this;
    const { t } = context;
    const right = geometry.covering(...asked).length;
    const offered = [right, 1, geometry.taps, geometry.windows, 2 * right].slice(0, 5);
    const values = [...new Set(offered)]
      .filter((v) => v > 0)
      .slice(0, 4)
      .sort((a, b) => a - b);
    const where = this.inImage(asked);
    return createPrediction(
      {
        id: `columns.${geometry.rows}.${geometry.columns}.${geometry.strides}.${geometry.dilations}.${geometry.taps}.${asked}`,
        question: t("columns.ask", where),
        choices: values.map((v) => ({ value: String(v), text: String(v) })),
        answer: String(right),
        explain: () => t("columns.explain", { count: right, ...where }),
        onAnswered: () => {
          this.pinned = null;
          this.pin(asked);
        },
      },
      context,
    );
  }

  explanation() {
    const { t } = this.context;
    const formula = block("Y", "=", "W", "·", "col", row("(", "X", ")"), "+", "b");
    const shape = block(
      row("(", indices("F", "C K²"), ")"),
      "·",
      row("(", indices("C K²", "P"), ")"),
      "=",
      row("(", indices("F", "P"), ")"),
    );
    return el(
      "section",
      { class: "explain" },
      el("h2", {}, t("shell.explain")),
      display(formula, shape),
      ["columns.why1", "columns.why2", "columns.why3"].map((key) => el("p", {}, t(key))),
    );
  }
}
