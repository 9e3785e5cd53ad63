"""Convolution of sequences, images and volumes, and its transpose; by any kernels.

A sequence is an image of height 1. The transpose of a convolution is its own input gradient, so
three kernels serve both: forward, gradient of the input, gradient of the kernel.
"""

from __future__ import annotations

import numpy as np

from melpy.errors import ShapeError
from melpy.kernels import dispatch as kernels
from melpy.ops.registry import op
from melpy.ops.samples import normal
from melpy.ops.spatial import Layout, from_torch, pads, span, to_torch, transposed_cut

__all__ = ["conv", "conv_transpose"]

KERAS_ROOM = "nn"


def layout_of(shape, kernel_shape, data_format, who, volumes=False):
    """Return the layout of a convolution's input: the kernel says how many axes it has."""
    if len(kernel_shape) not in (3, 4, 5)[: 3 if volumes else 2]:
        raise ShapeError(
            who,
            f"the kernel has {len(kernel_shape)} axes",
            expected="shape (kH, kW, C, D), or (K, C, D) for sequences"
            + ", or (kD, kH, kW, C, D) for volumes" * volumes,
            received={"kernel.shape": kernel_shape},
        )
    return Layout.of(shape, len(kernel_shape) - 2, data_format, who)


def geometry_of(layout, shape, kernel_shape, strides, padding, dilation_rate, who):
    """Return (strides, pads, dilation) of a convolution of arrays of that shape."""
    strides = layout.each(strides, "strides", who)
    dilation = layout.each(dilation_rate, "dilation_rate", who)
    window = span(layout.window(kernel_shape), dilation)
    around = pads(padding, layout.image_sizes(shape), window, strides, who)
    layout.check_window(shape, window, around, who)
    return strides, around, dilation


def _kernels(layout):
    """Return what convolves arrays of a layout, and its gradients of the input and the kernel."""
    return [kernels.find(f"conv{layout.name}{end}") for end in ("", "_d_x", "_d_w")]


def conv_like(
    torch, x, kernel, *, strides=1, padding="valid", data_format=None, dilation_rate=1, who="conv"
):
    """Convolve in PyTorch: the twin of `conv`, and of `depthwise_conv` by its grouped kernel."""
    shapes = tuple(x.shape), tuple(kernel.shape)
    layout = layout_of(*shapes, data_format, who, volumes=True)
    strides, around, dilation = geometry_of(layout, *shapes, strides, padding, dilation_rate, who)
    x = to_torch(torch, x, layout, around)
    kernel = layout.kernel(kernel).movedim((-1, -2), (0, 1))
    groups = x.shape[1] // kernel.shape[1]
    convolve = getattr(torch.nn.functional, f"conv{layout.name}")
    y = convolve(x, kernel, None, strides, 0, dilation, groups)
    return from_torch(y, layout)


def _conv_transpose_like(torch, x, kernel, **options):
    layout, (strides, cuts, dilation) = _transposed(tuple(x.shape), tuple(kernel.shape), **options)
    x = to_torch(torch, x, layout, ((0, 0),) * len(cuts))
    kernel = layout.kernel(kernel).movedim((-1, -2), (0, 1))
    convolve = getattr(torch.nn.functional, f"conv_transpose{layout.name}")
    y = convolve(x, kernel, None, strides, dilation=dilation)
    ends = [-end for cut in reversed(cuts) for end in cut]
    return from_torch(torch.nn.functional.pad(y, ends), layout)


