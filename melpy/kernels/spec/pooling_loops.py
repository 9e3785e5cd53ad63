"""Pooling in nested loops: the definition that `melpy.kernels.spec.pooling` is held to.

Same functions, same signatures; see there for what the parameters are.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from melpy.kernels.spec.windows import Pads, Pair, output_size

__all__ = ["average_pool2d", "average_pool2d_d_x", "max_pool2d", "max_pool2d_d_x"]

Cell = tuple[int, int, int, int]


def max_pool2d(x: np.ndarray, pool: Pair, strides: Pair, pads: Pads) -> np.ndarray:
    """y = x at each window's first maximum; -inf where a window lies on the padding alone."""
    y = np.full(output_shape(x.shape, pool, strides, pads), -np.inf, x.dtype)
    for at_y, cells in every_window(x.shape, pool, strides, pads):
        if cells:
            y[at_y] = x[first_maximum(x, cells)]
    return y


def max_pool2d_d_x(
    g: np.ndarray, x: np.ndarray, y: np.ndarray, pool: Pair, strides: Pair, pads: Pads
) -> np.ndarray:
    """d_x += g at each window's first maximum; y is not needed when one searches again."""
    d_x = np.zeros(x.shape, g.dtype)
    for at_y, cells in every_window(x.shape, pool, strides, pads):
        if cells:
            d_x[first_maximum(x, cells)] += g[at_y]
    return d_x


def average_pool2d(x: np.ndarray, pool: Pair, strides: Pair, pads: Pads) -> np.ndarray:
    """y = (sum of the window's cells) / (their number); 0 on the padding alone."""
    y = np.zeros(output_shape(x.shape, pool, strides, pads), x.dtype)
    for at_y, cells in every_window(x.shape, pool, strides, pads):
        for cell in cells:
            y[at_y] += x[cell]
        y[at_y] /= max(1, len(cells))
    return y


def average_pool2d_d_x(
    g: np.ndarray, x_shape: Cell, pool: Pair, strides: Pair, pads: Pads
) -> np.ndarray:
    """d_x += g / (number of cells), for each cell of each window."""
    d_x = np.zeros(x_shape, g.dtype)
    for at_y, cells in every_window(x_shape, pool, strides, pads):
        for cell in cells:
            d_x[cell] += g[at_y] / len(cells)
    return d_x


def first_maximum(x: np.ndarray, cells: list[Cell]) -> Cell:
    """Return the first of the cells whose value no other exceeds; the first NaN before all."""
    best = cells[0]
    for cell in cells[1:]:
        if x[cell] > x[best] or (np.isnan(x[cell]) and not np.isnan(x[best])):
            best = cell
    return best


def every_window(
    x_shape: tuple[int, ...], pool: Pair, strides: Pair, pads: Pads
) -> Iterator[tuple[Cell, list[Cell]]]:
    """Yield each output's place and its window's cells on the image, row by row."""
    _, H, W, _ = x_shape
    N, oH, oW, C = output_shape(x_shape, pool, strides, pads)
    for n in range(N):
        for p in range(oH):
            for q in range(oW):
                for c in range(C):
                    cells = []
                    for i in range(pool[0]):
                        for j in range(pool[1]):
                            row = p * strides[0] + i - pads[0][0]
                            column = q * strides[1] + j - pads[1][0]
                            if 0 <= row < H and 0 <= column < W:
                                cells.append((n, row, column, c))
                    yield (n, p, q, c), cells


def output_shape(x_shape: tuple[int, ...], pool: Pair, strides: Pair, pads: Pads) -> Cell:
    """Return (N,oH,oW,C)."""
    N, H, W, C = x_shape
    return (N, *output_size((H, W), pool, strides, pads, (1, 1)), C)
