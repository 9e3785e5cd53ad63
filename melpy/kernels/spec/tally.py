"""What is counted over a batch: means, sums that grow, predictions that are right."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["class_hits", "mean", "mean_d_x", "tally"]


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
    """state += (sum of x, their number); with a weight, (mean of x times it, the weight).

    Parameters
    ----------
    x : ndarray (N,)
    weight : float or None
    state : ndarray (2,) of float64, written

    Examples
    --------
    >>> state = np.zeros(2)
    >>> tally(np.array([1.0, 3.0]), None, state)
    >>> tally(np.array([5.0]), 4.0, state)
    >>> state
    array([24.,  6.])
    """
    total = x.sum(dtype=np.float64)
    if weight is None:
        state += (total, x.size)
    else:
        state += (total / x.size * weight, weight)


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
