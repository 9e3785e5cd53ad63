"""Convolution, compiled: direct, over padded NHWC images, with the register tile of `tile`.

For one row of outputs and one row ky of the kernel, the inputs of pixel p are the kW*C numbers
that start at p*stride*C of the image's row: contiguous, no im2col. So

    y[row]   += X_ky W_ky        X_ky: (oW, kW*C), strided     W_ky: (kW*C, D)
    d_w[ky]  += X_ky^T g[row]

and d_x is a convolution again: g, with stride-1 zeros between its pixels, with the kernel
rotated by half a turn. Dilation is zeros between the kernel's own taps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.jit import compiled, contiguous
from melpy.kernels.compiled.tile import multiply_add
from melpy.kernels.spec import conv_windows as spec

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]


def conv2d(
    x: np.ndarray, w: np.ndarray, strides: Pair, pads: Pads, dilation: Pair, groups: int
) -> np.ndarray:
    """Convolve; see `melpy.kernels.spec.conv_windows.conv2d`."""
    arrays = contiguous(x, w)
    if arrays is None:
        return spec.conv2d(x, w, strides, pads, dilation, groups)
    x, w = arrays
    x, w = _spread(x, pads, (1, 1)), _dilate(w, dilation)
    return _by_group(_conv2d, groups, x, w, strides)


def conv2d_d_x(
    g: np.ndarray,
    w: np.ndarray,
    x_shape: tuple[int, ...],
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Gradient of the input; see `melpy.kernels.spec.conv_windows.conv2d_d_x`."""
    arrays = contiguous(g, w)
    if arrays is None:
        return spec.conv2d_d_x(g, w, x_shape, strides, pads, dilation, groups)
    g, w = arrays
    w = _dilate(w, dilation)[::-1, ::-1]
    around = []  # what completes g's rows and columns so that the output has x's size
    for axis, (before, _) in enumerate(pads):
        spread, taps = (g.shape[1 + axis] - 1) * strides[axis] + 1, w.shape[axis]
        first = taps - 1 - before
        around.append((first, x_shape[1 + axis] + taps - 1 - spread - first))
    g = _spread(g, tuple(around), strides)  # type: ignore[arg-type]
    return _by_group(_conv2d_swapped, groups, g, w)


