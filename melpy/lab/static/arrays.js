/** Arrays as the server sends them: one body of bytes, and a directory that says what lies where. */

const KINDS = { float32: Float32Array, int32: Int32Array };

/** An array of any number of axes over flat numbers, the last axis running fastest. */
export class NdArray {
  /** @param {ArrayLike<number>} data @param {number[]} shape */
  constructor(data, shape) {
    this.data = data;
    this.shape = shape;
  }

  /** The value at the indices. @param {...number} indices */
  at(...indices) {
    return this.data[this.flat(...indices)];
  }

  /** The indices' place in `data`. @param {...number} indices */
  flat(...indices) {
    return indices.reduce((place, index, axis) => place * this.shape[axis] + index, 0);
  }

  /** The indices of a place in `data`. @param {number} place @returns {number[]} */
  unflat(place) {
    const indices = [];
    for (let axis = this.shape.length - 1; axis >= 0; axis--) {
      indices[axis] = place % this.shape[axis];
      place = Math.floor(place / this.shape[axis]);
    }
    return indices;
  }
}

/**
 * Read the arrays of a directory out of the body.
 * @param {Record<string, {dtype: string, shape: number[], offset: number}>} directory
 * @param {ArrayBuffer} body little-endian
 * @returns {Record<string, NdArray>}
 */
export function unpack(directory, body) {
  const found = {};
  for (const [key, { dtype, shape, offset }] of Object.entries(directory)) {
    const count = shape.reduce((product, size) => product * size, 1);
    const bytes = body.slice(offset, offset + 4 * count); // a copy: an offset need not be a multiple of 4
    found[key] = new NdArray(new KINDS[dtype](bytes), shape);
  }
  return found;
}

/**
 * An array of one sample without its batch axis: (1,H,W,C) -> (H,W,C).
 * @param {NdArray} array @param {number} axes how many there are without it
 */
export function single(array, axes) {
  const surplus = array.shape.length - axes;
  return surplus > 0 ? new NdArray(array.data, array.shape.slice(surplus)) : array;
}

/** A view-like copy of one channel: (H,W,C) -> (H,W). @param {NdArray} image @param {number} channel */
export function channelOf(image, channel) {
  const [height, width, channels] = image.shape;
  const data = new Float32Array(height * width);
  for (let n = 0; n < data.length; n++) data[n] = image.data[n * channels + channel];
  return new NdArray(data, [height, width]);
}

/** Put the channels last: (C,H,W) -> (H,W,C). @param {NdArray} image */
export function channelsLast(image) {
  const [channels, height, width] = image.shape;
  const data = new Float32Array(image.data.length);
  for (let n = 0; n < data.length; n++) {
    const [pixel, channel] = [Math.floor(n / channels), n % channels];
    data[n] = image.data[channel * height * width + pixel];
  }
  return new NdArray(data, [height, width, channels]);
}
