"""Convolution in nested loops: the definition, and the slow baseline of the paper's section 3.

A convolution is a long list of products, image value times kernel value, and each product is
added to one output value. `products` lists them. The forward pass and both gradients run through
that one list; they differ only in which of the three factors is the unknown:

    y   += x * w        d_x += g * w        d_w += g * x            with g = dL/dy

That is the whole of backpropagation for an operation linear in each input: dy/dx = w, dy/dw = x.

Source: L. Malard, "Implémentation de CNNs avec NumPy", eq. 10 (forward), 18 (d_w), 27 (d_x).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from melpy.kernels.spec.windows import Pads, Pair, output_size

__all__ = ["conv2d", "conv2d_d_w", "conv2d_d_x"]

Index = tuple[int, ...]


def conv2d(
    x: np.ndarray, w: np.ndarray, strides: Pair, pads: Pads, dilation: Pair, groups: int
) -> np.ndarray:
    """y[n,p,q,d] = sum over i,j,c of x[n, p*sH + i*dH - top, q*sW + j*dW - left, c] w[i,j,c,d].

    A cross-correlation: the kernel is not turned. Outside the image x is 0. With groups, channels
    are cut in ``groups`` equal runs and an output of run r sees only the inputs of run r.

    Parameters
    ----------
    x : ndarray (N,H,W,C)
    w : ndarray (kH,kW,C/groups,D)
    strides, dilation : pairs (h, w) of ints >= 1
    pads : ((top, bottom), (left, right)), ints >= 0
    groups : int >= 1 that divides C and D

    Returns
    -------
    ndarray (N,oH,oW,D), the dtype of x

    Examples
    --------
    >>> x, w = np.arange(4.0).reshape(1, 2, 2, 1), np.ones((2, 2, 1, 1))
    >>> conv2d(x, w, (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    array([[[[6.]]]])
    """
    oH, oW = output_size(x.shape[1:3], w.shape[:2], strides, pads, dilation)
    y = np.zeros((x.shape[0], oH, oW, w.shape[3]), np.result_type(x, w))
    for at_y, at_x, at_w in products(x.shape, w.shape, strides, pads, dilation, groups):
        y[at_y] += x[at_x] * w[at_w]
    return y


def conv2d_d_x(
    g: np.ndarray,
    w: np.ndarray,
    x_shape: Index,
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """d_x = dL/dx: each x value gathers g * w over the products it took part in (eq. 27).

    Parameters
    ----------
    g : ndarray (N,oH,oW,D), dL/dy
    w, strides, pads, dilation, groups : as in `conv2d`
    x_shape : (N,H,W,C), which strides that skip the last rows keep g's shape from telling

    Returns
    -------
    ndarray (N,H,W,C), the dtype of g
    """
    d_x = np.zeros(x_shape, np.result_type(g, w))
    for at_y, at_x, at_w in products(x_shape, w.shape, strides, pads, dilation, groups):
        d_x[at_x] += g[at_y] * w[at_w]
    return d_x


def conv2d_d_w(
    g: np.ndarray,
    x: np.ndarray,
    w_shape: Index,
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """d_w = dL/dw: each kernel value gathers g * x over the products it took part in (eq. 18).

    Parameters
    ----------
    g : ndarray (N,oH,oW,D), dL/dy
    x, strides, pads, dilation, groups : as in `conv2d`
    w_shape : (kH,kW,C/groups,D)

    Returns
    -------
    ndarray (kH,kW,C/groups,D), the dtype of g
    """
    d_w = np.zeros(w_shape, np.result_type(g, x))
    for at_y, at_x, at_w in products(x.shape, w_shape, strides, pads, dilation, groups):
        d_w[at_w] += g[at_y] * x[at_x]
    return d_w


def products(
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    groups: int,
) -> Iterator[tuple[Index, Index, Index]]:
    """Yield the places (in y, in x, in w) of every product of the convolution."""
    N, H, W, _ = x_shape
    kH, kW, C, D = w_shape  # C: the input channels of one group
    oH, oW = output_size((H, W), (kH, kW), strides, pads, dilation)
    for n in range(N):
        for p in range(oH):
            for q in range(oW):
                for d in range(D):
                    group = d // (D // groups)
                    for i in range(kH):
                        for j in range(kW):
                            row = p * strides[0] + i * dilation[0] - pads[0][0]
                            column = q * strides[1] + j * dilation[1] - pads[1][0]
                            if not (0 <= row < H and 0 <= column < W):
                                continue  # on the padding: x is 0 there
                            for c in range(C):
                                yield (n, p, q, d), (n, row, column, group * C + c), (i, j, c, d)
