"""Big arrays copied by the team; see `melpy.kernels.spec.copying`."""

from __future__ import annotations

import math

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.jit import FLOATS
from melpy.kernels.compiled.team import for_team
from melpy.kernels.spec import copying as spec

WORTH_IT = 1 << 15  # numbers; below, NumPy's call costs less


def take(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """y[n] = x[rows[n]]; see the specification."""
    size = math.prod(x.shape[1:])
    fits = x.flags.c_contiguous and x.flags.writeable and x.dtype in FLOATS
    if not fits or len(rows) * size < WORTH_IT or rows.dtype != np.int64 or rows.ndim != 1:
        return spec.take(x, rows)
    if rows.min() < 0 or rows.max() >= len(x):  # NumPy counts from the end, or refuses
        return spec.take(x, rows)
    y = memory.empty((len(rows), *x.shape[1:]), x.dtype)
    lines, taken = x.reshape(len(x), size), y.reshape(len(y), size)
    threads.share(_take, len(rows), y.size, lines, np.ascontiguousarray(rows), taken)
    return y


def copy(x: np.ndarray, y: np.ndarray) -> None:
    """y = x; see the specification."""
    fits = x.dtype == y.dtype and x.dtype in FLOATS and x.flags.writeable
    fits = fits and x.ndim == y.ndim == 1 and x.size == y.size
    if x.size < WORTH_IT and not threads.is_noted():
        return spec.copy(x, y)
    if not fits or not (x.flags.c_contiguous and y.flags.c_contiguous):
        threads.missed("copy")
        return spec.copy(x, y)
    threads.share(_copy, x.size, x.size, x, y)


@for_team
def _take(x, rows, y, part, first, last):
    for n in range(first, last):
        line, taken = x[rows[n]], y[n]
        for k in range(line.size):
            taken[k] = line[k]


@for_team
def _copy(x, y, part, first, last):
    x, y = x[first:last], y[first:last]
    for n in range(x.size):
        y[n] = x[n]
