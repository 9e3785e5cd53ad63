"""Depthwise convolution: every channel is convolved by itself, with M kernels of its own.

It is a convolution in C groups of one channel. Run group by group it would be C small products;
seen tap by tap it is one product of whole images: what all windows hold at cell (i, j) times the
kernels' cell (i, j), for all channels at once.

Channel c and its kernel m make output channel c*M + m, as in Keras.

Source: L. Sifre 2014, "Rigid-motion scattering for image classification", section 6.2.
"""

from __future__ import annotations

import numpy as np

from melpy.kernels.spec.activation import activation
from melpy.kernels.spec.windows import Pads, Pair, crop, output_size, pad, taps

__all__ = ["depthwise_block", "depthwise_conv2d", "depthwise_conv2d_d_w", "depthwise_conv2d_d_x"]


def depthwise_conv2d(
    x: np.ndarray, w: np.ndarray, strides: Pair, pads: Pads, dilation: Pair
) -> np.ndarray:
    """y[n,p,q,cM+m] = sum over i,j of x[n, p*sH + i*dH - top, q*sW + j*dW - left, c] w[i,j,c,m].

    Parameters
    ----------
    x : ndarray (N,H,W,C)
    w : ndarray (kH,kW,C,M)
    strides, dilation : pairs (h, w) of ints >= 1
    pads : ((top, bottom), (left, right)), ints >= 0

    Returns
    -------
    ndarray (N,oH,oW,C*M), the dtype of x

    Examples
    --------
    >>> x, w = np.arange(8.0).reshape(1, 2, 2, 2), np.ones((2, 2, 2, 1))
    >>> depthwise_conv2d(x, w, (1, 1), ((0, 0), (0, 0)), (1, 1))
    array([[[[12., 16.]]]])
    """
    kH, kW, C, M = w.shape
    out = output_size(x.shape[1:3], (kH, kW), strides, pads, dilation)
    padded = pad(x, pads)[..., np.newaxis]  # (N,H,W,C) -> (N,pH,pW,C,1)
    y = np.zeros((x.shape[0], *out, C, M), np.result_type(x, w))
    for i, j, cells in taps((kH, kW), out, strides, dilation):
        y += padded[cells] * w[i, j]  # (N,oH,oW,C,1) * (C,M)
    return y.reshape(*y.shape[:3], C * M)


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
    """y = act(x * W + b), channel by channel.

    Parameters
    ----------
    x, w, strides, pads, dilation : as in `depthwise_conv2d`
    b : ndarray (C*M,)
    name, slope : as in `melpy.kernels.spec.activation.activation`

    Returns
    -------
    ndarray (N,oH,oW,C*M), the dtype of x
    """
    return activation(depthwise_conv2d(x, w, strides, pads, dilation) + b, name, slope)


def depthwise_conv2d_d_x(
    g: np.ndarray,
    w: np.ndarray,
    x_shape: tuple[int, ...],
    strides: Pair,
    pads: Pads,
    dilation: Pair,
) -> np.ndarray:
    """d_x[cell (i, j) of each window, c] += sum over m of g[n,p,q,cM+m] w[i,j,c,m].

    Parameters, result: as in `depthwise_conv2d` and `melpy.kernels.spec.conv_loops.conv2d_d_x`.
    """
    (N, H, W, C), (kH, kW, _, M) = x_shape, w.shape
    G = g.reshape(*g.shape[:3], C, M)
    d_x = np.zeros((N, H + sum(pads[0]), W + sum(pads[1]), C), np.result_type(g, w))
    for i, j, cells in taps((kH, kW), (g.shape[1], g.shape[2]), strides, dilation):
        d_x[cells] += (G * w[i, j]).sum(axis=-1)  # (N,oH,oW,C,M) -> (N,oH,oW,C)
    return crop(d_x, pads)  # (N,pH,pW,C) -> (N,H,W,C)


def depthwise_conv2d_d_w(
    g: np.ndarray,
    x: np.ndarray,
    w_shape: tuple[int, ...],
    strides: Pair,
    pads: Pads,
    dilation: Pair,
) -> np.ndarray:
    """d_w[i,j,c,m] = sum over n,p,q of x[cell (i, j) of window (p, q), c] g[n,p,q,cM+m].

    Parameters, result: as in `depthwise_conv2d` and `melpy.kernels.spec.conv_loops.conv2d_d_w`.
    """
    kH, kW, C, M = w_shape
    G = g.reshape(*g.shape[:3], C, M)
    padded = pad(x, pads)[..., np.newaxis]  # (N,H,W,C) -> (N,pH,pW,C,1)
    d_w = np.zeros(w_shape, np.result_type(g, x))
    for i, j, cells in taps((kH, kW), (g.shape[1], g.shape[2]), strides, dilation):
        d_w[i, j] = (padded[cells] * G).sum(axis=(0, 1, 2))  # (N,oH,oW,C,M) -> (C,M)
    return d_w
