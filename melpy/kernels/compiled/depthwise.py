"""Depthwise convolution, compiled: windows outside, channels inside, one vector at each tap.

With M kernels a channel, every channel is repeated M times first: then channel d of the input,
of the kernels and of the output are one line, and the inner loop knows no M.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.activation import CODES, activating, cut
from melpy.kernels.compiled.arithmetic import total
from melpy.kernels.compiled.jit import contiguous
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import IN_TILE, LINEAR
from melpy.kernels.spec import depthwise as spec
from melpy.kernels.spec.windows import Pads, Pair, output_size
from melpy.kernels.tracing import computed


def depthwise_conv2d(
    x: np.ndarray, w: np.ndarray, strides: Pair, pads: Pads, dilation: Pair
) -> np.ndarray:
    """Convolve each channel; see `melpy.kernels.spec.depthwise.depthwise_conv2d`."""
    arrays = contiguous(_repeat(x, w.shape[3]), w)
    if arrays is None:
        return spec.depthwise_conv2d(x, w, strides, pads, dilation)
    x, w = arrays[0], _rows(arrays[1])
    return _swept(x, w, np.empty(0, x.dtype), strides, pads, dilation, LINEAR, 0.0)


def depthwise_block(
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray,
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    name: str,
    slope: float,
) -> np.ndarray:
    """Convolve each channel and activate; see `melpy.kernels.spec.depthwise.depthwise_block`."""
    arrays = contiguous(_repeat(x, w.shape[3]), w, b)
    if arrays is None or name not in CODES:
        return spec.depthwise_block(x, w, b, strides, pads, dilation, name, slope)
    x, w, b = arrays[0], _rows(arrays[1]), arrays[2]
    y = _swept(x, w, b, strides, pads, dilation, IN_TILE.get(name, LINEAR), slope)
    if name not in IN_TILE:
        flat = y.reshape(-1)
        threads.share(*activating(flat, flat, CODES[name], slope))
    return y


def _swept(
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray,
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    code: int,
    slope: float,
) -> np.ndarray:
    """Return act(x * w + b), without b where it is empty, for the activations of a tile."""
    out = output_size(x.shape[1:3], w.shape[:2], strides, pads, dilation)
    y = memory.empty((x.shape[0], *out, w.shape[2]), x.dtype)
    taps = _taps(strides, pads, dilation)
    rows = y.shape[0] * y.shape[1]  # of all images, so that one image is shared, too
    threads.share(_forward, rows, _work(y, w), x, w, b, y, *taps, code, slope)
    return y


def depthwise_conv2d_d_x(
    g: np.ndarray,
    w: np.ndarray,
    x_shape: tuple[int, ...],
    strides: Pair,
    pads: Pads,
    dilation: Pair,
) -> np.ndarray:
    """Gradient of the input; see `melpy.kernels.spec.depthwise.depthwise_conv2d_d_x`."""
    arrays = contiguous(g, w)
    if arrays is None:
        return spec.depthwise_conv2d_d_x(g, w, x_shape, strides, pads, dilation)
    C, M = w.shape[2:]
    g, w = arrays[0], _rows(arrays[1])
    d_x = memory.empty((*x_shape[:3], C * M), g.dtype)
    threads.share(_d_x, len(g), _work(g, w), g, w, d_x, *_taps(strides, pads, dilation))
    return d_x if M == 1 else computed(lambda d: d.reshape(*x_shape, M).sum(axis=-1), d_x)


def depthwise_conv2d_d_w(
    g: np.ndarray,
    x: np.ndarray,
    w_shape: tuple[int, ...],
    strides: Pair,
    pads: Pads,
    dilation: Pair,
) -> np.ndarray:
    """Gradient of the kernels; see `melpy.kernels.spec.depthwise.depthwise_conv2d_d_w`."""
    arrays = contiguous(g, _repeat(x, w_shape[3]))
    if arrays is None:
        return spec.depthwise_conv2d_d_w(g, x, w_shape, strides, pads, dilation)
    g, x = arrays
    work = g.size * w_shape[0] * w_shape[1]
    totals = memory.empty((threads.parts(len(g), work), *w_shape[:2], g.shape[3]), g.dtype)
    threads.share(_d_w, len(g), work, g, x, totals, *_taps(strides, pads, dilation))
    return total(totals).reshape(w_shape)  # the groups in order, whoever made them


def _repeat(x: np.ndarray, M: int) -> np.ndarray:
    return (
        x if M == 1 else computed(lambda x: np.repeat(x, M, axis=3), x)
    )  # (N,H,W,C) -> (N,H,W,C*M)


def _rows(w: np.ndarray) -> np.ndarray:
    return w.reshape(*w.shape[:2], w.shape[2] * w.shape[3])  # (kH,kW,C,M) -> (kH,kW,C*M)


class Taps(NamedTuple):
    """How far apart windows are, where the first begins, and how far apart a window's taps are."""

    stride_h: int
    stride_w: int
    top: int
    left: int
    step_h: int
    step_w: int


