"""Normalization of values by their own mean and variance."""

from __future__ import annotations

import numpy as np

from melpy.ops.registry import op
from melpy.ops.samples import normal

__all__ = ["standardize"]


def _like(torch, x, *, axis=-1, epsilon=1e-3):
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    mean = x.mean(axes, keepdim=True)
    return (x - mean) / torch.sqrt(x.var(axes, unbiased=False, keepdim=True) + epsilon)


@op(
    sample=[
        normal((4, 5)),
        normal((2, 3, 4), axis=(1, 2), epsilon=0.1),
        normal((2, 3, 4), axis=1),
    ],
    like=_like,
)
def standardize(x, *, axis=-1, epsilon=1e-3):
    """Take away the mean and divide by the deviation: z = (x - mean) / sqrt(variance + epsilon).

    Parameters
    ----------
    x : tensor
    axis : int or tuple of ints, the axes over which mean and variance are taken
    epsilon : float > 0

    Returns
    -------
    tensor, shape and dtype of x

    Gradient
    --------
    d_x = (g - mean(g) - z mean(g z)) / sqrt(variance + epsilon), means over the same axes

    Source
    ------
    J. L. Ba et al. 2016, Layer normalization, equation 3.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.standardize(np.array([1.0, 3.0]), epsilon=1e-12)
    array([-1.,  1.])
    """
    axes = tuple(axis) if isinstance(axis, list | tuple) else axis
    z = x - x.mean(axis=axes, keepdims=True)
    deviation = np.sqrt(np.square(z).mean(axis=axes, keepdims=True) + x.dtype.type(epsilon))
    z /= deviation

    def d_x(g):
        along = (g * z).mean(axis=axes, keepdims=True)
        return (g - g.mean(axis=axes, keepdims=True) - z * along) / deviation

    return z, (d_x,)
