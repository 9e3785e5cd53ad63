/** Room 1: the window. Image, kernel, products, their sum and the bias, output. */

import { channelOf } from "../arrays.js";
import { createClock } from "../clock.js";
import { Shown, convolutionRoom } from "./convolution_room.js";
import { el, refill } from "../dom.js";
import { block, display, indices, row, sub, sum } from "../formula.js";
import { kernelEditor } from "../kernel_editor.js";
import { createMap } from "../maps.js";
import { createGridPanel, createPanel, marksKey } from "../panel.js";
import { scaleFor } from "../scales.js";
import { sumLine } from "../sums.js";
import { imageGrid, kernelGrid, productGrid, resultGrid } from "./window/grids.js";
import { outputQuestion, sizeCards } from "./window/asks.js";

/** @param {import("../shell.js").Context} context */
export function open(context) {
  return convolutionRoom(context, { onlyFilter: () => true }, (shown) => new Picture(...shown).element);
}

class Picture extends Shown {
  constructor(...shown) {
    super(...shown);
    const { found } = this;
    const { x, y, w, b, padded } = found.arrays;
    this.weights = w;
    this.bias = b.data[found.filter];
    this.output = (p) => y.at(p, found.filter);
    this.scales = {
      values: scaleFor("values", [x]),
      weights: scaleFor("weights", [w]),
      products: scaleFor("values", [{ data: this.allProducts(padded) }]),
      output: scaleFor("values", [{ data: this.outputs() }]),
    };
    this.asked = this.mostTelling();
    this.previewed = null;
    this.build();
    this.show();
  }

  outputs() {
    return Array.from({ length: this.geometry.windows }, (_, p) => this.output(p));
  }

  /** The window whose output is largest. */
  mostTelling() {
    const sizes = this.outputs().map(Math.abs);
    return sizes.indexOf(Math.max(...sizes));
  }

  /** x, w and x·w of each cell of a window, of one channel. */
  cells(p, channel) {
    const { padded } = this.found.arrays;
    return this.geometry.kernelCells().map(([i, j]) => {
      const x = padded.at(...this.geometry.under(p, i, j), channel);
      const weight = this.weights.at(this.found.filter, this.geometry.matrixRow(channel, i, j));
      return { i, j, x, weight, product: x * weight };
    });
  }

  total(p, channel) {
    return this.cells(p, channel).reduce((total, { product }) => total + product, 0);
  }

  allProducts() {
    const { windows, channels } = this.geometry;
    const found = [];
    for (let p = 0; p < windows; p++) {
      for (let k = 0; k < channels; k++) found.push(...this.cells(p, k).map((c) => c.product));
    }
    return found;
  }

  get shown() {
    return this.previewed ?? this.clock.position;
  }

  get isSecret() {
    return this.shown === this.asked && !this.prediction.isAnswered;
  }

  build() {
    const { context, geometry, found, signal } = this;
    const { t, kept } = context;
    this.prediction = this.question();
    const stays = kept["window.position"] < geometry.windows && kept["window.asked"] === this.asked;
    this.clock = createClock({
      t,
      signal,
      length: geometry.windows,
      start: stays ? kept["window.position"] : this.asked,
      say: (p) => t("window.output", this.named(p)),
      onTick: (p) => {
        Object.assign(kept, { "window.position": p, "window.asked": this.asked });
        this.previewed = null;
        this.show();
        this.speak();
      },
    });
    this.image = createGridPanel({ title: t("window.image"), grid: imageGrid(this) }, context);
    this.kernel = createGridPanel({ title: t("window.kernel"), grid: kernelGrid(this) }, context);
    this.products = createGridPanel(
      { title: t("window.products"), grid: productGrid(this) },
      context,
    );
    this.result = createGridPanel({ title: t("window.result"), grid: resultGrid(this) }, context);
    this.sums = el("div", { class: "card sums" });
    this.editor = context.source.isRecorded ? null : kernelEditor(context, this.convolution, found);
    this.channels = geometry.channels > 1 ? this.channelPanel() : null;
    const operator = (sign) => el("span", { class: "operator", "aria-hidden": "true" }, sign);
    this.element = el(
      "div",
      {},
      this.prediction.element,
      this.clock.element,
      marksKey(context, ["now", "preview", "link"]),
      this.channels?.element,
      el(
        "div",
        { class: "panels equation" },
        this.image.element,
        operator("×"),
        el("div", { class: "stack" }, this.kernel.element, operator("="), this.products.element),
        operator("→"),
        this.result.element,
      ),
      this.sums,
      this.editor?.element,
      sizeCards(context, geometry),
      this.explanation(),
    );
  }

