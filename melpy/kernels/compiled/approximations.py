"""exp, tanh and erf as loops of vectors: the C library's take one number at a time.

For float32 each is a polynomial, or a quotient of two, within a few units in the last place; for
float64 it is the library's. Each passes NaN on.
Sources: exp, the reduction and polynomial of Moshier's Cephes (expf); tanh and erf, the minimax
quotients of Eigen (generic_fast_tanh_float, generic_fast_erf_float), highest power first.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload

from melpy.kernels.compiled.jit import OPTIONS, compiled

__all__ = ["bits_of", "erf", "exp", "of_bits", "tanh"]

f32 = np.float32


@compiled
def bits_of(x):
    """The bits of a float32, as a whole number."""
    return np.float32(x).view(np.int32)


@compiled
def of_bits(n):
    """The float32 of such bits."""
    return np.int32(n).view(np.float32)


@compiled
def _power_of_two(n):
    """2^n for a whole number n from -126 to 127, by its bits."""
    return of_bits((n + 127) << 23)


def exp(x: Any) -> Any:
    """Return e^x."""
    return np.exp(x)


def tanh(x: Any) -> Any:
    """Return tanh(x)."""
    return np.tanh(x)


def erf(x: Any) -> Any:
    """Return the error function of x."""
    return math.erf(x)


LOG2_E, LN2_HIGH, LN2_LOW = f32(1.44269504088896341), f32(0.693359375), f32(-2.12194440e-4)
E5, E4, E3, E2, E1, E0 = map(f32, (
    1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
    5.0000001201e-1,
))  # fmt: skip
LEAST, MOST = f32(-87.33654), f32(88.72283)  # beyond, e^x is 0 or inf in float32


@overload(exp, jit_options=OPTIONS)
def _exp(x):
    if x is not types.float32:
        return lambda x: np.exp(x)

    def fast(x):
        n = np.floor(x * LOG2_E + f32(0.5))
        r = x - n * LN2_HIGH - n * LN2_LOW
        p = ((((E5 * r + E4) * r + E3) * r + E2) * r + E1) * r + E0
        e = p * (r * r) + r + f32(1)
        half = np.int32(min(max(n, f32(-126)), f32(128))) >> 1  # two factors: 2^128 is no float32
        y = (
            e
            * _power_of_two(half)
            * _power_of_two(np.int32(min(max(n, f32(-126)), f32(128))) - half)
        )
        y = f32(0) if x < LEAST else y
        y = f32(np.inf) if x > MOST else y
        return x if x != x else y

    return fast


T6, T5, T4, T3, T2, T1, T0 = map(f32, (
    -2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
    1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03,
))  # fmt: skip
U3, U2, U1, U0 = map(f32, (
    1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03,
))  # fmt: skip
ONE_FROM = f32(7.90531110763549805)  # from here on tanh is 1 in float32


@overload(tanh, jit_options=OPTIONS)
def _tanh(x):
    if x is not types.float32:
        return lambda x: np.tanh(x)

    def fast(x):
        v = ONE_FROM if x > ONE_FROM else x
        v = -ONE_FROM if v < -ONE_FROM else v
        s = v * v
        p = ((((((T6 * s + T5) * s + T4) * s + T3) * s + T2) * s + T1) * s + T0) * v
        y = p / (((U3 * s + U2) * s + U1) * s + U0)
        y = f32(1) if x >= ONE_FROM else y
        return f32(-1) if x <= -ONE_FROM else y

    return fast


A6, A5, A4, A3, A2, A1, A0 = map(f32, (
    -2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05,
    -7.34990630326855e-04, -2.95459980854025e-03, -1.60960333262415e-02,
))  # fmt: skip
B4, B3, B2, B1, B0 = map(f32, (
    -1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03,
    -1.42647390514189e-02,
))  # fmt: skip


@overload(erf, jit_options=OPTIONS)
def _erf(x):
    if x is not types.float32:
        return lambda x: math.erf(x)

    def fast(x):
        v = f32(4) if x > f32(4) else x
        v = f32(-4) if v < f32(-4) else v
        s = v * v
        p = ((((((A6 * s + A5) * s + A4) * s + A3) * s + A2) * s + A1) * s + A0) * v
        y = p / ((((B4 * s + B3) * s + B2) * s + B1) * s + B0)
        y = f32(1) if y > f32(1) else y
        return f32(-1) if y < f32(-1) else y

    return fast
