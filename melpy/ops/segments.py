"""Reduce the rows that belong together: entries with the same segment number."""

from __future__ import annotations

import numpy as np

from melpy.errors import ArgumentError, ShapeError
from melpy.ops.indexing import add_rows
from melpy.ops.registry import op

__all__ = ["segment_max", "segment_min", "segment_prod", "segment_sum"]

KERAS_ROOM = "math"


def _segments(rng):
    data = rng.permutation(10).reshape(5, 2) + 0.3
    return data, np.array([0, 2, 0, 1, 2]), {"num_segments": 3}


def _count(data, segment_ids, num_segments, who):
    if segment_ids.ndim != 1 or segment_ids.dtype.kind not in "iu":
        raise ArgumentError(
            who,
            "the segments are not numbered by one axis of whole numbers",
            expected="segment_ids of shape (N,), from 0",
            received={"shape": segment_ids.shape, "dtype": str(segment_ids.dtype)},
        )
    if data.shape[:1] != segment_ids.shape:
        raise ShapeError(
            who,
            "the rows of data and their segments differ in number",
            expected=f"data of shape ({len(segment_ids)}, ..)",
            received={"data.shape": data.shape, "segment_ids.shape": segment_ids.shape},
        )
    if num_segments is not None:
        return num_segments
    return int(segment_ids.max()) + 1 if segment_ids.size else 0


@op(
    sample=_segments,
    like=lambda torch, data, ids, num_segments: torch.zeros(
        num_segments, data.shape[1], dtype=data.dtype
    ).index_add(0, ids, data),
    keeps=("segment_ids",),
)
def segment_sum(data, segment_ids, *, num_segments=None, sorted=False):
    """Add up each segment: y_k = Σ data_n over the n with segment_ids_n = k.

    Parameters
    ----------
    data : array, (N, ..)
    segment_ids : array of ints, (N,); rows with a number out of range count nowhere
    num_segments : int K, or None for the largest number + 1
    sorted : bool, whether the numbers ascend; makes no difference here

    Returns
    -------
    array, (K, ..), the type of data; 0 for a segment without rows

    Gradient
    --------
    dL/ddata_n = g of its segment

    Raises
    ------
    ShapeError, where there is not one segment number for each row

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.segment_sum([1.0, 2.0, 3.0], [0, 1, 0])
    array([4., 2.], dtype=float32)
    """
    count = _count(data, segment_ids, num_segments, "segment_sum")
    inside = (segment_ids >= 0) & (segment_ids < count)
    rows = np.where(inside, segment_ids, count)  # one segment more takes what is outside

    def d_data(g):
        return np.concatenate([g, np.zeros((1, *g.shape[1:]), g.dtype)])[rows]

    return add_rows(data, rows, count + 1)[:count], (d_data, None)


def _extreme(choose, data, segment_ids, num_segments, who):
    """Return the extreme of each segment, by ``np.maximum`` or ``np.minimum``, and its vjps."""
    count = _count(data, segment_ids, num_segments, who)
    inside = np.flatnonzero((segment_ids >= 0) & (segment_ids < count))
    rows = segment_ids[inside]
    limits = _limits(data.dtype)
    y = np.full((count, *data.shape[1:]), limits[choose is np.minimum], data.dtype)
    choose.at(y, rows, data[inside])

    def d_data(g):
        hits = data[inside] == y[rows]
        ties = np.maximum(add_rows(hits.astype(g.dtype), rows, count), 1)
        d = np.zeros(data.shape, g.dtype)
        d[inside] = hits * (g / ties)[rows]
        return d

    return y, (d_data, None)


def _limits(dtype):
    if dtype.kind in "iu":
        return np.iinfo(dtype).min, np.iinfo(dtype).max
    return (False, True) if dtype.kind == "b" else (-np.inf, np.inf)


def _extreme_like(reduction):
    def twin(torch, data, ids, num_segments):
        start = torch.zeros(num_segments, data.shape[1], dtype=data.dtype)
        places = ids[:, None].expand(data.shape)
        return start.scatter_reduce(0, places, data, reduction, include_self=False)

    return twin


@op(sample=_segments, like=_extreme_like("amax"), keeps=("segment_ids",))
def segment_max(data, segment_ids, *, num_segments=None, sorted=False):
    """Take the largest of each segment: y_k = max data_n over the n with segment_ids_n = k.

    Parameters
    ----------
    data : array, (N, ..)
    segment_ids : array of ints, (N,); rows with a number out of range count nowhere
    num_segments : int K, or None for the largest number + 1
    sorted : bool, whether the numbers ascend; makes no difference here

    Returns
    -------
    array, (K, ..), the type of data; -∞ for a segment without rows

    Gradient
    --------
    g to the largest of the segment, split evenly where several tie

    Raises
    ------
    ShapeError, where there is not one segment number for each row

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.segment_max([1.0, 2.0, 3.0], [0, 1, 0])
    array([3., 2.], dtype=float32)
    """
    return _extreme(np.maximum, data, segment_ids, num_segments, "segment_max")


@op(sample=_segments, like=_extreme_like("amin"), keeps=("segment_ids",))
def segment_min(data, segment_ids, *, num_segments=None, sorted=False):
    """Take the smallest of each segment: y_k = min data_n over the n with segment_ids_n = k.

    Parameters
    ----------
    data : array, (N, ..)
    segment_ids : array of ints, (N,); rows with a number out of range count nowhere
    num_segments : int K, or None for the largest number + 1
    sorted : bool, whether the numbers ascend; makes no difference here

    Returns
    -------
    array, (K, ..), the type of data; ∞ for a segment without rows

    Gradient
    --------
    g to the smallest of the segment, split evenly where several tie

    Raises
    ------
    ShapeError, where there is not one segment number for each row

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.segment_min([1.0, 2.0, 3.0], [0, 1, 0])
    array([1., 2.], dtype=float32)
    """
    return _extreme(np.minimum, data, segment_ids, num_segments, "segment_min")


@op(sample=_segments, like=_extreme_like("prod"), keeps=("segment_ids",))
def segment_prod(data, segment_ids, *, num_segments=None, sorted=False):
    """Multiply up each segment: y_k = Π data_n over the n with segment_ids_n = k.

    Parameters
    ----------
    data : array, (N, ..)
    segment_ids : array of ints, (N,); rows with a number out of range count nowhere
    num_segments : int K, or None for the largest number + 1
    sorted : bool, whether the numbers ascend; makes no difference here

    Returns
    -------
    array, (K, ..), the type of data; 1 for a segment without rows

    Gradient
    --------
    g times the product of the segment's other entries, found without the zeros among them

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.segment_prod([4.0, 2.0, 3.0], [0, 1, 0])
    array([12.,  2.], dtype=float32)
    """
    count = _count(data, segment_ids, num_segments, "segment_prod")
    inside = np.flatnonzero((segment_ids >= 0) & (segment_ids < count))
    rows, values = segment_ids[inside], data[inside]
    y = np.ones((count, *data.shape[1:]), data.dtype)
    np.multiply.at(y, rows, values)

    def d_data(g):
        is_zero = values == 0
        zeros = add_rows(is_zero.astype(g.dtype), rows, count)[rows]
        filled = np.where(is_zero, 1, values)
        product = np.ones_like(y)
        np.multiply.at(product, rows, filled)
        others = product[rows] / filled  # of those that are not 0
        d = np.zeros(data.shape, g.dtype)
        d[inside] = g[rows] * np.where(zeros - is_zero > 0, 0, others)
        return d

    return y, (d_data, None)
