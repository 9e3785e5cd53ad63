"""How much memory an operation that a file describes needs, counted before it runs.

A few bytes can ask an operation for terabytes: ``tile``, ``one_hot``, ``pad``. What each array has
is known only where it is there, so the count is taken of arrays: of a call's own, and of those
that stand in for symbolic tensors while its shapes are found.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from melpy import budget, tree

__all__ = ["counted"]

# What makes more entries than it is given, by whole numbers among its arguments.
ENLARGING = {
    "affine_transform", "arange", "array_split", "bartlett", "bincount", "blackman",
    "broadcast_to", "diag", "diagflat", "diff", "dsplit", "empty", "extract_patches",
    "extract_sequences", "eye", "fft", "full", "gaussian_blur", "geomspace", "hamming",
    "hanning", "histogram", "hsplit", "identity", "irfft", "istft", "kaiser", "linspace",
    "logspace", "multi_hot", "one_hot", "ones", "pad_images", "repeat", "rfft",
    "scale_and_translate", "scatter", "segment_max", "segment_sum", "split", "stft",
    "tile", "tri", "vander", "vsplit", "zeros",
}  # fmt: skip
OF_ALL_PAIRS = {"kron", "outer"}
VALUES = {"axis", "base", "constant_values", "dtype", "fill_value"}  # numbers that are no sizes


def counted(op: Callable[..., Any]) -> Callable[..., Any]:
    """Return an op that is refused, while a file is read, where it needs more than files may."""

    @functools.wraps(op)
    def call(*args: Any, **kwargs: Any) -> Any:
        name = op.__name__
        budget.need(8 * _most_entries(op, args, kwargs), f"the operation {name!r}")
        return op(*args, **kwargs)

    return call


def _most_entries(op: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> int:
    """Return how many entries an operation may make, at the most."""
    name = op.__name__
    try:
        given = inspect.signature(op).bind(*args, **kwargs).arguments
    except TypeError:  # which the call itself will say better
        return 0
    if name in EXACT:
        return EXACT[name](**given)
    leaves = tree.flatten({key: value for key, value in given.items() if key not in VALUES})
    shapes = [x.shape for x in leaves if hasattr(x, "shape")]
    try:
        entries = math.prod(np.broadcast_shapes(*shapes))
    except ValueError:  # these do not meet entry by entry
        entries = max(math.prod(shape) for shape in shapes)
    if name in OF_ALL_PAIRS:
        entries = math.prod(math.prod(shape) for shape in shapes)
    if name in ENLARGING:
        entries = max(entries, 1)
        for number in leaves:
            size = abs(float(number)) if isinstance(number, int | float | np.number) else 0.0
            if size > 1:
                entries *= 1 + int(min(size, 2.0**62))
    return entries


def _of_pad(x: Any, pad_width: Any, **options: Any) -> int:
    widths = np.broadcast_to(np.asarray(pad_width, object), (np.ndim(x), 2))
    return math.prod(
        size + int(abs(before)) + int(abs(after))
        for size, (before, after) in zip(np.shape(x), widths, strict=True)
    )


def _of_resize(images: Any, size: Any, data_format: Any = None, **options: Any) -> int:
    shape = list(np.shape(images))
    at = len(shape) - (2 if data_format == "channels_first" else 3)
    for axis, new in zip((at, at + 1), np.broadcast_to(size, (2,)), strict=True):
        shape[axis] = max(shape[axis], int(abs(new)))  # rows first, then columns
    return math.prod(shape)


EXACT: dict[str, Callable[..., int]] = {"pad": _of_pad, "resize": _of_resize}
