"""Values in the middle, and averages of other kinds than the mean; and all of them without NaN."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.ops.choice import argmax, argmin, where
from melpy.ops.comparison import all as every
from melpy.ops.comparison import isnan, logical_not
from melpy.ops.creation import array, floating, ones_like
from melpy.ops.cumulative import cumprod, cumsum
from melpy.ops.elementwise import divide, multiply, sqrt, square, subtract
from melpy.ops.reduction import max as largest
from melpy.ops.reduction import mean, prod
from melpy.ops.reduction import min as smallest
from melpy.ops.reduction import sum as total
from melpy.ops.registry import composed, in_keras, op
from melpy.ops.samples import distinct
from melpy.ops.shaping import cast, reshape
from melpy.ops.sorting import put_back

__all__ = [
    "average", "median", "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean",
    "nanmin", "nanprod", "nanstd", "nansum", "nanvar", "percentile", "ptp", "quantile",
]  # fmt: skip

# How far to go from the entry below a place towards the entry above it.
SHARES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda place: place - np.floor(place),
    "lower": lambda place: np.zeros_like(place),
    "higher": lambda place: np.ceil(place) - np.floor(place),
    "midpoint": lambda place: (np.ceil(place) - np.floor(place)) / 2,
    "nearest": lambda place: np.rint(place) - np.floor(place),  # a tie goes to the even place
}


def _quantile_like(torch, x, q, axis=None, method="linear", keepdims=False):
    if isinstance(axis, tuple):
        kept = [n for n in range(x.ndim) if n not in axis]
        x, axis = x.permute(*kept, *axis).flatten(len(kept)), -1
    q = torch.as_tensor(q, dtype=x.dtype)
    return torch.quantile(x, q, dim=axis, keepdim=keepdims, interpolation=method)


@in_keras(call=("q",))
@op(
    sample=[
        distinct((2, 5), q=0.3),
        distinct((5, 2), q=[0.1, 0.5, 1.0], axis=0),
        distinct((2, 3, 4), q=0.6, axis=(0, 2), method="midpoint"),
        distinct((2, 4), q=0.6, axis=1, method="lower", keepdims=True),
        distinct((2, 4), q=0.6, axis=1, method="nearest"),
    ],
    like=_quantile_like,
    floats=True,
)
def quantile(x, *, q, axis=None, method="linear", keepdims=False):
    """Find the value below which a share q of the entries lies: y = the sorted x at q (n - 1).

    Parameters
    ----------
    x : array, any shape, not empty along the axes
    q : float or array of floats in [0, 1]
    axis : int, tuple of ints, or None for all axes
    method : what lies between two entries: "linear", "lower", "higher", "midpoint", "nearest"
    keepdims : bool, whether the reduced axes stay, with size 1

    Returns
    -------
    array, the shape of q, then that of x without the axes; its float type

    Gradient
    --------
    g to the two entries around the place, shared as they are in y

    Raises
    ------
    UnknownNameError, for another method; ArgumentError, for a share that is none

    Source
    ------
    Hyndman and Fan (1996), Sample quantiles in statistical packages, definition 7.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> float(ops.quantile(np.array([4.0, 1.0, 3.0, 2.0]), 0.5))
    2.5
    """
    share_of = lookup("method", method, SHARES, "quantile")
    shares = np.asarray(q, np.float64)
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ArgumentError(
            "quantile", "q is no share", expected="numbers in [0, 1]", received={"q": q}
        )
    axes = normalize_axis_tuple(tuple(range(x.ndim)) if axis is None else axis, x.ndim)
    kept = [n for n in range(x.ndim) if n not in axes]
    moved = x.transpose(*kept, *axes)
    sizes = moved.shape[: len(kept)], moved.shape[len(kept) :]
    rows = moved.reshape(*sizes[0], math.prod(sizes[1]))  # (.., P)
    order = np.argsort(rows, -1, kind="stable")
    values = np.take_along_axis(rows, order, -1)

    count = rows.shape[-1]
    if not count:
        raise ShapeError("quantile", "there are no entries", received={"x.shape": x.shape})
    place = shares.reshape(-1) * (count - 1)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, count - 1)
    share = share_of(place).astype(rows.dtype)
    low, high = values[..., below], values[..., above]  # (.., Q)
    with np.errstate(invalid="ignore", over="ignore"):
        gap = high - low
        y = np.where(np.isfinite(gap), low + gap * share, low * (1 - share) + high * share)
    y = np.where((share == 0) | (low == high), low, np.where(share == 1, high, y))
    y = np.where(np.isnan(values[..., -1:]), np.nan, y).astype(y.dtype)  # a NaN sorts to the end

    def d_x(g):
        g = g.reshape(len(place), *rows.shape[:-1])
        d = np.zeros(rows.shape, g.dtype)
        for n in range(len(place)):
            d[..., below[n]] += g[n] * (1 - share[n])
            d[..., above[n]] += g[n] * share[n]
        d = put_back(d, order, rows.shape, -1).reshape(moved.shape)
        return d.transpose(np.argsort([*kept, *axes]).astype(int))

    y = np.moveaxis(y, -1, 0).reshape((*shares.shape, *rows.shape[:-1]))
    if keepdims:
        y = np.expand_dims(y, tuple(n + shares.ndim for n in axes))
    return y, (d_x,)


@in_keras(made=("axis", "method", "keepdims"))
@composed
def percentile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Return `quantile` of q / 100.

    Any shape -> the shape of q, then that of x without the axes.
    """
    return quantile(x, np.asarray(q) / 100, axis, method, keepdims)


