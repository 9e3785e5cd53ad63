/** dX by stamps: every cell of dY presses its multiple of the kernel onto the image, and stamps add. */

import { paddedGrid } from "../../convolution.js";
import { el, refill } from "../../dom.js";
import { createGridPanel, marksKey } from "../../panel.js";
import { sumLine } from "../../sums.js";
import { createCheck } from "./check.js";

export class Scatter {
  /** @param {import("./backward.js").Backward} backward */
  constructor(backward, { asks, mistake, allFilters, hasCoverage, signal }) {
    Object.assign(this, { backward, asks, allFilters, isMistaken: mistake, hasCoverage, previewed: null });
    const { geometry, context } = backward;
    const { t } = context;
    this.pinned = this.busiest();
    this.clock = backward.clock("scatter", geometry.windows, signal, {
      first: backward.steepest,
      say: (p) => t("back.stampOf", backward.named(p)),
      onTick: () => {
        this.previewed = null;
        this.show();
        this.speak();
      },
    });
    this.panels = this.makePanels();
    this.sums = el("div", { class: "card sums" });
    this.check = createCheck(backward, "x", {
      wrong: this.isMistaken ? (flat) => this.mistakenAt(flat) : undefined,
    });
    this.element = this.arranged();
    this.show();
  }

  /** The cell that most stamps fall upon, in the middle of such cells, no padding. */
  busiest() {
    const { geometry, found } = this.backward;
    const { coverage } = found.arrays;
    const cells = [];
    for (let r = 0; r < geometry.rows; r++) {
      for (let c = 0; c < geometry.columns; c++) if (!geometry.isPadding(r, c)) cells.push([r, c]);
    }
    const most = Math.max(...cells.map((cell) => coverage.at(...cell)));
    const best = cells.filter((cell) => coverage.at(...cell) === most);
    return best[best.length >> 1];
  }

  get shown() {
    return this.previewed ?? this.clock.position;
  }

  makePanels() {
    const { backward } = this;
    const { context, geometry, scales, found } = backward;
    const { t } = context;
    const names = { filter: backward.filterName(), channel: backward.channelName() };
    const panel = (title, grid, note) => createGridPanel({ title, grid, note }, context);
    const secret = () => !this.asks.stamp.isAnswered;
    const turned = this.isMistaken ? ".mistaken" : "";
    const kernelAt = (i, j) =>
      this.isMistaken
        ? backward.weight(geometry.kernelRows - 1 - i, geometry.kernelColumns - 1 - j)
        : backward.weight(i, j);
    const onWindow = {
      onPreview: (r, c) => this.preview(geometry.windowAt(r, c)),
      onLeave: () => this.preview(null),
      onPin: (r, c) => this.clock.go(geometry.windowAt(r, c)),
    };
    const pixel = this.onPixel();
    const under = (then) => (i, j) => then(...geometry.under(this.shown, i, j));
    const onTap = { ...pixel, onPreview: under(pixel.onPreview), onPin: under(pixel.onPin) };
    return {
      dy: panel(t("back.dy", names), { ...backward.dyGrid(), ...onWindow }),
      kernel: panel(t(`back.kernel${turned}`, names), {
        ...backward.tapGrid(scales.weights, kernelAt),
        ...onTap,
      }),
      stamp: panel(t(this.allFilters ? "back.stampAll" : "back.stampOne"), {
        ...backward.tapGrid(scales.dcolumns, (i, j) =>
          backward.stamp(this.shown, i, j, this.isMistaken),
        ),
        ...onTap,
        isHidden: secret,
      }),
      dx: panel(
        t(`back.dx${turned}`, names),
        {
          ...paddedGrid(found, found.arrays.dx_padded, found.channel),
          scale: scales.dx,
          value: (r, c) => this.total(r, c),
          ...this.onPixel(),
        },
        this.dxNote(),
      ),
      coverage: this.hasCoverage ? this.coverageMap() : null,
      dcolumns: panel(t("back.dcolumns"), this.dcolumnsGrid(), t("back.dcolumnsNote")),
      right: this.isMistaken
        ? panel(t("back.dx", names), {
            ...paddedGrid(found, found.arrays.dx_padded, found.channel),
            scale: scales.dx,
            ...this.onPixel(),
          })
        : null,
    };
  }

