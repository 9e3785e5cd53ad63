"""Convolution over a view of all windows: the way the "numpy" kernels compute it.

`melpy.kernels.spec.windows.windows` shows every window of the image without copying a value.
Seen so, a convolution is one sum over the window's axes, and so is the gradient of the kernel;
the gradient of the image adds back, cell by cell of the window, what that cell passed on.

Groups are a matmul's batch axis: G groups of C/G input and D/G output channels each, written
G, C, D in the shape comments below.

Source: L. Malard, "Implémentation de CNNs avec NumPy", eq. 10 (forward), 19 (d_w), 27 (d_x).
"""

from __future__ import annotations

import numpy as np

from melpy.kernels.spec.windows import Pads, Pair, crop, output_size, pad, taps, windows

__all__ = ["conv2d", "conv2d_d_w", "conv2d_d_x"]


def conv2d(
    x: np.ndarray, w: np.ndarray, strides: Pair, pads: Pads, dilation: Pair, groups: int
) -> np.ndarray:
    """Y = X W: each row of X is one window laid flat, each column of W one kernel laid flat.

    Parameters, result: as in `melpy.kernels.spec.conv_loops.conv2d`.

    Examples
    --------
    >>> x, w = np.arange(4.0).reshape(1, 2, 2, 1), np.ones((2, 2, 1, 1))
    >>> conv2d(x, w, (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    array([[[[6.]]]])
    """
    N, H, W, _ = x.shape
    oH, oW = output_size((H, W), w.shape[:2], strides, pads, dilation)
    X = window_rows(x, w.shape[:2], strides, pads, dilation, groups)  # (G,N*oH*oW,kH*kW*C)
    Y = X @ kernel_columns(w, groups)  # (G,N*oH*oW,kH*kW*C) @ (G,kH*kW*C,D) -> (G,N*oH*oW,D)
    return Y.transpose(1, 0, 2).reshape(N, oH, oW, w.shape[3])  # -> (N,oH,oW,G*D)


def conv2d_d_x(
    g: np.ndarray,
    w: np.ndarray,
    x_shape: tuple[int, ...],
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """d_x[row of (i, p), column of (j, q)] += g[p, q] w[i, j]^T, for each cell (i, j).

    It is eq. 27: where eq. 29 turns the kernel by 180 degrees to gather, this scatters, unturned.

    Parameters, result: as in `melpy.kernels.spec.conv_loops.conv2d_d_x`.
    """
    N, H, W, C = x_shape
    kH, kW, _, D = w.shape
    padded = (N, H + sum(pads[0]), W + sum(pads[1]), C)
    d_x = np.zeros(padded, np.result_type(g, w))
    oH, oW = g.shape[1:3]
    G = g.reshape(N * oH * oW, groups, D // groups).transpose(1, 0, 2)  # -> (G,N*oH*oW,D)
    kernels = w.reshape(kH, kW, C // groups, groups, D // groups)  # -> (kH,kW,C,G,D)
    for i, j, cells in taps((kH, kW), (oH, oW), strides, dilation):
        tap = G @ kernels[i, j].transpose(1, 2, 0)  # (G,N*oH*oW,D) @ (G,D,C) -> (G,N*oH*oW,C)
        d_x[cells] += tap.transpose(1, 0, 2).reshape(N, oH, oW, C)  # -> (N,oH,oW,G*C)
    return crop(d_x, pads)  # (N,pH,pW,C) -> (N,H,W,C)


def conv2d_d_w(
    g: np.ndarray,
    x: np.ndarray,
    w_shape: tuple[int, ...],
    strides: Pair,
    pads: Pads,
    dilation: Pair,
    groups: int,
) -> np.ndarray:
    """d_W = X^T G: the image correlated with g (eq. 19), all cells (i, j) in one product.

    Parameters, result: as in `melpy.kernels.spec.conv_loops.conv2d_d_w`.
    """
    kH, kW, C, D = w_shape  # C: the input channels of one group
    N, oH, oW, _ = g.shape
    X = window_rows(x, (kH, kW), strides, pads, dilation, groups)  # (G,N*oH*oW,kH*kW*C)
    G = g.reshape(N * oH * oW, groups, D // groups).transpose(1, 0, 2)  # -> (G,N*oH*oW,D)
    d_w = X.transpose(0, 2, 1) @ G  # (G,kH*kW*C,N*oH*oW) @ (G,N*oH*oW,D) -> (G,kH*kW*C,D)
    return d_w.transpose(1, 0, 2).reshape(kH, kW, C, D)  # -> (kH,kW,C,G*D)


def window_rows(
    x: np.ndarray, window: Pair, strides: Pair, pads: Pads, dilation: Pair, groups: int
) -> np.ndarray:
    """Lay each window flat, group by group: (N,H,W,C) -> (G,N*oH*oW,kH*kW*C/G)."""
    seen = windows(pad(x, pads), window, strides, dilation)  # (N,H,W,G*C) -> (N,oH,oW,kH,kW,G*C)
    N, oH, oW, kH, kW, C = seen.shape
    rows = seen.reshape(N * oH * oW, kH * kW, groups, C // groups)  # the one copy
    rows = rows.transpose(2, 0, 1, 3)  # -> (G,N*oH*oW,kH*kW,C)
    return rows.reshape(groups, N * oH * oW, kH * kW * (C // groups))  # -> (G,N*oH*oW,kH*kW*C)


def kernel_columns(w: np.ndarray, groups: int) -> np.ndarray:
    """Lay each kernel flat, group by group: (kH,kW,C/G,D) -> (G,kH*kW*C/G,D/G)."""
    kH, kW, C, D = w.shape
    columns = w.reshape(kH * kW * C, groups, D // groups)  # -> (kH*kW*C,G,D)
    return columns.transpose(1, 0, 2)  # -> (G,kH*kW*C,D)
