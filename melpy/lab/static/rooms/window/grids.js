/** What the room's four matrices show, and what pointing at them does. `picture` is the room's. */

import { paddedGrid } from "../../convolution.js";
import { outputLabels } from "../../labels.js";

const AT_A_DESK = 730; // pixels that a page 1280 wide has for the image and the output together

/** A cell's size, the same in all four, so that the window is as large as the kernel. */
const cellSize = ({ columns, outColumns }) =>
  Math.max(30, Math.min(46, Math.floor(AT_A_DESK / (columns + outColumns))));

export function imageGrid(picture) {
  const { found, geometry, scales } = picture;
  return {
    ...paddedGrid(found, found.arrays.padded, found.channel),
    size: cellSize(geometry),
    scale: scales.values,
    onPreview: (r, c) => picture.link(geometry.covering(r, c).find(({ p }) => p === picture.shown)),
    onLeave: () => picture.link(null),
    onPin: (r, c) => {
      const [first] = geometry.covering(r, c);
      if (first) picture.clock.go(first.p);
    },
  };
}

/** What the kernel's and the products' grids share: they lie cell on cell. */
export function tapGrid(picture, scale, value, onPin) {
  const { kernelRows, kernelColumns } = picture.geometry;
  return {
    rows: kernelRows,
    columns: kernelColumns,
    size: cellSize(picture.geometry),
    scale,
    value,
    onPin,
    onPreview: (i, j) => picture.link({ p: picture.shown, i, j }),
    onLeave: () => picture.link(null),
  };
}

export function kernelGrid(picture) {
  const value = (i, j) =>
    picture.cells(0, picture.found.channel)[i * picture.geometry.kernelColumns + j].weight;
  return tapGrid(picture, picture.scales.weights, value, (i, j) => picture.editor?.choose(i, j));
}

export function productGrid(picture) {
  const { kernelColumns } = picture.geometry;
  const value = (i, j) =>
    picture.cells(picture.shown, picture.found.channel)[i * kernelColumns + j].product;
  return tapGrid(picture, picture.scales.products, value);
}

export function resultGrid(picture) {
  const { geometry, scales } = picture;
  return {
    rows: geometry.outRows,
    columns: geometry.outColumns,
    size: cellSize(geometry),
    ...outputLabels(geometry),
    scale: scales.output,
    value: (r, c) => picture.output(geometry.windowAt(r, c)),
    isHidden: (r, c) => geometry.windowAt(r, c) === picture.asked && !picture.prediction.isAnswered,
    isEmpty: (r, c) => geometry.windowAt(r, c) > picture.clock.position,
    onPreview: (r, c) => picture.preview(geometry.windowAt(r, c)),
    onLeave: () => picture.preview(null),
    onPin: (r, c) => picture.clock.go(geometry.windowAt(r, c)),
  };
}
