/** Values in a row, as a picture of them. */

import { NdArray } from "./arrays.js";

const WIDTHS = [8, 12, 10, 6, 5, 4, 7, 9, 3, 16];
const MOST_ROWS = 16;

/**
 * (D,) values as one map (H,W,1), in rows that are as long as fits, what is over NaN; maps as they
 * are. @param {NdArray} array
 */
export function asImage({ data, shape }) {
  if (shape.length === 3) return new NdArray(data, shape);
  const fitting = WIDTHS.find((n) => data.length % n === 0 && data.length / n <= MOST_ROWS);
  const across = fitting ?? Math.ceil(Math.sqrt(data.length));
  const rows = Math.ceil(data.length / across);
  const padded = new Float32Array(rows * across).fill(NaN);
  padded.set(data);
  return new NdArray(padded, [rows, across, 1]);
}
