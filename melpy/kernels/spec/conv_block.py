"""A block of a convolutional network in one step: convolution, bias, max pooling, activation.

    z = x * w + b        u = the largest of each window of z        y = act(u)

The activations of `bias_activation` never fall where z rises, so the largest value is the same
before and after them, and acting on what is left of the pooling is a fourth of the work. Windows
lie side by side; rows and columns that fill no window are dropped. ``where`` tells which cell of
its window won, the first one of equals, a NaN before all: all that the way back needs of z.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from melpy.kernels.spec import conv_windows
from melpy.kernels.spec.bias_activation import bias_activation, bias_activation_d_x, sum_rows
from melpy.kernels.spec.windows import Pads, Pair

__all__ = ["conv2d_block", "conv2d_block_back", "winners"]

Geometry = tuple[Pair, Pads, Pair, int]  # strides, pads, dilation, groups
Act = tuple[str, float]  # a name of `bias_activation.ACTIVATIONS`, its slope


def conv2d_block(
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray,
    geometry: Geometry,
    act: Act,
    pool: Pair,
    conv2d: Callable[..., np.ndarray] = conv_windows.conv2d,
) -> tuple[np.ndarray, np.ndarray | None, Pair]:
    """Return y (N,oH,oW,D); where its values come from, uint8, None without a pool; z's size.

    Parameters
    ----------
    x, w, geometry : as in `melpy.kernels.spec.conv_loops.conv2d`
    b : ndarray (D,)
    act : name and slope, as in `melpy.kernels.spec.bias_activation.bias_activation`
    pool : pair (h, w) of whole numbers, h * w <= 256
    """
    z = conv2d(x, w, *geometry)
    if pool == (1, 1):
        return bias_activation(z, b, *act), None, z.shape[1:3]
    u, where = winners(z + b, pool)
    return bias_activation(u, np.zeros_like(b), *act), where, z.shape[1:3]


def conv2d_block_back(
    g: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    y: np.ndarray,
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
    d_u = bias_activation_d_x(g, y, *act)
    d_z = d_u if where is None else scattered(d_u, where, pool, z_size)
    return [
        conv2d_d_x(d_z, w, x.shape, *geometry) if wanted[0] else None,
        conv2d_d_w(d_z, x, w.shape, *geometry) if wanted[1] else None,
        sum_rows(d_u) if wanted[2] else None,
    ]


def winners(z: np.ndarray, pool: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Return each window's largest value, and the number of its cell, counted row by row."""
    (N, H, W, C), (h, w) = z.shape, pool
    oH, oW = H // h, W // w
    cells = z[:, : oH * h, : oW * w].reshape(N, oH, h, oW, w, C)  # (N,H,W,C) -> (N,oH,h,oW,w,C)
    cells = cells.transpose(0, 1, 3, 5, 2, 4).reshape(N, oH, oW, C, h * w)
    where = cells.argmax(axis=-1)  # the first of equals; NumPy's argmax, too, stops at a NaN
    return np.take_along_axis(cells, where[..., None], -1)[..., 0], where.astype(np.uint8)


def scattered(g: np.ndarray, where: np.ndarray, pool: Pair, size: Pair) -> np.ndarray:
    """Put each value at its cell of its window, zeros elsewhere: (N,oH,oW,C) -> (N,H,W,C)."""
    (N, oH, oW, C), (h, w) = g.shape, pool
    cells = (where[..., None] == np.arange(h * w)) * g[..., None]  # (N,oH,oW,C,h*w)
    cells = cells.reshape(N, oH, oW, C, h, w).transpose(0, 1, 4, 2, 5, 3)
    d_z = np.zeros((N, *size, C), g.dtype)
    d_z[:, : oH * h, : oW * w] = cells.reshape(N, oH * h, oW * w, C)
    return d_z
