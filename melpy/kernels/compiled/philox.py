"""Random numbers from counters, compiled: the same bits; see `melpy.kernels.spec.philox`.

The four words of a counter are made beside those of its neighbours, so that the loop over counters
becomes one of vectors.
"""

from __future__ import annotations

import math

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.jit import compiled
from melpy.kernels.compiled.team import for_team
from melpy.kernels.spec import philox as spec

u32, u64 = np.uint32, np.uint64
P, Q = map(u64, spec.MULTIPLIERS)
GOLDEN, ROOT_3 = u32(spec.GOLDEN), u32(spec.ROOT_3)
HALF = u64(32)


def next_seed(state: np.ndarray) -> np.ndarray:
    """See `melpy.kernels.spec.philox.next_seed`."""
    seed = memory.empty((2,), np.dtype(np.int64))
    threads.share(_next_seed, 1, 1, state, seed)
    return seed


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
    """Write what `melpy.kernels.spec.philox.normals` says, in twice the precision of float32."""
    unit = 2.0**-32
    for n in range(words.size // 2):
        r = math.sqrt(-2.0 * math.log((words[2 * n] + 1.0) * unit))
        t = 2.0 * math.pi * (words[2 * n + 1] * unit)
        z[2 * n], z[2 * n + 1] = r * math.cos(t), r * math.sin(t)
