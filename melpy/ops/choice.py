"""Functions that choose or jump: extremes of two, limits, signs, roundings, indices."""

from __future__ import annotations

import numpy as np

from melpy.errors import ArgumentError
from melpy.ops.promotion import common
from melpy.ops.registry import in_keras, op
from melpy.ops.samples import distinct

__all__ = [
    "argmax", "argmin", "ceil", "clip", "floor", "maximum", "minimum", "round", "sign", "where",
]  # fmt: skip


@op(sample=distinct((2, 3), (2, 3)), like="torch.maximum", broadcasts=True)
def maximum(x1, x2):
    """Take the larger: y = max(x1, x2), entry by entry.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast

    Returns
    -------
    array, the broadcast shape, the common type

    Gradient
    --------
    g to the larger one; at a tie half to each, as in PyTorch

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.maximum([1.0, 5.0], 3.0)
    array([3., 5.], dtype=float32)
    """
    return np.maximum(x1, x2), _to_winner(x1 > x2, x1 == x2)


@op(sample=distinct((2, 3), (2, 3)), like="torch.minimum", broadcasts=True)
def minimum(x1, x2):
    """Take the smaller: y = min(x1, x2), entry by entry.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast

    Returns
    -------
    array, the broadcast shape, the common type

    Gradient
    --------
    g to the smaller one; at a tie half to each, as in PyTorch

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.minimum([1.0, 5.0], 3.0)
    array([1., 3.], dtype=float32)
    """
    return np.minimum(x1, x2), _to_winner(x1 < x2, x1 == x2)


def _to_winner(first, tie):
    """Return the vjps of a choice between two arrays, given where the first one wins."""

    def d_x1(g):
        return np.where(tie, g / 2, g * first)

    def d_x2(g):
        return np.where(tie, g / 2, g * ~first)

    return d_x1, d_x2


@op(
    sample=lambda rng: (rng.random((2, 3)) < 0.5, rng.normal(size=(2, 3)), rng.normal(size=(2, 3))),
    like="torch.where",
    broadcasts=True,
    keeps=("condition",),
)
def where(condition, x1=None, x2=None):
    """Choose: y = x1 where the condition holds, x2 elsewhere.

    Parameters
    ----------
    condition : array of bools
    x1, x2 : arrays or numbers; all three shapes broadcast

    Returns
    -------
    array, the broadcast shape, the common type of x1 and x2; without these two the places where
        the condition holds, one array of int32 for each axis

    Gradient
    --------
    dL/dx1 = g where the condition holds, 0 elsewhere; dL/dx2 the reverse

    Raises
    ------
    ArgumentError, for one choice without the other

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.where([True, False], [1.0, 2.0], 0.0)
    array([1., 0.], dtype=float32)
    """
    if x1 is None and x2 is None:
        return tuple(place.astype(np.int32) for place in np.nonzero(condition)), (None, None, None)
    if x1 is None or x2 is None:
        raise ArgumentError(
            "where",
            "one of two choices is missing",
            expected="x1 and x2, or neither, for the places where the condition holds",
            received={"missing": "x1" if x1 is None else "x2"},
        )
    chosen = condition.astype(bool)
    return np.where(chosen, x1, x2), (None, lambda g: g * chosen, lambda g: g * ~chosen)


def _limits(*limits):
    return lambda rng: (rng.choice([-2.0, -0.3, 0.4, 3.0], (2, 3)), *limits)


