"""Arrays seen as rows."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["as_rows"]


def as_rows(x: np.ndarray) -> np.ndarray:
    """Flatten all axes but the last, (..., C) -> (rows, C); also where one is 0 long.

    Examples
    --------
    >>> as_rows(np.zeros((2, 0, 3))).shape  # a -1 could be any number there
    (0, 3)
    """
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
