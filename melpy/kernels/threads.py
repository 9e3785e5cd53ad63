"""The one place that runs work on several cores: a small team of Python threads.

Compiled kernels release the GIL, so Python threads run them side by side. The caller works too;
the team starts at its first use and sleeps between uses. What a block of work is follows from
shapes only, never from the number of threads, so the same blocks give the same bits.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable

from melpy import config

__all__ = ["GROUPS", "groups", "run"]

WORTH_SHARING = 1 << 16  # waking a sleeping worker costs what reading this many numbers does
GROUPS = 8  # blocks of a batch: enough to share among cores, few enough to add up in order


def groups(count: int, most: int = GROUPS) -> list[tuple[int, int]]:
    """Cut ``range(count)`` into up to ``most`` ranges of nearly equal length, in order.

    Examples
    --------
    >>> groups(5, 2)
    [(0, 2), (2, 5)]
    >>> groups(0)
    []
    """
    most = min(most, count)
    return [(count * n // most, count * (n + 1) // most) for n in range(most)]


class _Team:
    """Workers that wait for a task, share its blocks with the caller, and wait again."""

    def __init__(self, workers: int) -> None:
        self.lock = threading.Lock()
        self.wake = [threading.Semaphore(0) for _ in range(workers)]
        self.done = threading.Semaphore(0)
        self.task: Callable[[int], None] = lambda block: None
        self.blocks: deque[int] = deque()
        self.errors: list[BaseException] = []
        for wake in self.wake:
            threading.Thread(target=self._work, args=(wake,), name="melpy", daemon=True).start()

    def _work(self, wake: threading.Semaphore) -> None:
        while True:
            wake.acquire()
            self._drain()
            self.done.release()

    def _drain(self) -> None:
        try:
            while True:
                try:
                    block = self.blocks.popleft()
                except IndexError:
                    return
                self.task(block)
        except BaseException as error:
            self.blocks.clear()
            self.errors.append(error)

    def run(self, task: Callable[[int], None], count: int) -> None:
        self.task, self.errors = task, []
        self.blocks.extend(range(count))
        for wake in self.wake:
            wake.release()
        self._drain()
        for _ in self.wake:
            self.done.acquire()
        self.task = lambda block: None  # keeps no array alive until the next task
        if self.errors:
            raise self.errors[0]


_teams: dict[int, _Team] = {}  # by size: a team that is not asked for any more just sleeps
_starting = threading.Lock()


def run(task: Callable[[int], None], count: int, work: int = WORTH_SHARING) -> None:
    """Call ``task(block)`` for every block of ``range(count)``, on `config.threads` threads.

    Blocks run in any order and at the same time, so they must write to different places. A
    team at work for another thread is not waited for: the caller then does its blocks alone.

    Parameters
    ----------
    task : function of a block's number; compiled, so that it releases the GIL
    count : int >= 0, number of blocks
    work : int, roughly how many numbers are read or vectors multiplied in all; small work stays
        with the caller
    """
    threads = min(config.threads(), count) if work >= WORTH_SHARING else 1
    team = _team_of(config.threads()) if threads > 1 else None
    if team is None or not team.lock.acquire(blocking=False):
        for block in range(count):
            task(block)
        return
    try:
        team.run(task, count)
    finally:
        team.lock.release()


def _team_of(size: int) -> _Team:
    with _starting:
        if size not in _teams:
            _teams[size] = _Team(size - 1)
        return _teams[size]


def _forget() -> None:
    """Start afresh in a forked child: the parent's threads do not exist there."""
    global _starting
    _starting = threading.Lock()
    _teams.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
