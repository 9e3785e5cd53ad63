"""Smooth activation functions, and those that look along an axis; the plain ones are next door."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from melpy.kernels import dispatch as kernels
from melpy.ops.activations import activated, logistic
from melpy.ops.registry import in_keras, op
from melpy.ops.samples import away, normal

__all__ = [
    "gelu", "log_softmax", "mish", "silu", "softmax", "softplus", "softsign", "swish",
]  # fmt: skip

KERAS_ROOM = "nn"


@op(sample=normal((2, 3)), like="torch.nn.functional.silu")
def silu(x):
    """Gate x by its sigmoid: y = x / (1 + e^-x). Also called ``swish``.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g s (1 + x (1 - s)), s = sigmoid(x)

    Source
    ------
    Hendrycks and Gimpel (2016), Gaussian error linear units; Ramachandran, Zoph and Le (2017),
    Searching for activation functions, section 4.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.silu([1.0, -1000.0]).round(3)
    array([ 0.731, -0.   ], dtype=float32)
    """
    return activated(x, "silu")


@op(sample=normal((2, 3)), like="torch.nn.functional.softplus")
def softplus(x):
    """Smooth the relu: y = log(1 + e^x).

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g (1 - e^-y), which is g sigmoid(x)

    Source
    ------
    Dugas et al. (2001), Incorporating second-order functional knowledge for better option
    pricing, equation 3.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.softplus([0.0, 3.0]).round(3)
    array([0.693, 3.049], dtype=float32)
    """
    y = np.logaddexp(x.dtype.type(0), x)
    return y, (lambda g: g * -np.expm1(-y),)


@op(sample=away((2, 3)), like="torch.nn.functional.softsign")
def softsign(x):
    """Squash into (-1, 1) slowly: y = x / (1 + |x|).

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g / (1 + |x|)^2

    Source
    ------
    Bergstra et al. (2009), Quadratic polynomials learn better image features.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.softsign([1.0, -3.0])
    array([ 0.5 , -0.75], dtype=float32)
    """

    def d_x(g):
        beyond = 1 + np.abs(x)
        return g / beyond / beyond

    return x / (1 + np.abs(x)), (d_x,)


@in_keras(None)
@op(sample=normal((2, 3)), like="torch.nn.functional.mish")
def mish(x):
    """Gate x by the tanh of its softplus: y = x tanh(log(1 + e^x)).

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g (t + x sigmoid(x) (1 - t^2)), t = tanh(softplus(x))

    Source
    ------
    Misra (2020), Mish: a self regularized non-monotonic activation function, equation 1.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.mish([1.0, -1000.0]).round(3)
    array([ 0.865, -0.   ], dtype=float32)
    """
    t = np.tanh(np.logaddexp(x.dtype.type(0), x))
    return x * t, (lambda g: g * (t + x * logistic(x) * (1 - t * t)),)


def _torch_gelu(torch, x, approximate=True):
    return torch.nn.functional.gelu(x, approximate="tanh" if approximate else "none")


@op(sample=[normal((2, 3)), normal((2, 3), approximate=False)], like=_torch_gelu)
def gelu(x, *, approximate=True):
    """Gate x by the normal distribution: y = x Φ(x), Φ(x) = (1 + erf(x / √2)) / 2.

    Parameters
    ----------
    x : array, any shape
    approximate : bool, whether Φ(x) is (1 + tanh(√(2/π) (x + 0.044715 x^3))) / 2

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g (Φ(x) + x Φ'(x))

    Source
    ------
    Hendrycks and Gimpel (2016), Gaussian error linear units, section 2.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.gelu([1.0, -1000.0], approximate=False).round(3)
    array([ 0.841, -0.   ], dtype=float32)
    """
    return activated(x, "gelu_tanh" if approximate else "gelu")


def _below_zero(x, axis):
    """Return x - max x along an axis, which the softmax does not see: then e^x cannot overflow."""
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    return x - np.max(x, axis=axis, keepdims=True, initial=-np.inf)


def _by_rows(x, axis):
    """Return whether a softmax is that of rows, which is a kernel's."""
    return axis in (-1, x.ndim - 1) and x.ndim > 0 and x.dtype.kind == "f"


@op(
    sample=[normal((2, 3)), normal((2, 3, 2), axis=1)],
    like=lambda torch, x, axis=-1: torch.softmax(x, axis),
    floats=True,
)
def softmax(x, *, axis=-1):
    """Turn scores into probabilities: y_i = e^x_i / Σ_j e^x_j along an axis.

    Parameters
    ----------
    x : array, at least one axis
    axis : int or tuple of ints, along which y adds up to 1, or None for all axes

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    y (g - Σ g y)

    Raises
    ------
    OutOfRangeError, where there is no such axis

    Source
    ------
    Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.softmax([0.0, 0.0, -1000.0])
    array([0.5, 0.5, 0. ], dtype=float32)
    """
    if _by_rows(x, axis):
        rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])  # (...,C) -> (M,C)
        p = kernels.softmax(rows)
        return p.reshape(x.shape), (
            lambda g: kernels.softmax_d_x(g.reshape(rows.shape), p).reshape(x.shape),
        )
    y = np.exp(_below_zero(x, axis))
    y /= np.sum(y, axis=axis, keepdims=True)
    return y, (lambda g: y * (g - np.sum(g * y, axis=axis, keepdims=True)),)


@op(
    sample=[normal((2, 3)), normal((2, 3, 2), axis=1)],
    like=lambda torch, x, axis=-1: torch.log_softmax(x, axis),
    floats=True,
)
def log_softmax(x, *, axis=-1):
    """Take the logarithm of the softmax: y_i = x_i - log Σ_j e^x_j along an axis.

    Parameters
    ----------
    x : array, at least one axis
    axis : int or tuple of ints, along which e^y adds up to 1, or None for all axes

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g - e^y Σ g

    Raises
    ------
    OutOfRangeError, where there is no such axis

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.log_softmax([0.0, 0.0, -2.0]).round(3)
    array([-0.759, -0.759, -2.759], dtype=float32)
    """
    x = _below_zero(x, axis)
    y = x - _log_sum(x, axis)

    def d_x(g):  # g_i (1 - p_i) - p_i Σ_{j ≠ i} g_j: what is far below 1 keeps its digits
        return g * -np.expm1(y) - np.exp(y) * (np.sum(g, axis=axis, keepdims=True) - g)

    return y, (d_x,)


def _log_sum(x, axis):
    """Return log Σ e^x of x <= 0 along an axis, with every digit: one entry is 0, and its 1 apart.

    The logarithm of 1 + s would forget an s far below 1.
    """
    axes = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    kept = [n for n in range(x.ndim) if n not in axes]
    count = math.prod(x.shape[n] for n in axes)
    rows = x.transpose(*kept, *axes).reshape(*(x.shape[n] for n in kept), count)
    if not count:
        return np.full([1 if n in axes else x.shape[n] for n in range(x.ndim)], -np.inf, x.dtype)
    others = np.exp(rows)
    np.put_along_axis(others, np.argmax(rows, -1, keepdims=True), 0, -1)
    y = np.log1p(np.sum(others, -1)) + np.max(rows, -1)  # the largest is 0, or NaN
    return np.expand_dims(y, tuple(sorted(axes)))


swish = silu
