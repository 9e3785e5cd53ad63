"""Fourier transforms: each is linear, hence one product with what it makes of unit vectors.

A matrix of N rows takes N² steps where the fast transform takes N log N, which for the pieces of a
spectrogram is the faster of the two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import ops
from melpy.saving.onnx_export.rules.registry import Call, CannotSayError, rule

__all__: list[str] = []

MOST = 2**24  # entries of a matrix


def _times(c: Call, x: str, transform: Any, inner: Sequence[int]) -> str:
    """Return x (.., K) times the matrix of a linear function of arrays (.., *inner)."""
    size = math.prod(inner)
    if size * size > MOST:
        raise CannotSayError(f"a transform of {size} numbers, whose matrix would be too large")
    matrix = np.asarray(transform(np.eye(size).reshape(size, *inner)))
    return c.add("MatMul", x, matrix.reshape(size, -1).astype(c.out.dtype))


@rule("packed_rfft")
def packed_rfft(c: Call) -> str:
    inner = c.static(c.shape()[-1:])
    y = _times(c, c.x(), lambda e: ops.packed_rfft(e, fft_length=c["fft_length"]), inner)
    return c.reshape(y, c.out.shape)


@rule("packed_irfft")
def packed_irfft(c: Call) -> str:
    bins, two = c.static(c.shape()[-2:])
    x = c.reshape(c.x(), [*c.shape()[:-2], bins * two])
    return _times(c, x, lambda e: ops.packed_irfft(e, fft_length=c["fft_length"]), (bins, two))


@rule("packed_fft")
def packed_fft(c: Call) -> str:
    shape, rank, x = list(c.shape()), c.rank(), c.x()
    for axis in c.axes(c["axes"], rank - 1):  # of the last two: (.., N, 2)
        order = [*(n for n in range(rank - 1) if n != axis), axis, rank - 1]
        N = c.static([shape[axis]])[0]
        turned = [shape[n] for n in order]
        flat = c.reshape(c.transpose(x, order), [*turned[:-2], 2 * N])
        y = _times(c, flat, lambda e: ops.packed_fft(e, inverse=c["inverse"]), (N, 2))
        x = c.transpose(c.reshape(y, turned), np.argsort(order).tolist())
    return x
