"""Pooling, compiled: windows outside, channels inside, so that the inner loop is one vector."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.jit import contiguous
from melpy.kernels.compiled.team import for_team
from melpy.kernels.spec import pooling as spec

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]


def max_pool2d(x: np.ndarray, pool: Pair, strides: Pair, pads: Pads) -> np.ndarray:
    """Largest value of each window; see `melpy.kernels.spec.pooling.max_pool2d`."""
    arrays = contiguous(x)
    if arrays is None:
        return spec.max_pool2d(x, pool, strides, pads)
    (x,) = arrays
    y = memory.empty(_output_shape(x.shape, pool, strides, pads), x.dtype)
    threads.share(_max, len(x), x.size, x, y, *_windows(pool, strides, pads))
    return y


def max_pool2d_d_x(
    g: np.ndarray, x: np.ndarray, y: np.ndarray, pool: Pair, strides: Pair, pads: Pads
) -> np.ndarray:
    """Gradient to each window's first maximum; see `melpy.kernels.spec.pooling`."""
    arrays = contiguous(g, x, y)
    if arrays is None:
        return spec.max_pool2d_d_x(g, x, y, pool, strides, pads)
    g, x, y = arrays
    d_x = memory.empty(x.shape, x.dtype)
    threads.share(_max_d_x, len(x), d_x.size, g, x, y, d_x, *_windows(pool, strides, pads))
    return d_x


def average_pool2d(x: np.ndarray, pool: Pair, strides: Pair, pads: Pads) -> np.ndarray:
    """Mean of each window's real cells; see `melpy.kernels.spec.pooling.average_pool2d`."""
    arrays = contiguous(x)
    if arrays is None:
        return spec.average_pool2d(x, pool, strides, pads)
    (x,) = arrays
    y = memory.empty(_output_shape(x.shape, pool, strides, pads), x.dtype)
    threads.share(_mean, len(x), x.size, x, y, *_windows(pool, strides, pads))
    return y


def average_pool2d_d_x(
    g: np.ndarray, x_shape: tuple[int, ...], pool: Pair, strides: Pair, pads: Pads
) -> np.ndarray:
    """Gradient shared by each window's real cells; see `melpy.kernels.spec.pooling`."""
    arrays = contiguous(g)
    if arrays is None:
        return spec.average_pool2d_d_x(g, x_shape, pool, strides, pads)
    (g,) = arrays
    d_x = memory.empty(x_shape, g.dtype)
    threads.share(_mean_d_x, len(g), d_x.size, g, d_x, *_windows(pool, strides, pads))
    return d_x


class Windows(NamedTuple):
    """How large windows are, how far apart, and where the first begins, outside the image."""

    pool_h: int
    pool_w: int
    stride_h: int
    stride_w: int
    top: int
    left: int


def _windows(pool: Pair, strides: Pair, pads: Pads) -> Windows:
    return Windows(*pool, *strides, pads[0][0], pads[1][0])


def _output_shape(
    x_shape: tuple[int, ...], pool: Pair, strides: Pair, pads: Pads
) -> tuple[int, ...]:
    N, *sizes, C = x_shape
    out = [
        (size + sum(pad) - window) // stride + 1
        for size, window, stride, pad in zip(sizes, pool, strides, pads, strict=True)
    ]
    return (N, *out, C)


@for_team
def _max(x, y, windows: Windows, part, first, last):
    pool_h, pool_w, stride_h, stride_w, top, left = windows
    (_, H, W, C), (_, oH, oW, _) = x.shape, y.shape
    for n in range(first, last):
        for p in range(oH):
            for q in range(oW):
                best = y[n, p, q]
                best[:] = -np.inf
                for i in range(max(0, p * stride_h - top), min(H, p * stride_h - top + pool_h)):
                    for j in range(
                        max(0, q * stride_w - left), min(W, q * stride_w - left + pool_w)
                    ):
                        cell = x[n, i, j]
                        for c in range(C):
                            v = cell[c]
                            best[c] = v if (v > best[c]) | (v != v) else best[c]


@for_team
def _max_d_x(g, x, y, d_x, windows: Windows, part, first, last):
    pool_h, pool_w, stride_h, stride_w, top, left = windows
    (_, H, W, C), (_, oH, oW, _) = x.shape, y.shape
    rest = np.empty(C, g.dtype)  # what of g has not found its maximum yet
    for n in range(first, last):
        d_x[n] = 0
        for p in range(oH):
            for q in range(oW):
                best = y[n, p, q]
                pixel = g[n, p, q]
                for c in range(C):
                    rest[c] = pixel[c]
                for i in range(max(0, p * stride_h - top), min(H, p * stride_h - top + pool_h)):
                    for j in range(
                        max(0, q * stride_w - left), min(W, q * stride_w - left + pool_w)
                    ):
                        cell, d_cell = x[n, i, j], d_x[n, i, j]
                        for c in range(C):
                            v, b, r = cell[c], best[c], rest[c]
                            hit = (v == b) | (v != v)
                            d_cell[c] += r if hit else 0
                            rest[c] = 0 if hit else r


@for_team
def _mean(x, y, windows: Windows, part, first, last):
    pool_h, pool_w, stride_h, stride_w, top, left = windows
    (_, H, W, C), (_, oH, oW, _) = x.shape, y.shape
    for n in range(first, last):
        for p in range(oH):
            i0, i1 = max(0, p * stride_h - top), min(H, p * stride_h - top + pool_h)
            for q in range(oW):
                j0, j1 = max(0, q * stride_w - left), min(W, q * stride_w - left + pool_w)
                total = y[n, p, q]
                total[:] = 0
                for i in range(i0, i1):
                    for j in range(j0, j1):
                        cell = x[n, i, j]
                        for c in range(C):
                            total[c] += cell[c]
                count = max(1, max(0, i1 - i0) * max(0, j1 - j0))
                for c in range(C):
                    total[c] /= count


@for_team
def _mean_d_x(g, d_x, windows: Windows, part, first, last):
    pool_h, pool_w, stride_h, stride_w, top, left = windows
    (_, H, W, C), (_, oH, oW, _) = d_x.shape, g.shape
    for n in range(first, last):
        d_x[n] = 0
        for p in range(oH):
            i0, i1 = max(0, p * stride_h - top), min(H, p * stride_h - top + pool_h)
            for q in range(oW):
                j0, j1 = max(0, q * stride_w - left), min(W, q * stride_w - left + pool_w)
                count, share = max(1, max(0, i1 - i0) * max(0, j1 - j0)), g[n, p, q]
                for i in range(i0, i1):
                    for j in range(j0, j1):
                        cell = d_x[n, i, j]
                        for c in range(C):
                            cell[c] += share[c] / count
