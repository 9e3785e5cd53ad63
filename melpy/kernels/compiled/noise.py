"""Noise from counters, compiled: drawn beside where it is used, never laid down as an array.

A batch is looked at as (N, A, P, B), where the P values of a draw lie between A and B others: each
value has a draw of its own where A and P are 1, each channel has where B is the channels.
"""

from __future__ import annotations

import math

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.jit import contiguous
from melpy.kernels.compiled.philox import TILE, fill, normals
from melpy.kernels.compiled.team import for_team
from melpy.kernels.spec import noise as spec

WORK = 2  # a draw costs about what reading so many numbers does
HEAVY = 16  # and one from the normal distribution


def dropped(
    x: np.ndarray, seed: np.ndarray, noise_shape: spec.Shape, rate: float, scale: float,
    offset: float, other: float, first_sample: int = 0,
) -> np.ndarray:  # fmt: skip
    """See `melpy.kernels.spec.noise.dropped`."""
    laid = around_draws(x.shape, noise_shape)
    if laid is None:
        threads.missed("dropout of axes that lie apart")
    arrays = contiguous(x) if laid and x.size else None
    if arrays is None or laid is None:
        return spec.dropped(x, seed, noise_shape, rate, scale, offset, other, first_sample)
    y = memory.empty(x.shape, x.dtype)
    begin = first_sample if noise_shape[:1] == x.shape[:1] else -1
    threads.share(
        _drop, laid[0], WORK * x.size, arrays[0].reshape(laid), y.reshape(laid), seed,
        spec.threshold(rate), float(scale), float(offset), float(other), begin,
    )  # fmt: skip
    return y


def noisy(
    x: np.ndarray, seed: np.ndarray, deviation: float, is_factor: bool, first_sample: int = 0
) -> np.ndarray:
    """See `melpy.kernels.spec.noise.noisy`."""
    arrays = contiguous(x) if x.size else None
    if arrays is None:
        return spec.noisy(x, seed, deviation, is_factor, first_sample)
    y = memory.empty(x.shape, x.dtype)
    N = x.shape[0] if x.ndim else 1
    rows, out = arrays[0].reshape(N, -1), y.reshape(N, -1)
    threads.share(
        _blur, N, HEAVY * x.size, rows, out, seed, float(deviation), bool(is_factor), first_sample
    )
    return y


def around_draws(shape: spec.Shape, noise_shape: spec.Shape) -> tuple[int, int, int, int] | None:
    """Return (N, A, P, B) where the axes that share a draw lie side by side, else None.

    Examples
    --------
    >>> around_draws((8, 5, 6, 3), (8, 1, 1, 3)), around_draws((8, 3, 5, 6), (8, 3, 1, 1))
    ((8, 1, 30, 3), (8, 3, 30, 1))
    >>> around_draws((8, 5, 6), (8, 5, 6)), around_draws((8, 2, 3, 2), (8, 1, 3, 1))
    ((8, 1, 1, 30), None)
    """
    N, *rest = shape or (1,)
    shared = [n for n, size in enumerate(rest) if noise_shape[n + 1] != size]
    if not shared:
        return N, 1, 1, math.prod(rest)
    begin, end = shared[0], shared[-1] + 1
    if any(rest[n] > 1 and n not in shared for n in range(begin, end)):
        return None
    return N, math.prod(rest[:begin]), math.prod(rest[begin:end]), math.prod(rest[end:])


@for_team
def _drop(x, y, seed, below, scale, offset, other, first_sample, part, first, last):
    _, A, P, B = x.shape
    s, o, zero = y.dtype.type(scale), y.dtype.type(offset), y.dtype.type(other)
    limit = np.uint32(below)
    words = np.empty(TILE + 4, np.uint32)
    for n in range(first, last):
        sample = first_sample + n if first_sample >= 0 else 0
        for a in range(A):
            for at in range(0, B, TILE):
                width, begin = min(TILE, B - at), a * B + at
                skip = begin & 3
                fill(words[: (skip + width + 3) // 4 * 4], begin >> 2, sample, seed)
                drawn = words[skip : skip + width]
                if B == 1:
                    before, after, is_kept = x[n, a, :, 0], y[n, a, :, 0], drawn[0] >= limit
                    for p in range(P):
                        after[p] = before[p] * s + o if is_kept else zero
                else:
                    for p in range(P):
                        row, out = x[n, a, p, at : at + width], y[n, a, p, at : at + width]
                        for b in range(width):
                            out[b] = row[b] * s + o if drawn[b] >= limit else zero


@for_team
def _blur(x, y, seed, deviation, is_factor, first_sample, part, first, last):
    D, d, one = x.shape[1], y.dtype.type(deviation), y.dtype.type(1)
    words, z = np.empty(TILE, np.uint32), np.empty(TILE, y.dtype)
    for n in range(first, last):
        for at in range(0, D, TILE):
            width = min(TILE, D - at)
            drawn = words[: (width + 3) // 4 * 4]
            fill(drawn, at >> 2, first_sample + n, seed)
            normals(drawn, z)
            row, out = x[n, at : at + width], y[n, at : at + width]
            if is_factor:
                for k in range(width):
                    out[k] = row[k] * (one + d * z[k])
            else:
                for k in range(width):
                    out[k] = row[k] + d * z[k]
