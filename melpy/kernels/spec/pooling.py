"""Pooling over a view of all windows: each window becomes its maximum or its mean.

Paper: section 2.3. Images are NHWC, ``pool`` and ``strides`` are pairs (h, w), ``pads`` is
((top, bottom), (left, right)).
"""

from __future__ import annotations

import numpy as np

from melpy.kernels.spec.windows import Pads, Pair, crop, inside, pad, taps, windows

__all__ = ["average_pool2d", "average_pool2d_d_x", "max_pool2d", "max_pool2d_d_x"]


def max_pool2d(x: np.ndarray, pool: Pair, strides: Pair, pads: Pads) -> np.ndarray:
    """y[n,p,q,c] = max over the cells (i,j) of window (p,q) of x; padding counts as -inf.

    A NaN in a window is its maximum.

    Parameters
    ----------
    x : ndarray (N,H,W,C), floats
    pool, strides : pairs (h, w) of ints >= 1
    pads : ((top, bottom), (left, right)), ints >= 0

    Returns
    -------
    ndarray (N,oH,oW,C), the dtype of x

    Examples
    --------
    >>> x = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> max_pool2d(x, (2, 2), (2, 2), ((0, 0), (0, 0)))
    array([[[[3.]]]])
    """
    seen = windows(pad(x, pads, -np.inf), pool, strides)  # (N,H,W,C) -> (N,oH,oW,kH,kW,C)
    return seen.max(axis=(3, 4))  # (N,oH,oW,kH,kW,C) -> (N,oH,oW,C)


def max_pool2d_d_x(
    g: np.ndarray, x: np.ndarray, y: np.ndarray, pool: Pair, strides: Pair, pads: Pads
) -> np.ndarray:
    """d_x = sum over windows of g at the window's first maximum, 0 elsewhere.

    A maximum moves only with the cell that holds it. Of equal maxima the first one, row by row,
    takes all of g: as in Keras and PyTorch, and so that d_x and g have the same sum. (The paper
    gives g to each of them.) A cell of the padding takes it never.

    Parameters
    ----------
    g : ndarray (N,oH,oW,C), dL/dy
    x : ndarray (N,H,W,C)
    y : ndarray (N,oH,oW,C), what `max_pool2d` returned for x
    pool, strides, pads : as in `max_pool2d`

    Returns
    -------
    ndarray (N,H,W,C), the dtype of g
    """
    padded = pad(x, pads, -np.inf)  # (N,H,W,C) -> (N,pH,pW,C)
    real = inside((x.shape[1], x.shape[2]), pads)  # (1,pH,pW,1)
    d_x = np.zeros(padded.shape, g.dtype)
    waiting = np.ones(g.shape, dtype=bool)  # windows whose maximum is still to come
    for _, _, cells in taps(pool, (g.shape[1], g.shape[2]), strides):
        value = padded[cells]  # (N,pH,pW,C) -> (N,oH,oW,C)
        first = waiting & real[cells] & ((value == y) | np.isnan(value))
        d_x[cells] += np.where(first, g, 0)
        waiting &= ~first
    return crop(d_x, pads)  # (N,pH,pW,C) -> (N,H,W,C)


def average_pool2d(x: np.ndarray, pool: Pair, strides: Pair, pads: Pads) -> np.ndarray:
    """y[n,p,q,c] = mean over the cells of window (p,q) of x; padding is not counted.

    A window that lies on the padding alone has mean 0.

    Parameters
    ----------
    x, pool, strides, pads : as in `max_pool2d`

    Returns
    -------
    ndarray (N,oH,oW,C), the dtype of x

    Examples
    --------
    >>> x = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> average_pool2d(x, (2, 2), (2, 2), ((0, 0), (0, 0)))
    array([[[[1.5]]]])
    """
    seen = windows(pad(x, pads), pool, strides)  # (N,H,W,C) -> (N,oH,oW,kH,kW,C)
    total = seen.sum(axis=(3, 4))  # (N,oH,oW,kH,kW,C) -> (N,oH,oW,C)
    return total / counts((x.shape[1], x.shape[2]), pool, strides, pads).astype(x.dtype)


def average_pool2d_d_x(
    g: np.ndarray, x_shape: tuple[int, ...], pool: Pair, strides: Pair, pads: Pads
) -> np.ndarray:
    """d_x = sum over the windows that hold the cell of g / (the window's number of cells).

    Parameters
    ----------
    g : ndarray (N,oH,oW,C), dL/dy
    x_shape : (N,H,W,C)
    pool, strides, pads : as in `max_pool2d`

    Returns
    -------
    ndarray (N,H,W,C), the dtype of g
    """
    N, H, W, C = x_shape
    d_x = np.zeros((N, H + sum(pads[0]), W + sum(pads[1]), C), g.dtype)
    share = g / counts((H, W), pool, strides, pads).astype(g.dtype)  # (N,oH,oW,C)
    for _, _, cells in taps(pool, (g.shape[1], g.shape[2]), strides):
        d_x[cells] += share
    return crop(d_x, pads)  # (N,pH,pW,C) -> (N,H,W,C)


def counts(size: Pair, pool: Pair, strides: Pair, pads: Pads) -> np.ndarray:
    """Return how many of each window's cells are on the image, at least 1: (1,oH,oW,1)."""
    seen = windows(inside(size, pads), pool, strides)  # (1,pH,pW,1) -> (1,oH,oW,kH,kW,1)
    return np.maximum(seen.sum(axis=(3, 4)), 1)  # (1,oH,oW,kH,kW,1) -> (1,oH,oW,1)
