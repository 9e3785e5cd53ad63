"""When callbacks look, and when a model is measured: after how many batches, in which epochs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from melpy.callbacks import CallbackList
from melpy.data import Source
from melpy.data.source import ArraySource
from melpy.errors import ArgumentError, whole_numbers
from melpy.models.program import Programs

__all__ = ["between_looks", "due_by", "executions", "until_stopped"]


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


def until_stopped(model: Any, batches: Iterator[Any]) -> Iterator[Any]:
    """Yield batches until the model's training is to stop."""
    for batch in batches:
        yield batch
        if model.stop_training:
            return


def due_by(frequency: Any) -> Callable[[int], bool]:
    """Return the function that says whether to validate after epoch n, counted from 0."""
    if isinstance(frequency, int | np.integer) and not isinstance(frequency, bool):
        whole_numbers("fit", 1, validation_freq=frequency)
        return lambda epoch: (epoch + 1) % frequency == 0
    if isinstance(frequency, Sequence) and not isinstance(frequency, str):
        return lambda epoch: epoch + 1 in frequency
    raise ArgumentError(
        "fit",
        "validation_freq is neither a number of epochs nor a list of epochs",
        expected="an int > 0, or a list of epochs, counted from 1",
        received={"validation_freq": frequency},
    )
