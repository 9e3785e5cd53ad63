"""What the processes add up while a step runs: gradients, and what a whole batch needs."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy import part, tape
from melpy.distribution.data_parallel import DataParallel, distribution
from melpy.distribution.meeting import seat
from melpy.kernels import threads
from melpy.ops.written import done_again

__all__ = ["Sending", "added_up", "is_shared", "sending", "sum_gradients", "summed"]

PIECE = 1 << 18  # numbers that are sent together, a megabyte of float32


def _sharing() -> DataParallel | None:
    """Return what shares the batch at work, if processes do, or micro-batches of this one."""
    current = distribution()
    return current if current is not None and part.at_work.get() is not None else None


def is_shared() -> bool:
    """Return whether the batch at work is a part of one that counts as a whole."""
    shared = _sharing()
    return shared is not None and shared.batch_statistics == "global" and shared.parts > 1


def added_up(values: Any) -> np.ndarray:
    """Return the sum over the parts of a batch of what each has."""
    place = seat.get()
    if place is not None:
        return place.summed(values)
    made, shared = np.array(values), _sharing()
    if shared is not None:
        shared.processes.sum_in_place(made)
    return made


def summed(x: Any) -> Any:
    """Return the sum of a tensor over the parts of a batch: y = sum_r x_r.

    Gradient
    --------
    d_x = sum_r g_r: each part's loss counts.
    """

    def forward() -> Any:
        return added_up(x.array), (added_up,)

    y, vjps = forward()
    if threads.is_noted():
        y, vjps = done_again(forward, y, vjps)
    return tape.record("summed", y, [x], vjps, {})


class Sending:
    """Gradients that are sent while the way back goes on through the layers below.

    Parameters
    ----------
    flat : what lays weights and gradients end to end (`melpy.optimizers.flat.Flat`)
    weights : those that have gradients now
    shared : DataParallel
    """

    def __init__(self, flat: Any, weights: Sequence[Any], shared: DataParallel) -> None:
        self.flat, self.shared = flat, shared
        self.pieces = _pieces([flat.part(w) for w in weights])
        self.missing = [count for _, count in self.pieces]
        ends = [span.stop for span, _ in self.pieces]
        self.piece_of = {id(w): bisect.bisect_left(ends, flat.part(w).stop) for w in weights}
        self.sent: dict[int, Any] = {}  # gradients, by their weights
        self.waits: list[Callable[[], None]] = []

    def ready(self, weight: Any, gradient: np.ndarray) -> None:
        """Send a piece once all of its gradients are there."""
        piece = self.piece_of.get(id(weight))
        if piece is None:
            return
        self.flat.gather([gradient], [weight])
        self.sent[id(weight)] = gradient
        self.missing[piece] -= 1
        if not self.missing[piece]:
            part = self.flat.gradient[self.pieces[piece][0]]

            def do() -> None:
                self.waits.append(self.shared.processes.begin_sum(part))

            do()
            threads.again(do)

    def has_sent(self, gradients: Sequence[Any], weights: Sequence[Any]) -> bool:
        """Return whether these gradients are on their way, all of them."""
        pairs = zip(gradients, weights, strict=True)
        return not any(self.missing) and all(self.sent.get(id(w)) is g for g, w in pairs)

    def finish(self) -> None:
        """Wait until all have arrived."""

        def do() -> None:
            for wait in self.waits:
                wait()
            self.waits.clear()

        do()
        threads.again(do)
        self.sent.clear()


def _pieces(parts: list[slice]) -> list[tuple[slice, int]]:
    """Return spans of neighbouring parts, and how many parts each has."""
    pieces: list[tuple[slice, int]] = []
    for one in sorted(parts, key=lambda one: one.start):
        span, count = pieces[-1] if pieces else (one, 0)
        if count and span.stop == one.start and span.stop - span.start < PIECE:
            pieces[-1] = slice(span.start, one.stop), count + 1
        else:
            pieces.append((one, 1))
    return pieces


def sending(flat: Any, weights: Sequence[Any]) -> Sending | None:
    """Return what sends gradients as they come; None where no other process waits for them."""
    shared = _sharing()
    if shared is None or shared.size == 1 or seat.get() is not None:
        return None
    return Sending(flat, weights, shared)


def sum_gradients(gradient: np.ndarray, spans: list[slice]) -> bool:
    """Add up the parts' gradients, which lie in one array; return whether to make the step.

    Of several micro-batches, the first one makes it.
    """
    place, shared = seat.get(), _sharing()
    if place is not None:
        for span in spans:
            gradient[span] = place.summed(gradient[span])
        return place.is_first
    if shared is None or shared.size == 1:
        return True

    def do() -> None:
        for span in spans:
            shared.processes.sum_in_place(gradient[span])

    do()
    threads.again(do)
    return True
