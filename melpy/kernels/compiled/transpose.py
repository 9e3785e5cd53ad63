"""Matrices transposed, in squares of vectors that never leave the registers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.jit import contiguous
from melpy.kernels.compiled.squares import Square, transpose
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import VECTOR_BYTES


def transposed(x: np.ndarray, order: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
    """Return the transposes of matrices x (M,P,Q), contiguous: (M,Q,P), in another order."""
    (x,) = contiguous(x) or (x,)
    M, P, Q = x.shape
    y = memory.empty((M, Q, P), x.dtype)
    at = np.arange(M) if order is None else np.asarray(order, np.int64)
    across = -(-Q // (VECTOR_BYTES // x.itemsize))
    threads.share(_transpose, M * across, x.size, x, y, at, across)
    return y


@for_team
def _transpose(x, y, order, across, part, first, last):
    (_, P, Q), lanes = x.shape, VECTOR_BYTES // x.itemsize
    flat_x, flat_y = x.reshape(-1), y.reshape(-1)
    for block in range(first, last):
        m, q = block // across, block % across * lanes
        at_x, at_y = order[m] * P * Q, m * P * Q
        whole = P - P % lanes if q + lanes <= Q else 0
        for p in range(0, whole, lanes):
            transpose(
                Square(flat_y, at_y + q * P + p, P, 1), Square(flat_x, at_x + p * Q + q, Q, 1)
            )
        for i in range(q, min(q + lanes, Q)):
            for p in range(whole, P):
                flat_y[at_y + i * P + p] = flat_x[at_x + p * Q + i]
