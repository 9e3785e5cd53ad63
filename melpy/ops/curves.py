"""Activation functions of one more parameter or of an axis: celu, squareplus, glu, sparsemax."""

from __future__ import annotations

import math

import numpy as np

from melpy.errors import ShapeError
from melpy.ops.activations import logistic
from melpy.ops.registry import op
from melpy.ops.samples import away, normal

__all__ = ["celu", "glu", "sparsemax", "squareplus"]

KERAS_ROOM = "nn"


@op(
    sample=[away((2, 3)), away((2, 3), alpha=0.5)],
    like=lambda torch, x, alpha=1.0: torch.nn.functional.celu(x, alpha),
)
def celu(x, *, alpha=1.0):
    """Saturate below zero, smoothly: y = x where x > 0, alpha (e^(x / alpha) - 1) elsewhere.

    Parameters
    ----------
    x : array, any shape
    alpha : float > 0, minus the limit for x towards -inf

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g where x > 0, g e^(x / alpha) elsewhere

    Source
    ------
    Barron (2017), Continuously differentiable exponential linear units.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.celu([1.0, -1000.0])
    array([ 1., -1.], dtype=float32)
    """
    below = alpha * np.expm1(np.minimum(x, 0) / alpha)
    return np.where(x > 0, x, below), (lambda g: g * (below / alpha + 1),)


@op(
    sample=[normal((2, 3)), normal((2, 3), b=0.5)],
    like=lambda torch, x, b=4: (x + torch.sqrt(x * x + b)) / 2,
)
def squareplus(x, *, b=4):
    """Smooth the relu without an exponential: y = (x + √(x^2 + b)) / 2.

    Parameters
    ----------
    x : array, any shape
    b : float >= 0, how smooth; 0 is the relu

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g (1 + x / √(x^2 + b)) / 2, which is g y / √(x^2 + b)

    Source
    ------
    Barron (2021), Squareplus: a softplus-like algebraic rectifier.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.squareplus([0.0, 1.5])
    array([1., 2.], dtype=float32)
    """
    root = np.hypot(x, math.sqrt(b))
    half = np.abs(x) / 2 + root / 2
    y = np.where(x > 0, half, b / 4 / np.where(half == 0, 1, half))
    return y, (lambda g: g * (y / np.where(root == 0, 1, root)),)


@op(
    sample=[normal((2, 4)), normal((6, 3), axis=0)],
    like=lambda torch, x, axis=-1: torch.nn.functional.glu(x, axis),
)
def glu(x, *, axis=-1):
    """Gate one half by the other: y = a / (1 + e^-b), x = [a, b] along an axis.

    Parameters
    ----------
    x : array, any shape, of an even size along the axis
    axis : int

    Returns
    -------
    array, the shape of x, half as long along the axis; its float type

    Gradient
    --------
    [g s, g a s (1 - s)], s = sigmoid(b)

    Raises
    ------
    ShapeError, where the size along the axis is odd

    Source
    ------
    Dauphin et al. (2017), Language modeling with gated convolutional networks, section 2.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.glu([3.0, 5.0, 0.0, 0.0])
    array([1.5, 2.5], dtype=float32)
    """
    if x.shape[axis] % 2:
        raise ShapeError(
            "glu",
            f"axis {axis} has no two halves",
            expected="an even size along it",
            received={"shape": x.shape},
        )
    a, b = np.split(x, 2, axis)
    s = logistic(b)
    return a * s, (lambda g: np.concatenate([g * s, g * a * s * (1 - s)], axis),)


def _sparsemax_like(torch, x, axis=-1):
    z = x.movedim(axis, -1)
    ordered = torch.sort(z, dim=-1, descending=True).values
    counts = torch.arange(1, z.shape[-1] + 1, dtype=z.dtype)
    above = ordered.cumsum(-1) - 1
    size = (counts * ordered > above).sum(-1, keepdim=True)
    return torch.relu(z - above.gather(-1, size - 1) / size).movedim(-1, axis)


@op(sample=[normal((3, 4)), normal((4, 2), axis=0)], like=_sparsemax_like)
def sparsemax(x, *, axis=-1):
    """Turn scores into probabilities of which many are 0: y = max(x - t, 0), with Σ y = 1.

    Parameters
    ----------
    x : array, at least one axis
    axis : int, along which y adds up to 1

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g minus its mean over the entries of y that are not 0; 0 at the others

    Source
    ------
    Martins and Astudillo (2016), From softmax to sparsemax, algorithm 1 and equation 14.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.sparsemax([1.0, 0.5, -1.0])
    array([0.75, 0.25, 0.  ], dtype=float32)
    """
    if not x.size:
        return x.copy(), (lambda g: g,)
    z = np.moveaxis(x, axis, -1)  # (.., D)
    # beside large scores 1 is nothing; what is more than 1 below the largest comes out as 0
    with np.errstate(over="ignore"):
        z = np.maximum(z - np.max(z, -1, keepdims=True), -2)
    ordered = np.flip(np.sort(z, -1), -1)
    above = np.cumsum(ordered, -1) - 1
    counts = np.arange(1, z.shape[-1] + 1)
    size = np.sum(counts * ordered > above, -1, keepdims=True)  # of the support
    t = np.take_along_axis(above, size - 1, -1) / size.astype(above.dtype)
    y = np.moveaxis(np.maximum(z - t, 0), -1, axis)

    def d_x(g):
        inside = y > 0
        total = np.sum(g * inside, axis, keepdims=True)
        return inside * (g - total / np.sum(inside, axis, keepdims=True).astype(g.dtype))

    return y, (d_x,)
