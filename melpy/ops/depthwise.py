"""Convolution of each channel by itself, and followed by a mixture of the channels."""

from __future__ import annotations

from typing import Any

from melpy.errors import ShapeError
from melpy.kernels import dispatch as kernels
from melpy.ops.conv import conv, conv_like, geometry_of, layout_of
from melpy.ops.fused import bias_activation_like
from melpy.ops.registry import composed, in_keras, op
from melpy.ops.samples import normal
from melpy.vjps import selective

__all__ = ["depthwise_block", "depthwise_conv", "separable_conv"]

KERAS_ROOM = "nn"


def _depthwise_like(torch, x, kernel, **options):
    """Convolve in groups of one channel, which is how PyTorch spells it."""
    *window, C, M = kernel.shape
    return conv_like(torch, x, kernel.reshape(*window, 1, C * M), **options)


@op(
    sample=[
        normal((2, 4, 5, 3), (2, 2, 3, 1)),
        normal((2, 5, 4, 2), (2, 3, 2, 3), padding="same"),
        normal((1, 7, 6, 4), (3, 2, 4, 2), strides=2, padding="same"),
        normal((2, 6, 7, 2), (2, 2, 2, 1), dilation_rate=(2, 3)),
        normal((2, 3, 5, 4), (2, 2, 3, 2), strides=2, data_format="channels_first"),
        normal((2, 7, 3), (3, 3, 2), strides=2, padding="same"),
    ],
    like=_depthwise_like,
)
def depthwise_conv(
    inputs, kernel, *, strides=1, padding="valid", data_format=None, dilation_rate=1
):
    """Convolve each channel alone: y[n,p,q,cM+m] = sum_ij x[n, p*s+i, q*s+j, c] kernel[i,j,c,m].

    Parameters
    ----------
    inputs : tensor x, shape (N, H, W, C), or (N, T, C) for sequences
    kernel : tensor, shape (kH, kW, C, M), or (K, C, M) for sequences
    strides : int or pair of ints > 0
    padding : "valid" (no padding) or "same" (zeros, so that oH = ceil(H / stride))
    data_format : "channels_last", "channels_first" for (N, C, H, W), or None for the setting
    dilation_rate : int or pair of ints > 0, distance between the kernel's taps

    Returns
    -------
    tensor, shape (N, oH, oW, C * M) or (N, oT, C * M), dtype of inputs

    Gradient
    --------
    d_inputs[row of (p,i), column of (q,j), c] += sum_m g[n,p,q,cM+m] kernel[i,j,c,m];
    d_kernel[i,j,c,m] = sum_npq x[n, p*s+i, q*s+j, c] g[n,p,q,cM+m].

    Raises
    ------
    ShapeError : inputs do not have the kernel's number of axes, or its channels, or are smaller
    UnknownNameError : padding is neither "valid" nor "same"

    Source
    ------
    L. Sifre 2014, Rigid-motion scattering for image classification, section 6.2.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.depthwise_conv(np.ones((1, 2, 2, 2)), np.array([1.0, 2.0]).reshape(1, 1, 2, 1))[0, 0]
    array([[1., 2.],
           [1., 2.]])
    """
    who = "depthwise_conv"
    layout = layout_of(inputs.shape, kernel.shape, data_format, who)
    layout.check_channels(inputs.shape, kernel.shape[-2], who)
    geometry = geometry_of(layout, inputs.shape, kernel.shape, strides, padding, dilation_rate, who)
    x, w = layout.images(inputs), layout.kernel(kernel)
    y = kernels.depthwise_conv2d(x, w, *geometry)  # (N,H,W,C) -> (N,oH,oW,C*M)

    def d_inputs(g):
        return layout.given(kernels.depthwise_conv2d_d_x(layout.images(g), w, x.shape, *geometry))

    def d_kernel(g):
        d_w = kernels.depthwise_conv2d_d_w(layout.images(g), x, w.shape, *geometry)
        return d_w.reshape(kernel.shape)

    return layout.given(y), (d_inputs, d_kernel)


def _block_like(torch, x, kernel, bias, *, activation="linear", slope=0.0, **options):
    y = _depthwise_like(torch, x, kernel, **options)
    return bias_activation_like(torch, y, bias, activation=activation, slope=slope)


