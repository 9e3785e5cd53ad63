"""Looking through big arrays, a few rows at a time, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["blocks", "first_not_finite"]

BLOCK_VALUES = 1 << 20  # a float64 copy is made of so many values at a time: 8 MB


def blocks(x: np.ndarray) -> Iterator[slice]:
    """Yield slices of rows that together are all of ``x``, each small enough to copy."""
    rows = max(1, BLOCK_VALUES * len(x) // max(x.size, 1))
    for start in range(0, len(x), rows):
        yield slice(start, start + rows)


def first_not_finite(x: np.ndarray) -> tuple[int, ...] | None:
    """Return where the first NaN or infinity stands, row by row; None if there is none.

    Examples
    --------
    >>> first_not_finite(np.array([[1.0, 2.0], [3.0, np.inf]]))
    (1, 1)
    """
    for rows in blocks(x):
        finite = np.isfinite(x[rows])
        if not finite.all():
            first, *rest = (int(n) for n in np.argwhere(~finite)[0])
            return rows.start + first, *rest
    return None
