"""Sums of big arrays, compiled: by the team, into memory that was used before."""

from __future__ import annotations

import numpy as np

from melpy.kernels import memory, threads, tracing
from melpy.kernels.compiled.jit import FLOATS, laid
from melpy.kernels.compiled.team import for_team
from melpy.kernels.spec import arithmetic as spec

WORTH_IT = 1 << 16  # numbers; below, NumPy's call costs less
RUN = 1 << 10  # numbers whose sums stay in the first-level cache


def add(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """y = a + b; see `melpy.kernels.spec.arithmetic.add`."""
    y = _summed(a, b, is_relu=False)
    return tracing.computed(spec.add, a, b) if y is None else y


def add_relu(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """y = max(a + b, 0); see `melpy.kernels.spec.arithmetic.add_relu`."""
    y = _summed(a, b, is_relu=True)
    return tracing.computed(spec.add_relu, a, b) if y is None else y


def _summed(a: np.ndarray, b: np.ndarray, is_relu: bool) -> np.ndarray | None:
    fits = a.shape == b.shape and (a.size >= WORTH_IT or threads.is_noted())
    if not fits or a.dtype != b.dtype or a.dtype not in FLOATS or a.ndim == 0:
        return None
    arrays = [laid(a), laid(b)]
    y = memory.empty(a.shape, a.dtype)
    flat_a, flat_b, flat_y = (x.reshape(-1) for x in (*arrays, y))
    threads.share(_add, a.size, a.size, flat_a, flat_b, flat_y, is_relu)
    return y


def total(parts: np.ndarray) -> np.ndarray:
    """Add up arrays (M,...) in their order; of one of the float types, contiguous."""
    if len(parts) == 1:
        return parts[0]
    if parts.size <= WORTH_IT and not threads.is_noted():
        return parts.sum(axis=0)
    y = memory.empty(parts.shape[1:], parts.dtype)
    threads.share(_fold, y.size, parts.size, parts.reshape(len(parts), y.size), y.reshape(-1))
    return y


@for_team
def _add(a, b, y, is_relu, part, first, last):
    a, b, y = a[first:last], b[first:last], y[first:last]
    if is_relu:
        zero = y.dtype.type(0)
        for n in range(y.size):
            v = a[n] + b[n]
            y[n] = zero if v <= zero else v  # a NaN stays one
    else:
        for n in range(y.size):
            y[n] = a[n] + b[n]


@for_team
def _fold(parts, y, part, first, last):
    for at in range(first, last, RUN):
        sums = y[at : min(at + RUN, last)]
        for n in range(sums.size):
            sums[n] = parts[0, at + n]
        for m in range(1, len(parts)):
            for n in range(sums.size):
                sums[n] += parts[m, at + n]
