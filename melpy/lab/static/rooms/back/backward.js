/** What the three ways of looking at the backward pass share. */

import { channelOf } from "../../arrays.js";
import { createClock } from "../../clock.js";
import { outputLabels } from "../../labels.js";
import { scaleFor } from "../../scales.js";
import { Shown } from "../convolution_room.js";

export class Backward extends Shown {
  constructor(...shown) {
    super(...shown);
    const { found } = this;
    const { arrays } = found;
    this.scales = {
      values: scaleFor("values", [arrays.x]),
      weights: scaleFor("weights", [arrays.w]),
      dy: scaleFor("gradients", [arrays.dy]),
      dcolumns: scaleFor("gradients", [arrays.dcolumns]),
      dx: scaleFor("gradients", [arrays.dx_padded, arrays.dx_mistake ?? arrays.dx]),
      dw: scaleFor("gradients", [arrays.dw]),
      coverage: scaleFor("counts", [arrays.coverage]),
    };
    this.dxPadded = channelOf(arrays.dx_padded, found.channel);
  }

  /** dL/dy of the filter that is looked at, at window p. */
  dy(p) {
    return this.found.arrays.dy.at(p, this.found.filter);
  }

  /** dL/dcol at a kernel cell of window p; the paper's mistake turns the kernel first. */
  stamp(p, i, j, isTurned = false) {
    const { kernelRows, kernelColumns } = this.geometry;
    const [a, b] = isTurned ? [kernelRows - 1 - i, kernelColumns - 1 - j] : [i, j];
    return this.found.arrays.dcolumns.at(this.geometry.matrixRow(this.found.channel, a, b), p);
  }

  weight(i, j) {
    return this.found.arrays.w.at(this.found.filter, this.row(i, j));
  }

  /** The matrix's row of a kernel cell of the channel looked at. */
  row(i, j) {
    return this.geometry.matrixRow(this.found.channel, i, j);
  }

  pixel(r, c) {
    return this.found.arrays.padded.at(r, c, this.found.channel);
  }

  /** dX after the first p + 1 stamps; after the last, what the kernels themselves gave. */
  stamped(p, isTurned = false) {
    const { rows, columns, windows } = this.geometry;
    if (p === windows - 1 && !isTurned) return this.dxPadded.data;
    const total = new Float64Array(rows * columns);
    for (let q = 0; q <= p; q++) {
      for (const [i, j] of this.geometry.kernelCells()) {
        const [r, c] = this.geometry.under(q, i, j);
        total[r * columns + c] += this.stamp(q, i, j, isTurned);
      }
    }
    return p === windows - 1 ? this.withServers(total) : total;
  }

  /** The mistaken dX, its inner cells as the server computed them. */
  withServers(total) {
    const { dx_mistake: mistaken } = this.found.arrays;
    if (!mistaken) return total;
    const [[top], [left]] = this.geometry.pads;
    const [height, width] = mistaken.shape;
    for (let r = 0; r < height; r++) {
      for (let c = 0; c < width; c++) {
        total[(r + top) * this.geometry.columns + c + left] = mistaken.at(r, c, this.found.channel);
      }
    }
    return total;
  }

  /** A grid's options for dY. */
  dyGrid() {
    const { geometry, scales } = this;
    return {
      rows: geometry.outRows,
      columns: geometry.outColumns,
      ...outputLabels(geometry),
      scale: scales.dy,
      value: (r, c) => this.dy(geometry.windowAt(r, c)),
    };
  }

  /** A grid's options for one kernel-shaped thing. */
  tapGrid(scale, value) {
    return { rows: this.geometry.kernelRows, columns: this.geometry.kernelColumns, scale, value };
  }

  /** The window whose output has the largest gradient. */
  get steepest() {
    const sizes = Array.from({ length: this.geometry.windows }, (_, p) => Math.abs(this.dy(p)));
    return sizes.indexOf(Math.max(...sizes));
  }

  /** The clock of a view, whose place is kept while its length stays. */
  clock(view, length, signal, { first, say, onTick }) {
    const { kept, t } = this.context;
    const key = `back.${view}.${length}`;
    const start = kept[key] ?? first;
    const remember = (p) => {
      kept[key] = p;
      onTick(p);
    };
    return createClock({ t, signal, length, start, say, onTick: remember });
  }
}
