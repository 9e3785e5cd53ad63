"""What is counted over a batch, compiled; see `melpy.kernels.spec.tally`."""

from __future__ import annotations

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.jit import compiled, contiguous
from melpy.kernels.compiled.team import for_team
from melpy.kernels.spec import tally as spec


def mean(x: np.ndarray) -> np.ndarray:
    """See `melpy.kernels.spec.tally.mean`."""
    arrays = contiguous(x) if x.size else None
    if arrays is None:
        return spec.mean(x)
    flat = arrays[0].reshape(-1)
    sums = memory.empty((threads.parts(flat.size, flat.size),), np.dtype(np.float64))
    y = memory.empty((1,), x.dtype)
    threads.share(_sums, flat.size, flat.size, flat, sums)
    threads.share(_mean, 1, 1, sums, flat.size, y)
    return y.reshape(())


def mean_d_x(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """See `melpy.kernels.spec.tally.mean_d_x`."""
    arrays = contiguous(g)
    if arrays is None:
        return spec.mean_d_x(g, shape)
    d_x = memory.empty(shape, g.dtype)
    threads.share(_spread, d_x.size, d_x.size, arrays[0].reshape(-1), d_x.reshape(-1))
    return d_x


def tally(x: np.ndarray, weight: float | None, state: np.ndarray) -> None:
    """See `melpy.kernels.spec.tally.tally`."""
    arrays = contiguous(x)
    if arrays is None or not x.size:
        return spec.tally(x, weight, state)
    has_weight = weight is not None
    threads.share(_tally, 1, 1, arrays[0], has_weight, float(weight or 0.0), state)


def class_hits(target: np.ndarray, y: np.ndarray) -> np.ndarray:
    """See `melpy.kernels.spec.tally.class_hits`."""
    arrays = contiguous(target, y)
    if arrays is None or 0 in y.shape:
        return spec.class_hits(target, y)
    hits = memory.empty((len(y),), y.dtype)
    threads.share(_hits, len(y), y.size, *arrays, hits)
    return hits


@for_team
def _sums(x, sums, part, first, last):
    total = 0.0
    for n in range(first, last):
        total += x[n]
    sums[part] = total


@for_team
def _mean(sums, count, y, part, first, last):
    total = 0.0
    for n in range(sums.size):
        total += sums[n]
    y[0] = total / count


@for_team
def _spread(g, d_x, part, first, last):
    share = g[0] / d_x.size
    for n in range(first, last):
        d_x[n] = share


@for_team
def _tally(x, has_weight, weight, state, part, first, last):
    total = 0.0
    for n in range(x.size):
        total += x[n]
    state[0] += total / x.size * weight if has_weight else total
    state[1] += weight if has_weight else x.size


@for_team
def _hits(target, y, hits, part, first, last):
    one = y.dtype.type(1)
    for n in range(first, last):
        hits[n] = one if _largest(target[n]) == _largest(y[n]) else one - one


@compiled
def _largest(x):
    """Return where the first largest is; a NaN counts as larger than all."""
    best = 0
    for c in range(1, x.size):
        if x[best] == x[best] and (x[c] > x[best] or x[c] != x[c]):
            best = c
    return best