  coverageMap() {
    const { context, scales, found } = this.backward;
    const grid = {
      ...paddedGrid(found, found.arrays.dx_padded, found.channel),
      scale: scales.coverage,
      size: 34,
      ...this.onPixel(),
      value: (r, c) => found.arrays.coverage.at(r, c),
    };
    const [title, note] = ["back.coverage", "back.coverageNote"].map((key) => context.t(key));
    return createGridPanel({ title, grid, note }, context);
  }

  onPixel() {
    return {
      onPreview: (r, c) => this.link([r, c]),
      onLeave: () => this.link(null),
      onPin: (r, c) => {
        this.pinned = [r, c];
        this.show();
        this.backward.context.say(this.sums.textContent);
      },
    };
  }

  dcolumnsGrid() {
    const { backward } = this;
    const { geometry, scales } = backward;
    return {
      rows: geometry.taps,
      columns: geometry.windows,
      size: geometry.windows > 20 ? 34 : 44,
      scale: scales.dcolumns,
      value: (n, p) => backward.stamp(p, ...geometry.kernelCells()[n], this.isMistaken),
      isHidden: (_, p) => !this.asks.stamp.isAnswered && p === this.shown,
      rowLabels: geometry.kernelCells().map((cell) => cell.join(" ")),
      columnLabels: Array.from({ length: geometry.windows }, (_, p) => geometry.placeOf(p).join(",")),
      onPreview: (n, p) => {
        this.preview(p);
        this.link(geometry.under(p, ...geometry.kernelCells()[n]));
      },
      onLeave: () => {
        this.preview(null);
        this.link(null);
      },
      onPin: (n, p) => {
        this.pinned = geometry.under(p, ...geometry.kernelCells()[n]);
        this.clock.go(p);
      },
    };
  }

  arranged() {
    const { dy, kernel, stamp, dx, coverage, dcolumns, right } = this.panels;
    const operator = (sign) => el("span", { class: "operator", "aria-hidden": "true" }, sign);
    return el(
      "div",
      {},
      this.clock.element,
      marksKey(this.backward.context, ["now", "pin", "preview", "link"]),
      el(
        "div",
        { class: "panels" },
        dy.element,
        operator("×"),
        el("div", { class: "stack" }, kernel.element, operator("="), stamp.element),
        operator("→"),
        dx.element,
        right ? [operator("≠"), right.element] : null,
      ),
      this.isMistaken ? this.mistakeCard() : null,
      this.sums,
      el("div", { class: "panels" }, dcolumns.element, coverage?.element),
      this.check.element,
    );
  }

  dxNote() {
    const { t } = this.backward.context;
    const [[top, bottom], [left, right]] = this.backward.geometry.pads;
    return top + bottom + left + right ? t("back.cropped") : null;
  }

  total(r, c) {
    return this.sofar[r * this.backward.geometry.columns + c];
  }

  get sofar() {
    const key = this.shown;
    if (this.counted?.key !== key)
      this.counted = { key, data: this.backward.stamped(key, this.isMistaken) };
    return this.counted.data;
  }