  channelPanel() {
    const { context, convolution, found, geometry, scales } = this;
    const { t, numbers } = context;
    const all = el("div", { class: "maps" });
    const scale = scaleFor("values", [found.arrays.padded]);
    this.channelNotes = [];
    for (let k = 0; k < geometry.channels; k++) {
      const number = this.channelName(k);
      const map = createMap({
        label: t("window.channel", { channel: number }),
        caption: " ",
        values: channelOf(found.arrays.padded, k),
        scale,
        onPin: () => convolution.change({ channel: number }),
      });
      if (k === found.channel) map.element.setAttribute("aria-current", "true");
      this.channelNotes.push((p) => {
        const words = t("window.channelSum", {
          channel: number,
          sum: numbers.cell(this.total(p, k)),
        });
        refill(map.element.querySelector(".caption"), words);
      });
      all.append(map.element);
    }
    return createPanel(
      { title: t("window.channels"), body: all, scale, note: t("window.channelsNote") },
      context,
    );
  }

  /** Follow the clock, or what is pointed at. */
  show() {
    const { geometry, found } = this;
    const p = this.shown;
    const kind = this.previewed === null ? "now" : "preview";
    const other = kind === "now" ? "preview" : "now";
    const marks = [
      [this.image, geometry.window(p)],
      [this.result, [geometry.outOf(p)]],
    ];
    for (const [panel, cells] of marks) {
      panel.grid.mark(kind, cells);
      panel.grid.mark(other, other === "now" ? this.atClock(panel) : []);
    }
    this.kernel.update();
    this.products.update();
    this.result.update();
    this.channelNotes?.forEach((write) => write(p));
    refill(this.sums, this.sumLines(p, found.channel));
  }

  atClock(panel) {
    const p = this.clock.position;
    return panel === this.image ? this.geometry.window(p) : [this.geometry.outOf(p)];
  }

  preview(p) {
    if (p === this.previewed) return;
    this.previewed = p;
    this.show();
  }

  /** Outline one product's cells everywhere. @param {{p: number, i: number, j: number} | null | undefined} tap */
  link(tap) {
    const { image, kernel, products, sums, geometry } = this;
    image.grid.mark("link", tap ? [geometry.under(tap.p, tap.i, tap.j)] : []);
    for (const panel of [kernel, products]) panel.grid.mark("link", tap ? [[tap.i, tap.j]] : []);
    for (const term of sums.querySelectorAll(".products .term")) {
      const index = tap ? tap.i * geometry.kernelColumns + tap.j : -1;
      term.classList.toggle("linked", Number(term.dataset.index) === index);
    }
  }

  sumLines(p, channel) {
    const { context, geometry, bias } = this;
    const { t, numbers } = context;
    if (this.isSecret) {
      return el("p", { class: "sum" }, t("window.secret", { bias: numbers.cell(bias) }));
    }
    const several = geometry.channels > 1;
    const products = this.cells(p, channel).map(({ i, j, product }) => ({
      value: product,
      title: t("window.product", { i, j }),
    }));
    const biased = { value: bias, title: t("window.bias"), class: "bias" };
    const out = this.named(p);
    const name = t("window.outputName", out);
    const onTerm = (n) => {
      const isTap = n !== null && n < products.length;
      this.link(
        isTap
          ? { p, i: Math.floor(n / geometry.kernelColumns), j: n % geometry.kernelColumns }
          : null,
      );
    };
    const inside = (line) => el("div", { class: "products" }, line);
    if (!several) {
      return inside(
        sumLine({ name, terms: [...products, biased], sum: this.output(p), onTerm }, context),
      );
    }
    const number = this.channelName(channel);
    const totals = Array.from({ length: geometry.channels }, (_, k) => ({
      value: this.total(p, k),
      title: t("window.channel", { channel: this.channelName(k) }),
    }));
    return [
      inside(
        sumLine(
          {
            name: t("window.channel", { channel: number }),
            terms: products,
            sum: totals[channel].value,
            onTerm,
          },
          context,
        ),
      ),
      sumLine({ name, terms: [...totals, biased], sum: this.output(p) }, context),
    ];
  }

  /** The clock's step in words, for who does not see it. */
  speak() {
    const { t, numbers, say } = this.context;
    if (this.isSecret) return;
    const p = this.clock.position;
    say(
      t("window.spoken", {
        ...this.named(p),
        count: this.geometry.taps * this.geometry.channels,
        value: numbers.cell(this.output(p)),
      }),
    );
  }

  question() {
    const { context, geometry, bias, asked, convolution } = this;
    const cells = Array.from({ length: geometry.channels }, (_, k) => this.cells(asked, k));
    return outputQuestion(context, {
      id: convolution.settings.path,
      place: this.named(asked),
      right: this.output(asked),
      bias,
      cells,
      onAnswered: () => this.show(),
    });
  }

  explanation() {
    const { t } = this.context;
    const formula = block(
      sub("y", indices("p", "q", "f")),
      "=",
      sub("b", "f"),
      "+",
      sum("k"),
      sum("i"),
      sum("j"),
      sub("w", indices("f", "k", "i", "j")),
      "·",
      sub("x", indices(row("p", "s", "+", "i", "d"), row("q", "s", "+", "j", "d"), "k")),
    );
    return el(
      "section",
      { class: "explain" },
      el("h2", {}, t("shell.explain")),
      display(formula),
      el("p", { class: "note" }, t("window.letters")),
      ["window.why1", "window.why2", "window.why3"].map((key) => el("p", {}, t(key))),
    );
  }
}
