"""What there is, where, and how often: places of non-zeros, counts of values and of bins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from melpy.errors import ArgumentError, ShapeError
from melpy.ops.creation import convert_to_numpy, floating
from melpy.ops.registry import composed, in_keras
from melpy.symbolic import Symbolic, like

__all__ = ["bincount", "histogram", "nonzero", "unique"]


@in_keras(made=("weights",))
@composed
def bincount(
    x: Any, weights: Any = None, *, minlength: int = 0, sparse: bool = False
) -> np.ndarray:
    """Return how often each whole number occurs in x, or its weights' sum.

    (N,) -> (K,) and (M, N) -> (M, K), K being the largest number + 1, or minlength if more.

    Examples
    --------
    >>> bincount(np.array([0, 2, 2]))
    array([1, 0, 2], dtype=int32)
    """
    x = convert_to_numpy(x)
    if x.dtype.kind not in "iub" or (x.size and x.min() < 0):
        raise ArgumentError(
            "bincount",
            "what is counted are not whole numbers >= 0",
            expected="an array of ints or bools, none of them negative",
            received={"dtype": str(x.dtype), "smallest": x.min(initial=0)},
        )
    x = x.astype(np.int64)
    length = max(minlength, int(x.max()) + 1 if x.size else 0)
    if x.ndim > 1:
        parts = [None] * len(x) if weights is None else convert_to_numpy(weights)
        return np.stack([bincount(r, w, length) for r, w in zip(x, parts, strict=True)])
    if weights is None:
        return np.bincount(x, None, length).astype(np.int32)
    weights = convert_to_numpy(weights)
    return np.bincount(x, weights, length).astype(weights.dtype)


@composed
def histogram(x: Any, *, bins: int = 10, range: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the counts of entries in bins of equal width, and the edges of the bins, as floats.

    Parameters
    ----------
    x : array, one axis
    bins : int > 0, how many
    range : (first edge, last edge), or None for the extremes of x

    Returns
    -------
    (counts, edges) : arrays (bins,) and (bins + 1,)

    Examples
    --------
    >>> histogram(np.array([1, 2, 2]), 2)
    (array([1., 2.], dtype=float32), array([1. , 1.5, 2. ], dtype=float32))
    """
    values = convert_to_numpy(floating(x))
    if values.ndim != 1:
        raise ShapeError(
            "histogram", "x has not one axis", received={"shape": values.shape},
            mend="Flatten it with ops.ravel.",
        )  # fmt: skip
    if not isinstance(bins, int | np.integer) or bins < 1:
        raise ArgumentError(
            "histogram", "bins is no number of bins", expected="an int > 0", received={"bins": bins}
        )
    counts, edges = np.histogram(values, bins, range)
    return counts.astype(values.dtype), edges.astype(values.dtype)


@composed
def nonzero(x: Any) -> tuple[np.ndarray, ...]:
    """Return the places of the entries that are not 0, one array of int32 for each axis.

    Any shape -> arrays (K,) of the K places.
    """
    return tuple(place.astype(np.int32) for place in np.nonzero(np.atleast_1d(convert_to_numpy(x))))


def _distinct(
    x, sorted=True, return_index=False, return_inverse=False, return_counts=False, axis=None,
    size=None, fill_value=None,
):  # fmt: skip
    """Return what symbolic different values are: how many there are is not known."""
    if not isinstance(x, Symbolic) or size is not None:
        return None
    count, inverse = like((None,), "int32"), like(x.shape, "int32")
    values = like((None,), x.dtype)
    if axis is not None:
        n = normalize_axis_index(axis, x.ndim)
        values = like((*x.shape[:n], None, *x.shape[n + 1 :]), x.dtype)
        inverse = like((x.shape[n],), "int32")
    asked = (return_index, count), (return_inverse, inverse), (return_counts, count)
    parts = [part for is_wanted, part in asked if is_wanted]
    return (values, *parts) if parts else values


@composed(made_of=_distinct)
def unique(
    x: Any,
    *,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """Return the different values of x in ascending order; see `numpy.unique` for the rest.

    Each NaN counts as another value.

    Parameters
    ----------
    x : array, any shape
    size : int or None; cut or fill up to so many values, with ``fill_value`` or the first of them,
        their places with the first one's, their counts with 0

    Returns
    -------
    array (K,), of a shape (.., K, ..) with an axis; then, as far as they are asked for, arrays of
        places (K,), of each entry's place among them, of x's shape, and of counts (K,)

    Examples
    --------
    >>> unique(np.array([5, 3, 3]), return_counts=True, size=3)
    (array([3, 5, 3]), array([2, 1, 0], dtype=int32))
    """
    asked = {"index": return_index, "inverse": return_inverse, "counts": return_counts}
    wanted: Any = {f"return_{name}": is_wanted for name, is_wanted in asked.items()}
    found: Any = np.unique(convert_to_numpy(x), axis=axis, equal_nan=False, **wanted)
    values, *others = found if isinstance(found, tuple) else (found,)
    parts = dict(zip((n for n in asked if asked[n]), others, strict=True))
    parts = {name: places.astype(np.int32) for name, places in parts.items()}
    if size is not None:
        along = axis or 0
        values = _sized(values, size, fill_value, along)
        fillers = {"index": None, "counts": 0}
        parts |= {n: _sized(parts[n], size, fillers[n], 0) for n in fillers.keys() & parts.keys()}
    return (values, *parts.values()) if parts else values


def _sized(x: np.ndarray, size: int, filler: Any, axis: int) -> np.ndarray:
    """Return x, cut or filled up along an axis: with a value, or with the first entry for None."""
    kept = np.arange(size)
    y = x.take(np.where(kept < x.shape[axis], kept, 0), axis)
    if filler is not None:
        np.moveaxis(y, axis, 0)[x.shape[axis] :] = filler
    return y
