"""Products inside kernels, on the thread that runs them: C += A B."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from melpy.kernels.compiled.jit import compiled
from melpy.kernels.compiled.tile import (
    AT_ONCE,
    LINEAR,
    VECTOR_BYTES,
    Ends,
    Lines,
    Panels,
    Terms,
    lines_of,
    multiply,
)


class Matrix(NamedTuple):
    """A matrix whose rows are evenly spaced."""

    numbers: np.ndarray
    begin: int
    row: int


@compiled
def multiply_add(c, a, b, shape):
    """C += A B for matrices C (rows, columns) and B (count, columns): ``shape`` has all three.

    The last rows of a tile that is not full are made again and again, to the same place. One row
    alone is none for a tile.
    """
    rows, columns, count = shape
    if rows == 1:
        total, weights = c.numbers.reshape(-1)[c.begin :], a.numbers.reshape(-1)[a.begin :]
        add_row_times(total[:columns], weights[:count], b)
        return
    number, panel = c.numbers.dtype.type, 2 * VECTOR_BYTES // c.numbers.itemsize
    a_at, c_at = lines_of(rows, a.row), lines_of(rows, c.row)
    multiply(
        Lines(c.numbers, c_at, c.begin), Lines(a.numbers, a_at, a.begin), (0, a_at.size),
        Terms(AT_ONCE, 0, 1, count, 1), Panels(b.numbers, b.begin, b.row, panel), columns,
        Ends(b.numbers, 0, 1, LINEAR, number(0)),
    )  # fmt: skip


@compiled
def add_row_times(total, a, b):
    """total += a B for one row a (count,): B's rows are read once, eight side by side."""
    numbers, Q, whole = b.numbers.reshape(-1)[b.begin :], total.size, a.size // 8 * 8
    for k in range(0, whole, 8):
        lines, step = numbers[k * b.row :], b.row
        b0, b1, b2, b3 = lines, lines[step:], lines[2 * step :], lines[3 * step :]
        b4, b5, b6, b7 = lines[4 * step :], lines[5 * step :], lines[6 * step :], lines[7 * step :]
        a0, a1, a2, a3 = a[k], a[k + 1], a[k + 2], a[k + 3]
        a4, a5, a6, a7 = a[k + 4], a[k + 5], a[k + 6], a[k + 7]
        for q in range(Q):
            some = a0 * b0[q] + a1 * b1[q] + a2 * b2[q] + a3 * b3[q]
            total[q] += some + (a4 * b4[q] + a5 * b5[q] + a6 * b6[q] + a7 * b7[q])
    for k in range(whole, a.size):
        weight, line = a[k], numbers[k * b.row :]
        for q in range(Q):
            total[q] += weight * line[q]
