"""Batch and layer normalization, compiled; see `melpy.kernels.spec.normalization`.

Two sweeps each: sums, then values. Sums run over fixed groups of rows, in blocks whose totals are
kept in float64, so that neither the number of rows nor of threads shows in them. The second sweep
of a gradient is one line, d_x = a d + b (x - mean) + c, with numbers of the channel, or of the row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.activation import cut
from melpy.kernels.compiled.jit import compiled, contiguous
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import RELU
from melpy.kernels.spec import normalization as spec
from melpy.kernels.spec.normalization import Three
from melpy.kernels.tracing import computed, zeros

BLOCK = 64  # rows that are added up before their sum goes to the total
IS_RELU = {"linear": False, "relu": True}


def batch_norm(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, epsilon: float, act: str
) -> Three:
    """Normalize channels; see `melpy.kernels.spec.normalization.batch_norm`."""
    arrays = contiguous(x, gamma, beta)
    if arrays is None:
        return spec.batch_norm(x, gamma, beta, epsilon, act)
    x, gamma, beta = arrays
    first = x[0]  # sums of x - first lose no digits to a mean far from 0
    totals = _totals(_moments, x, first)

    def numbers(totals: Any, first: Any, gamma: Any) -> Any:
        middle = totals[0] / len(x)
        variance = np.maximum(totals[1] / len(x) - middle * middle, 0)
        return _typed(x, first + middle, variance, gamma / np.sqrt(variance + epsilon))

    mean, variance, scale = computed(numbers, totals, first, gamma)
    y = memory.empty(x.shape, x.dtype)
    threads.share(_scaled, len(x), x.size, x, y, mean, scale, beta, IS_RELU[act])
    return y, mean, variance


def batch_norm_d_x(
    g: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray,
    epsilon: float,
    act: str,
) -> Three:
    """Gradients; see `melpy.kernels.spec.normalization.batch_norm_d_x`."""
    arrays = contiguous(g, x, y, mean, variance, gamma)
    if arrays is None:
        return spec.batch_norm_d_x(g, x, y, mean, variance, gamma, epsilon, act)
    g, x, y, mean, variance, gamma = arrays
    totals, M = _totals(_moments_back, x, mean, g, y, IS_RELU[act]), len(x)

    def numbers(totals: Any, variance: Any, gamma: Any) -> Any:
        d_beta, along = totals[0], totals[1]
        s = 1 / np.sqrt(variance.astype(np.float64) + epsilon)
        d_gamma, a = along * s, gamma * s
        return _typed(x, d_gamma, d_beta, a, -a * s * d_gamma / M, -a * d_beta / M)

    d_gamma, d_beta, *line = computed(numbers, totals, variance, gamma)
    d_x = memory.empty(x.shape, x.dtype)
    threads.share(_combined, M, x.size, g, x, y, d_x, mean, *line, IS_RELU[act])
    return d_x, d_gamma, d_beta


def shared_batch_norm(
    x: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    epsilon: float,
    act: str,
    count: int,
    added_up: spec.Sum,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """See `melpy.kernels.spec.normalization.shared_batch_norm`."""
    arrays = contiguous(x, gamma, beta)
    if arrays is None:
        return spec.shared_batch_norm(x, gamma, beta, epsilon, act, count, added_up)
    x, gamma, beta = arrays
    first, M, C = x[0], len(x), len(gamma)
    totals = _totals(_moments, x, first)

    def own(totals: Any, first: Any) -> Any:
        middle = totals[0] / M
        mean = first + middle
        variance = np.maximum(totals[1] / M - middle * middle, 0)
        return mean, variance, np.concatenate([mean * 0 + count, mean * count])

    own_mean, own_variance, own_sums = computed(own, totals, first)
    sums = added_up(own_sums)
    squares = added_up(
        computed(lambda m, v, s: (v + (m - s[C:] / s[:C]) ** 2) * count,
                 own_mean, own_variance, sums)
    )  # fmt: skip

    def numbers(sums: Any, squares: Any, gamma: Any) -> Any:
        variance = squares / sums[:C]
        return _typed(x, sums[C:] / sums[:C], variance, gamma / np.sqrt(variance + epsilon))

    mean, variance, scale = computed(numbers, sums, squares, gamma)
    y = memory.empty(x.shape, x.dtype)
    threads.share(_scaled, M, x.size, x, y, mean, scale, beta, IS_RELU[act])
    return y, mean, variance, sums.reshape(2, C)


def shared_batch_norm_d_x(
    g: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    sums: np.ndarray,
    gamma: np.ndarray,
    epsilon: float,
    act: str,
    added_up: spec.Sum,
) -> Three:
    """See `melpy.kernels.spec.normalization.shared_batch_norm_d_x`."""
    arrays = contiguous(g, x, y, mean, variance, gamma)
    if arrays is None:
        return spec.shared_batch_norm_d_x(
            g, x, y, mean, variance, sums, gamma, epsilon, act, added_up
        )
    g, x, y, mean, variance, gamma = arrays
    totals = _totals(_moments_back, x, mean, g, y, IS_RELU[act])
    whole = added_up(totals)

    def numbers(totals: Any, whole: Any, sums: Any, variance: Any, gamma: Any) -> Any:
        s = 1 / np.sqrt(variance.astype(np.float64) + epsilon)
        a = gamma * s
        along, level = -a * s * s * whole[1] / sums[0], -a * whole[0] / sums[0]
        return _typed(x, totals[1] * s, totals[0], a, along, level)

    d_gamma, d_beta, *line = computed(numbers, totals, whole, sums, variance, gamma)
    d_x = memory.empty(x.shape, x.dtype)
    threads.share(_combined, len(x), x.size, g, x, y, d_x, mean, *line, IS_RELU[act])
    return d_x, d_gamma, d_beta


def scale_offset(x: np.ndarray, scale: np.ndarray, offset: np.ndarray, act: str) -> np.ndarray:
    """y = act(scale x + offset); see `melpy.kernels.spec.normalization.scale_offset`."""
    arrays = contiguous(x, scale, offset)
    if arrays is None:
        return spec.scale_offset(x, scale, offset, act)
    x, scale, offset = arrays
    y, zeros = memory.empty(x.shape, x.dtype), np.zeros_like(scale)
    threads.share(_scaled, len(x), x.size, x, y, zeros, scale, offset, IS_RELU[act])
    return y


def layer_norm(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, epsilon: float) -> Three:
    """Normalize rows; see `melpy.kernels.spec.normalization.layer_norm`."""
    arrays = contiguous(x, gamma, beta)
    if arrays is None:
        return spec.layer_norm(x, gamma, beta, epsilon)
    x, gamma, beta = arrays
    y, mean, s = (
        memory.empty(x.shape, x.dtype),
        memory.empty((len(x),), x.dtype),
        memory.empty((len(x),), x.dtype),
    )
    threads.share(_layer, len(x), 4 * x.size, x, gamma, beta, epsilon, y, mean, s)
    return y, mean, s


def layer_norm_d_x(
    g: np.ndarray, x: np.ndarray, mean: np.ndarray, s: np.ndarray, gamma: np.ndarray
) -> Three:
    """Gradients; see `melpy.kernels.spec.normalization.layer_norm_d_x`."""
    arrays = contiguous(g, x, mean, s, gamma)
    if arrays is None:
        return spec.layer_norm_d_x(g, x, mean, s, gamma)
    g, x, mean, s, gamma = arrays
    d_x = memory.empty(x.shape, x.dtype)
    totals = zeros((threads.parts(len(x), 4 * x.size), 2, x.shape[1]), np.float64)
    threads.share(_layer_back, len(x), 4 * x.size, g, x, mean, s, gamma, d_x, totals)
    return d_x, *computed(lambda totals: _typed(x, *totals.sum(axis=0)), totals)


def _typed(x: np.ndarray, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(array.astype(x.dtype, copy=False) for array in arrays)


def _totals(loop, x, *arguments):
    """Return two sums over the rows, (2,C) in float64, from fixed groups added in order.

    Rows of few channels are read several at once, as one row of more, and their sums folded.
    """
    M, C = x.shape
    together = next((n for n in (8, 4, 2) if M % n == 0 and n * C <= 128), 1)

    def wide(a):
        if not isinstance(a, np.ndarray):
            return a
        if a.ndim == 2:
            return a.reshape(M // together, C * together)
        return computed(lambda a: np.concatenate([a] * together), a) if together > 1 else a

    given = [wide(a) for a in (x, *arguments)]
    totals = zeros((threads.parts(M // together, x.size), 2, C * together), np.float64)
    threads.share(loop, M // together, x.size, *given, totals)
    return computed(lambda totals: totals.sum(axis=0).reshape(2, together, C).sum(axis=1), totals)


@for_team
def _moments(x, first_row, totals, part, first, last):
    """totals += sum (x - first_row), sum (x - first_row)^2."""
    C = x.shape[1]
    some, squares = np.zeros(C, x.dtype), np.zeros(C, x.dtype)
    for start in range(first, last, BLOCK):
        some[:] = 0
        squares[:] = 0
        for row in range(start, min(start + BLOCK, last)):
            v = x[row]
            for c in range(C):
                d = v[c] - first_row[c]
                some[c] += d
                squares[c] += d * d
        for c in range(C):
            totals[part, 0, c] += some[c]
            totals[part, 1, c] += squares[c]


@for_team
def _moments_back(x, mean, g, y, is_relu, totals, part, first, last):
    """totals += sum d, sum d (x - mean), where d = g act'(y)."""
    C, zero = x.shape[1], x.dtype.type(0)
    some, along = np.zeros(C, x.dtype), np.zeros(C, x.dtype)
    for start in range(first, last, BLOCK):
        some[:] = 0
        along[:] = 0
        for row in range(start, min(start + BLOCK, last)):
            v, d, out = x[row], g[row], y[row]
            if is_relu:
                for c in range(C):
                    e = d[c] if out[c] > zero else zero
                    some[c] += e
                    along[c] += e * (v[c] - mean[c])
            else:
                for c in range(C):
                    some[c] += d[c]
                    along[c] += d[c] * (v[c] - mean[c])
        for c in range(C):
            totals[part, 0, c] += some[c]
            totals[part, 1, c] += along[c]