  show() {
    const { backward, panels } = this;
    const { geometry } = backward;
    for (const name of ["stamp", "dx", "dcolumns"]) panels[name].update();
    for (const [kind, p] of [
      ["now", this.clock.position],
      ["preview", this.previewed],
    ]) {
      const isThere = p !== null;
      panels.dy.grid.mark(kind, isThere ? [geometry.outOf(p)] : []);
      for (const name of ["dx", "coverage", "right"])
        panels[name]?.grid.mark(kind, isThere ? geometry.window(p) : []);
      panels.dcolumns.grid.mark(kind, isThere ? geometry.kernelCells().map((_, n) => [n, p]) : []);
    }
    this.outline("pin", this.pinned);
    const { row, column } = backward.inImage(this.pinned);
    const name = `${this.isMistaken ? "dX̃" : "dX"}(${row}, ${column})`.replaceAll("-", "−");
    refill(
      this.sums,
      this.asks.stamp.isAnswered
        ? this.sumOf(name)
        : el("p", { class: "sum" }, backward.context.t("back.secret")),
    );
    this.check.setCell(this.flatOf(this.pinned), name);
  }

  /** The pinned cell's value as the stamps that make it. */
  sumOf(name) {
    const { backward, pinned } = this;
    const { geometry, context } = backward;
    const terms = geometry.covering(...pinned).map(({ p, i, j }) => ({
      value: backward.stamp(p, i, j, this.isMistaken),
      title: context.t("back.term", { ...backward.named(p), i, j }),
      p,
    }));
    const total = backward.stamped(geometry.windows - 1, this.isMistaken)[
      pinned[0] * geometry.columns + pinned[1]
    ];
    const onTerm = (n) =>
      this.panels.dy.grid.mark("link", n === null ? [] : [geometry.outOf(terms[n].p)]);
    return sumLine({ name, terms, sum: total, onTerm }, context);
  }

  /** Outline a pixel, and where its parts come from. */
  outline(kind, cell) {
    const { panels } = this;
    const { geometry } = this.backward;
    const covering = cell ? geometry.covering(...cell) : [];
    for (const name of ["dx", "coverage", "right"])
      panels[name]?.grid.mark(kind, cell ? [cell] : []);
    panels.dcolumns.grid.mark(
      kind,
      covering.map(({ p, i, j }) => [i * geometry.kernelColumns + j, p]),
    );
    if (kind !== "link") return;
    panels.dy.grid.mark(
      kind,
      covering.map(({ p }) => geometry.outOf(p)),
    );
    const tap = covering.find(({ p }) => p === this.shown); // where this window's stamp lies on it
    for (const name of ["kernel", "stamp"])
      panels[name].grid.mark(kind, tap ? [[tap.i, tap.j]] : []);
  }

  link(cell) {
    this.outline("link", cell);
  }

  preview(p) {
    if (p === this.previewed) return;
    this.previewed = p;
    this.show();
  }

  /** A padded cell's place in dX; null on padding. */
  flatOf([r, c]) {
    const { geometry, found } = this.backward;
    if (geometry.isPadding(r, c)) return null;
    const [[top], [left]] = geometry.pads;
    return found.arrays.dx.flat(r - top, c - left, found.channel);
  }

  mistakenAt(flat) {
    return this.backward.found.arrays.dx_mistake?.data[flat] ?? null;
  }

  mistakeCard() {
    const { t, numbers } = this.backward.context;
    const { dx, dx_mistake: mistaken } = this.backward.found.arrays;
    if (!mistaken) return null;
    const apart = Array.from(dx.data, (x, n) => Math.abs(x - mistaken.data[n]));
    const mean = apart.reduce((a, b) => a + b, 0) / apart.length;
    const size = dx.data.reduce((a, x) => a + Math.abs(x), 0) / dx.data.length;
    return el(
      "section",
      { class: "card mistake" },
      el("h2", {}, t("back.mistakeTitle")),
      el(
        "p",
        {},
        t("back.mistakeTold", {
          mean: numbers.cell(mean),
          share: numbers.percent(size ? mean / size : 0),
        }),
      ),
      el("p", {}, t("back.mistakeWhy")),
    );
  }

  speak() {
    const { backward } = this;
    const { t, numbers, say } = backward.context;
    const p = this.clock.position;
    say(t("back.spoken", { ...backward.named(p), value: numbers.cell(backward.dy(p)) }));
  }
}
