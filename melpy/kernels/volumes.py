"""Convolution and pooling of volumes (N, D, H, W, C), made of those of images.

A volume is a pile of images, so a convolution of volumes is a sum of convolutions of images, one
for each image k of the kernel,

    y[n, d] = sum_k x[n, d s + k a] * w[k]        s the stride, a the dilation along the depth

and its gradients are theirs. Pooling comes apart altogether: the largest of a box is the largest of
its images' largest, and the mean of a box is the mean of its images' means, for the boxes at the
rim too, as the cells that count are those inside along each axis. So whatever kernels
`melpy.config` asks for serve volumes as well, and no box is ever copied out.

Parameters are those of the kernels of images (`melpy.kernels.spec.conv_loops`, `...spec.pooling`),
with three numbers in the place of two: depth, height, width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from melpy.kernels import dispatch as kernels

__all__ = [
    "average_pool3d", "average_pool3d_d_x", "conv3d", "conv3d_d_w", "conv3d_d_x", "max_pool3d",
    "max_pool3d_d_x",
]  # fmt: skip

Sizes = tuple[int, int, int]  # (d, h, w)
Pads = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
Shape = tuple[int, ...]
Kernel = Callable[..., np.ndarray]


def conv3d(
    x: np.ndarray, w: np.ndarray, strides: Sizes, pads: Pads, dilation: Sizes, groups: int
) -> np.ndarray:
    """Convolve volumes: (N,D,H,W,C), (kD,kH,kW,C/G,K) -> (N,oD,oH,oW,K).

    Examples
    --------
    >>> x, w = np.ones((1, 2, 2, 2, 1)), np.ones((2, 2, 2, 1, 1))
    >>> conv3d(x, w, (1, 1, 1), ((0, 0), (0, 0), (0, 0)), (1, 1, 1), 1).ravel()
    array([8.])
    """
    x = _deeper(x, pads[0])
    depth = _stops(x.shape[1], len(w), strides[0], dilation[0])
    y: Any = 0.0
    for k, at in _depths(len(w), depth, strides[0], dilation[0]):
        term = kernels.conv2d(_pile(x[:, at]), w[k], strides[1:], pads[1:], dilation[1:], groups)
        y = np.add(y, term, out=term)
    return y.reshape(len(x), depth, *y.shape[1:])


def conv3d_d_x(
    g: np.ndarray,
    w: np.ndarray,
    x_shape: Shape,
    strides: Sizes,
    pads: Pads,
    dilation: Sizes,
    groups: int,
) -> np.ndarray:
    """Return the gradient of `conv3d` by x, of x's shape."""
    N, D, H, W, C = x_shape
    d_x = np.zeros((N, D + sum(pads[0]), H, W, C), np.result_type(g, w))
    images = _pile(g)
    for k, at in _depths(len(w), g.shape[1], strides[0], dilation[0]):
        term = kernels.conv2d_d_x(
            images, w[k], (len(images), H, W, C), strides[1:], pads[1:], dilation[1:], groups
        )
        d_x[:, at] += term.reshape(N, g.shape[1], H, W, C)
    return np.ascontiguousarray(d_x[:, pads[0][0] : pads[0][0] + D])


def conv3d_d_w(
    g: np.ndarray,
    x: np.ndarray,
    w_shape: Shape,
    strides: Sizes,
    pads: Pads,
    dilation: Sizes,
    groups: int,
) -> np.ndarray:
    """Return the gradient of `conv3d` by w, of w's shape."""
    x, images = _deeper(x, pads[0]), _pile(g)
    return np.stack(
        [
            kernels.conv2d_d_w(
                images, _pile(x[:, at]), w_shape[1:], strides[1:], pads[1:], dilation[1:], groups
            )
            for _, at in _depths(w_shape[0], g.shape[1], strides[0], dilation[0])
        ]
    )


def max_pool3d(x: np.ndarray, pool: Sizes, strides: Sizes, pads: Pads) -> np.ndarray:
    """y = the largest of each box: of its images, then along the depth.

    Examples
    --------
    >>> x = np.arange(8.0).reshape(1, 2, 2, 2, 1)
    >>> max_pool3d(x, (2, 2, 2), (2, 2, 2), ((0, 0), (0, 0), (0, 0))).item()
    7.0
    """
    flat = _flat(kernels.max_pool2d, x, pool, strides, pads)
    return _along(kernels.max_pool2d, flat, pool, strides, pads)


