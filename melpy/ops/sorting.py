"""Order: sorted values, the largest ones, places in an order."""

from __future__ import annotations

import numpy as np

from melpy.errors import ArgumentError
from melpy.ops.registry import in_keras, op
from melpy.ops.samples import distinct

__all__ = [
    "argpartition", "argsort", "digitize", "in_top_k", "searchsorted", "sort", "top_k",
]  # fmt: skip


def _along(x, axis):
    return (x.reshape(-1), 0) if axis is None else (x, axis)


def put_back(g, order, shape, axis):
    """Return zeros of a shape into which g was put at the places of an order along an axis."""
    d = np.zeros(shape, g.dtype)
    np.put_along_axis(d, order, g, axis)
    return d


def _sort_like(torch, x, axis=-1):
    return torch.sort(x.ravel() if axis is None else x, dim=0 if axis is None else axis)[0]


@op(
    sample=[distinct((2, 3)), distinct((3, 2), axis=0), distinct((2, 3), axis=None)],
    like=_sort_like,
)
def sort(x, *, axis=-1):
    """Sort: y = x in ascending order along an axis.

    Parameters
    ----------
    x : array, any shape
    axis : int, or None for the flattened array

    Returns
    -------
    array, the shape of x, or one axis; the type of x

    Gradient
    --------
    g, each entry back to where its value was

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.sort([3.0, 1.0, 2.0])
    array([1., 2., 3.], dtype=float32)
    """
    rows, along = _along(x, axis)
    order = np.argsort(rows, along, kind="stable")
    return np.take_along_axis(rows, order, along), (
        lambda g: put_back(g, order, rows.shape, along).reshape(x.shape),
    )


@op(
    sample=[distinct((2, 3)), distinct((3, 2), axis=0)],
    like=lambda torch, x, axis=-1: torch.argsort(x, dim=axis),
)
def argsort(x, *, axis=-1):
    """Find the order: y_i = the place in x of the i-th smallest entry; ties stay in their order.

    Parameters
    ----------
    x : array, any shape
    axis : int, or None for the flattened array

    Returns
    -------
    array of int32, the shape of x, or one axis

    Gradient
    --------
    none: a place is a whole number

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.argsort([3.0, 1.0, 2.0])
    array([1, 2, 0], dtype=int32)
    """
    return np.argsort(x, axis, kind="stable").astype(np.int32), (None,)


@op(
    sample=distinct((2, 5), kth=2),
    like=lambda torch, x, kth: torch.as_tensor(np.argpartition(x.detach().numpy(), kth)),
)
def argpartition(x, *, kth, axis=-1):
    """Find a half order: the places of all entries below the kth smallest come before its own.

    Parameters
    ----------
    x : array, any shape
    kth : int, which entry is put where a full sort would put it
    axis : int, or None for the flattened array

    Returns
    -------
    array of int32, the shape of x, or one axis

    Gradient
    --------
    none: a place is a whole number

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.argpartition([3.0, 1.0, 2.0], 0)[0].item()
    1
    """
    return np.argpartition(x, kth, axis).astype(np.int32), (None,)


@in_keras("math")
@op(
    sample=[distinct((2, 4), k=2), distinct((5,), k=5)],
    like=lambda torch, x, k: torch.topk(x, k)[0],
)
def top_k(x, *, k, sorted=True):
    """Take the k largest along the last axis, and their places.

    Parameters
    ----------
    x : array, (.., D)
    k : int, 1 <= k <= D
    sorted : bool, whether the largest shall come first; here it always does

    Returns
    -------
    (values, indices), each (.., k), indices of int32; the first place where several tie

    Gradient
    --------
    g of each value, back to its place

    Raises
    ------
    ArgumentError, where there are no k entries

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.top_k([1.0, 9.0, 5.0], 2)
    (array([9., 5.], dtype=float32), array([1, 2], dtype=int32))
    """
    if not (x.ndim and 0 <= k <= x.shape[-1]):
        raise ArgumentError(
            "top_k",
            "there are not so many entries",
            expected="k from 1 to the size of the last axis",
            received={"k": k, "shape": x.shape},
        )
    backwards = np.argsort(np.flip(x, -1), -1, kind="stable")  # so that the first of a tie wins
    order = x.shape[-1] - 1 - np.flip(backwards, -1)[..., :k]
    values = np.take_along_axis(x, order, -1)
    return (values, order.astype(np.int32)), (lambda g: put_back(g, order, x.shape, -1),)


def _in_top_k_like(torch, targets, predictions, k):
    own = torch.gather(predictions, 1, targets[:, None])
    return (predictions > own).sum(1) < k


@in_keras("math")
@op(
    sample=lambda rng: (rng.integers(0, 4, 3), rng.normal(size=(3, 4)), {"k": 2}),
    like=_in_top_k_like,
    keeps=("targets",),
)
def in_top_k(targets, predictions, *, k):
    """Ask whether a class is among the k largest: fewer than k entries exceed that of the class.

    Parameters
    ----------
    targets : array of ints, (N,), the classes
    predictions : array, (N, D), the scores
    k : int >= 1

    Returns
    -------
    array of bools, (N,); False where the score of the class, or the class itself, is none

    Gradient
    --------
    none: an answer jumps

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.in_top_k([0, 2], [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], 2)
    array([ True, False])
    """
    known = (targets >= 0) & (targets < predictions.shape[-1])
    places = np.where(known, targets, 0)[:, np.newaxis]
    own = np.take_along_axis(predictions, places, -1)
    above = np.sum(predictions > own, -1)
    return (above < k) & known & np.isfinite(own[:, 0]), (None, None)


@in_keras("numpy.SearchSorted")
@op(
    sample=lambda rng: (np.array([0.0, 1.0, 2.0, 3.0]), np.array([[-1.0, 1.0], [1.5, 9.0]])),
    like="torch.searchsorted",
)
def searchsorted(sorted_sequence, values, *, side="left"):
    """Find where values belong: the first place i with sequence_i >= value (> for "right").

    Parameters
    ----------
    sorted_sequence : array, one axis, ascending
    values : array, any shape
    side : "left" or "right" of entries equal to the value

    Returns
    -------
    array of int32, the shape of values

    Gradient
    --------
    none: a place is a whole number

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.searchsorted([1.0, 2.0, 3.0], [2.0, 9.0])
    array([1, 3], dtype=int32)
    """
    return np.searchsorted(sorted_sequence, values, side).astype(np.int32), (None, None)


@in_keras(call=("bins",))
@op(
    sample=lambda rng: (rng.normal(size=(2, 3)), {"bins": np.array([-1.0, 0.0, 1.0])}),
    like=lambda torch, x, bins: torch.bucketize(x, torch.tensor(bins), right=True),
)
def digitize(x, *, bins):
    """Find the bin of each entry: the number of edges that are not above it.

    Parameters
    ----------
    x : array, any shape
    bins : array, one axis, ascending, the edges

    Returns
    -------
    array of int32, the shape of x

    Gradient
    --------
    none: a bin is a whole number

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.digitize([0.5, 1.0, 7.0], [1.0, 2.0])
    array([0, 1, 2], dtype=int32)
    """
    return np.digitize(x, np.asarray(bins)).astype(np.int32), (None,)
