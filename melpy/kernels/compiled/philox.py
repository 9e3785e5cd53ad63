"""Random numbers from counters, compiled: the same bits; see `melpy.kernels.spec.philox`.

The four words of a counter are made beside those of its neighbours, so that the loop over counters
becomes one of vectors.
"""

from __future__ import annotations

import math

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.approximations import LN2_HIGH, LN2_LOW, bits_of, of_bits
from melpy.kernels.compiled.jit import FLOATS, compiled
from melpy.kernels.compiled.team import for_team
from melpy.kernels.spec import philox as spec

f32, i32, u32, u64 = np.float32, np.int32, np.uint32, np.uint64
P, Q = map(u64, spec.MULTIPLIERS)
GOLDEN, ROOT_3 = u32(spec.GOLDEN), u32(spec.ROOT_3)
HALF = u64(32)
TILE = 1 << 10  # words at a time, which stay in the first-level cache
WORK = 4  # a number costs about what reading so many does


def next_seed(state: np.ndarray) -> np.ndarray:
    """See `melpy.kernels.spec.philox.next_seed`."""
    seed = memory.empty((2,), np.dtype(np.int64))
    threads.share(_next_seed, 1, 1, state, seed)
    return seed


def drawn(
    seed: np.ndarray, shape: tuple[int, ...], dtype: np.dtype, is_normal: bool,
    first_sample: int = 0,
) -> np.ndarray:  # fmt: skip
    """See `melpy.kernels.spec.philox.drawn`."""
    if dtype not in FLOATS or 0 in shape:
        threads.missed("numbers of a type that has no compiled twin")
        return spec.drawn(seed, shape, dtype, is_normal, first_sample)
    y = memory.empty(shape, dtype)
    N = shape[0] if shape else 1
    threads.share(_draw, N, WORK * y.size, y.reshape(N, -1), seed, is_normal, first_sample)
    return y


@for_team
def _next_seed(state, seed, part, first, last):
    seed[0], seed[1] = state[0], state[1]
    state[1] += 1


@compiled
def fill(words, block, sample, seed):
    """Write the words of a sample's counters from ``block`` on, four of each."""
    step, step_high = u32(seed[1]), u32(seed[1] >> 32)
    key, key_high = u32(seed[0]), u32(seed[0] >> 32)
    for n in range(words.size // 4):
        a, b, c, d = u32(block + n), u32(sample), step, step_high
        k, m = key, key_high
        for _ in range(spec.ROUNDS):
            p, q = P * u64(a), Q * u64(c)
            a, b, c, d = u32(q >> HALF) ^ b ^ k, u32(q), u32(p >> HALF) ^ d ^ m, u32(p)
            k, m = u32(k + GOLDEN), u32(m + ROOT_3)
        words[4 * n], words[4 * n + 1], words[4 * n + 2], words[4 * n + 3] = a, b, c, d


@compiled
def normals(words, z):
    """Write numbers from the standard normal distribution, two of two words."""
    if z.itemsize == 4:
        _short_normals(words, z)
        return
    unit = 2.0**-32
    for n in range(words.size // 2):
        r = math.sqrt(-2.0 * math.log((words[2 * n] + 1.0) * unit))
        t = 2.0 * math.pi * (words[2 * n + 1] * unit)
        z[2 * n], z[2 * n + 1] = r * math.cos(t), r * math.sin(t)


# Polynomials of Moshier's Cephes, highest power first: of logf, sinf and cosf.
L8, L7, L6, L5, L4, L3, L2, L1, L0 = map(f32, (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
))  # fmt: skip
S2, S1, S0 = map(f32, (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1))
C2, C1, C0 = map(f32, (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2))
ROOT_HALF = i32(0x3F3504F3)  # the bits of sqrt(1/2)
UNIT, TURN = f32(2.0**-32), f32(2 * math.pi * 2.0**-32)
EIGHTH = u32(1 << 29)  # of a turn


@compiled
def _short_normals(words, z):
    """Write them in float32, a vector at a time, within 1e-6."""
    half, one = f32(0.5), f32(1)
    for n in range(words.size // 2):
        w, v = words[2 * n], words[2 * n + 1]
        # ln u = e ln 2 + ln(1 + x), and where u is near 1, x is its distance from there
        bits = bits_of(f32(w) + one)
        e = i32(i32(bits - ROOT_HALF) >> i32(23))
        x = of_bits(i32(bits - i32(e << i32(23)))) - one
        x = -(f32(u32(~w)) * UNIT) if e == 32 else x
        s, d = x * x, f32(e - 32)
        p = (((((((L8 * x + L7) * x + L6) * x + L5) * x + L4) * x + L3) * x + L2) * x + L1) * x + L0
        log = d * LN2_HIGH + (x + (d * LN2_LOW + (p * x * s - half * s)))
        r = math.sqrt(f32(-2) * log)
        # the nearest quarter of a turn, and how far from it
        quarter = u32(u32(v + EIGHTH) >> u32(30))
        t = f32(i32(u32(v - u32(quarter << u32(30))))) * TURN
        s = t * t
        sine = ((S2 * s + S1) * s + S0) * s * t + t
        cosine = ((C2 * s + C1) * s + C0) * s * s - half * s + one
        across, along = (sine, cosine) if quarter & u32(1) else (cosine, sine)
        across = -across if (quarter == 1) | (quarter == 2) else across
        z[2 * n], z[2 * n + 1] = r * across, r * (-along if quarter >= 2 else along)


@for_team
def _draw(y, seed, is_normal, first_sample, part, first, last):
    D, unit = y.shape[1], y.dtype.type(2.0**-24)
    each = 2 if y.itemsize == 8 and not is_normal else 1  # words for a number
    words, z = np.empty(TILE, np.uint32), np.empty(TILE, y.dtype)
    for n in range(first, last):
        for at in range(0, D, TILE // each):
            row = y[n, at : at + TILE // each]
            bits = words[: (each * row.size + 3) // 4 * 4]
            fill(bits, each * at >> 2, first_sample + n, seed)
            if is_normal:
                normals(bits, z)
                for k in range(row.size):
                    row[k] = z[k]
            elif each == 1:
                for k in range(row.size):
                    row[k] = y.dtype.type(bits[k] >> u32(8)) * unit
            else:
                for k in range(row.size):
                    high, low = bits[2 * k] >> u32(5), bits[2 * k + 1] >> u32(6)
                    row[k] = (high * 2.0**26 + low) * 2.0**-53
