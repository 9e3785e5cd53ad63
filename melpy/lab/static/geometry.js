/** Where windows lie. One line for each axis: row = p · stride + i · dilation, on the padded image. */

/** @typedef {[number, number]} Cell */

/**
 * Zeros on both sides so that a layer with padding "same" has ceil(size / stride) windows.
 * @returns {[number, number]} before, after
 */
export function padsOf(size, kernel, stride, dilation, padding) {
  if (padding !== "same") return [0, 0];
  const windows = Math.ceil(size / stride);
  const total = Math.max(0, (windows - 1) * stride + (kernel - 1) * dilation + 1 - size);
  return [Math.floor(total / 2), total - Math.floor(total / 2)];
}

/** How many windows fit. */
export const windowsIn = (padded, kernel, stride, dilation) =>
  Math.max(0, Math.floor((padded - (kernel - 1) * dilation - 1) / stride) + 1);

/** A layer's setting of one number or of one for each axis, as two. @returns {Cell} */
export const pairOf = (value) => (Array.isArray(value) ? value : [value ?? 1, value ?? 1]);

/** A number an axis as they are read: one where all are equal. @param {number[]} sizes */
export const written = (sizes) =>
  sizes.every((n) => n === sizes[0]) ? String(sizes[0]) : sizes.join(" × ");

/** The geometry of one answer of /api/convolution. */
export class Geometry {
  /** @param {any} found the answer */
  constructor(found) {
    [this.kernelRows, this.kernelColumns] = found.kernel_shape;
    [this.outRows, this.outColumns] = found.y_shape;
    [this.rows, this.columns, this.channels] = found.arrays.padded.shape;
    this.strides = found.strides;
    this.dilations = found.dilation;
    this.first = found.first;
    this.pads = found.pads;
    this.taps = this.kernelRows * this.kernelColumns;
    this.windows = this.outRows * this.outColumns;
  }

  /** The output cell that window p makes. @param {number} p @returns {Cell} */
  outOf(p) {
    return [Math.floor(p / this.outColumns), p % this.outColumns];
  }

  /** The same as the whole output counts, of which the windows may be a part. @returns {Cell} */
  placeOf(p) {
    return this.outOf(p).map((n, axis) => n + this.first[axis]);
  }

  /** The number of the window that makes an output cell. @returns {number} */
  windowAt(row, column) {
    return row * this.outColumns + column;
  }

  /** The padded image's cell under cell (i, j) of window p. @returns {Cell} */
  under(p, i, j) {
    const [row, column] = this.outOf(p);
    const [[s, t], [d, e]] = [this.strides, this.dilations];
    return [row * s + i * d, column * t + j * e];
  }

  /** All the cells under window p, row by row. @returns {Cell[]} */
  window(p) {
    return this.kernelCells().map(([i, j]) => this.under(p, i, j));
  }

  /** The kernel's own cells, row by row. @returns {Cell[]} */
  kernelCells() {
    return Array.from({ length: this.taps }, (_, n) => [
      Math.floor(n / this.kernelColumns),
      n % this.kernelColumns,
    ]);
  }

  /** The row of the matrix of columns that holds a channel's kernel cell. */
  matrixRow(channel, i, j) {
    return (channel * this.kernelRows + i) * this.kernelColumns + j;
  }

  /** Channel and kernel cell of a row of the matrix of columns. @returns {[number, number, number]} */
  ofMatrixRow(row) {
    const [i, j] = this.kernelCells()[row % this.taps];
    return [Math.floor(row / this.taps), i, j];
  }

  /** Whether a cell of the padded image is padding. */
  isPadding(row, column) {
    const [[top, bottom], [left, right]] = this.pads;
    return (
      row < top || row >= this.rows - bottom || column < left || column >= this.columns - right
    );
  }

  /** The windows that cover a cell of the padded image, and with which kernel cell.
   * @returns {{p: number, i: number, j: number}[]} */
  covering(row, column) {
    const found = [];
    for (let p = 0; p < this.windows; p++) {
      for (const [i, j] of this.kernelCells()) {
        const [r, c] = this.under(p, i, j);
        if (r === row && c === column) found.push({ p, i, j });
      }
    }
    return found;
  }
}
