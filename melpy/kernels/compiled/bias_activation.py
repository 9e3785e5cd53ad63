"""A bias and an activation in one sweep over memory, compiled."""

from __future__ import annotations

import numpy as np

from melpy.errors import lookup
from melpy.kernels import memory, threads
from melpy.kernels.compiled.activation import CODES as CODES_OF_ALL
from melpy.kernels.compiled.activation import activating, cut, sliding
from melpy.kernels.compiled.arithmetic import total
from melpy.kernels.compiled.jit import contiguous
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import IN_TILE
from melpy.kernels.rows import as_rows
from melpy.kernels.spec import bias_activation as spec

CODES = {name: CODES_OF_ALL[name] for name in spec.ACTIVATIONS}


def bias_activation(x: np.ndarray, b: np.ndarray, name: str, slope: float) -> np.ndarray:
    """y = act(x + b); see `melpy.kernels.spec.bias_activation.bias_activation`."""
    code = lookup("activation", name, CODES, "bias_activation")
    arrays = contiguous(x, b)
    if arrays is None:
        return spec.bias_activation(x, b, name, slope)
    x, b = arrays
    y = memory.empty(x.shape, x.dtype)
    rows, out = as_rows(x), as_rows(y)
    threads.share(_forward, len(rows), x.size, rows, b, out, code, slope)
    if name not in IN_TILE:  # compiled apart, a second sweep
        flat = y.reshape(-1)
        threads.share(*activating(flat, flat, code, slope))
    return y


def bias_activation_d_x(g: np.ndarray, y: np.ndarray, name: str, slope: float) -> np.ndarray:
    """d_x = g act'(x + b) from y; see `melpy.kernels.spec.bias_activation`."""
    code = lookup("activation", name, CODES, "bias_activation_d_x")
    arrays = contiguous(g, y)
    if arrays is None:
        return spec.bias_activation_d_x(g, y, name, slope)
    g, y = arrays
    d_x = memory.empty(g.shape, g.dtype)
    flat_g, flat_y, out = g.reshape(-1), y.reshape(-1), d_x.reshape(-1)
    threads.share(*sliding(flat_g, flat_y, out, code, slope))
    return d_x


def sum_rows(x: np.ndarray) -> np.ndarray:
    """Sum to (C,) over fixed groups of rows, then the groups in order; see the specification."""
    arrays = contiguous(x)
    if arrays is None:
        return spec.sum_rows(x)
    rows = as_rows(arrays[0])
    if not len(rows):
        return np.zeros(x.shape[-1], x.dtype)
    totals = memory.empty((threads.parts(len(rows), x.size), x.shape[-1]), x.dtype)
    threads.share(_sum, len(rows), x.size, rows, totals)
    return total(totals)


@for_team
def _forward(x, b, y, code, slope, part, first, last):
    C = x.shape[1]
    for row in range(first, last):
        z, out = x[row], y[row]
        for c in range(C):
            out[c] = z[c] + b[c]
    cut(y[first:last].reshape(-1), code, slope)


@for_team
def _sum(x, totals, part, first, last):
    total = totals[part]
    total[:] = 0
    for row in range(first, last):
        z = x[row]
        for c in range(z.size):
            total[c] += z[c]
