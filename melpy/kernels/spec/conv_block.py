"""A block of a convolutional network in one step: convolution, bias, max pooling, activation.

    z = x * w + b        a = act(z)        y = the largest of each window of a

Windows lie side by side; rows and columns that fill no window are dropped. ``where`` tells which
cell of its window won, the first one of equals, a NaN before all. The way back needs that and, of
the cells that won, what the activation's slope is known from: y itself, or z for those that fall
and rise again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from melpy.kernels.spec import conv_windows
from melpy.kernels.spec.activation import GATES, activation, activation_d_x
from melpy.kernels.spec.bias_activation import sum_rows
from melpy.kernels.spec.windows import Pads, Pair

__all__ = ["chosen", "conv2d_block", "conv2d_block_back", "winners"]

Geometry = tuple[Pair, Pads, Pair, int]  # strides, pads, dilation, groups
Block = tuple[np.ndarray, np.ndarray, np.ndarray | None, Pair]  # y, known, where, size of z
Act = tuple[str, float]  # as in `melpy.kernels.spec.activation`: a name, its slope


def conv2d_block(
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray,
    geometry: Geometry,
    act: Act,
    pool: Pair,
    conv2d: Callable[..., np.ndarray] = conv_windows.conv2d,
) -> Block:
    """Return y (N,oH,oW,D), what its slope is known from, where it comes from, and z's size.

    ``where`` is of type uint8, None without a pool.

    Parameters
    ----------
    x, w, geometry : as in `melpy.kernels.spec.conv_loops.conv2d`
    b : ndarray (D,)
    act : name and slope, as in `melpy.kernels.spec.activation.activation`
    pool : pair (h, w) of whole numbers, h * w <= 256
    """
    z = conv2d(x, w, *geometry) + b
    a, where = activation(z, *act), None
    y, size = a, z.shape[1:3]
    if pool != (1, 1):
        y, where = winners(a, pool)
        z = chosen(z, where, pool)
    return y, z if act[0] in GATES else y, where, size


def conv2d_block_back(
    g: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    known: np.ndarray,
    where: np.ndarray | None,
    geometry: Geometry,
    act: Act,
    pool: Pair,
    z_size: Pair,
    wanted: tuple[bool, bool, bool],
    conv2d_d_x: Callable[..., np.ndarray] = conv_windows.conv2d_d_x,
    conv2d_d_w: Callable[..., np.ndarray] = conv_windows.conv2d_d_w,
) -> list[np.ndarray | None]:
    """Return d_x, d_w and d_b, each where it is wanted; z_size is the size of z, (H, W)."""
    d_u = activation_d_x(g, known, known, *act)
    d_z = d_u if where is None else scattered(d_u, where, pool, z_size)
    return [
        conv2d_d_x(d_z, w, x.shape, *geometry) if wanted[0] else None,
        conv2d_d_w(d_z, x, w.shape, *geometry) if wanted[1] else None,
        sum_rows(d_z) if wanted[2] else None,
    ]


def winners(z: np.ndarray, pool: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Return each window's largest value, and the number of its cell, counted row by row."""
    where = _cells(z, pool).argmax(axis=-1)  # first of equals; NumPy's argmax, too, stops at a NaN
    return chosen(z, where, pool), where.astype(np.uint8)


def chosen(z: np.ndarray, where: np.ndarray, pool: Pair) -> np.ndarray:
    """Return the value of each window's cell of a number: (N,H,W,C) -> (N,oH,oW,C)."""
    return np.take_along_axis(_cells(z, pool), where[..., None].astype(np.intp), -1)[..., 0]


def _cells(z: np.ndarray, pool: Pair) -> np.ndarray:
    """Return the windows' cells: (N,H,W,C) -> (N,oH,oW,C,h*w)."""
    (N, H, W, C), (h, w) = z.shape, pool
    oH, oW = H // h, W // w
    cells = z[:, : oH * h, : oW * w].reshape(N, oH, h, oW, w, C)  # (N,H,W,C) -> (N,oH,h,oW,w,C)
    return cells.transpose(0, 1, 3, 5, 2, 4).reshape(N, oH, oW, C, h * w)


def scattered(g: np.ndarray, where: np.ndarray, pool: Pair, size: Pair) -> np.ndarray:
    """Put each value at its cell of its window, zeros elsewhere: (N,oH,oW,C) -> (N,H,W,C)."""
    (N, oH, oW, C), (h, w) = g.shape, pool
    cells = (where[..., None] == np.arange(h * w)) * g[..., None]  # (N,oH,oW,C,h*w)
    cells = cells.reshape(N, oH, oW, C, h, w).transpose(0, 1, 4, 2, 5, 3)
    d_z = np.zeros((N, *size, C), g.dtype)
    d_z[:, : oH * h, : oW * w] = cells.reshape(N, oH * h, oW * w, C)
    return d_z
