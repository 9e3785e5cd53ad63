"""Micro-batches in step: the same sums in the same order for any number of processes.

A batch is cut into a fixed number of micro-batches, whatever the number of processes is. Each of
them runs as it would alone, one after the other, until something of the whole batch is needed: a
batch normalization's moments, the gradients. There each lays down its own and the next one's turn
comes; when all of this process have come so far, the processes tell each other theirs, and all of
them are added in the micro-batches' order.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

__all__ = ["Meeting", "Seat", "in_order", "seat"]


class Seat:
    """One micro-batch's place in a meeting."""

    def __init__(self, meeting: Meeting, number: int) -> None:
        self.meeting, self.number = meeting, number

    @property
    def is_first(self) -> bool:
        """Whether it does what is to be done once for all."""
        return self.number == 0

    def summed(self, values: Any) -> np.ndarray:
        """Return the sum over all micro-batches of what each has here."""
        return self.meeting.summed(self.number, np.asarray(values))


seat: ContextVar[Seat | None] = ContextVar("seat", default=None)


class Meeting:
    """Runs one function for each micro-batch of this process, in turns.

    Parameters
    ----------
    gather : function that returns what each process has, in their order
    enter, leave : functions of the micro-batch's number, called as its turn begins and ends
    """

    def __init__(
        self,
        gather: Callable[[Any], list[Any]],
        enter: Callable[[int], None],
        leave: Callable[[int], None],
    ) -> None:
        self.gather, self.enter, self.leave = gather, enter, leave
        self.laid: dict[int, np.ndarray] = {}
        self.total: Any = None
        self.turns: list[threading.Event] = []
        self.open: list[int] = []  # whose work is not done
        self.error: BaseException | None = None
        self.ended = threading.Event()

    def run(self, works: Sequence[Callable[[], Any]]) -> list[Any]:
        """Do all works, and return what they returned."""
        self.turns = [threading.Event() for _ in works]
        self.open = list(range(len(works)))
        made: list[Any] = [None] * len(works)

        def work(number: int) -> None:
            self._wait(number)
            try:
                if self.error is None:
                    seat.set(Seat(self, number))
                    made[number] = works[number]()
            except BaseException as error:
                self.error = self.error or error
            self._go_on(number)

        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(work, n), daemon=True)
            for n in range(len(works))
        ]
        for thread in threads:
            thread.start()
        self.turns[0].set()
        self.ended.wait()
        for thread in threads:
            thread.join()
        if self.error is not None:
            raise self.error
        return made

    def _wait(self, number: int) -> None:
        self.turns[number].wait()
        self.turns[number].clear()
        self.enter(number)

    def _go_on(self, number: int) -> None:
        """End a micro-batch's work, and give the turn to the next one that is not done."""
        self.leave(number)
        at = self.open.index(number)
        self.open.remove(number)
        if not self.open:
            self.ended.set()
        else:
            self.turns[self.open[at % len(self.open)]].set()

    def summed(self, number: int, values: np.ndarray) -> np.ndarray:
        """Lay down a micro-batch's values, wait for the others', and return the sum of all."""
        self.laid[number] = np.array(values)
        self.leave(number)
        at = self.open.index(number)
        following = self.open[(at + 1) % len(self.open)]
        if at + 1 == len(self.open):
            mine = [self.laid[n] for n in self.open]
            self.laid = {}
            self.total = in_order([one for own in self.gather(mine) for one in own])
        if following != number:
            self.turns[following].set()
            self._wait(number)
        else:
            self.enter(number)
        if self.error is not None:
            raise self.error
        return self.total.copy()


def in_order(values: Sequence[np.ndarray]) -> np.ndarray:
    """Return the sum of arrays, added two and two.

    Examples
    --------
    >>> in_order([np.float32(n) for n in range(5)])
    np.float32(10.0)
    """
    row = list(values)
    while len(row) > 1:
        row = [a + b for a, b in _pairs(row)] + row[len(row) // 2 * 2 :]
    return row[0]


def _pairs(row: list[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    return zip(row[::2], row[1::2], strict=False)
