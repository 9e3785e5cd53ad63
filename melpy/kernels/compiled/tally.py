"""What is counted over a batch, compiled; see `melpy.kernels.spec.tally`."""

from __future__ import annotations

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.jit import compiled, contiguous, laid
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


def tally_weighted(x: np.ndarray, weights: np.ndarray, state: np.ndarray) -> None:
    """See `melpy.kernels.spec.tally.tally_weighted`."""
    arrays = contiguous(x)
    if arrays is None or not x.size:
        return spec.tally_weighted(x, weights, state)
    threads.share(_tally_weighted, 1, 1, arrays[0], laid(weights), state)


def class_hits(target: np.ndarray, y: np.ndarray) -> np.ndarray:
    """See `melpy.kernels.spec.tally.class_hits`."""
    arrays = contiguous(target, y)
    if arrays is None or 0 in y.shape:
        return spec.class_hits(target, y)
    hits = memory.empty((len(y),), y.dtype)
    threads.share(_hits, len(y), y.size, *arrays, hits)
    return hits


def label_hits(labels: np.ndarray, y: np.ndarray) -> np.ndarray:
    """See `melpy.kernels.spec.tally.label_hits`."""
    arrays = contiguous(y)
    if arrays is None or 0 in y.shape:
        return spec.label_hits(labels, y)
    hits = memory.empty((len(y),), y.dtype)
    threads.share(_label_hits, len(y), y.size, laid(labels), *arrays, hits)
    return hits


def top_hits(labels: np.ndarray, y: np.ndarray, k: int) -> np.ndarray:
    """See `melpy.kernels.spec.tally.top_hits`."""
    arrays = contiguous(y)
    if arrays is None or 0 in y.shape:
        return spec.top_hits(labels, y, k)
    hits = memory.empty((len(y),), y.dtype)
    threads.share(_top_hits, len(y), y.size, laid(labels), *arrays, k, hits)
    return hits


def threshold_hits(target: np.ndarray, y: np.ndarray, threshold: float) -> np.ndarray:
    """See `melpy.kernels.spec.tally.threshold_hits`."""
    arrays = contiguous(y)
    if arrays is None or target.shape != y.shape:
        return spec.threshold_hits(target, y, threshold)
    hits = memory.empty(y.shape, y.dtype)
    flat = [x.reshape(-1) for x in (laid(target), *arrays, hits)]
    threads.share(_threshold_hits, y.size, y.size, *flat, y.dtype.type(threshold))
    return hits


def one_hot(labels: np.ndarray, classes: int, dtype: np.dtype) -> np.ndarray:
    """See `melpy.kernels.spec.tally.one_hot`."""
    y = memory.empty((len(labels), classes), dtype)
    threads.share(_one_hot, len(labels), y.size, laid(labels), y)
    return y


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
    for n in range(len(x)):
        total += _mean_of(x[n])
    state[0] += total / len(x) * weight if has_weight else total
    state[1] += weight if has_weight else len(x)


@for_team
def _tally_weighted(x, weights, state, part, first, last):
    for n in range(len(x)):
        state[0] += _mean_of(x[n]) * weights[n]
        state[1] += weights[n]


@compiled
def _mean_of(x):
    total = 0.0
    for k in range(x.size):
        total += x[k]
    return total / x.size


@for_team
def _hits(target, y, hits, part, first, last):
    one = y.dtype.type(1)
    for n in range(first, last):
        hits[n] = one if _largest(target[n]) == _largest(y[n]) else one - one


@for_team
def _label_hits(labels, y, hits, part, first, last):
    one = y.dtype.type(1)
    for n in range(first, last):
        hits[n] = one if labels[n] == _largest(y[n]) else one - one


@for_team
def _top_hits(labels, y, k, hits, part, first, last):
    one = y.dtype.type(1)
    for n in range(first, last):
        hits[n] = one - one
        if 0 <= labels[n] < y.shape[1]:
            own, larger = y[n, int(labels[n])], 0
            for c in range(y.shape[1]):
                larger += not (y[n, c] <= own)
            if own == own and larger < k:
                hits[n] = one


@for_team
def _threshold_hits(target, y, hits, threshold, part, first, last):
    one = y.dtype.type(1)
    for n in range(first, last):
        is_one = one if y[n] > threshold else one - one
        hits[n] = one if target[n] == is_one else one - one


@for_team
def _one_hot(labels, y, part, first, last):
    one = y.dtype.type(1)
    for n in range(first, last):
        for c in range(y.shape[1]):
            y[n, c] = one if labels[n] == c else one - one


@compiled
def _largest(x):
    """Return where the first largest is; a NaN counts as larger than all."""
    best = 0
    for c in range(1, x.size):
        if x[best] == x[best] and (x[c] > x[best] or x[c] != x[c]):
            best = c
    return best
