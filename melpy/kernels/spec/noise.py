"""What layers of noise do to a batch, with draws from counters; see `melpy.kernels.spec.philox`.

The way back of each is the same function of g, with the same seed: nothing is kept in between.
"""

from __future__ import annotations

import math

import numpy as np

from melpy.kernels.spec import philox

__all__ = ["dropped", "noisy", "truncated"]

Shape = tuple[int, ...]


def dropped(
    x: np.ndarray, seed: np.ndarray, noise_shape: Shape, rate: float, scale: float,
    offset: float, other: float, first_sample: int = 0,
) -> np.ndarray:  # fmt: skip
    """y = scale x + offset with probability 1 - rate, else ``other``.

    Parameters
    ----------
    x : ndarray (N,...)
    seed : ndarray (2,) of int64
    noise_shape : shape of the draw, of as many axes as x, each of x's size, or 1; a draw for all
        samples is that of sample 0
    rate : float in [0, 1)
    scale, offset, other : floats
    first_sample : int, the index of the first sample in the global batch

    Examples
    --------
    >>> dropped(np.ones((2, 3)), np.array([1, 0]), (2, 3), 0.5, 2.0, 0.0, 0.0)
    array([[2., 2., 2.],
           [2., 0., 0.]])
    """
    N, *rest = noise_shape or (1,)
    begin = first_sample if noise_shape[:1] == x.shape[:1] else 0
    bits = philox.words(seed, N, math.prod(rest), begin)
    kept = (bits >= threshold(rate)).reshape(noise_shape)
    s, o, z = (x.dtype.type(number) for number in (scale, offset, other))
    return np.where(kept, x * s + o, z)


def threshold(rate: float) -> int:
    """Return the word below which values are dropped, with probability rate, to 2^-32.

    Examples
    --------
    >>> threshold(0.25) == 2**30
    True
    """
    return min(round(rate * 2**32), philox.LOW)


def noisy(
    x: np.ndarray, seed: np.ndarray, deviation: float, is_factor: bool, first_sample: int = 0
) -> np.ndarray:
    """y = x + deviation z, or x (1 + deviation z), with z from the standard normal distribution.

    Parameters
    ----------
    x : ndarray (N,...)
    seed, first_sample : as in `dropped`
    deviation : float >= 0
    is_factor : bool, whether the noise multiplies
    """
    z = philox.drawn(seed, x.shape, x.dtype, True, first_sample) * x.dtype.type(deviation)
    return x * (1 + z) if is_factor else x + z


def truncated(rng: np.random.Generator, shape: Shape) -> np.ndarray:
    """Draw from the standard normal distribution, those beyond two deviations again."""
    z = np.asarray(rng.normal(size=shape))
    while (far := np.abs(z) > 2).any():
        z = np.where(far, rng.normal(size=shape), z)
    return z