def conv2d_d_w(
    g: np.ndarray,
    x: np.ndarray,
    w_shape: tuple[int, ...],
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """Gradient of the kernel; see `melpy.kernels.spec.conv_windows.conv2d_d_w`."""
    arrays = contiguous(g, x)
    if arrays is None:
        return spec.conv2d_d_w(g, x, w_shape, strides, pads, dilation, groups)
    g, x = arrays
    x = _spread(x, pads, (1, 1))
    kernel = tuple((k - 1) * d + 1 for k, d in zip(w_shape[:2], dilation, strict=True))
    d_w = _by_group(_conv2d_d_w, groups, g, x, kernel, strides)
    return np.ascontiguousarray(d_w[:: dilation[0], :: dilation[1]])


def _by_group(
    function: Callable[..., np.ndarray], groups: int, a: np.ndarray, b: np.ndarray, *rest: Any
) -> np.ndarray:
    """Call ``function`` with each group of last-axis channels, and join what it returns."""
    parts = [
        function(np.ascontiguousarray(p), np.ascontiguousarray(q), *rest)
        for p, q in zip(np.split(a, groups, axis=3), np.split(b, groups, axis=3), strict=True)
    ]
    return parts[0] if groups == 1 else np.concatenate(parts, axis=-1)


def _spread(x: np.ndarray, pads: Pads, steps: Pair) -> np.ndarray:
    """Frame images with zeros, and put ``steps - 1`` zeros between their pixels.

    A negative pad cuts pixels away.
    """
    if steps == (1, 1) and not any(map(any, pads)):
        return x
    N, *sizes, C = x.shape
    sizes = [
        max(0, (size - 1) * step + 1 + sum(pad))
        for size, step, pad in zip(sizes, steps, pads, strict=True)
    ]
    y = memory.empty((N, *sizes, C), x.dtype)
    blocks = threads.groups(N)
    threads.run(
        lambda b: _place(x, y, *blocks[b], pads[0][0], pads[1][0], *steps), len(blocks), y.size
    )
    return y


def _dilate(w: np.ndarray, steps: Pair) -> np.ndarray:
    """Put ``steps - 1`` zeros between a kernel's taps: (kH,kW,C,D) seen as one image."""
    image = _spread(w.reshape(1, *w.shape[:2], -1), ((0, 0), (0, 0)), steps)
    return image.reshape(*image.shape[1:3], *w.shape[2:])


def _conv2d(x: np.ndarray, w: np.ndarray, strides: Pair) -> np.ndarray:
    """Convolve padded, contiguous images."""
    (N, H, W, _), (kH, kW, _, D) = x.shape, w.shape
    oH, oW = (H - kH) // strides[0] + 1, (W - kW) // strides[1] + 1
    y = memory.empty((N, oH, oW, D), x.dtype)
    work = y.size * w[..., 0].size // 16
    blocks = threads.groups(N)
    threads.run(lambda block: _images(x, w, y, *blocks[block], *strides), len(blocks), work)
    return y


def _conv2d_swapped(g: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Convolve with the kernel's input and output channels swapped: back from D to C."""
    return _conv2d(g, np.ascontiguousarray(w.swapaxes(2, 3)), (1, 1))


def _conv2d_d_w(g: np.ndarray, x: np.ndarray, kernel: tuple[int, ...], strides: Pair) -> np.ndarray:
    """Sum the kernel's gradient over fixed groups of images, then the groups in order."""
    blocks = threads.groups(x.shape[0])
    parts = np.zeros((max(1, len(blocks)), *kernel, x.shape[3], g.shape[3]), x.dtype)
    work = g.size * parts[0, ..., 0].size // 16
    threads.run(lambda b: _images_d_w(x, g, parts[b], *blocks[b], *strides), len(blocks), work)
    return parts[0] if len(parts) == 1 else parts.sum(axis=0)


@compiled
def _images(x, w, y, first, last, stride_h, stride_w):
    (_, H, W, C), (kH, kW, _, D), (_, oH, oW, _) = x.shape, w.shape, y.shape
    for n in range(first, last):
        for row in range(oH):
            y[n, row] = 0
            for ky in range(kH):
                multiply_add(
                    y, (n * oH + row) * oW * D, D, oW, D,
                    x, (n * H + row * stride_h + ky) * W * C, stride_w * C, 1,
                    w, ky * kW * C * D, D, kW * C,
                )  # fmt: skip


@compiled
def _images_d_w(x, g, d_w, first, last, stride_h, stride_w):
    (_, H, W, C), (kH, kW, _, D), (_, oH, oW, _) = x.shape, d_w.shape, g.shape
    for n in range(first, last):
        for row in range(oH):
            for ky in range(kH):
                multiply_add(
                    d_w, ky * kW * C * D, D, kW * C, D,
                    x, (n * H + row * stride_h + ky) * W * C, 1, stride_w * C,
                    g, (n * oH + row) * oW * D, D, oW,
                )  # fmt: skip


@compiled
def _place(x, y, first, last, top, left, step_h, step_w):
    (_, H, W, C), (_, rows, columns, _) = x.shape, y.shape
    start = max(0, -left)  # the first and last pixel of a row that are not cut away, at step 1
    stop = min(W, columns - left)
    for n in range(first, last):
        y[n] = 0
        for i in range(H):
            row = i * step_h + top
            if row < 0 or row >= rows:
                continue
            if step_w == 1:
                y[n, row, start + left : stop + left] = x[n, i, start:stop]
            else:
                for j in range(W):
                    column = j * step_w + left
                    if 0 <= column < columns:
                        for c in range(C):
                            y[n, row, column, c] = x[n, i, j, c]