def _taps(strides: Pair, pads: Pads, dilation: Pair) -> Taps:
    return Taps(*strides, pads[0][0], pads[1][0], *dilation)


def _work(y: np.ndarray, w: np.ndarray) -> int:
    """Return how many vectors are multiplied, roughly."""
    return y.size * w.shape[0] * w.shape[1] // 16


@for_team
def _forward(x, w, b, y, taps: Taps, code, slope, part, first, last):
    """Make rows of the output, counted through all images."""
    stride_h, stride_w, top, left, step_h, step_w = taps
    (_, H, W, C), (kH, kW, _), (_, oH, oW, _) = x.shape, w.shape, y.shape
    for row_of_all in range(first, last):
        n, p = row_of_all // oH, row_of_all % oH
        for q in range(oW):
            total = y[n, p, q]
            total[:] = 0
            for i in range(kH):
                row = p * stride_h - top + i * step_h
                if row < 0 or row >= H:
                    continue
                for j in range(kW):
                    column = q * stride_w - left + j * step_w
                    if column < 0 or column >= W:
                        continue
                    cell, tap = x[n, row, column], w[i, j]
                    for c in range(C):
                        total[c] += cell[c] * tap[c]
            for c in range(b.size):
                total[c] += b[c]
        cut(y[n, p].reshape(-1), code, slope)


@for_team
def _d_x(g, w, d_x, taps: Taps, part, first, last):
    stride_h, stride_w, top, left, step_h, step_w = taps
    (_, H, W, C), (kH, kW, _), (_, oH, oW, _) = d_x.shape, w.shape, g.shape
    for n in range(first, last):
        d_x[n] = 0
        for p in range(oH):
            for q in range(oW):
                share = g[n, p, q]
                for i in range(kH):
                    row = p * stride_h - top + i * step_h
                    if row < 0 or row >= H:
                        continue
                    for j in range(kW):
                        column = q * stride_w - left + j * step_w
                        if column < 0 or column >= W:
                            continue
                        cell, tap = d_x[n, row, column], w[i, j]
                        for c in range(C):
                            cell[c] += share[c] * tap[c]


@for_team
def _d_w(g, x, totals, taps: Taps, part, first, last):
    stride_h, stride_w, top, left, step_h, step_w = taps
    d_w = totals[part]
    d_w[:] = 0
    (_, H, W, C), (kH, kW, _), (_, oH, oW, _) = x.shape, d_w.shape, g.shape
    for n in range(first, last):
        for p in range(oH):
            for q in range(oW):
                share = g[n, p, q]
                for i in range(kH):
                    row = p * stride_h - top + i * step_h
                    if row < 0 or row >= H:
                        continue
                    for j in range(kW):
                        column = q * stride_w - left + j * step_w
                        if column < 0 or column >= W:
                            continue
                        cell, tap = x[n, row, column], d_w[i, j]
                        for c in range(C):
                            tap[c] += share[c] * cell[c]
