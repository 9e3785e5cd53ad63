"""Looking through big arrays, a few rows at a time, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = ["blocks", "first_beyond", "first_not_finite"]

BLOCK_VALUES = 1 << 20  # a float64 copy is made of so many values at a time: 8 MB


def blocks(x: np.ndarray) -> Iterator[slice]:
    """Yield slices of rows that together are all of ``x``, each small enough to copy."""
    rows = max(1, BLOCK_VALUES * len(x) // max(x.size, 1))
    for start in range(0, len(x), rows):
        yield slice(start, start + rows)


def first_beyond(x: np.ndarray, dtype: Any) -> tuple[int, ...] | None:
    """Return where the first value stands that a float type has no room for; None if all fit.

    Examples
    --------
    >>> first_beyond(np.array([1.0, 1e39]), "float32")
    (1,)
    """
    largest = np.finfo(dtype).max
    if x.dtype.kind != "f" or np.finfo(x.dtype).max <= largest:
        return None
    return _first(x, lambda values: np.abs(values) <= largest)


def first_not_finite(x: np.ndarray) -> tuple[int, ...] | None:
    """Return where the first NaN or infinity stands, row by row; None if there is none.

    Examples
    --------
    >>> first_not_finite(np.array([[1.0, 2.0], [3.0, np.inf]]))
    (1, 1)
    """
    return _first(x, np.isfinite)


def _first(x: np.ndarray, fits: Callable[[np.ndarray], np.ndarray]) -> tuple[int, ...] | None:
    for rows in blocks(x):
        fitting = fits(x[rows])
        if not fitting.all():
            first, *rest = (int(n) for n in np.argwhere(~fitting)[0])
            return rows.start + first, *rest
    return None
