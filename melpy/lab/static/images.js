/** Values in a row, as a picture of them. */

import { channelsLast, NdArray } from "./arrays.js";

const WIDTHS = [8, 12, 10, 6, 5, 4, 7, 9, 3, 16];
const MOST_ROWS = 16;

/**
 * (D,) values as one map (H,W,1), in rows that are as long as fits, what is over NaN; a table (T,D)
 * as one map, maps as they are, and of volumes (…,H,W,C) one under the other.
 * @param {NdArray} array @param {boolean} isFirst  whether maps have their channels first
 */
export function asImage(array, isFirst = false) {
  const { data, shape } = isFirst && array.shape.length === 3 ? channelsLast(array) : array;
  if (shape.length === 2) return new NdArray(data, [...shape, 1]);
  if (shape.length > 2) {
    const above = shape.slice(0, -2).reduce((product, size) => product * size, 1);
    return new NdArray(data, [above, ...shape.slice(-2)]);
  }
  const fitting = WIDTHS.find((n) => data.length % n === 0 && data.length / n <= MOST_ROWS);
  const across = fitting ?? Math.ceil(Math.sqrt(data.length));
  const rows = Math.ceil(data.length / across);
  const padded = new Float32Array(rows * across).fill(NaN);
  padded.set(data);
  return new NdArray(padded, [rows, across, 1]);
}

/** Whether a layer's maps have their channels first: as it says, or else as the model's others do. */
export function hasChannelsFirst({ model }, path) {
  const formatOf = (layer) => layer?.config.data_format;
  const own = formatOf(model.layers.find((layer) => layer.path === path));
  return (own ?? formatOf(model.layers.find(formatOf))) === "channels_first";
}
