"""Streams of elements: batches made, cut anew and taken apart; a buffer shuffled; a thread ahead.

An element is an array, or a tuple, list or dict of arrays: one sample or one batch. Each function
takes an iterator of elements and yields elements, no more at a time than it needs.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from melpy import tree
from melpy.data.elements import joined, rows_of
from melpy.errors import ShapeError

__all__ = [
    "ahead", "batched", "computed", "interleaved", "rebatched", "repeated", "shuffled", "taken",
    "unbatched",
]  # fmt: skip

Stream = Iterator[Any]


def _length(element: Any, who: str) -> int:
    """Return how many rows an element's arrays have, all the same number."""
    lengths = {len(x) if np.ndim(x) else -1 for x in tree.flatten(element) if x is not None}
    if len(lengths) != 1 or lengths == {-1}:
        raise ShapeError(
            who,
            "the arrays of an element have no common first axis",
            expected="batches: arrays with the same number of rows",
            received={"shapes": [np.shape(x) for x in tree.flatten(element)]},
        )
    return lengths.pop()


def taken(stream: Stream, count: int) -> Stream:
    """Yield the first ``count`` elements, and let go of the stream at once."""
    try:
        yield from itertools.islice(stream, count)
    finally:
        _close(stream)


def batched(stream: Stream, size: int, drop_remainder: bool) -> Stream:
    """Yield ``size`` elements at a time, stacked."""
    while chunk := list(itertools.islice(stream, size)):
        if len(chunk) < size and drop_remainder:
            return
        try:
            yield joined(chunk, np.stack)
        except ValueError as error:
            raise ShapeError(
                "batch",
                f"the elements of a batch do not go together ({error})",
                expected="elements of one structure and one shape",
                received={"shapes": [_shapes(element) for element in chunk[:4]]},
                mend="Bring them to one shape first, with map.",
            ) from error


def _shapes(element: Any) -> Any:
    return tree.map_structure(np.shape, element)


def rebatched(stream: Stream, size: int, drop_remainder: bool) -> Stream:
    """Yield batches of ``size`` rows, cut from batches of any sizes."""
    waiting: list[Any] = []
    count = 0
    for element in stream:
        waiting.append(element)
        count += _length(element, "rebatch")
        if count < size:
            continue
        whole = joined(waiting, np.concatenate)
        for start in range(0, count - size + 1, size):
            yield rows_of(whole, slice(start, start + size))
        rest = count % size
        waiting, count = [rows_of(whole, slice(count - rest, count))] if rest else [], rest
    if waiting and not drop_remainder:
        yield joined(waiting, np.concatenate)


def unbatched(stream: Stream) -> Stream:
    """Yield the rows of each element, one by one."""
    for element in stream:
        for row in range(_length(element, "unbatch")):
            yield rows_of(element, row)


def interleaved(parts: Iterator[Stream], cycle: int, block: int) -> Stream:
    """Yield ``block`` elements of each of ``cycle`` streams in turns, the next for what ends."""
    turns: list[Stream | None] = [None] * cycle
    is_going = True
    while is_going:
        is_going = False
        for place, turn in enumerate(turns):
            stream = next(parts, None) if turn is None else turn
            if stream is None:
                continue
            is_going, given = True, 0
            for element in itertools.islice(stream, block):
                given += 1
                yield element
            turns[place] = stream if given == block else None


def repeated(run: Callable[[int], Stream], epoch: int, times: int) -> Stream:
    """Yield an epoch's elements ``times`` over, each round an epoch of its own; -1 without end."""
    rounds = itertools.count() if times < 0 else range(times)
    for number in rounds:
        empty = True
        for element in run(epoch * max(times, 1) + number):
            empty = False
            yield element
        if empty:
            return


def shuffled(stream: Stream, size: int, rng: np.random.Generator) -> Stream:
    """Yield an element at random of the ``size`` that come next, until there are no more."""
    buffer = list(itertools.islice(stream, size))
    for element in stream:
        place = int(rng.integers(len(buffer)))
        buffer[place], element = element, buffer[place]
        yield element
    for place in rng.permutation(len(buffer)):
        yield buffer[place]


def ahead(stream: Stream, count: int) -> Stream:
    """Yield a stream's elements, of which a thread makes up to ``count`` ready ahead."""
    from concurrent.futures import ThreadPoolExecutor  # not at import: most never need it

    end = object()
    pool = ThreadPoolExecutor(1, thread_name_prefix="melpy-loader")  # one: the order stays
    try:
        waiting = [pool.submit(next, stream, end) for _ in range(count + 1)]
        while (element := waiting.pop(0).result()) is not end:
            waiting.append(pool.submit(next, stream, end))
            yield element
    finally:  # also when the iteration is left: no thread outlives it
        pool.shutdown(cancel_futures=True)
        _close(stream)


def computed(
    function: Callable[[Any], Any], tasks: Iterable[Any], workers: int, ready: int
) -> Stream:
    """Yield a function of each task, in order, computed by threads up to ``ready`` ahead."""
    from concurrent.futures import ThreadPoolExecutor  # not at import: most never need it

    coming = iter(tasks)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="melpy-loader")
    try:
        waiting = deque(
            pool.submit(function, task) for task in itertools.islice(coming, max(ready, workers))
        )
        while waiting:
            made = waiting.popleft().result()
            for task in itertools.islice(coming, 1):
                waiting.append(pool.submit(function, task))
            yield made
    finally:  # also when the iteration is left: no thread outlives it
        pool.shutdown(cancel_futures=True)


def _close(stream: Stream) -> None:
    """End a generator; what only passes one on lets go of it by itself."""
    getattr(stream, "close", lambda: None)()
