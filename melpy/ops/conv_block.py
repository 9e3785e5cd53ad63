"""A block of a convolutional network as one operation: convolution, bias, pooling, activation."""

from __future__ import annotations

import numpy as np

from melpy.errors import ArgumentError, ShapeError
from melpy.kernels import dispatch as kernels
from melpy.ops.conv import conv, conv_like, geometry_of, layout_of
from melpy.ops.fused import bias_activation_like
from melpy.ops.registry import op
from melpy.vjps import selective

__all__ = ["conv_block"]

KERAS_ROOM = None


def _like(torch, x, kernel, bias, *, activation="linear", slope=0.0, pool_size=1, **options):
    y = conv_like(torch, x, kernel, **options)
    y = bias_activation_like(torch, y, bias, activation=activation, slope=slope)
    images = y if y.ndim == 4 else y[:, None]
    window = (pool_size,) * 2 if isinstance(pool_size, int) else pool_size
    if y.ndim == 3:
        window = (1, pool_size)
    images = torch.nn.functional.max_pool2d(images.permute(0, 3, 1, 2), window)
    pooled = images.permute(0, 2, 3, 1)
    return pooled if y.ndim == 4 else pooled[:, 0]


def _sample(shape, kernel, **options):
    """Draw; where there are windows, until no two of their values are nearly equal."""

    def sample(rng):
        while True:
            x, w, b = rng.normal(size=shape), rng.normal(size=kernel), rng.normal(size=kernel[-1])
            z = conv(x, w, padding=options.get("padding", "valid"))
            if "gelu" in options.get("activation", ""):  # which falls and rises again
                z = kernels.activation(z, "gelu", 0.0)
            near = np.diff(np.sort(z.reshape(-1, kernel[-1]), axis=0), axis=0).min()
            if "pool_size" not in options or near > 1e-3:
                return x, w, b, options

    return sample


@op(
    sample=[
        _sample((2, 4, 5, 3), (2, 2, 3, 4)),
        _sample((2, 5, 4, 2), (2, 3, 2, 5), padding="same", activation="tanh"),
        _sample((1, 7, 6, 4), (3, 2, 2, 4), strides=2, padding="same", activation="sigmoid"),
        _sample((2, 6, 7, 1), (2, 2, 1, 3), activation="tanh", pool_size=2),
        _sample((2, 7, 3), (3, 3, 2), padding="same", pool_size=3),
        _sample((2, 4, 5, 2), (2, 2, 2, 3), activation="silu"),
        _sample((1, 5, 5, 1), (2, 2, 1, 2), activation="gelu", pool_size=2),
        _sample((1, 3, 5, 2), (2, 2, 2, 2), activation="gelu_tanh", pool_size=(1, 2)),
    ],
    like=_like,
)
def conv_block(
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
    pool_size=1,
):
    """Convolve, add a bias, activate and keep each window's largest value: max(act(x * W + b)).

    Parameters
    ----------
    inputs : tensor x, shape (N, H, W, C), or (N, T, C) for sequences
    kernel : tensor, shape (kH, kW, C / groups, D), or (K, C / groups, D) for sequences
    bias : tensor, shape (D,)
    strides, padding, data_format, dilation_rate : as in `conv`
    activation, slope : as in `bias_activation`; "silu", "gelu" or "gelu_tanh" too
    pool_size : int or pair of ints > 0, h w <= 256; windows lie side by side, and what fills none
        is dropped, as `max_pool` with "valid" padding does

    Returns
    -------
    tensor, shape (N, oH // h, oW // w, D) or (N, oT // w, D), dtype of inputs

    Gradient
    --------
    d_z = g act'(z) at each window's first maximum of act(z), 0 elsewhere; d_inputs and d_kernel
    are those of `conv`, d_bias = d_z summed to (D,).

    Raises
    ------
    ShapeError : inputs, kernel and bias do not fit each other
    ArgumentError : a window has more than 256 cells
    UnknownNameError : the activation or the padding is unknown

    Source
    ------
    L. Malard, Implémentation de CNNs avec NumPy, equations 9, 19 and 29.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> x, w, b = np.ones((1, 3, 3, 1)), np.ones((2, 2, 1, 1)), np.array([-5.0])
    >>> ops.conv_block(x, w, b, activation="relu", pool_size=2)[0, 0, 0]
    array([0.])
    """
    layout, *settled = _settled(
        inputs, kernel, bias, strides, padding, data_format, dilation_rate, pool_size
    )
    x, w, geometry, pool = settled
    act = (activation, slope)
    y, known, where, z_size = kernels.conv2d_block(x, w, bias, geometry, act, pool)

    def back(g, wanted):
        d_x, d_w, d_b = kernels.conv2d_block_back(
            layout.images(g), x, w, known, where, geometry, act, pool, z_size, wanted
        )
        return (
            None if d_x is None else layout.given(d_x),
            None if d_w is None else d_w.reshape(kernel.shape),
            d_b,
        )

    return layout.given(y), selective(back, 3)


def _settled(inputs, kernel, bias, strides, padding, data_format, dilation_rate, pool_size):
    """Check what goes together; return the layout, x and w as images, geometry and pool."""
    who = "conv_block"
    layout = layout_of(inputs.shape, kernel.shape, data_format, who)
    x, w = layout.images(inputs), layout.kernel(kernel)
    C, D = w.shape[2:]
    if x.shape[3] % C or D % (x.shape[3] // C or 1) or x.shape[3] == 0:
        layout.check_channels(inputs.shape, C, who)
    if bias.shape != (D,):
        raise ShapeError(
            who,
            "the bias does not fit the kernel",
            expected=f"shape {(D,)}",
            received={"bias.shape": bias.shape},
        )
    pool = layout.each(pool_size, "pool_size", who)
    if pool[0] * pool[1] > 256:
        raise ArgumentError(
            who,
            "a window is too large",
            expected="a pool_size of at most 256 cells",
            received={"pool_size": pool_size},
        )
    geometry = (
        *geometry_of(layout, inputs.shape, kernel.shape, strides, padding, dilation_rate, who),
        x.shape[3] // C,
    )
    return layout, x, w, geometry, pool
