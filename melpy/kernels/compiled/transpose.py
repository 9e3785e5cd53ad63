"""Matrices transposed, in blocks that stay in the first-level cache."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.jit import compiled, writeable

SIDE = 16  # of a block


def transposed(x: np.ndarray, order: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
    """Return the transposes of matrices x (M,P,Q), contiguous: (M,Q,P), in another order."""
    x = writeable(np.ascontiguousarray(x))
    M, P, Q = x.shape
    y = memory.empty((M, Q, P), x.dtype)
    at = np.arange(M) if order is None else np.asarray(order, np.int64)
    across = -(-Q // SIDE)
    blocks = threads.groups(M * across)
    threads.run(lambda n: _transpose(x, y, at, across, *blocks[n]), len(blocks), x.size)
    return y


@compiled
def _transpose(x, y, order, across, first, last):
    P, Q = x.shape[1:]
    for block in range(first, last):
        m, q = block // across, block % across * SIDE
        a, b = x[order[m]], y[m]
        for p in range(0, P, SIDE):
            for i in range(q, min(q + SIDE, Q)):
                for j in range(p, min(p + SIDE, P)):
                    b[i, j] = a[j, i]