@op(
    sample=[
        normal((2, 4, 5, 3), (2, 2, 3, 4)),
        normal((2, 5, 4, 2), (2, 3, 2, 5), padding="same"),
        normal((1, 7, 6, 4), (3, 2, 2, 4), strides=2, padding="same"),
        normal((2, 6, 6, 1), (2, 2, 1, 3), strides=(2, 3)),
        normal((2, 6, 7, 2), (2, 2, 2, 4), dilation_rate=(2, 3), padding="same"),
        normal((2, 5, 5, 4), (3, 3, 1, 4), padding="same"),
        normal((1, 9, 12, 5), (3, 3, 5, 17)),
        normal((2, 3, 5, 4), (2, 2, 3, 4), strides=2, data_format="channels_first"),
        normal((2, 7, 3), (3, 3, 2), strides=2, padding="same"),
        normal((2, 4, 7), (2, 2, 6), dilation_rate=2, data_format="channels_first"),
        normal((1, 4, 3, 5, 2), (2, 2, 3, 2, 3), strides=(2, 1, 2), padding="same"),
        normal((2, 4, 4, 5, 3), (2, 3, 2, 3, 2), dilation_rate=(3, 1, 2)),
        normal((1, 4, 3, 2, 3), (2, 2, 1, 2, 4), data_format="channels_first"),
    ],
    like=conv_like,
)
def conv(inputs, kernel, *, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """Cross-correlate images: y[n,p,q,d] = sum_ijc x[n, p*s+i, q*s+j, c] kernel[i,j,c,d].

    Parameters
    ----------
    inputs : tensor x, shape (N, H, W, C), (N, T, C) for sequences, (N, D, H, W, C) for volumes
    kernel : tensor, shape (kH, kW, C / groups, D), (K, C / groups, D) for sequences or (kD, kH, kW,
        C / groups, D) for volumes; groups follow from the shapes, D is a multiple
    strides : int > 0, or one an axis
    padding : "valid" (no padding) or "same" (zeros, so that oH = ceil(H / stride))
    data_format : "channels_last", "channels_first" for (N, C, H, W), or None for the setting
    dilation_rate : int > 0, or one an axis, distance between the kernel's taps

    Returns
    -------
    tensor, shape (N, oH, oW, D), (N, oT, D) or (N, oD, oH, oW, D), dtype of inputs

    Gradient
    --------
    d_inputs is g correlated with the kernel rotated by half a turn; d_kernel[i,j,c,d] =
    sum_npq x[n, p*s+i, q*s+j, c] g[n,p,q,d].

    Raises
    ------
    ShapeError : inputs do not have the kernel's number of axes, channels do not fit the kernel,
        the kernel is larger than the inputs
    UnknownNameError : padding is neither "valid" nor "same"

    Source
    ------
    L. Malard, Implémentation de CNNs avec NumPy, equations 9, 19 and 29.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.conv(np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)))[0, :, :, 0]
    array([[4., 4.],
           [4., 4.]])
    """
    layout = layout_of(inputs.shape, kernel.shape, data_format, "conv", volumes=True)
    x, w = layout.images(inputs), layout.kernel(kernel)
    C, D = w.shape[-2:]
    groups = x.shape[-1] // C if C else 1  # no channels at all sum up to zeros
    if groups == 0 or x.shape[-1] != groups * C or D % groups:
        layout.check_channels(inputs.shape, C, "conv")
    geometry = (
        *geometry_of(layout, inputs.shape, kernel.shape, strides, padding, dilation_rate, "conv"),
        groups,
    )

    forward, d_x, d_w = _kernels(layout)
    y = forward(x, w, *geometry)  # (N,H,W,C) -> (N,oH,oW,D)

    def d_inputs(g):
        return layout.given(d_x(layout.images(g), w, x.shape, *geometry))

    def d_kernel(g):
        return d_w(layout.images(g), x, w.shape, *geometry).reshape(kernel.shape)

    return layout.given(y), (d_inputs, d_kernel)


def _transposed(
    shape,
    kernel_shape,
    strides=1,
    padding="valid",
    output_padding=None,
    data_format=None,
    dilation_rate=1,
):
    """Return (layout, (strides, cuts, dilation)) of a transposed convolution."""
    who = "conv_transpose"
    layout = layout_of(shape, kernel_shape, data_format, who, volumes=True)
    layout.check_channels(shape, kernel_shape[-1], who)
    strides = layout.each(strides, "strides", who)
    dilation = layout.each(dilation_rate, "dilation_rate", who)
    more = (None,) * len(strides)
    if output_padding is not None:
        more = layout.each(output_padding, "output_padding", who, least=0)
    window = span(layout.window(kernel_shape), dilation)
    cuts = tuple(
        transposed_cut(padding, *sizes, who) for sizes in zip(window, strides, more, strict=True)
    )
    return layout, (strides, cuts, dilation)


@op(
    sample=[
        normal((2, 3, 4, 3), (2, 2, 4, 3)),
        normal((2, 3, 4, 2), (3, 2, 2, 2), strides=(2, 3), padding="same"),
        normal((1, 3, 2, 2), (2, 1, 3, 2), strides=3),
        normal((1, 3, 3, 2), (3, 4, 2, 2), strides=2, padding="same", output_padding=1),
        normal((1, 2, 3, 2), (2, 2, 2, 2), strides=(2, 3), output_padding=(0, 2)),
        normal((2, 3, 4, 2), (2, 3, 1, 2), dilation_rate=2, padding="same"),
        normal((2, 3, 2, 4), (2, 2, 2, 3), strides=2, data_format="channels_first"),
        normal((2, 4, 3), (3, 2, 3), strides=2, padding="same"),
        normal((1, 2, 3, 2, 3), (2, 3, 2, 2, 3), strides=(2, 1, 3), padding="same"),
        normal((1, 2, 2, 3, 2), (2, 1, 2, 3, 2), strides=2, output_padding=1),
    ],
    like=_conv_transpose_like,
)
def conv_transpose(
    inputs,
    kernel,
    *,
    strides=1,
    padding="valid",
    output_padding=None,
    data_format=None,
    dilation_rate=1,
):
    """Spread each pixel over a window: y[n, p*s+i, q*s+j, d] = sum_c x[n,p,q,c] kernel[i,j,d,c].

    It is the gradient of `conv` with respect to its input, where x is the gradient of its output.

    Parameters
    ----------
    inputs : tensor x, shape (N, H, W, C), (N, T, C) for sequences, (N, D, H, W, C) for volumes
    kernel : tensor, shape (kH, kW, D, C), (K, D, C) for sequences, (kD, kH, kW, D, C) for volumes
    strides : int > 0, or one an axis, distance between the windows
    padding : "valid" or "same", which cuts the ends so that oH = H * stride
    output_padding : int >= 0, or one an axis, rows and columns beyond the least output; or None
        for those that make oH = H * stride ("same") or (H-1) stride + max(kH, stride) ("valid")
    data_format : "channels_last", "channels_first" for (N, C, H, W), or None for the setting
    dilation_rate : int > 0, or one an axis, distance between the kernel's taps

    Returns
    -------
    tensor, shape (N, oH, oW, D), (N, oT, D) or (N, oD, oH, oW, D), dtype of inputs

    Gradient
    --------
    d_inputs = conv(g, kernel); d_kernel[i,j,d,c] = sum_npq g[n, p*s+i, q*s+j, d] x[n,p,q,c].

    Raises
    ------
    ShapeError : inputs do not have the kernel's number of axes, or its channels
    UnknownNameError : padding is neither "valid" nor "same"

    Source
    ------
    M. Zeiler et al. 2010, Deconvolutional networks.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.conv_transpose(np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 1)))[0, :, :, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    layout, (strides, cuts, dilation) = _transposed(
        inputs.shape, kernel.shape, strides, padding, output_padding, data_format, dilation_rate
    )
    x, w = layout.images(inputs), layout.kernel(kernel)
    window = span(layout.window(kernel.shape), dilation)
    around = tuple((before, max(after, 0)) for before, after in cuts)
    more = tuple(max(-after, 0) for _, after in cuts)  # zeros that no window reaches
    sizes = tuple(
        (size - 1) * stride + k - sum(cut)
        for size, stride, k, cut in zip(x.shape[1:-1], strides, window, around, strict=True)
    )
    reached = (slice(None), *map(slice, sizes))
    geometry = strides, around, dilation, 1
    forward, d_x, d_w = _kernels(layout)

    y = d_x(x, w, (len(x), *sizes, w.shape[-2]), *geometry)  # (N,H,W,C) -> (N,oH,oW,D)
    if any(more):
        y = np.pad(y, ((0, 0), *((0, after) for after in more), (0, 0)))

    def d_inputs(g):
        return layout.given(forward(layout.images(g)[reached], w, *geometry))

    def d_kernel(g):
        return d_w(x, layout.images(g)[reached], w.shape, *geometry).reshape(kernel.shape)

    return layout.given(y), (d_inputs, d_kernel)
