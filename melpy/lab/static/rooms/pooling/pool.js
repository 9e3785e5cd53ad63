/** One channel of a pooling layer, as the server answered: its windows, their winners, its gradients. */

/** @typedef {[number, number]} Cell */

export class Pool {
  /**
   * @param {any} found  an answer of /api/pooling
   * @param {number} channel  of those in the answer
   * @param {import("../../arrays.js").NdArray | null} kinks  (H,W,C) of the whole output, where the
   *   trace has marked them
   */
  constructor(found, channel, kinks = null) {
    Object.assign(this, { found, channel, kinks });
    this.isMax = found.kind === "max";
    [this.height, this.width] = found.arrays.x.shape;
    [this.rows, this.columns] = found.arrays.y.shape;
    this.overlaps = found.arrays.coverage.data.some((times) => times > 1);
    /** Which row and column of the whole image the excerpt begins at, and which of the output. */
    this.origin = found.origin.map((n) => Math.max(0, n));
    this.outOrigin = found.first;
    /** All windows, in their order. @type {Cell[]} */
    this.windows = Array.from({ length: this.rows * this.columns }, (_, n) => [
      Math.floor(n / this.columns),
      n % this.columns,
    ]);
  }

  x(r, c) {
    return this.found.arrays.x.at(r, c, this.channel);
  }

  y(p, q) {
    return this.found.arrays.y.at(p, q, this.channel);
  }

  dx(r, c) {
    return this.found.arrays.dx.at(r, c, this.channel);
  }

  dy(p, q) {
    return this.found.arrays.dy.at(p, q, this.channel);
  }

  /** How many windows a cell lies in. */
  coverage(r, c) {
    return this.found.arrays.coverage.at(r, c);
  }

  /** How many cells of a window are as large as its maximum. */
  ties(p, q) {
    return this.isMax ? this.found.arrays.ties.at(p, q, this.channel) : 0;
  }

  /** Whether a window's two largest values are as good as equal: there the slope jumps. */
  isKink(p, q) {
    if (!this.isMax) return false;
    const [top, left] = this.outOrigin;
    return this.kinks
      ? this.kinks.at(p + top, q + left, this.found.channels[this.channel]) > 0
      : this.ties(p, q) > 1;
  }

  /** The cells under a window, row by row; padding is none of them. @returns {Cell[]} */
  cells(p, q) {
    const { window, strides, pads } = this.found;
    const [top, left] = [p * strides[0] - pads[0][0], q * strides[1] - pads[1][0]];
    const all = Array.from({ length: window[0] * window[1] }, (_, n) => [
      top + Math.floor(n / window[1]),
      left + (n % window[1]),
    ]);
    return all.filter(([r, c]) => r >= 0 && c >= 0 && r < this.height && c < this.width);
  }

  /** The cell whose value a window hands on. @returns {Cell | null} */
  winner(p, q) {
    if (!this.isMax) return null;
    const { x, winners } = this.found.arrays;
    return x.unflat(winners.at(p, q, this.channel)).slice(0, 2);
  }

  /** The cells that a window's gradient goes to, each the same share. @returns {Cell[]} */
  takers(p, q) {
    return this.isMax ? [this.winner(p, q)] : this.cells(p, q);
  }

  /** The first window over a cell. @param {Cell} cell @returns {Cell | undefined} */
  over([row, column]) {
    return this.windows.find((window) => this.cells(...window).some(([r, c]) => r === row && c === column));
  }

  /** What of dX has come together once the first windows gave theirs; the whole once all did. */
  gathered(count) {
    if (count === this.windows.length) return (r, c) => this.dx(r, c);
    const sums = new Float64Array(this.height * this.width);
    for (const window of this.windows.slice(0, count)) {
      const takers = this.takers(...window);
      for (const [r, c] of takers) sums[r * this.width + c] += this.dy(...window) / takers.length;
    }
    return (r, c) => sums[r * this.width + c];
  }

  /** How many cells of dX are 0. */
  get zeros() {
    return this.valuesOf("dx").data.filter((g) => g === 0).length;
  }

  /** One channel of an array (H,W,C), for a scale. @param {string} name */
  valuesOf(name) {
    const { data, shape } = this.found.arrays[name];
    return { data: data.filter((_, n) => n % shape[2] === this.channel) };
  }
}

/** The channel with most gradient: where there is most to see. @param {import("../../arrays.js").NdArray} dy */
export function busiest(dy) {
  const channels = dy.shape.at(-1);
  const totals = new Float64Array(channels);
  dy.data.forEach((g, n) => (totals[n % channels] += Math.abs(g)));
  return totals.indexOf(Math.max(...totals));
}
