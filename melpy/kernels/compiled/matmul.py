"""The product of two matrices, compiled: the register tile of `tile`, run by the team.

Why not BLAS's: its own threads wait spinning for more work, which slows the team's next region,
and how it shares a sum among threads changes the bits of the result with their number.
"""

from __future__ import annotations

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.jit import FLOATS, compiled, writeable
from melpy.kernels.compiled.tile import multiply_add
from melpy.kernels.spec import matmul as spec

SMALL = 1 << 15  # products below this many multiplications cost less than waking a team
ROWS_AT_A_TIME = 64  # a block of a, ROWS by DEPTH, stays in the second-level cache,
DEPTH = 256  # and a panel of b, DEPTH by two vectors, in the first


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply; see `melpy.kernels.spec.matmul.matmul`."""
    (P, K), Q = a.shape, b.shape[1]
    if P * K * Q < SMALL or a.dtype != b.dtype or a.dtype not in FLOATS:
        return spec.matmul(a, b)
    b = _transposed(b.T) if b.T.flags.c_contiguous else np.ascontiguousarray(b)
    if a.T.flags.c_contiguous:  # a transposed view, as in x^T g: walked as it lies
        laid, row, step = a.T, 1, P
    else:
        laid, row, step = np.ascontiguousarray(a), K, 1
    y = memory.empty((P, Q), a.dtype)
    laid, b = writeable(laid), writeable(b)
    units = threads.groups(-(-P // 8))  # whole tiles of eight rows
    threads.run(
        lambda n: _rows(laid, row, step, b, y, units[n][0] * 8, min(P, units[n][1] * 8)),
        len(units),
        P * K * Q // 16,
    )
    return y


def _transposed(x: np.ndarray) -> np.ndarray:
    """Return x^T, contiguous."""
    x = writeable(x)
    y = memory.empty(x.shape[::-1], x.dtype)
    units = threads.groups(-(-x.shape[1] // 16))
    threads.run(
        lambda n: _transpose(x, y, units[n][0] * 16, min(len(y), units[n][1] * 16)),
        len(units),
        x.size,
    )
    return y


@compiled
def _rows(a, a_row, a_k, b, y, first, last):
    (K, Q) = b.shape
    y[first:last] = 0
    for k in range(0, K, DEPTH):
        depth = min(DEPTH, K - k)
        for r in range(first, last, ROWS_AT_A_TIME):
            rows = min(ROWS_AT_A_TIME, last - r)
            multiply_add(
                y, r * Q, Q, rows, Q, a, r * a_row + k * a_k, a_row, a_k, b, k * Q, Q, depth
            )


@compiled
def _transpose(x, y, first, last):
    for n in range(first, last, 16):
        for m in range(0, x.shape[0], 16):
            for i in range(n, min(n + 16, last)):
                for j in range(m, min(m + 16, x.shape[0])):
                    y[i, j] = x[j, i]
