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
from queue import SimpleQueue

from melpy import config

__all__ = ["GROUPS", "groups", "parts", "run", "share"]

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


def parts(count: int, work: int) -> list[tuple[int, int]]:
    """Cut ``range(count)`` for the team; one range where the work is too small to share.

    Like the groups, a matter of shapes only, so sums over parts keep their bits.
    """
    return groups(count, GROUPS if work >= WORTH_SHARING else 1)


def share(count: int, work: int, task: Callable[[int, int], None]) -> None:
    """Call ``task(first, last)`` for the `parts` of ``range(count)``; see `run`."""
    blocks = parts(count, work)
    if len(blocks) == 1:
        task(*blocks[0])
    else:
        run(lambda n: task(*blocks[n]), len(blocks), work)


class _Job:
    """One region of work; what an interrupted caller leaves behind dies with it."""

    def __init__(self, task: Callable[[int], None], count: int, workers: int) -> None:
        self.task = task
        self.blocks = deque(range(count))
        self.errors: list[BaseException] = []
        self.left = workers
        self.lock = threading.Lock()
        self.over = threading.Event()

    def drain(self) -> None:
        """Do blocks until there are none; after an error, no more are begun."""
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

    def leave(self) -> None:
        """Say that one worker is done."""
        with self.lock:
            self.left -= 1
            if self.left == 0:
                self.over.set()

    def wait(self) -> None:
        """Wait for all workers, through interruptions: they write to the caller's arrays."""
        while not self.over.is_set():
            try:
                self.over.wait()
            except KeyboardInterrupt as error:
                self.blocks.clear()
                self.errors.append(error)


class _Team:
    """Workers that wait for a job, share its blocks with the caller, and wait again."""

    def __init__(self, workers: int) -> None:
        self.lock = threading.Lock()
        self.inboxes: list[SimpleQueue[_Job]] = [SimpleQueue() for _ in range(workers)]
        for inbox in self.inboxes:
            threading.Thread(target=self._work, args=(inbox,), name="melpy", daemon=True).start()

    @staticmethod
    def _work(inbox: SimpleQueue[_Job]) -> None:
        while True:
            job = inbox.get()
            job.drain()
            job.leave()
            del job  # keeps no array alive until the next one

    def run(self, task: Callable[[int], None], count: int) -> None:
        job = _Job(task, count, len(self.inboxes))
        for inbox in self.inboxes:
            inbox.put(job)
        job.drain()
        job.wait()
        if job.errors:
            raise job.errors[0]


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
