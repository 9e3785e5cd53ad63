"""Random numbers from counters: each follows from where it stands, not from those before it.

    words(seed, ...)[n, e]    of the draw that ``seed`` tells, a pair (seed, step): the number of
                              element e of sample n, 32 random bits

So a batch draws the same numbers whole or in pieces, on one thread or many, on one machine or
many, and a way back can draw again what the way forward drew. Counters and key are made so:

    key        seed, 64 bits: a source's own (`melpy.random.SeedGenerator`)
    counter    (e // 4, n, step), the element within the sample, 32 bits, the sample's index in the
               global batch, 32 bits, and the step, 64 bits; element e is word e % 4 of the four

Source: J. K. Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3, Philox4x32-10.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = ["drawn", "next_seed", "philox", "words"]

ROUNDS = 10
MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
GOLDEN, ROOT_3 = 0x9E3779B9, 0xBB67AE85  # what the key's two words grow by, a round
LOW = 0xFFFFFFFF

Words = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def philox(counter: tuple, key: tuple) -> Words:
    """Return four random words for each counter.

    Parameters
    ----------
    counter : four whole numbers below 2^32, or arrays of such that broadcast
    key : two whole numbers below 2^32

    Returns
    -------
    four arrays of uint64, of numbers below 2^32

    Examples
    --------
    >>> [f"{int(word):08x}" for word in philox((0, 0, 0, 0), (0, 0))]
    ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']
    """
    a, b, c, d = (np.asarray(word, np.uint64) for word in counter)
    for n in range(ROUNDS):
        k, m = (key[0] + n * GOLDEN) & LOW, (key[1] + n * ROOT_3) & LOW
        p, q = a * np.uint64(MULTIPLIERS[0]), c * np.uint64(MULTIPLIERS[1])  # of 64 bits
        a, b, c, d = _high(q) ^ b ^ np.uint64(k), _low(q), _high(p) ^ d ^ np.uint64(m), _low(p)
    return a, b, c, d


def _high(x: np.ndarray) -> np.ndarray:
    return x >> np.uint64(32)


def _low(x: np.ndarray) -> np.ndarray:
    return x & np.uint64(LOW)


def words(seed: np.ndarray, samples: int, elements: int, first_sample: int = 0) -> np.ndarray:
    """Return the random words of a batch, (N, D) of uint32.

    Parameters
    ----------
    seed : ndarray (2,) of int64: the source's seed, and the step
    samples : int, N
    elements : int, D, of a sample
    first_sample : int, the index of the first sample in the global batch

    Examples
    --------
    >>> whole = words(np.array([7, 0]), 5, 3)
    >>> bool((words(np.array([7, 0]), 3, 3, 2) == whole[2:]).all())
    True
    """
    key, step = ((int(number) & LOW, int(number) >> 32 & LOW) for number in seed)
    block = np.arange((elements + 3) // 4)
    sample = first_sample + np.arange(samples)[:, np.newaxis]
    made = philox((block, sample, *step), key)  # four of (N, D / 4)
    return np.stack(made, axis=-1).reshape(samples, 4 * len(block))[:, :elements].astype(np.uint32)


def drawn(
    seed: np.ndarray, shape: tuple[int, ...], dtype: np.dtype, is_normal: bool,
    first_sample: int = 0,
) -> np.ndarray:  # fmt: skip
    """Return numbers of [0, 1), or from the standard normal distribution.

    Parameters
    ----------
    seed, first_sample : as in `words`
    shape : tuple of ints, (N,...)
    dtype : a float type
    is_normal : bool

    Examples
    --------
    >>> drawn(np.array([1, 0]), (2, 3), np.dtype(np.float32), False).shape
    (2, 3)
    """
    N, *rest = shape or (1,)
    D = math.prod(rest)
    made = _normals if is_normal else _uniforms
    each = 1 if is_normal or dtype.itemsize < 8 else 2  # words for a number
    bits = words(seed, N, each * D + D % 2, first_sample)
    return made(bits, dtype)[:, :D].reshape(shape)


def _uniforms(bits: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return numbers in [0, 1): of the first 24 bits of a word, or of 53 of two for float64."""
    if dtype.itemsize < 8:
        return (bits >> 8).astype(dtype) * dtype.type(2.0**-24)
    pairs = bits[:, : bits.shape[1] // 2 * 2]
    return ((pairs[:, ::2] >> 5) * 2.0**26 + (pairs[:, 1::2] >> 6)) * 2.0**-53


def _normals(bits: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return numbers from the standard normal distribution, of words (N, D), of even D.

    Two make two: z = r cos t and r sin t, with r^2 = -2 ln u, t = 2 pi v, and u in (0, 1], v in
    [0, 1) from all 32 bits of the two words.

    Source: G. E. P. Box, M. E. Muller 1958, A note on the generation of random normal deviates.
    """
    pairs = bits.reshape(len(bits), bits.shape[1] // 2, 2)  # (N, D) -> (N, D/2, 2)
    u, v = (pairs[..., 0] + 1.0) / 2.0**32, pairs[..., 1] / 2.0**32
    r, t = np.sqrt(-2 * np.log(u)), 2 * np.pi * v
    return np.stack([r * np.cos(t), r * np.sin(t)], axis=-1).reshape(bits.shape).astype(dtype)


def next_seed(state: np.ndarray) -> np.ndarray:
    """Return a state (2,) of int64, a seed and a step, and go on to the next step in its place."""
    seed = state.copy()
    state[1] += 1
    return seed
