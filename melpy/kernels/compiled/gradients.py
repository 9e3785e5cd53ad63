"""What becomes of the gradients before a step, compiled; see `melpy.kernels.spec.gradients`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.updates import fits
from melpy.kernels.spec import gradients as spec


def divide(g: np.ndarray, factor: float) -> None:
    """See `melpy.kernels.spec.gradients.divide`."""
    if not fits(g):
        return spec.divide(g, factor)
    threads.share(_divide, g.size, g.size, g, g.dtype.type(factor))


def accumulate(sums: np.ndarray, g: np.ndarray) -> None:
    """See `melpy.kernels.spec.gradients.accumulate`."""
    if not fits(sums, g):
        return spec.accumulate(sums, g)
    threads.share(_accumulate, g.size, g.size, sums, g)


def accumulated(sums: np.ndarray, g: np.ndarray, count: int) -> None:
    """See `melpy.kernels.spec.gradients.accumulated`."""
    if not fits(sums, g):
        return spec.accumulated(sums, g, count)
    threads.share(_accumulated, g.size, g.size, sums, g, g.dtype.type(count))


def clip_norm(parts: Sequence[np.ndarray], limit: float) -> None:
    """See `melpy.kernels.spec.gradients.clip_norm`."""
    if not fits(*parts):
        return spec.clip_norm(parts, limit)
    ends = np.cumsum([0, *(threads.parts(g.size, g.size) for g in parts)])
    sums = memory.empty((int(ends[-1]), 2), np.dtype(np.float64))
    factor = memory.empty((1,), np.dtype(np.float64))
    for g, first, last in zip(parts, ends[:-1], ends[1:], strict=True):
        threads.share(_squares, g.size, g.size, g, sums[first:last])
    threads.share(_factor, 1, 1, sums, float(limit), factor)
    for g in parts:
        threads.share(_scale, g.size, g.size, g, factor)


def clip_values(g: np.ndarray, limit: float) -> None:
    """See `melpy.kernels.spec.gradients.clip_values`."""
    if not fits(g):
        return spec.clip_values(g, limit)
    threads.share(_clip, g.size, g.size, g, g.dtype.type(limit))


@for_team
def _divide(g, factor, part, first, last):
    g = g[first:last]
    for n in range(g.size):
        g[n] /= factor


@for_team
def _accumulate(sums, g, part, first, last):
    sums, g = sums[first:last], g[first:last]
    for n in range(g.size):
        sums[n] += g[n]


@for_team
def _accumulated(sums, g, count, part, first, last):
    sums, g = sums[first:last], g[first:last]
    for n in range(g.size):
        g[n] = (g[n] + sums[n]) / count
        sums[n] = 0


@for_team
def _squares(g, sums, part, first, last):
    """Sum up g^2 / scale^2; the scale is 1 unless the squares are too large."""
    g = g[first:last]
    a, b, c, d = 0.0, 0.0, 0.0, 0.0  # four sums: none waits for the one before
    rest = g.size % 4
    for n in range(rest):
        a += np.float64(g[n]) * np.float64(g[n])
    for n in range(rest, g.size, 4):
        w, x, y, z = (
            np.float64(g[n]),
            np.float64(g[n + 1]),
            np.float64(g[n + 2]),
            np.float64(g[n + 3]),
        )
        a += w * w
        b += x * x
        c += y * y
        d += z * z
    total, scale = (a + b) + (c + d), 1.0
    if total == np.inf:
        largest = 0.0
        for n in range(g.size):
            largest = max(largest, abs(np.float64(g[n])))
        if largest < np.inf:
            total, scale = 0.0, largest
            for n in range(g.size):
                x = np.float64(g[n]) / scale
                total += x * x
    sums[part, 0], sums[part, 1] = total, scale


@for_team
def _factor(sums, limit, factor, part, first, last):
    scale, total = 1.0, 0.0
    for n in range(len(sums)):
        scale = max(scale, sums[n, 1])
    for n in range(len(sums)):
        share = sums[n, 1] / scale
        total += sums[n, 0] * (share * share)
    norm = scale * np.sqrt(total)
    factor[0] = limit / max(norm, limit) if norm < np.inf else np.nan


@for_team
def _scale(g, factor, part, first, last):
    g, by = g[first:last], g.dtype.type(factor[0])
    for n in range(g.size):
        g[n] *= by


@for_team
def _clip(g, limit, part, first, last):
    g = g[first:last]
    for n in range(g.size):
        g[n] = -limit if g[n] < -limit else limit if g[n] > limit else g[n]
