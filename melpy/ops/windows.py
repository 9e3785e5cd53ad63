"""Weights of signals that fade towards both ends."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import config
from melpy.ops.creation import convert_to_numpy

__all__ = ["bartlett", "blackman", "hamming", "hanning", "kaiser"]

KERAS_ROOM = None


def _count(x: Any) -> int:
    return int(convert_to_numpy(x))


def bartlett(x: Any) -> np.ndarray:
    """Return (x,) weights in a triangle, 0 at both ends.

    Examples
    --------
    >>> bartlett(5)
    array([0. , 0.5, 1. , 0.5, 0. ], dtype=float32)
    """
    return np.bartlett(_count(x)).astype(config.floatx())


def blackman(x: Any) -> np.ndarray:
    """Return (x,) weights 0.42 - 0.5 cos t + 0.08 cos 2 t, t from 0 to 2 π."""
    return np.blackman(_count(x)).astype(config.floatx())


def hamming(x: Any) -> np.ndarray:
    """Return (x,) weights 0.54 - 0.46 cos t, t from 0 to 2 π.

    Examples
    --------
    >>> hamming(3)
    array([0.08, 1.  , 0.08], dtype=float32)
    """
    return np.hamming(_count(x)).astype(config.floatx())


def hanning(x: Any) -> np.ndarray:
    """Return (x,) weights 0.5 - 0.5 cos t, t from 0 to 2 π."""
    return np.hanning(_count(x)).astype(config.floatx())


def kaiser(x: Any, beta: Any) -> np.ndarray:
    """Return (x,) weights I_0(beta √(1 - t^2)) / I_0(beta), t from -1 to 1."""
    return np.kaiser(_count(x), float(convert_to_numpy(beta))).astype(config.floatx())
