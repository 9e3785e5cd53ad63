"""What becomes of the gradients before an optimizer's step: scaled, added up, limited.

These functions write in place and return None. Arrays are flat, (P,), P parameters end to end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["accumulate", "accumulated", "clip_norm", "clip_values", "divide"]


def divide(g: np.ndarray, factor: float) -> None:
    """g /= factor.

    Examples
    --------
    >>> g = np.array([2.0, 4.0])
    >>> divide(g, 2.0)
    >>> g
    array([1., 2.])
    """
    g /= factor


def accumulate(sums: np.ndarray, g: np.ndarray) -> None:
    """sums += g.

    Examples
    --------
    >>> sums = np.array([1.0])
    >>> accumulate(sums, np.array([2.0]))
    >>> sums
    array([3.])
    """
    sums += g


def accumulated(sums: np.ndarray, g: np.ndarray, count: int) -> None:
    """g = (g + sums) / count, the mean of so many gradients; then sums = 0.

    Examples
    --------
    >>> sums, g = np.array([3.0]), np.array([1.0])
    >>> accumulated(sums, g, 2)
    >>> sums, g
    (array([0.]), array([2.]))
    """
    g += sums
    g /= count
    sums[...] = 0


def clip_norm(parts: Sequence[np.ndarray], limit: float) -> None:
    """g *= limit / max(|g|, limit), for all parts of g together; NaN where |g| is not finite.

    |g| is the Euclidean norm. A sum of squares that is too large for a float is summed up of
    values over the largest one.

    Parameters
    ----------
    parts : ndarrays, written
    limit : float > 0

    Source: R. Pascanu, T. Mikolov, Y. Bengio 2013, On the difficulty of training recurrent neural
    networks, algorithm 1.

    Examples
    --------
    >>> g = np.array([3.0, 4.0])
    >>> clip_norm([g], 1.0)
    >>> g
    array([0.6, 0.8])
    """
    with np.errstate(over="ignore", invalid="ignore"):
        norm = math.sqrt(sum(float(np.sum(np.square(g, dtype=np.float64))) for g in parts))
        largest = max((float(np.abs(g).max()) for g in parts if g.size), default=0.0)
        if norm == math.inf > largest:  # only the squares are too large
            norm = largest * math.sqrt(
                sum(float(np.sum(np.square(g / largest, dtype=np.float64))) for g in parts)
            )
    factor = limit / max(norm, limit) if math.isfinite(norm) else math.nan
    for g in parts:
        g *= factor


def clip_values(g: np.ndarray, limit: float) -> None:
    """g = min(max(g, -limit), limit); a NaN stays one.

    Examples
    --------
    >>> g = np.array([-3.0, 0.5])
    >>> clip_values(g, 1.0)
    >>> g
    array([-1. ,  0.5])
    """
    np.clip(g, -limit, limit, out=g)
