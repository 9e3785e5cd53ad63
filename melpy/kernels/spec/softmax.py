"""Softmax along the last axis, and its gradient from its result.

    y_i = exp(x_i - max x) / sum_j exp(x_j - max x)         d_x = y (g - sum_j g_j y_j)

Source: J. Bridle 1990, Probabilistic interpretation of feedforward classification network outputs.
"""

from __future__ import annotations

import numpy as np

__all__ = ["softmax", "softmax_d_x"]


def softmax(x: np.ndarray) -> np.ndarray:
    """Turn rows of scores (M,C) into probabilities (M,C).

    Examples
    --------
    >>> softmax(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    """
    y = np.exp(x - np.max(x, axis=1, keepdims=True, initial=-np.inf))
    return y / np.sum(y, axis=1, keepdims=True)


def softmax_d_x(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return d_x (M,C) from g (M,C) and what `softmax` returned."""
    return y * (g - np.sum(g * y, axis=1, keepdims=True))