@in_keras(made=("x_min", "x_max"))
@op(
    sample=[
        _limits(np.array(-1.0), np.array(1.0)),
        _limits(np.array([-1.0, -4.0, 0.0]), np.array([[2.0], [1.0]])),
        _limits(np.array(0.0), None),
        _limits(None, np.array(0.0)),
    ],
    like=lambda torch, x, x_min, x_max: torch.clamp(x, x_min, x_max),
    broadcasts=True,
)
def clip(x, x_min, x_max):
    """Limit: y = min(max(x, x_min), x_max).

    Parameters
    ----------
    x : array, any shape
    x_min, x_max : numbers or arrays that broadcast, or None for no limit on that side

    Returns
    -------
    array, the broadcast shape, the common type

    Gradient
    --------
    dL/dx = g where x_min <= x <= x_max, 0 elsewhere; at a limit it is g, as in PyTorch;
    dL/dx_min = g where x < x_min, dL/dx_max = g where x > x_max

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.clip([-3.0, 0.5, 3.0], -1.0, 1.0)
    array([-1. ,  0.5,  1. ], dtype=float32)
    """
    if x.dtype == bool:
        x = x.astype(common(np.int32, *(v.dtype for v in (x_min, x_max) if v is not None)))
    y = np.clip(x, x_min, x_max)
    return y, (
        lambda g: g * (x == y),
        lambda g: g * ((x < x_min) & (y == x_min)),
        lambda g: g * ((x > y) & (y == x_max)),
    )


@op(sample=distinct((2, 3)), like="torch.sign")
def sign(x):
    """Take the sign: y = -1, 0 or 1.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    0: y is constant between its jumps

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.sign([2.5, -1.5])
    array([ 1., -1.], dtype=float32)
    """
    return np.sign(x), (np.zeros_like,)


@op(sample=distinct((2, 3)), like="torch.floor", floats=True)
def floor(x):
    """Round down: y = ⌊x⌋.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    0: y is constant between its jumps

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.floor([2.5, -1.5])
    array([ 2., -2.], dtype=float32)
    """
    return np.floor(x), (np.zeros_like,)


@op(sample=distinct((2, 3)), like="torch.ceil", floats=True)
def ceil(x):
    """Round up: y = ⌈x⌉.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    0: y is constant between its jumps

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.ceil([2.5, -1.5])
    array([ 3., -1.], dtype=float32)
    """
    return np.ceil(x), (np.zeros_like,)


@op(
    sample=distinct((2, 3)),
    like=lambda torch, x, decimals=0: torch.round(x, decimals=decimals),
)
def round(x, *, decimals=0):
    """Round to the nearest, y = x to so many decimals; halves go to the even neighbour.

    Parameters
    ----------
    x : array, any shape
    decimals : int, how many digits after the point to keep

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    0: y is constant between its jumps

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.round([2.5, -1.6])
    array([ 2., -2.], dtype=float32)
    """
    return np.round(x, decimals), (np.zeros_like,)


@op(sample=distinct((2, 3), axis=1), like=lambda torch, x, axis: torch.argmax(x, dim=axis))
def argmax(x, *, axis=None, keepdims=False):
    """Find the largest: y = the index of max x along one axis; the first where several tie.

    Parameters
    ----------
    x : array, any shape, not empty along the axis
    axis : int, or None for the index into the flattened array
    keepdims : bool, whether the reduced axis stays, with size 1

    Returns
    -------
    array of int32, the shape of x without the axis

    Gradient
    --------
    none: an index is a whole number

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.argmax([[1.0, 2.0], [3.0, 0.0]], axis=1)
    array([1, 0], dtype=int32)
    """
    return np.argmax(x, axis=axis, keepdims=keepdims).astype(np.int32), (None,)


@op(sample=distinct((2, 3), axis=1), like=lambda torch, x, axis: torch.argmin(x, dim=axis))
def argmin(x, *, axis=None, keepdims=False):
    """Find the smallest: y = the index of min x along one axis; the first where several tie.

    Parameters
    ----------
    x : array, any shape, not empty along the axis
    axis : int, or None for the index into the flattened array
    keepdims : bool, whether the reduced axis stays, with size 1

    Returns
    -------
    array of int32, the shape of x without the axis

    Gradient
    --------
    none: an index is a whole number

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.argmin([[1.0, 2.0], [3.0, 0.0]], axis=1)
    array([0, 1], dtype=int32)
    """
    return np.argmin(x, axis=axis, keepdims=keepdims).astype(np.int32), (None,)
