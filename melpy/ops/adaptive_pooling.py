"""Pooling to a size that is asked for: the windows' sizes follow from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from melpy.ops.creation import array, dtype, shape
from melpy.ops.indexing import get_item
from melpy.ops.joining import stack
from melpy.ops.products import tensordot
from melpy.ops.reduction import max as largest
from melpy.ops.registry import composed
from melpy.ops.shaping import moveaxis
from melpy.ops.spatial import Layout, whole

__all__ = ["adaptive_average_pool", "adaptive_max_pool"]

KERAS_ROOM = "nn"


def _windows(size: int, count: int) -> list[tuple[int, int]]:
    """Return (start, stop) of each window: they cover all, and share an entry where they must.

    Examples
    --------
    >>> _windows(5, 3)
    [(0, 2), (1, 4), (3, 5)]
    """
    return [(n * size // count, -(-(n + 1) * size // count)) for n in range(count)]


def _pooled(who: str, x: Any, output_size: Any, data_format: str | None, along: Callable) -> Any:
    rank = len(shape(x)) - 2
    layout = Layout.of(shape(x), rank, data_format, who)
    first = 2 if layout.channels_first else 1
    counts = whole(output_size, rank, "output_size", who)
    for n, count in enumerate(counts):
        x = along(x, first + n, _windows(shape(x)[first + n], count))
    return x


@composed(whole=True)
def adaptive_average_pool(inputs: Any, *, output_size: Any, data_format: str | None = None) -> Any:
    """Average windows of nearly equal sizes, as many as are asked for.

    Window n of ``count`` reaches from ⌊n size / count⌋ to before ⌈(n + 1) size / count⌉.

    Parameters
    ----------
    inputs : array or tensor, (N, H, W, C), or (N, T, C) for sequences
    output_size : int or pair of ints > 0, how many windows there are along each axis
    data_format : "channels_last", "channels_first", or None for the setting

    Returns
    -------
    array or tensor, (N, *output_size, C)

    Source
    ------
    K. He, X. Zhang, S. Ren, J. Sun 2014, Spatial pyramid pooling, section 2.2.

    Examples
    --------
    >>> adaptive_average_pool(np.arange(5.0).reshape(1, 5, 1), 3).ravel()
    array([0.5, 2. , 3.5])
    """

    def along(x: Any, axis: int, windows: list[tuple[int, int]]) -> Any:
        shares = np.zeros((shape(x)[axis], len(windows)), dtype(x))
        for n, (start, stop) in enumerate(windows):
            shares[start:stop, n] = 1 / (stop - start)
        return moveaxis(tensordot(x, shares, ([axis], [0])), -1, axis)

    return _pooled("adaptive_average_pool", array(inputs), output_size, data_format, along)


@composed(whole=True)
def adaptive_max_pool(inputs: Any, *, output_size: Any, data_format: str | None = None) -> Any:
    """Keep the largest of windows of nearly equal sizes; see `adaptive_average_pool`.

    (N, H, W, C) -> (N, *output_size, C); sequences (N, T, C) -> (N, output_size, C).

    Examples
    --------
    >>> adaptive_max_pool(np.arange(5.0).reshape(1, 5, 1), 3).ravel()
    array([1., 3., 4.])
    """

    def along(x: Any, axis: int, windows: list[tuple[int, int]]) -> Any:
        before = (slice(None),) * axis
        parts = [largest(get_item(x, (*before, slice(*ends))), axis) for ends in windows]
        return stack(parts, axis)

    return _pooled("adaptive_max_pool", array(inputs), output_size, data_format, along)