@for_team
def _combined(g, x, y, d_x, mean, a, b, c, is_relu, part, first, last):
    """d_x = a d + b (x - mean) + c."""
    C, zero = x.shape[1], x.dtype.type(0)
    for row in range(first, last):
        d, v, out, to = g[row], x[row], y[row], d_x[row]
        if is_relu:
            for k in range(C):
                e = d[k] if out[k] > zero else zero
                to[k] = a[k] * e + (b[k] * (v[k] - mean[k]) + c[k])
        else:
            for k in range(C):
                to[k] = a[k] * d[k] + (b[k] * (v[k] - mean[k]) + c[k])


@for_team
def _scaled(x, y, middle, scale, offset, is_relu, part, first, last):
    """y = act((x - middle) scale + offset)."""
    C = x.shape[1]
    for row in range(first, last):
        v, out = x[row], y[row]
        for c in range(C):
            out[c] = (v[c] - middle[c]) * scale[c] + offset[c]
    if is_relu:
        cut(y[first:last].reshape(-1), RELU, 0.0)


@for_team
def _layer(x, gamma, beta, epsilon, y, mean, s, part, first, last):
    C, lanes = x.shape[1], np.zeros(16, x.dtype)
    for row in range(first, last):
        v, out = x[row], y[row]
        middle = row_sum(v, lanes) / C
        for c in range(C):
            out[c] = v[c] - middle
        root = x.dtype.type(1 / np.sqrt(row_sum_of_products(out, out, lanes) / C + epsilon))
        mean[row], s[row] = middle, root
        for c in range(C):
            out[c] = out[c] * root * gamma[c] + beta[c]


