"""Products of many small matrices, compiled: whole matrices are shared out among the team.

Matrices may lie anywhere, evenly spaced or not, such as the heads of attention: only the rows of
the second ones must be contiguous, and are made so.
"""

from __future__ import annotations

import math

import numpy as np

from melpy.kernels import memory, threads, tracing
from melpy.kernels.compiled.jit import FLOATS, copied, prepare, writeable
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import AT_ONCE, LINEAR, VECTOR_BYTES, lines, multiply
from melpy.kernels.spec import matmul as spec


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
        memory_a, a_first, rows, step, K, memory_b, b_first, b_row, flat, P * Q, c_at, Q, zeros,
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
def _matrices(
    a, a_first, a_at, a_k, K, b, b_first, b_row, y, size, c_at, Q, zeros, part, first, last
):  # fmt: skip
    panel, zero = 2 * VECTOR_BYTES // b.itemsize, b.dtype.type(0)
    for n in range(first, last):
        multiply(
            y, c_at, n * size, a, a_at, a_first[n], 0, a_at.size, AT_ONCE, 0, 1, K, a_k,
            b, b_first[n], b_row, panel, Q, zeros, 0, 0, LINEAR, zero,
        )  # fmt: skip