def max_pool3d_d_x(
    g: np.ndarray, x: np.ndarray, y: np.ndarray, pool: Sizes, strides: Sizes, pads: Pads
) -> np.ndarray:
    """Return g at each box's first largest value, image by image and row by row, 0 elsewhere."""
    flat = _flat(kernels.max_pool2d, x, pool, strides, pads)
    column, row = _depth_geometry(pool, strides, pads), (pool[1:], strides[1:], pads[1:])
    d_flat = kernels.max_pool2d_d_x(_thin(g), _thin(flat), _thin(y), *column)
    d_flat = d_flat.reshape(flat.shape)
    d_x = kernels.max_pool2d_d_x(_pile(d_flat), _pile(x), _pile(flat), *row)
    return d_x.reshape(x.shape)


def average_pool3d(x: np.ndarray, pool: Sizes, strides: Sizes, pads: Pads) -> np.ndarray:
    """y = the mean of each box; padding does not count.

    Examples
    --------
    >>> x = np.arange(8.0).reshape(1, 2, 2, 2, 1)
    >>> average_pool3d(x, (2, 2, 2), (2, 2, 2), ((0, 0), (0, 0), (0, 0))).item()
    3.5
    """
    flat = _flat(kernels.average_pool2d, x, pool, strides, pads)
    return _along(kernels.average_pool2d, flat, pool, strides, pads)


def average_pool3d_d_x(
    g: np.ndarray, x_shape: Shape, pool: Sizes, strides: Sizes, pads: Pads
) -> np.ndarray:
    """Return g / (the number of its cells) at each cell of a box, summed over the boxes."""
    N, D, H, W, C = x_shape
    _, _, oH, oW, _ = g.shape
    column = _depth_geometry(pool, strides, pads)
    d_flat = kernels.average_pool2d_d_x(_thin(g), (N, D, oH * oW, C), *column)
    images = d_flat.reshape(N * D, oH, oW, C)
    d_x = kernels.average_pool2d_d_x(images, (N * D, H, W, C), pool[1:], strides[1:], pads[1:])
    return d_x.reshape(x_shape)


def _flat(kernel: Kernel, x: np.ndarray, pool: Sizes, strides: Sizes, pads: Pads) -> np.ndarray:
    """Pool each image: (N,D,H,W,C) -> (N,D,oH,oW,C)."""
    y = kernel(_pile(x), pool[1:], strides[1:], pads[1:])
    return y.reshape(*x.shape[:2], *y.shape[1:])


def _along(kernel: Kernel, flat: np.ndarray, pool: Sizes, strides: Sizes, pads: Pads) -> np.ndarray:
    """Pool along the depth: (N,D,oH,oW,C) -> (N,oD,oH,oW,C)."""
    y = kernel(_thin(flat), *_depth_geometry(pool, strides, pads))
    return y.reshape(*y.shape[:2], *flat.shape[2:])


def _depth_geometry(pool: Sizes, strides: Sizes, pads: Pads) -> tuple:
    """Return the geometry of a pooling along the depth of volumes whose pixels lie in one row."""
    return (pool[0], 1), (strides[0], 1), (pads[0], (0, 0))


def _stops(size: int, window: int, stride: int, dilation: int) -> int:
    """Return how many stops a window makes along the depth."""
    return max(0, (size - (window - 1) * dilation - 1) // stride + 1)


def _depths(window: int, stops: int, stride: int, dilation: int) -> Iterator[tuple[int, slice]]:
    """Yield (k, where the windows of all stops have their image k)."""
    for k in range(window):
        first = k * dilation
        yield k, slice(first, first + stops * stride, stride)


def _deeper(x: np.ndarray, ends: tuple[int, int]) -> np.ndarray:
    """Return volumes with images of zeros before and behind."""
    if not any(ends):
        return x
    return np.pad(x, ((0, 0), ends, (0, 0), (0, 0), (0, 0)))


def _pile(x: np.ndarray) -> np.ndarray:
    """Return all images of all volumes: (N,D,H,W,C) -> (N*D,H,W,C)."""
    return x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])


def _thin(x: np.ndarray) -> np.ndarray:
    """Return volumes as images whose rows are theirs: (N,D,H,W,C) -> (N,D,H*W,C)."""
    N, D, H, W, C = x.shape
    return x.reshape(N, D, H * W, C)
