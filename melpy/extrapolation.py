"""What an op makes of large arrays, found from what it makes of smaller ones.

A division leaves the same remainder of a size that is less by a multiple of the divisor. So where a
known size is less by a multiple of all whole numbers of a call (strides, factors, widths), the
outputs' sizes are less in proportion, s -> a s + b, or by a square as all entries of a matrix are.
Four such sizes tell the line or the square and check it; what does not lie on it is not told.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from melpy import tree

__all__ = ["Like", "Shape", "of_smaller"]

Shape = tuple[int | None, ...]
Places = Sequence[tuple[Shape, np.dtype]]

LARGE = 64  # smaller sizes stand as they are
LEAST = 37  # a size that stands for a large one
DIVISORS = 12  # a multiple of what ops divide by of themselves, as rfft does by 2
TRIED = 4  # sizes that stand for one


class Like:
    """A shape and a type, and the shape of a mask or None, as a leaf of a structure."""

    def __init__(
        self, shape: Sequence[int | None], dtype: Any, mask_shape: Shape | None = None
    ) -> None:
        self.shape, self.dtype, self.mask_shape = tuple(shape), dtype, mask_shape

    def __repr__(self) -> str:
        return f"{self.shape} {self.dtype}"


class UntoldError(ValueError):
    """Smaller sizes do not tell what comes of the large ones."""


def of_smaller(
    outlines: Callable[[Places], Any],
    places: Places,
    numbers: Sequence[int],
    fixed: Sequence[int],
    refusals: tuple[type[Exception], ...],
) -> Any:
    """Return the outputs' outlines, None where smaller sizes do not tell them.

    Parameters
    ----------
    outlines : function from shapes and types to the structure of a call's outputs, of `Like`
    places : shapes, None where a size is unknown, and types
    numbers : whole numbers of the call that may divide sizes
    fixed : sizes of other arrays of the call
    refusals : what ``outlines`` raises for sizes that do not fit
    """
    untold: tuple[type[Exception], ...] = (UntoldError, *refusals)
    sizes = {s for shape, _ in places for s in shape if s}
    large = sorted(s for s in sizes - {*fixed} if s > LARGE)
    try:
        ladders = _ladders(large, numbers, [*(sizes - {*large}), *fixed])
        return _told(outlines, places, ladders)
    except untold:
        return None


def _ladders(
    large: Sequence[int], numbers: Sequence[int], fixed: Sequence[int]
) -> dict[int, range]:
    """Return evenly spaced sizes for each large one, that they lead up to.

    Which of two sizes is the larger one, and that by more than any number of the call, stays as it
    is, so that min(m, n) is the same one. All are larger than those that are fixed.
    """
    step = math.lcm(DIVISORS, *(abs(n) for n in numbers if n))
    before = max(max((abs(n) for n in numbers), default=0) * 2, max(fixed, default=0) + LEAST)
    ladders: dict[int, range] = {}
    below, top = 0, before  # the size before, and its highest rung
    for size in large:
        rungs = range(top + (size - top) % step, size, step)
        lowest = ladders[below][0] if below else 0
        if len(rungs) < TRIED or size - below < rungs[TRIED - 1] - lowest:
            raise UntoldError("the sizes cannot be less")
        ladders[size], below, top = rungs, size, rungs[TRIED - 1] + step
    if not ladders:
        raise UntoldError("no size is large")
    return ladders


def _told(outlines: Callable[[Places], Any], places: Places, ladders: Mapping[int, range]) -> Any:
    """Return the outputs' outlines as the lowest rungs of the sizes' ladders tell them."""

    def at(rungs: Mapping[int, int]) -> Any:
        sizes: dict[int | None, int] = {
            size: ladder[rungs.get(size, 0)] for size, ladder in ladders.items()
        }
        return outlines([(tuple(sizes.get(s, s) for s in shape), kind) for shape, kind in places])

    lowest = at({})
    alone = [[at({size: rung}) for rung in range(1, TRIED)] for size in ladders]
    together = at(dict.fromkeys(ladders, 1))

    def leaf(*found: Any) -> Any:
        first = found[0]
        if not hasattr(first, "shape"):
            return _same(found)
        masks = [one.mask_shape for one in found]
        mask_shape = None if _same([m is None for m in masks]) else shape_of(masks)
        return Like(shape_of([one.shape for one in found]), _same([x.dtype for x in found]),
                    mask_shape)  # fmt: skip

    def shape_of(shapes: Sequence[Shape]) -> Shape:
        _same([len(shape) for shape in shapes])
        return tuple(_size(sizes, ladders) for sizes in zip(*shapes, strict=True))

    tried = [lowest, *itertools.chain.from_iterable(alone), together]
    return tree.map_structure(leaf, *tried)


def _size(found: Sequence[int | None], ladders: Mapping[int, range]) -> int | None:
    """Return an output's size from those at the lowest rungs, up each ladder, and up all at once.

    Newton's forward differences: s(n) = s + n Δ + n (n-1) / 2 Δ².
    """
    if None in found:
        return _same(found)
    lowest, *alone, together = (int(n) for n in found if n is not None)
    size, all_at_once = lowest, lowest
    for ladder, up in zip(ladders.values(), np.reshape(alone, (-1, TRIED - 1)), strict=True):
        first, second, third = (int(np.diff([lowest, *up], n)[0]) for n in (1, 2, 3))
        if third:
            raise UntoldError("a size does not grow evenly")
        n = len(ladder)
        size += n * first + n * (n - 1) // 2 * second
        all_at_once += first
    if all_at_once != together or size < 0:
        raise UntoldError("sizes grow by each other")
    return size


def _same(values: Sequence[Any]) -> Any:
    """Return what all values are."""
    if any(value != values[0] for value in values):
        raise UntoldError("the outputs differ by more than sizes")
    return values[0]
