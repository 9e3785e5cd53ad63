"""What is counted over a batch: means, sums that grow, predictions that are right."""

from __future__ import annotations

import math

import numpy as np

__all__ = [
    "class_hits", "label_hits", "mean", "mean_d_x", "one_hot", "tally", "tally_weighted",
    "threshold_hits", "top_hits",
]  # fmt: skip


def mean(x: np.ndarray) -> np.ndarray:
    """y = sum of all x / their number, added up in float64.

    Parameters
    ----------
    x : ndarray, any shape, not empty

    Returns
    -------
    ndarray (), dtype of x

    Examples
    --------
    >>> mean(np.array([1.0, 2.0, 6.0]))
    array(3.)
    """
    return np.asarray(x.mean(dtype=np.float64), x.dtype)


def mean_d_x(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """d_x = g / n everywhere, n the number of entries of ``shape``.

    Parameters
    ----------
    g : ndarray ()
    shape : tuple of ints

    Examples
    --------
    >>> mean_d_x(np.array(3.0), (2,))
    array([1.5, 1.5])
    """
    return np.full(shape, g / math.prod(shape), g.dtype)


def tally(x: np.ndarray, weight: float | None, state: np.ndarray) -> None:
    """state += (sum of the rows' means, their number); with a weight, (mean of x times it, it).

    Parameters
    ----------
    x : ndarray (N, K), not empty
    weight : float or None
    state : ndarray (2,) of float64, written

    Examples
    --------
    >>> state = np.zeros(2)
    >>> tally(np.array([[1.0], [3.0]]), None, state)
    >>> tally(np.array([[4.0, 6.0]]), 4.0, state)
    >>> state
    array([24.,  6.])
    """
    rows = x.sum(axis=1, dtype=np.float64) / x.shape[1]  # (N,K) -> (N,)
    if weight is None:
        state += (rows.sum(), len(rows))
    else:
        state += (rows.sum() / len(rows) * weight, weight)


def tally_weighted(x: np.ndarray, weights: np.ndarray, state: np.ndarray) -> None:
    """state += (sum of the rows' means times their weights, sum of the weights).

    Parameters
    ----------
    x : ndarray (N, K), not empty
    weights : ndarray (N,)
    state : ndarray (2,) of float64, written

    Examples
    --------
    >>> state = np.zeros(2)
    >>> tally_weighted(np.array([[1.0], [3.0]]), np.array([1.0, 0.5]), state)
    >>> state
    array([2.5, 1.5])
    """
    rows = x.sum(axis=1, dtype=np.float64) / x.shape[1]  # (N,K) -> (N,)
    state += ((rows * weights).sum(), weights.sum(dtype=np.float64))


def class_hits(target: np.ndarray, y: np.ndarray) -> np.ndarray:
    """hit_n = 1 where the first largest of target_n and of y_n is the same class, else 0.

    Parameters
    ----------
    target, y : ndarrays (N, C)

    Returns
    -------
    ndarray (N,), dtype of y

    Examples
    --------
    >>> class_hits(np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([[0.3, 0.7], [0.4, 0.6]]))
    array([1., 0.])
    """
    return (target.argmax(axis=-1) == y.argmax(axis=-1)).astype(y.dtype)


def label_hits(labels: np.ndarray, y: np.ndarray) -> np.ndarray:
    """hit_n = 1 where the first largest of y_n is at label_n, else 0.

    Parameters
    ----------
    labels : ndarray (N,) of whole numbers, of any type
    y : ndarray (N, C)

    Returns
    -------
    ndarray (N,), dtype of y

    Examples
    --------
    >>> label_hits(np.array([1, 1]), np.array([[0.3, 0.7], [0.6, 0.4]]))
    array([1., 0.])
    """
    return (labels == y.argmax(axis=-1)).astype(y.dtype)


def top_hits(labels: np.ndarray, y: np.ndarray, k: int) -> np.ndarray:
    """hit_n = 1 where fewer than k of y_n are larger than that at label_n, else 0.

    NaN is larger than all, and never right; nor is a label that is no class, such as -1.

    Parameters
    ----------
    labels : ndarray (N,) of whole numbers, of any type
    y : ndarray (N, C)
    k : int > 0

    Returns
    -------
    ndarray (N,), dtype of y

    Examples
    --------
    >>> top_hits(np.array([1, 1]), np.array([[0.3, 0.3, 0.4], [0.4, 0.1, 0.5]]), 2)
    array([1., 0.])
    """
    known = (labels >= 0) & (labels < y.shape[1])
    own = np.take_along_axis(y, np.where(known, labels, 0).astype(np.intp)[:, None], axis=1)
    known &= ~np.isnan(own[:, 0])
    return (known & ((~(y <= own)).sum(axis=1) < k)).astype(y.dtype)


def threshold_hits(target: np.ndarray, y: np.ndarray, threshold: float) -> np.ndarray:
    """hit = 1 where y > threshold and the target is 1, or neither, else 0.

    Parameters
    ----------
    target : ndarray, of any type
    y : ndarray, the shape of target
    threshold : float

    Returns
    -------
    ndarray, shape and dtype of y

    Examples
    --------
    >>> threshold_hits(np.array([1, 0]), np.array([0.7, 0.6]), 0.5)
    array([1., 0.])
    """
    return (target == (y > threshold)).astype(y.dtype)


def one_hot(labels: np.ndarray, classes: int, dtype: np.dtype) -> np.ndarray:
    """y_nc = 1 where c is label_n, else 0.

    Parameters
    ----------
    labels : ndarray (N,) of whole numbers, of any type
    classes : int > 0, C
    dtype : float type

    Returns
    -------
    ndarray (N, C)

    Examples
    --------
    >>> one_hot(np.array([1, 0]), 2, np.dtype(float))
    array([[0., 1.],
           [1., 0.]])
    """
    return (labels[:, None] == np.arange(classes)).astype(dtype)
