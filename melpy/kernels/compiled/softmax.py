"""Softmax along the last axis, compiled: a row in one go; see `melpy.kernels.spec.softmax`."""

from __future__ import annotations

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.approximations import exp
from melpy.kernels.compiled.jit import compiled, contiguous
from melpy.kernels.compiled.normalization import row_max, row_sum, row_sum_of_products
from melpy.kernels.compiled.team import for_team
from melpy.kernels.spec import softmax as spec


def softmax(x: np.ndarray) -> np.ndarray:
    """Probabilities of rows; see `melpy.kernels.spec.softmax.softmax`."""
    arrays = contiguous(x)
    if arrays is None or 0 in x.shape:
        return spec.softmax(x)
    (x,) = arrays
    y = memory.empty(x.shape, x.dtype)
    threads.share(_rows, len(x), 8 * x.size, x, y)
    return y


def softmax_d_x(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Gradient; see `melpy.kernels.spec.softmax.softmax_d_x`."""
    arrays = contiguous(g, y)
    if arrays is None:
        return spec.softmax_d_x(g, y)
    g, y = arrays
    d_x = memory.empty(g.shape, g.dtype)
    threads.share(_rows_back, len(g), 2 * g.size, g, y, d_x)
    return d_x


@for_team
def _rows(x, y, part, first, last):
    lanes = np.zeros(16, x.dtype)
    for row in range(first, last):
        probabilities(x[row], y[row], lanes)


@compiled
def probabilities(x, y, lanes):
    """y = softmax(x), in another place."""
    largest = row_max(x, lanes)
    for c in range(x.size):
        y[c] = exp(x[c] - largest)
    total = row_sum(y, lanes)
    for c in range(x.size):
        y[c] /= total


@for_team
def _rows_back(g, y, d_x, part, first, last):
    lanes = np.zeros(16, g.dtype)
    for row in range(first, last):
        probabilities_back(g[row], y[row], d_x[row], lanes)


@compiled
def probabilities_back(g, y, d_x, lanes):
    """d_x = y (g - sum g y)."""
    along = row_sum_of_products(g, y, lanes)
    for c in range(y.size):
        d_x[c] = y[c] * (g[c] - along)