@composed
def median(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the value in the middle of the sorted entries, the mean of two for an even count.

    Any shape -> that shape without the axes.

    Examples
    --------
    >>> float(median(np.array([5.0, 1.0, 3.0])))
    3.0
    """
    return quantile(x, 0.5, axis, "linear", keepdims)


@in_keras(made=("axis",))
@composed
def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """Return the weighted mean Σ w x / Σ w; weights of one axis count along ``axis``.

    Any shape -> that shape without the axes.

    Examples
    --------
    >>> float(average(np.array([1.0, 5.0]), weights=np.array([3.0, 1.0])))
    2.0
    """
    if weights is None:
        return mean(x, axis)
    x, w = floating(x), floating(weights)  # as floats, which hold the products
    if len(w.shape) == 1 and isinstance(axis, int) and len(x.shape) > 1:
        around = [1] * len(x.shape)
        around[axis] = w.shape[0]
        w = reshape(w, tuple(around))
    return divide(total(multiply(x, w), axis), total(multiply(ones_like(x), w), axis))


@composed
def ptp(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the range of the values: y = max x - min x over the axes.

    Any shape -> that shape without the axes.
    """
    return subtract(largest(x, axis, keepdims), smallest(x, axis, keepdims))


def _filled(x: Any, value: float) -> tuple[Any, Any]:
    """Return x with another value in the place of NaN, and where it was none."""
    absent = isnan(x)
    return where(absent, value, x), logical_not(absent)


def _has_nan(x: Any) -> bool:
    """Return whether x is of floats: whole numbers have no NaN, and keep their type without it."""
    return np.dtype(array(x).dtype).kind == "f"


@composed
def nansum(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the sum of all entries but NaN.

    Any shape -> that shape without the axes.
    """
    return total(_filled(x, 0)[0], axis, keepdims)


@composed
def nanprod(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the product of all entries but NaN.

    Any shape -> that shape without the axes.
    """
    return prod(_filled(x, 1)[0], axis, keepdims)


@composed
def nancumsum(x: Any, *, axis: Any = None, dtype: Any = None) -> Any:
    """Return the running sum, in which NaN adds nothing.

    Any shape -> the same shape; one axis where it is None.
    """
    return cumsum(_filled(x, 0)[0], axis, dtype)


@composed
def nancumprod(x: Any, *, axis: Any = None, dtype: Any = None) -> Any:
    """Return the running product, in which NaN multiplies nothing.

    Any shape -> the same shape; one axis where it is None.
    """
    return cumprod(_filled(x, 1)[0], axis, dtype)


def _nan_where_empty(y: Any, present: Any, axis: Any, keepdims: bool) -> Any:
    return where(every(logical_not(present), axis, keepdims), np.nan, y)


@composed
def nanmax(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the largest entry that is no NaN; NaN where all are.

    Any shape -> that shape without the axes.
    """
    if not _has_nan(x):
        return largest(x, axis, keepdims)
    y, present = _filled(x, -np.inf)
    return _nan_where_empty(largest(y, axis, keepdims), present, axis, keepdims)


@composed
def nanmin(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the smallest entry that is no NaN; NaN where all are.

    Any shape -> that shape without the axes.
    """
    if not _has_nan(x):
        return smallest(x, axis, keepdims)
    y, present = _filled(x, np.inf)
    return _nan_where_empty(smallest(y, axis, keepdims), present, axis, keepdims)


def _place(find: Any, x: Any, filler: float, axis: Any, keepdims: bool) -> Any:
    y, present = _filled(x, filler) if _has_nan(x) else (x, ones_like(x, dtype="bool"))
    empty = every(logical_not(present), axis, keepdims)
    return where(empty, -1, find(y, axis, keepdims))


@composed
def nanargmax(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the place of the largest entry that is no NaN; -1 where all are.

    Any shape -> that shape without the axis, a scalar where it is None.
    """
    return _place(argmax, x, -np.inf, axis, keepdims)


@composed
def nanargmin(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the place of the smallest entry that is no NaN; -1 where all are.

    Any shape -> that shape without the axis, a scalar where it is None.
    """
    return _place(argmin, x, np.inf, axis, keepdims)


def _mean_of_present(y: Any, present: Any, axis: Any, keepdims: bool) -> Any:
    """Return Σ y / n, n the number of those present; NaN where none is. Absent ones have y = 0."""
    count = total(cast(present, str(y.dtype)), axis, keepdims)
    empty = every(logical_not(present), axis, keepdims)
    return where(empty, np.nan, divide(total(y, axis, keepdims), where(empty, 1, count)))


@composed
def nanmean(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the mean of all entries but NaN; NaN where there are none.

    Any shape -> that shape without the axes.

    Examples
    --------
    >>> float(nanmean(np.array([1.0, np.nan, 3.0])))
    2.0
    """
    return _mean_of_present(*_filled(x, 0), axis, keepdims)


@composed
def nanvar(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the variance of all entries but NaN.

    Any shape -> that shape without the axes.
    """
    y, present = _filled(x, 0)
    centred = where(present, subtract(y, _mean_of_present(y, present, axis, True)), 0)
    return _mean_of_present(square(centred), present, axis, keepdims)


@composed
def nanstd(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the standard deviation of all entries but NaN.

    Any shape -> that shape without the axes.
    """
    return sqrt(nanvar(x, axis, keepdims))
