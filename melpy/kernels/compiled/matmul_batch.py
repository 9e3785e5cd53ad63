"""Products of many small matrices, compiled: whole matrices are shared out among the team.

Matrices may lie anywhere, evenly spaced or not, such as the heads of attention: only the rows of
the second ones must be contiguous, and are made so.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from melpy.kernels import memory, threads, tracing
from melpy.kernels.compiled.jit import FLOATS, copied, prepare, writeable
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import (
    AT_ONCE,
    LINEAR,
    VECTOR_BYTES,
    Ends,
    Lines,
    Panels,
    Terms,
    lines,
    multiply,
)
from melpy.kernels.spec import matmul as spec


class Matrices(NamedTuple):
    """Matrices somewhere in memory: where each begins, and what leads to a's next number in a row,
    to b's next row.
    """

    numbers: np.ndarray
    first: np.ndarray
    step: int


def matmul_batch(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply the last two axes; see `melpy.kernels.spec.matmul.matmul_batch`."""
    (P, K), Q = a.shape[-2:], b.shape[-1]
    fits = a.dtype == b.dtype and a.dtype in FLOATS and b.shape[-2] == K
    if not fits or a.ndim < 2 or b.ndim < 2:
        threads.missed("matmul_batch")
        return spec.matmul_batch(a, b)
    leading = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    count, size = math.prod(leading), a.itemsize
    if 0 in (count, P, K, Q):
        return tracing.computed(spec.matmul_batch, a, b)
    prepare(a.dtype)
    if b.strides[-1] != size:
        b = copied(b)
    if any(stride % size for stride in (*a.strides, *b.strides)):
        a, b = copied(a), copied(b)
    a, b = writeable(a), writeable(b)
    y = memory.empty((*leading, P, Q), a.dtype)
    a_first, b_first = _beginnings(a, leading), _beginnings(b, leading)
    row, step = a.strides[-2] // size, a.strides[-1] // size
    b_row = b.strides[-2] // size
    memory_a, memory_b, zeros = _pointed(a), _pointed(b), np.zeros(Q, a.dtype)
    rows, c_at = lines(P, row), lines(P, Q)
    flat = y.reshape(-1)
    threads.share(
        _matrices, count, count * P * K * Q // 16,
        *Matrices(memory_a, a_first, step), rows, *Matrices(memory_b, b_first, b_row), flat, c_at,
        K, zeros,
    )  # fmt: skip
    return y


def _beginnings(x: np.ndarray, leading: tuple[int, ...]) -> np.ndarray:
    """Return where each matrix begins, counted in numbers from the array's first."""
    strides = (0,) * (len(leading) - x.ndim + 2) + x.strides[:-2]
    sizes = (1,) * (len(leading) - x.ndim + 2) + x.shape[:-2]
    at = np.zeros((), np.int64)
    for whole, size, stride in zip(leading, sizes, strides, strict=True):
        step = 0 if size == 1 else stride // x.itemsize
        at = at[..., None] + np.arange(whole) * step
    return np.ascontiguousarray(at.reshape(-1), np.int64)


def _pointed(x: np.ndarray) -> np.ndarray:
    """Return an array of one number where x begins: of one type for Numba, however x lies."""
    return x[(slice(0, 1),) * x.ndim].reshape(1)


@for_team
def _matrices(a: Matrices, a_at, b: Matrices, y, c_at, K, zeros, part, first, last):
    """Make some of the products; each result lies right after the one before."""
    Q = zeros.size
    size, panel = y.size // a.first.size, 2 * VECTOR_BYTES // y.itemsize
    for n in range(first, last):
        multiply(
            Lines(y, c_at, n * size), Lines(a.numbers, a_at, a.first[n]), (0, a_at.size),
            Terms(AT_ONCE, 0, 1, K, a.step), Panels(b.numbers, b.first[n], b.step, panel), Q,
            Ends(zeros, 0, 0, LINEAR, y.dtype.type(0)),
        )  # fmt: skip
