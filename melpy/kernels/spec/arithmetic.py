"""Sums of arrays of one shape: what meets after a fork of a network, forward and back."""

from __future__ import annotations

import numpy as np

__all__ = ["add"]


def add(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """y = a + b, for arrays of one shape.

    Examples
    --------
    >>> add(np.array([1.0]), np.array([2.0]))
    array([3.])
    """
    return a + b
