"""Makers of samples for the ops' own tests: random arrays that keep away from kinks and poles.

    @op(sample=[normal((2, 3)), normal((2, 3), axis=0)])

Each maker takes shapes and options, and returns what `melpy.ops.registry.op` calls a sample.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["away", "distinct", "normal", "positive"]

Draw = Callable[[np.random.Generator, tuple[int, ...], int], np.ndarray]


def _maker(draw: Draw, shapes: tuple, options: dict[str, Any]) -> Callable:
    return lambda rng: (
        *(np.asarray(draw(rng, shape, n)) for n, shape in enumerate(shapes)),
        options,
    )


def normal(*shapes: tuple[int, ...], **options: Any) -> Callable:
    """Values from the normal distribution, for functions that are smooth everywhere."""
    return _maker(lambda rng, shape, n: rng.normal(size=shape), shapes, options)


def positive(*shapes: tuple[int, ...], **options: Any) -> Callable:
    """Values in [0.5, 2]."""
    return _maker(lambda rng, shape, n: rng.uniform(0.5, 2.0, shape), shapes, options)


def away(*shapes: tuple[int, ...], **options: Any) -> Callable:
    """Values of either sign whose size is in [0.5, 2]: away from a kink or a pole at 0."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...], n: int) -> np.ndarray:
        return rng.uniform(0.5, 2.0, shape) * rng.choice([-1.0, 1.0], shape)

    return _maker(draw, shapes, options)


def distinct(*shapes: tuple[int, ...], **options: Any) -> Callable:
    """Values at least 0.25 apart, within and across the arrays: no ties, no whole numbers."""

    def draw(rng: np.random.Generator, shape: tuple[int, ...], n: int) -> np.ndarray:
        size = int(np.prod(shape))
        return (rng.permutation(size) - size // 2 + 0.3 + 0.25 * n).reshape(shape)

    return _maker(draw, shapes, options)
