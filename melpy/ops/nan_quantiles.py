"""Quantiles of the entries that are no NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from melpy.errors import ArgumentError, lookup
from melpy.ops.choice import where
from melpy.ops.comparison import isnan
from melpy.ops.creation import array, convert_to_numpy, dtype, ndim, shape
from melpy.ops.elementwise import add, multiply, subtract
from melpy.ops.quantiles import SHARES
from melpy.ops.registry import composed
from melpy.ops.scatter import take_along_axis
from melpy.ops.shaping import cast, expand_dims, moveaxis, reshape, transpose
from melpy.ops.sorting import sort

__all__ = ["nanmedian", "nanpercentile", "nanquantile"]


@composed
def nanquantile(
    x: Any, q: Any, *, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Find the value below which a share q of the entries lies that are no NaN; see `quantile`.

    Parameters
    ----------
    x : array or tensor, any shape
    q : float or array of floats in [0, 1]
    axis : int, tuple of ints, or None for all axes
    method : "linear", "lower", "higher", "midpoint" or "nearest"
    keepdims : bool, whether the reduced axes stay, with size 1

    Returns
    -------
    array or tensor, the shape of q, then that of x without the axes; NaN where all are

    Examples
    --------
    >>> nanquantile(np.array([[1.0, np.nan, 4.0], [2.0, 6.0, 7.0]]), 0.5, axis=1)
    array([2.5, 6. ])
    """
    share_of = lookup("method", method, SHARES, "nanquantile")
    x, shares = array(x), np.asarray(convert_to_numpy(q), np.float64)
    x = x if np.dtype(dtype(x)).kind == "f" else cast(x, "float32")
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ArgumentError(
            "nanquantile", "q is no share", expected="numbers in [0, 1]", received={"q": q}
        )
    count = ndim(x)
    axes = normalize_axis_tuple(tuple(range(count)) if axis is None else axis, count)
    kept = [n for n in range(count) if n not in axes]
    moved = transpose(x, (*kept, *axes))
    rows = sort(reshape(moved, (*shape(moved)[: len(kept)], -1)), -1)  # (.., P), NaN at the end

    present = (~np.isnan(convert_to_numpy(rows))).sum(-1, keepdims=True)
    place = shares.reshape(-1) * np.maximum(present - 1, 0)  # (.., Q)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(present - 1, 0))
    share = share_of(place).astype(dtype(rows))
    low, high = take_along_axis(rows, below, -1), take_along_axis(rows, above, -1)
    with np.errstate(invalid="ignore"):  # between infinities, where nothing lies
        between = add(low, multiply(subtract(high, low), share))
    y = where(share == 0, low, where(share == 1, high, where(low == high, low, between)))
    y = moveaxis(where(isnan(low), np.nan, y), -1, 0)
    y = reshape(y, (*shares.shape, *shape(y)[1:]))
    return expand_dims(y, tuple(n + shares.ndim for n in axes)) if keepdims else y


@composed
def nanpercentile(
    x: Any, q: Any, *, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Return `nanquantile` of q / 100.

    Any shape -> the shape of q, then that of x without the axes.
    """
    return nanquantile(x, np.asarray(convert_to_numpy(q)) / 100, axis, method, keepdims)


@composed
def nanmedian(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the value in the middle of the entries that are no NaN.

    Any shape -> that shape without the axes.

    Examples
    --------
    >>> float(nanmedian(np.array([5.0, np.nan, 1.0, 3.0])))
    3.0
    """
    return nanquantile(x, 0.5, axis, "linear", keepdims)
