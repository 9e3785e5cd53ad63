"""Big arrays copied by the team; see `melpy.kernels.spec.copying`."""

from __future__ import annotations

import math

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.jit import FLOATS, laid
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


def add_rows(rows: np.ndarray, positions: np.ndarray, count: int) -> np.ndarray:
    """Add rows up where their positions say; see the specification."""
    if rows.dtype not in FLOATS or positions.dtype != np.int64 or not rows.size:
        threads.missed("add_rows")
        return spec.add_rows(rows, positions, count)
    y = memory.empty((count, *rows.shape[1:]), rows.dtype)
    given, flat = laid(rows).reshape(len(rows), -1), y.reshape(count, -1)
    threads.share(_added, flat.shape[1], given.size, given, laid(positions), flat)
    return y


def picked(x: np.ndarray, rows: np.ndarray, y: np.ndarray, wrong: np.ndarray) -> None:
    """y[n] = x[rows[n]], rows counted from the end where negative; wrong = 1 where one is no row.

    Parameters
    ----------
    x, y : ndarrays (R,D) and (N,D) of floats
    rows : ndarray (N,) of int64
    wrong : ndarray (1,) of int64
    """
    threads.share(_picked, len(rows), y.size, x, rows, y, wrong)


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
def _picked(x, rows, y, wrong, part, first, last):
    for n in range(first, last):
        row = rows[n] if rows[n] >= 0 else rows[n] + x.shape[0]
        if row < 0 or row >= x.shape[0]:
            wrong[0], row = 1, 0
        line, taken = x[row], y[n]
        for k in range(line.size):
            taken[k] = line[k]


@for_team
def _added(rows, positions, y, part, first, last):
    """Columns ``first`` to ``last``, in the order of the rows."""
    zero = y.dtype.type(0)
    for m in range(y.shape[0]):
        for k in range(first, last):
            y[m, k] = zero
    for n in range(positions.size):
        for k in range(first, last):
            y[positions[n], k] += rows[n, k]


@for_team
def _copy(x, y, part, first, last):
    x, y = x[first:last], y[first:last]
    for n in range(x.size):
        y[n] = x[n]
