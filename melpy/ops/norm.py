"""Normalization of values by their own mean and variance."""

from __future__ import annotations

import math

import numpy as np

from melpy.kernels import dispatch as kernels
from melpy.ops.registry import op
from melpy.ops.samples import normal
from melpy.vjps import joint

__all__ = ["layer_norm", "standardize"]

KERAS_ROOM = None


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
    x : tensor, any shape
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


@op(
    sample=[normal((4, 5), (5,), (5,)), normal((2, 3, 4), (4,), (4,), epsilon=0.1)],
    like=lambda torch, x, gamma, beta, epsilon=1e-3: torch.nn.functional.layer_norm(
        x, x.shape[-1:], gamma, beta, epsilon
    ),
)
def layer_norm(x, gamma, beta, *, epsilon=1e-3):
    """Normalize the features of each sample: y = gamma (x - mean) / sqrt(variance + eps) + beta.

    Parameters
    ----------
    x : tensor, shape (..., C)
    gamma, beta : tensors, shape (C,)
    epsilon : float > 0

    Returns
    -------
    tensor, shape and dtype of x

    Gradient
    --------
    With z = (x - mean) s, s = 1 / sqrt(variance + eps) and e = gamma g: d_x = s (e - mean(e) -
    z mean(e z)), means along the last axis; d_gamma = sum g z, d_beta = sum g.

    Source
    ------
    J. L. Ba et al. 2016, Layer normalization, equation 3.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.layer_norm(np.array([1.0, 3.0]), np.ones(2), np.ones(2), epsilon=1e-12).round(6)
    array([0., 2.])
    """
    if x.size == 0:
        return x.copy(), (
            lambda g: g,
            lambda g: np.zeros_like(gamma),
            lambda g: np.zeros_like(beta),
        )
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])  # (...,C) -> (M,C)
    y, mean, s = kernels.layer_norm(rows, gamma, beta, epsilon)

    def back(g):
        d_x, d_gamma, d_beta = kernels.layer_norm_d_x(g.reshape(rows.shape), rows, mean, s, gamma)
        return d_x.reshape(x.shape), d_gamma, d_beta

    return y.reshape(x.shape), joint(back, 3)
