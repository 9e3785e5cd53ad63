/** dX by collecting: every cell fetches what it is due, and that needs the kernel turned. */

import { NdArray } from "../../arrays.js";
import { paddedGrid } from "../../convolution.js";
import { el, refill } from "../../dom.js";
import { written } from "../../geometry.js";
import { createGridPanel, marksKey } from "../../panel.js";
import { sumLine } from "../../sums.js";
import { createCheck } from "./check.js";

export class Gather {
  /** @param {import("./backward.js").Backward} backward */
  constructor(backward, { signal }) {
    Object.assign(this, { backward, previewed: null });
    const { geometry, context } = backward;
    const { t } = context;
    this.spread = this.spreadOut();
    this.clock = backward.clock("gather", geometry.rows * geometry.columns, signal, {
      first: this.steepest(),
      say: (n) => t("back.cellOf", backward.inImage(this.cell(n))),
      onTick: () => {
        this.previewed = null;
        this.show();
      },
    });
    this.panels = this.makePanels();
    this.sums = el("div", { class: "card sums" });
    this.check = createCheck(backward, "x");
    this.element = this.arranged();
    this.show();
  }

  /** dY with zeros: stride − 1 between its cells, and a border of (K − 1) · dilation around. */
  spreadOut() {
    const { geometry } = this.backward;
    this.border = [geometry.kernelRows - 1, geometry.kernelColumns - 1].map(
      (n, axis) => n * geometry.dilations[axis],
    );
    const shape = [geometry.rows + this.border[0], geometry.columns + this.border[1]];
    const spread = new NdArray(new Float32Array(shape[0] * shape[1]), shape);
    this.places = new Map();
    for (let p = 0; p < geometry.windows; p++) {
      const [r, c] = geometry.outOf(p).map((n, axis) => n * geometry.strides[axis] + this.border[axis]);
      spread.data[spread.flat(r, c)] = this.backward.dy(p);
      this.places.set(spread.flat(r, c), p);
    }
    return spread;
  }

  /** The cell of dX with the largest gradient. */
  steepest() {
    const sizes = Array.from(this.backward.dxPadded.data, Math.abs);
    return sizes.indexOf(Math.max(...sizes));
  }

  cell(n) {
    const { columns } = this.backward.geometry;
    return [Math.floor(n / columns), n % columns];
  }

  get shown() {
    return this.previewed ?? this.clock.position;
  }

  makePanels() {
    const { backward, spread } = this;
    const { context, geometry, scales, found } = backward;
    const { t } = context;
    const names = { filter: backward.filterName(), channel: backward.channelName() };
    const turned = (i, j) =>
      backward.weight(geometry.kernelRows - 1 - i, geometry.kernelColumns - 1 - j);
    const number = (r, c) => r * geometry.columns + c;
    return {
      spread: createGridPanel(
        {
          title: t("back.spread", names),
          grid: {
            rows: spread.shape[0],
            columns: spread.shape[1],
            size: 36,
            scale: scales.dy,
            value: (r, c) => spread.at(r, c),
            isPadding: (r, c) => !this.places.has(spread.flat(r, c)),
          },
          note: t("back.spreadNote", {
            between: written(geometry.strides.map((n) => n - 1)),
            around: written(this.border),
          }),
        },
        context,
      ),
      kernel: createGridPanel(
        { title: t("back.turned", names), grid: backward.tapGrid(scales.weights, turned) },
        context,
      ),
      dx: createGridPanel(
        {
          title: t("back.dx", names),
          grid: {
            ...paddedGrid(found, found.arrays.dx_padded, found.channel),
            scale: scales.dx,
            isEmpty: (r, c) => number(r, c) > this.clock.position,
            onPreview: (r, c) => this.preview(number(r, c)),
            onLeave: () => this.preview(null),
            onPin: (r, c) => this.clock.go(number(r, c)),
          },
          note: t("back.gatherNote"),
        },
        context,
      ),
    };
  }

  arranged() {
    const { spread, kernel, dx } = this.panels;
    const operator = (sign) => el("span", { class: "operator", "aria-hidden": "true" }, sign);
    return el(
      "div",
      {},
      this.clock.element,
      marksKey(this.backward.context, ["now", "preview", "link"]),
      el(
        "div",
        { class: "panels" },
        spread.element,
        operator("∗"),
        kernel.element,
        operator("→"),
        dx.element,
      ),
      this.sums,
      this.check.element,
    );
  }

  /** The spread dY's cells under the turned kernel, when it collects for a cell of dX. */
  under([r, c]) {
    const { geometry } = this.backward;
    const [d, e] = geometry.dilations;
    return geometry.kernelCells().map(([a, b]) => [r + a * d, c + b * e]);
  }

  show() {
    const { backward, panels } = this;
    const { geometry, context, found } = backward;
    panels.dx.update();
    for (const [kind, n] of [
      ["now", this.clock.position],
      ["preview", this.previewed],
    ]) {
      panels.dx.grid.mark(kind, n === null ? [] : [this.cell(n)]);
      panels.spread.grid.mark(kind, n === null ? [] : this.under(this.cell(n)));
    }
    const cell = this.cell(this.shown);
    const terms = this.under(cell).map(([r, c], n) => {
      const [a, b] = geometry.kernelCells()[n];
      const weight = backward.weight(geometry.kernelRows - 1 - a, geometry.kernelColumns - 1 - b);
      return {
        value: this.spread.at(r, c) * weight,
        title: context.t("back.turnedTerm", { i: a, j: b }),
        at: [r, c],
        tap: [a, b],
      };
    });
    const { row, column } = backward.inImage(cell);
    const name = `dX(${row}, ${column})`.replaceAll("-", "−");
    const onTerm = (n) => {
      panels.spread.grid.mark("link", n === null ? [] : [terms[n].at]);
      panels.kernel.grid.mark("link", n === null ? [] : [terms[n].tap]);
    };
    refill(
      this.sums,
      sumLine({ name, terms, sum: backward.dxPadded.at(...cell), onTerm }, context),
    );
    const [[top], [left]] = geometry.pads;
    const isInside = !geometry.isPadding(...cell);
    this.check.setCell(
      isInside ? found.arrays.dx.flat(cell[0] - top, cell[1] - left, found.channel) : null,
      name,
    );
  }

  preview(n) {
    if (n === this.previewed) return;
    this.previewed = n;
    this.show();
  }
}