@for_team
def _layer_back(g, x, mean, s, gamma, d_x, totals, part, first, last):
    C, lanes = x.shape[1], np.zeros(16, x.dtype)
    z, e = np.empty(C, x.dtype), np.empty(C, x.dtype)
    d_gamma, d_beta = np.zeros(C, x.dtype), np.zeros(C, x.dtype)
    for start in range(first, last, BLOCK):
        d_gamma[:] = 0
        d_beta[:] = 0
        for row in range(start, min(start + BLOCK, last)):
            d, v, to, root, middle = g[row], x[row], d_x[row], s[row], mean[row]
            for c in range(C):
                z[c] = (v[c] - middle) * root
                e[c] = d[c] * gamma[c]
            for c in range(C):
                d_beta[c] += d[c]
                d_gamma[c] += d[c] * z[c]
            first_mean = row_sum(e, lanes) / C
            along = row_sum_of_products(e, z, lanes) / C
            for c in range(C):
                to[c] = root * (e[c] - first_mean - z[c] * along)
        for c in range(C):
            totals[part, 0, c] += d_gamma[c]
            totals[part, 1, c] += d_beta[c]


@compiled
def row_max(v, lanes):
    """Return the largest of a row, in 16 lanes as in `row_sum`; NaN where there is one."""
    largest = v[0]
    for n in range(16):
        lanes[n] = largest
    whole = v.size - v.size % 16
    for k in range(0, whole, 16):
        for n in range(16):
            lanes[n] = v[k + n] if (v[k + n] > lanes[n]) | (v[k + n] != v[k + n]) else lanes[n]
    for n in range(16 if whole else 0):
        largest = lanes[n] if (lanes[n] > largest) | (lanes[n] != lanes[n]) else largest
    for k in range(whole, v.size):
        largest = v[k] if (v[k] > largest) | (v[k] != v[k]) else largest
    return largest


@compiled
def _sum_of_16(lanes):
    for n in range(8):
        lanes[n] += lanes[n + 8]
    for n in range(4):
        lanes[n] += lanes[n + 4]
    return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])


@compiled
def row_sum(v, lanes):
    """Sum along a row in 16 lanes, then these by halves: vectors, whatever their width."""
    whole = v.size - v.size % 16
    lanes[:] = 0
    for k in range(0, whole, 16):
        for n in range(16):
            lanes[n] += v[k + n]
    for k in range(whole, v.size):
        lanes[k - whole] += v[k]
    return _sum_of_16(lanes)


@compiled
def row_sum_of_products(u, v, lanes):
    whole = v.size - v.size % 16
    lanes[:] = 0
    for k in range(0, whole, 16):
        for n in range(16):
            lanes[n] += u[k + n] * v[k + n]
    for k in range(whole, v.size):
        lanes[k - whole] += u[k] * v[k]
    return _sum_of_16(lanes)
