/** dW: every window, times its cell of dY, added up. */

import { paddedGrid } from "../../convolution.js";
import { el, refill } from "../../dom.js";
import { createGridPanel, marksKey } from "../../panel.js";
import { scaleFor } from "../../scales.js";
import { sumLine } from "../../sums.js";
import { createCheck } from "./check.js";

export class Weights {
  /** @param {import("./backward.js").Backward} backward */
  constructor(backward, { signal }) {
    Object.assign(this, { backward, previewed: null });
    const { geometry, context } = backward;
    const { t } = context;
    this.pinned = [geometry.kernelRows >> 1, geometry.kernelColumns >> 1];
    this.clock = backward.clock("weights", geometry.windows, signal, {
      first: backward.steepest,
      say: (p) => t("back.windowOf", backward.named(p)),
      onTick: () => {
        this.previewed = null;
        this.show();
      },
    });
    this.panels = this.makePanels();
    this.sums = el("div", { class: "card sums" });
    this.check = createCheck(backward, "w");
    this.element = this.arranged();
    this.show();
  }

  get shown() {
    return this.previewed ?? this.clock.position;
  }

  part(p, i, j) {
    return this.backward.dy(p) * this.backward.pixel(...this.backward.geometry.under(p, i, j));
  }

  /** dW after the first p + 1 windows; after the last, what the kernels themselves gave. */
  total(p, i, j) {
    const { geometry, found } = this.backward;
    if (p === geometry.windows - 1)
      return found.arrays.dw.at(found.filter, this.backward.row(i, j));
    let total = 0;
    for (let q = 0; q <= p; q++) total += this.part(q, i, j);
    return total;
  }

  makePanels() {
    const { backward } = this;
    const { context, geometry, scales, found } = backward;
    const { t } = context;
    const names = { filter: backward.filterName(), channel: backward.channelName() };
    const panel = (title, grid, note) => createGridPanel({ title, grid, note }, context);
    const parts = [];
    for (let p = 0; p < geometry.windows; p++)
      parts.push(...geometry.kernelCells().map((cell) => this.part(p, ...cell)));
    const onTap = {
      onPreview: (i, j) => this.link([i, j]),
      onLeave: () => this.link(null),
      onPin: (i, j) => {
        this.pinned = [i, j];
        this.show();
        context.say(this.sums.textContent);
      },
    };
    return {
      dy: panel(t("back.dy", names), {
        ...backward.dyGrid(),
        onPreview: (r, c) => this.preview(geometry.windowAt(r, c)),
        onLeave: () => this.preview(null),
        onPin: (r, c) => this.clock.go(geometry.windowAt(r, c)),
      }),
      image: panel(t("back.image", names), {
        ...paddedGrid(found, found.arrays.padded, found.channel),
        scale: scales.values,
      }),
      part: panel(t("back.part"), {
        ...backward.tapGrid(scaleFor("gradients", [{ data: parts }]), (i, j) =>
          this.part(this.shown, i, j),
        ),
        ...onTap,
      }),
      dw: panel(
        t("back.dw", names),
        { ...backward.tapGrid(scales.dw, (i, j) => this.total(this.shown, i, j)), ...onTap },
        t("back.dwNote"),
      ),
    };
  }

  arranged() {
    const { dy, image, part, dw } = this.panels;
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
        image.element,
        operator("="),
        el("div", { class: "stack" }, part.element, operator("↓"), dw.element),
      ),
      this.sums,
      this.check.element,
    );
  }

  show() {
    const { backward, panels, pinned } = this;
    const { geometry, context, found } = backward;
    panels.part.update();
    panels.dw.update();
    for (const [kind, p] of [
      ["now", this.clock.position],
      ["preview", this.previewed],
    ]) {
      panels.dy.grid.mark(kind, p === null ? [] : [geometry.outOf(p)]);
      panels.image.grid.mark(kind, p === null ? [] : geometry.window(p));
    }
    for (const name of ["part", "dw"]) panels[name].grid.mark("pin", [pinned]);
    const terms = Array.from({ length: geometry.windows }, (_, p) => ({
      value: this.part(p, ...pinned),
      title: context.t("back.windowOf", backward.named(p)),
    }));
    const gradients = terms.map((_, p) => ({
      value: backward.dy(p),
      title: context.t("back.windowOf", backward.named(p)),
    }));
    const onTerm = (p) => {
      panels.dy.grid.mark("link", p === null ? [] : [geometry.outOf(p)]);
      panels.image.grid.mark("link", p === null ? [] : [geometry.under(p, ...pinned)]);
    };
    const name = `dW(${pinned.join(", ")})`;
    const last = geometry.windows - 1;
    refill(
      this.sums,
      sumLine({ name, terms, sum: this.total(last, ...pinned), onTerm }, context),
      sumLine({ name: "db", terms: gradients, sum: this.biasGradient(gradients), onTerm }, context),
      el("p", { class: "hint" }, context.t("back.dbNote")),
    );
    this.check.setCell(found.arrays.dw.flat(found.filter, backward.row(...pinned)), name);
  }

  /** db as the server gives it, or else the sum of dY. */
  biasGradient(gradients) {
    const { arrays, filter } = this.backward.found;
    return arrays.db?.data[filter] ?? gradients.reduce((total, { value }) => total + value, 0);
  }

  link(cell) {
    for (const name of ["part", "dw"]) this.panels[name].grid.mark("link", cell ? [cell] : []);
    const under = cell ? [this.backward.geometry.under(this.shown, ...cell)] : [];
    this.panels.image.grid.mark("link", under);
  }

  preview(p) {
    if (p === this.previewed) return;
    this.previewed = p;
    this.show();
  }
}
