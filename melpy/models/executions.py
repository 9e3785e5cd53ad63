"""How many batches are made between two looks of the callbacks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from melpy.callbacks import CallbackList
from melpy.data import Source
from melpy.data.source import ArraySource
from melpy.models.program import Programs

__all__ = ["between_looks", "executions"]


def between_looks(
    size: int, source: Source, watching: CallbackList, programs: Programs
) -> int | Callable[[], int]:
    """Return how many batches come together: ``size``, or what fills a moment.

    Of arrays, where no callback looks at single batches, and nobody asked for a size.
    """
    if size > 1 or not isinstance(source, ArraySource) or watching.needs_each_batch:
        return size
    source.in_pieces = True
    return lambda: programs.count


def executions(
    source: Source, size: int | Callable[[], int], first: int = 0
) -> Iterator[tuple[int, int, list[Any]]]:
    """Yield an epoch's batches, ``size`` at a time, with the numbers of the first and the last.

    The last ones may be fewer, but are counted as the others are, as in Keras; where a function
    says how many come next, they are counted as they are. The ``first`` one's number is 0, but in
    an epoch that a backup goes on with.
    """
    coming = source.epoch(size if isinstance(size, int) else 1)
    while batches := list(itertools.islice(coming, size if isinstance(size, int) else size())):
        count = size if isinstance(size, int) else len(batches)
        yield first, first + count - 1, batches
        first += count
