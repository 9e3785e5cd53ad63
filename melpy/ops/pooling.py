"""Pooling of sequences, images and volumes: each window becomes its maximum or its mean."""

from __future__ import annotations

import numpy as np

from melpy.kernels import dispatch as kernels
from melpy.ops.registry import op
from melpy.ops.spatial import Layout, from_torch, pads, to_torch

__all__ = ["average_pool", "max_pool"]

KERAS_ROOM = "nn"


def _geometry(shape, pool_size, strides, padding, data_format, who):
    """Return (layout, (window, strides, pads)) of a pooling of arrays of that shape."""
    layout = Layout.of(shape, len(shape) - 2, data_format, who)
    window = layout.each(pool_size, "pool_size", who)
    strides = window if strides is None else layout.each(strides, "strides", who)
    around = pads(padding, layout.image_sizes(shape), window, strides, who)
    layout.check_window(shape, window, around, who)
    return layout, (window, strides, around)


def _max_pool_like(torch, x, *, pool_size, strides=None, padding="valid", data_format=None):
    layout, (window, strides, around) = _geometry(
        tuple(x.shape), pool_size, strides, padding, data_format, "like"
    )
    x = to_torch(torch, x, layout, around, -np.inf)
    pool = getattr(torch.nn.functional, f"max_pool{layout.name}")
    return from_torch(pool(x, window, strides), layout)


def _average_pool_like(torch, x, *, pool_size, strides=None, padding="valid", data_format=None):
    layout, (window, strides, around) = _geometry(
        tuple(x.shape), pool_size, strides, padding, data_format, "like"
    )
    pool, ones = getattr(torch.nn.functional, f"avg_pool{layout.name}"), torch.ones_like(x)
    total = pool(to_torch(torch, x, layout, around), window, strides)
    return from_torch(total / pool(to_torch(torch, ones, layout, around), window, strides), layout)


def _distinct(shape, **options):
    """Images whose values all differ by far more than a numerical derivative's step."""
    return lambda rng: (
        rng.permutation(int(np.prod(shape))).reshape(shape) / 7.0 - 3.0,
        options,
    )


SAMPLES = [
    _distinct((2, 4, 6, 3), pool_size=2),
    _distinct((1, 5, 7, 2), pool_size=(3, 2), strides=(2, 1)),
    _distinct((2, 5, 5, 1), pool_size=2, padding="same"),
    _distinct((1, 7, 6, 17), pool_size=3, strides=2, padding="same"),
    _distinct((2, 3, 5, 4), pool_size=2, strides=1, data_format="channels_first"),
    _distinct((2, 7, 3), pool_size=3, strides=2, padding="same"),
    _distinct((2, 3, 6), pool_size=2, data_format="channels_first"),
    _distinct((2, 4, 3, 5, 2), pool_size=(2, 3, 2), strides=(2, 1, 2)),
    _distinct((1, 5, 4, 3, 1), pool_size=3, strides=2, padding="same"),
]


@op(sample=SAMPLES, like=_max_pool_like)
def max_pool(inputs, *, pool_size, strides=None, padding="valid", data_format=None):
    """Keep each window's largest value: y[n,p,q,c] = max_ij x[n, p*s+i, q*s+j, c].

    Parameters
    ----------
    inputs : tensor, shape (N, H, W, C), (N, T, C) for sequences, or (N, D, H, W, C) for volumes
    pool_size : int > 0, or one an axis
    strides : int > 0, or one an axis, pool_size by default
    padding : "valid" or "same"; padded cells never win
    data_format : "channels_last", "channels_first", or None for the setting

    Returns
    -------
    tensor, shape (N, oH, oW, C), (N, oT, C) or (N, oD, oH, oW, C), dtype of inputs

    Gradient
    --------
    d_inputs gets g at the first maximum of each window, row by row; 0 elsewhere.

    Raises
    ------
    ShapeError : inputs are not of rank 3, 4 or 5, or the window is larger than they are

    Source
    ------
    L. Malard, Implémentation de CNNs avec NumPy, section 2.3; K. Yamaguchi et al. 1990.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.max_pool(np.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    layout, geometry = _geometry(inputs.shape, pool_size, strides, padding, data_format, "max_pool")
    x = layout.images(inputs)
    y = kernels.find(f"max_pool{layout.name}")(x, *geometry)  # (N,H,W,C) -> (N,oH,oW,C)

    def d_inputs(g):
        back = kernels.find(f"max_pool{layout.name}_d_x")
        return layout.given(back(layout.images(g), x, y, *geometry))

    return layout.given(y), (d_inputs,)


@op(sample=SAMPLES, like=_average_pool_like)
def average_pool(inputs, *, pool_size, strides=None, padding="valid", data_format=None):
    """Average each window: y[n,p,q,c] = mean_ij x[n, p*s+i, q*s+j, c].

    Parameters
    ----------
    inputs : tensor, shape (N, H, W, C), (N, T, C) for sequences, or (N, D, H, W, C) for volumes
    pool_size : int > 0, or one an axis
    strides : int > 0, or one an axis, pool_size by default
    padding : "valid" or "same"; padded cells do not count in the mean
    data_format : "channels_last", "channels_first", or None for the setting

    Returns
    -------
    tensor, shape (N, oH, oW, C), (N, oT, C) or (N, oD, oH, oW, C), dtype of inputs

    Gradient
    --------
    Each real cell of a window gets g / (number of real cells).

    Raises
    ------
    ShapeError : inputs are not of rank 3, 4 or 5, or the window is larger than they are

    Source
    ------
    Y. LeCun et al. 1998, Gradient-based learning applied to document recognition, section II.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.average_pool(np.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    layout, geometry = _geometry(
        inputs.shape, pool_size, strides, padding, data_format, "average_pool"
    )
    x = layout.images(inputs)
    y = kernels.find(f"average_pool{layout.name}")(x, *geometry)  # (N,H,W,C) -> (N,oH,oW,C)

    def d_inputs(g):
        back = kernels.find(f"average_pool{layout.name}_d_x")
        return layout.given(back(layout.images(g), x.shape, *geometry))

    return layout.given(y), (d_inputs,)
