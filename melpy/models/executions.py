"""When callbacks look, and when a model is measured: after how many batches, in which epochs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from melpy import tree
from melpy.callbacks import CallbackList
from melpy.data import Source
from melpy.data.source import ArraySource
from melpy.errors import ArgumentError, whole_numbers
from melpy.models.program import Programs
from melpy.models.shared import shared_by

__all__ = [
    "as_arrays", "between_looks", "due_by", "executions", "joined", "predicted",
    "until_stopped",
]  # fmt: skip


def between_looks(
    size: int, source: Source, watching: CallbackList, programs: Programs
) -> int | Callable[[], int]:
    """Return how many batches come together: ``size``, or what fills a moment.

    Of arrays, where no callback looks at single batches, and nobody asked for a size.
    """
    if size > 1 or not isinstance(source, ArraySource) or watching.needs_each_batch:
        return size
    source.in_pieces = True
    return lambda: programs.count if shared_by() is None else programs.count_of_all


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


def until_stopped(
    model: Any, batches: Iterator[Any], flag: str, programs: Programs | None = None
) -> Iterator[Any]:
    """Yield batches until the model is to stop: until its ``flag`` is set, in any process."""
    shared = shared_by()
    if shared is not None:
        yield from shared.in_step(model, batches, flag, programs)
        return
    for batch in batches:
        yield batch
        if getattr(model, flag):
            return


def as_arrays(outputs: Any) -> Any:
    """Return outputs as plain arrays, None as it is."""
    return tree.map_structure(np.asarray, outputs, none_is_leaf=False)


def predicted(model: Any, batch: Any) -> Any:
    """Return the outputs for a batch, of which other processes may compute their parts."""
    shared = shared_by()
    if shared is None:
        return as_arrays(model.predict_step(batch))
    return shared.predicted(batch, lambda own: as_arrays(model.predict_step(own)))


def joined(parts: list[Any]) -> Any:
    """Return the outputs of several batches as one."""
    return tree.map_structure(lambda *them: np.concatenate(them), *parts, none_is_leaf=False)


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