@in_keras(None)
@op(
    sample=[
        normal((2, 4, 5, 3), (2, 2, 3, 1), (3,), activation="tanh"),
        normal((2, 5, 4, 2), (2, 3, 2, 3), (6,), padding="same", activation="sigmoid"),
        normal((1, 7, 6), (3, 6, 1), (6,), strides=2),
    ],
    like=_block_like,
)
def depthwise_block(
    inputs,
    kernel,
    bias,
    *,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
    activation="linear",
    slope=0.0,
):
    """Convolve each channel alone, add a bias and activate: y = act(x * W + b).

    Parameters
    ----------
    inputs, kernel, strides, padding, data_format, dilation_rate : as in `depthwise_conv`
    bias : tensor, shape (C * M,)
    activation, slope : as in `bias_activation`

    Returns
    -------
    tensor, shape (N, oH, oW, C * M) or (N, oT, C * M), dtype of inputs

    Gradient
    --------
    With d_z = g act'(z), taken from y: d_inputs and d_kernel are those of `depthwise_conv`,
    d_bias = d_z summed to (C * M,).

    Raises
    ------
    ShapeError : inputs, kernel and bias do not fit each other
    UnknownNameError : the activation or the padding is unknown

    Source
    ------
    L. Sifre 2014, Rigid-motion scattering for image classification, section 6.2.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> x, w = np.ones((1, 2, 2, 2)), np.array([1.0, -2.0]).reshape(1, 1, 2, 1)
    >>> ops.depthwise_block(x, w, np.ones(2), activation="relu")[0, 0, 0]
    array([2., 0.])
    """
    who = "depthwise_block"
    layout = layout_of(inputs.shape, kernel.shape, data_format, who)
    layout.check_channels(inputs.shape, kernel.shape[-2], who)
    geometry = geometry_of(layout, inputs.shape, kernel.shape, strides, padding, dilation_rate, who)
    x, w = layout.images(inputs), layout.kernel(kernel)
    channels = w.shape[2] * w.shape[3]
    if bias.shape != (channels,):
        raise ShapeError(
            who,
            "the bias does not fit the kernel",
            expected=f"shape {(channels,)}",
            received={"bias.shape": bias.shape},
        )
    y = kernels.depthwise_block(x, w, bias, *geometry, activation, slope)

    def back(g, wanted):
        d_z = kernels.activation_d_x(layout.images(g), y, y, activation, slope)
        d_x = kernels.depthwise_conv2d_d_x(d_z, w, x.shape, *geometry) if wanted[0] else None
        d_w = kernels.depthwise_conv2d_d_w(d_z, x, w.shape, *geometry) if wanted[1] else None
        return (
            None if d_x is None else layout.given(d_x),
            None if d_w is None else d_w.reshape(kernel.shape),
            kernels.sum_rows(d_z) if wanted[2] else None,
        )

    return layout.given(y), selective(back, 3)


@composed(whole=True)
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    *,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolve each channel alone, then mix the channels: conv(depthwise_conv(x, W), P).

    Parameters
    ----------
    inputs : tensor, shape (N, H, W, C), or (N, T, C) for sequences
    depthwise_kernel : tensor, shape (kH, kW, C, M), or (K, C, M) for sequences
    pointwise_kernel : tensor, shape (1, 1, C * M, D), or (1, C * M, D) for sequences
    strides, padding, data_format, dilation_rate : as in `depthwise_conv`

    Returns
    -------
    tensor, shape (N, oH, oW, D) or (N, oT, D), dtype of inputs

    Source
    ------
    F. Chollet 2017, Xception: deep learning with depthwise separable convolutions, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.separable_conv(np.ones((1, 2, 2, 3)), np.ones((2, 2, 3, 1)), np.ones((1, 1, 3, 1)))
    array([[[[12.]]]])
    """
    x = depthwise_conv(
        inputs,
        depthwise_kernel,
        strides=strides,
        padding=padding,
        data_format=data_format,
        dilation_rate=dilation_rate,
    )
    return conv(x, pointwise_kernel, data_format=data_format)
