/** What the room's five matrices show, and what pointing at them does. `picture` is the room's. */

import { paddedGrid } from "../../convolution.js";
import { outputLabels } from "../../labels.js";

export function imageGrid(picture) {
  const { found, geometry, scales } = picture;
  return {
    ...paddedGrid(found, found.arrays.padded, found.channel),
    scale: scales.values,
    onPreview: (r, c) => picture.markCopies("link", [r, c]),
    onLeave: () => picture.markCopies("link", null),
    onPin: (r, c) => picture.pin([r, c]),
  };
}

/** The matrix of columns; its rows are named by channel and kernel cell, its columns by output cell. */
export function matrixGrid(picture, look) {
  const { found, geometry, scales } = picture;
  const { rows, columns } = picture.matrixSize();
  return {
    rows,
    columns,
    size: columns > 20 ? 34 : 42,
    scale: scales.values,
    value: (r, p) => found.arrays.columns.at(r, p),
    write: writing(picture, look),
    isPadding: (r, p) => found.arrays.indices.at(r, p) < 0,
    rowLabels: Array.from({ length: rows }, (_, r) => geometry.ofMatrixRow(r).join(" ")),
    columnLabels: Array.from({ length: columns }, (_, p) => geometry.placeOf(p).join(",")),
    onPreview: (r, p) => {
      picture.preview(p);
      const [k, ...cell] = geometry.ofMatrixRow(r);
      if (k === found.channel) picture.image.grid.mark("link", [geometry.under(p, ...cell)]);
      picture.matrix.grid.mark("link", [[r, p]]);
    },
    onLeave: () => {
      picture.preview(null);
      picture.markCopies("link", null);
    },
    onPin: (r, p) => {
      const [, ...cell] = geometry.ofMatrixRow(r);
      picture.clock.go(p);
      picture.pin(geometry.under(p, ...cell));
    },
  };
}

/** What stands in a cell of the matrix: its value, or which pixel it comes from. */
export function writing(picture, look) {
  const { numbers } = picture.context;
  if (look === "values") return numbers.cell;
  const { indices, padded } = picture.found.arrays;
  const [top, left] = picture.found.origin;
  return (_, r, p) => {
    const flat = indices.at(r, p);
    if (flat < 0) return "0";
    const [row, column] = padded.unflat(flat);
    return `${row + top},${column + left}`.replaceAll("-", "−");
  };
}

export function kernelGrid(picture) {
  const { found, scales, geometry } = picture;
  const [filters, columns] = found.arrays.w.shape;
  return {
    rows: filters,
    columns,
    size: 40,
    scale: scales.weights,
    value: (f, r) => found.arrays.w.at(f, r),
    rowLabels: Array.from({ length: filters }, (_, f) => `f ${picture.filterName(f)}`),
    columnLabels: Array.from({ length: columns }, (_, r) => geometry.ofMatrixRow(r).join(" ")),
    onPreview: (_, r) => picture.matrix.grid.mark("link", [[r, picture.shown]]),
    onLeave: () => picture.matrix.grid.mark("link", []),
    onPin: (f) => picture.chooseFilter(f),
  };
}

export function productGrid(picture) {
  const { found, scales, geometry } = picture;
  const filters = found.arrays.w.shape[0];
  return {
    rows: filters,
    columns: geometry.windows,
    size: 42,
    scale: scales.output,
    value: (f, p) => found.arrays.y.at(p, f),
    isEmpty: (_, p) => p > picture.clock.position,
    rowLabels: Array.from({ length: filters }, (_, f) => `f ${picture.filterName(f)}`),
    columnLabels: Array.from({ length: geometry.windows }, (_, p) => geometry.placeOf(p).join(",")),
    onPreview: (_, p) => picture.preview(p),
    onLeave: () => picture.preview(null),
    onPin: (f, p) => {
      picture.clock.go(p);
      picture.chooseFilter(f);
    },
  };
}

export function reshapedGrid(picture) {
  const { found, scales, geometry } = picture;
  return {
    rows: geometry.outRows,
    columns: geometry.outColumns,
    scale: scales.output,
    value: (r, c) => found.arrays.y.at(geometry.windowAt(r, c), found.filter),
    isEmpty: (r, c) => geometry.windowAt(r, c) > picture.clock.position,
    ...outputLabels(geometry),
    onPreview: (r, c) => picture.preview(geometry.windowAt(r, c)),
    onLeave: () => picture.preview(null),
    onPin: (r, c) => picture.clock.go(geometry.windowAt(r, c)),
  };
}
