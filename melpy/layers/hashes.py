"""Hashes of strings, the same here as in TensorFlow: FarmHash's fingerprint and SipHash-2-4.

Many strings are hashed at once: those of one length are the rows of a table of bytes, and each
step of an algorithm is one operation on a column of 64-bit words, whose products and sums wrap
around as the algorithms want it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["concatenated", "fingerprints", "siphashes"]

Words = np.ndarray  # uint64, one for each string

K0, K1, K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
WORD = 2**64 - 1


def fingerprints(strings: Sequence[bytes]) -> Words:
    """Return FarmHash's Fingerprint64 of each string.

    Source: G. Pike, FarmHash (2014), farmhashna::Hash64; TensorFlow's ``to_hash_bucket_fast``.

    Examples
    --------
    >>> [f"{word:x}" for word in fingerprints([b"", b"hello"])]
    ['9ae16a3b2f90404f', 'b48be5a931380ce8']
    """
    return _by_length(strings, _farm)


def siphashes(strings: Sequence[bytes], key: Sequence[int]) -> Words:
    """Return SipHash-2-4 of each string under a key of two 64-bit words.

    Source: J.-P. Aumasson, D. J. Bernstein, SipHash (2012); TensorFlow's
    ``to_hash_bucket_strong``.

    Examples
    --------
    >>> [f"{word:x}" for word in siphashes([bytes(range(15))], (0x0706050403020100,
    ...                                                         0x0F0E0D0C0B0A0908))]
    ['a129ca6149be45e5']
    """
    return _by_length(strings, lambda table: _sip(table, key))


def concatenated(first: Words | int, second: Words) -> Words:
    """Return the fingerprint of two fingerprints in this order; TensorFlow's FingerprintCat64."""
    mul = 0xC6A4A7935BD1E995
    h = np.bitwise_xor(np.uint64(mul), np.asarray(first, np.uint64))
    h = (h ^ _shift_mix(second * mul) * mul) * mul
    return _shift_mix(_shift_mix(h) * mul)


def _by_length(strings: Sequence[bytes], hashed: Callable[[np.ndarray], Words]) -> Words:
    """Hash the strings of each length together."""
    lengths = np.fromiter(map(len, strings), np.int64, len(strings))
    made = np.zeros(len(strings), np.uint64)
    for length in np.unique(lengths).tolist():
        rows = np.flatnonzero(lengths == length)
        joined = b"".join([strings[row] for row in rows.tolist()])
        made[rows] = hashed(np.frombuffer(joined, np.uint8).reshape(len(rows), length))
    return made


def _fetch(table: np.ndarray, start: int, size: int = 8) -> Words:
    """Return the little-endian words at one place of each string."""
    part = np.ascontiguousarray(table[:, start : start + size])
    return part.view(f"<u{size}")[:, 0].astype(np.uint64)


def _rotate(x: Any, right: int) -> Any:
    return (x >> right) | (x << (64 - right))


def _shift_mix(x: Words) -> Words:
    return x ^ (x >> 47)


def _mixed(u: Words, v: Words, mul: int | Words) -> Words:
    """FarmHash's HashLen16: two words become one."""
    a = _shift_mix((u ^ v) * mul)
    return _shift_mix((v ^ a) * mul) * mul


