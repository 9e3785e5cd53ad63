"""Seeds and generators. No op draws from a hidden global: what draws holds its own generator.

A layer or an initializer that was given no seed takes the next one of this process's stream, so
`set_seed` at the start of a script makes the whole script repeatable.
"""

from __future__ import annotations

import numpy as np

from melpy.errors import ArgumentError, DtypeError

__all__ = ["generator", "next_seed", "set_seed"]

_stream = np.random.default_rng()


def set_seed(seed: int) -> None:
    """Restart the stream of seeds.

    Parameters
    ----------
    seed : int >= 0

    Examples
    --------
    >>> set_seed(1)
    >>> first = next_seed()
    >>> set_seed(1)
    >>> next_seed() == first
    True
    """
    global _stream
    if not isinstance(seed, int | np.integer):
        raise DtypeError(
            "set_seed",
            "a seed is a whole number",
            expected="an int >= 0",
            received={"seed": seed},
        )
    if seed < 0:
        raise ArgumentError(
            "set_seed",
            "a seed is not negative",
            expected="an int >= 0",
            received={"seed": seed},
        )
    _stream = np.random.default_rng(int(seed))


def next_seed() -> int:
    """Return the next seed of the stream, an int in [0, 2^32)."""
    return int(_stream.integers(2**32))


def generator(seed: int | None = None) -> np.random.Generator:
    """Return a generator of its own, from ``seed`` or from the next one of the stream."""
    return np.random.default_rng(next_seed() if seed is None else seed)