def _farm(table: np.ndarray) -> Words:
    """FarmHash of strings of one length: each range of lengths has a way of its own."""
    N, length = table.shape
    mul = (K2 + 2 * length) & WORD
    if length == 0:
        return np.full(N, K2, np.uint64)
    if length < 4:
        a, b, c = (table[:, i].astype(np.uint64) for i in (0, length // 2, length - 1))
        return _shift_mix((a + (b << 8)) * K2 ^ (length + (c << 2)) * K0) * K2
    if length < 8:
        first, last = _fetch(table, 0, 4), _fetch(table, length - 4, 4)
        return _mixed((first << 3) + length, last, mul)
    if length <= 16:
        a, b = _fetch(table, 0) + K2, _fetch(table, length - 8)
        return _mixed(_rotate(b, 37) * mul + a, (_rotate(a, 25) + b) * mul, mul)
    if length > 64:
        return _farm_long(table)
    a = _fetch(table, 0) * (K1 if length <= 32 else K2)
    b = _fetch(table, 8)
    c, d = _fetch(table, length - 8) * mul, _fetch(table, length - 16) * K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d
    z = _mixed(y, a + _rotate(b + K2, 18) + c, mul)
    if length <= 32:
        return z
    e, f = _fetch(table, 16) * mul, _fetch(table, 24)
    g = (y + _fetch(table, length - 32)) * mul
    h = (z + _fetch(table, length - 24)) * mul
    return _mixed(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, mul)


def _farm_long(table: np.ndarray) -> Words:
    """More than 64 bytes: blocks of 64 are stirred into seven words; the last may overlap."""
    N, length = table.shape
    seed = 81
    y = np.full(N, (seed * K1 + 113) & WORD, np.uint64)
    z = _shift_mix(y * K2 + 113) * K2
    x = seed * K2 % 2**64 + _fetch(table, 0)
    v = w = (np.zeros(N, np.uint64), np.zeros(N, np.uint64))

    def stir(start: int, mul: int | Words, times: int) -> None:
        nonlocal x, y, z, v, w
        x = _rotate(x + y + v[0] + _fetch(table, start + 8), 37) * mul
        y = _rotate(y + v[1] + _fetch(table, start + 48), 42) * mul
        x = x ^ w[1] * times
        y = y + v[0] * times + _fetch(table, start + 40)
        z = _rotate(z + w[0], 33) * mul
        v = _weak(table, start, v[1] * mul, x + w[0])
        w = _weak(table, start + 32, z + w[1], y + _fetch(table, start + 16))
        x, z = z, x

    for start in range(0, (length - 1) // 64 * 64, 64):
        stir(start, K1, 1)
    mul = K1 + ((z & 0xFF) << 1)
    w = w[0] + (length - 1) % 64, w[1]
    v = v[0] + w[0], v[1]
    w = w[0] + v[0], w[1]
    stir(length - 64, mul, 9)
    first = _mixed(v[0], w[0], mul) + _shift_mix(y) * K0 + z
    return _mixed(first, _mixed(v[1], w[1], mul) + x, mul)


def _weak(table: np.ndarray, start: int, a: Words, b: Words) -> tuple[Words, Words]:
    """FarmHash's WeakHashLen32WithSeeds: 32 bytes and two words become two words."""
    w, x, y, z = (_fetch(table, start + i) for i in (0, 8, 16, 24))
    a = a + w
    b = _rotate(b + a + z, 21)
    c, a = a, a + x + y
    return a + z, b + _rotate(a, 44) + c


def _sip(table: np.ndarray, key: Sequence[int]) -> Words:
    """SipHash of strings of one length: two rounds a word, four at the end."""
    N, length = table.shape
    k0, k1 = (int(k) & WORD for k in key)
    start = (k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D,
             k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573)  # fmt: skip
    words: list[Any] = [np.full(N, word, np.uint64) for word in start]
    v0, v1, v2, v3 = words

    def rounds(count: int) -> None:
        nonlocal v0, v1, v2, v3
        for _ in range(count):
            v0, v2 = v0 + v1, v2 + v3
            v1, v3 = _rotate(v1, 64 - 13) ^ v0, _rotate(v3, 64 - 16) ^ v2
            v0 = _rotate(v0, 32)
            v2, v0 = v2 + v1, v0 + v3
            v1, v3 = _rotate(v1, 64 - 17) ^ v2, _rotate(v3, 64 - 21) ^ v0
            v2 = _rotate(v2, 32)

    whole = np.zeros((N, length // 8 * 8 + 8), np.uint8)  # the last word: what is left, the length
    whole[:, :length], whole[:, -1] = table, length % 256
    for place in range(0, whole.shape[1], 8):
        word = _fetch(whole, place)
        v3 = v3 ^ word
        rounds(2)
        v0 = v0 ^ word
    v2 = v2 ^ 0xFF
    rounds(4)
    return v0 ^ v1 ^ v2 ^ v3
