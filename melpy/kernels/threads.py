"""The one place that runs work on several cores: a small team of Python threads.

Regions of work are compiled and need no Python: a worker takes blocks of one, beside the caller,
without the GIL. Between regions it keeps looking for the next for about a millisecond, then
it sleeps; see `melpy.kernels.compiled.team`. The team starts at its first use. What a block of work
is follows from shapes only, never from the number of threads: the same blocks give the same bits.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from melpy import config

__all__ = [
    "GROUPS", "Region", "again", "groups", "is_noted", "missed", "noted_by", "numbers", "parts",
    "run", "share", "write_down",
]  # fmt: skip

GROUPS = 8  # blocks of a batch: enough to share among cores, few enough to add up in order
WORTH_SHARING = 1 << 13  # meeting a worker that looks costs what reading this many numbers does,
WORTH_WAKING = 1 << 17  # and waking one that sleeps, this many
LOOKS = 20_000  # about a millisecond: what Python does between regions takes less


Region = tuple[Any, ...]  # what `share` is called with


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


def parts(count: int, work: int) -> int:
    """Return into how many groups `share` cuts ``range(count)``: one where the work is small.

    Examples
    --------
    >>> parts(100, 10), parts(100, 10**6), parts(3, 10**6)
    (1, 8, 3)
    """
    return min(count, GROUPS if work >= WORTH_SHARING else 1)


def share(region: Callable[..., bool], count: int, work: int, *args: Any) -> None:
    """Run a kernel for the groups of ``range(count)``, on `config.threads` threads.

    Blocks run in any order and at the same time, so they must write to different places. A
    team at work for another thread is not waited for: the caller then does its blocks alone.

    Parameters
    ----------
    region : kernel of ``(*args, part, first, last)``, compiled by `compiled.team.for_team`
    count : int >= 0
    work : int, roughly how many numbers are read or vectors multiplied in all; small work stays
        with the caller
    *args : what the kernel is given for every block
    """
    note = _note.get()
    if note is not None and not note(region, count, work, *args):
        return
    blocks = parts(count, work)
    team = _team_of(config.threads()) if blocks > 1 else None
    if team is None or not team.lock.acquire(blocking=False):
        failed = region(0, count, blocks, *args)
    else:
        try:
            if work >= WORTH_WAKING:
                team.wake()
            failed = region(team.address, count, blocks, *args)
        finally:
            team.lock.release()
    if failed:
        raise MemoryError(f"{region.__name__}: no memory for what a block of work needs")


_note: ContextVar[Callable[..., bool] | None] = ContextVar("note", default=None)


@contextmanager
def noted_by(note: Callable[..., bool] | None) -> Iterator[None]:
    """Show each region to ``note(*region)`` before it runs, inside the ``with`` block.

    It runs if ``note`` returns True. Work that is in no region is shown as one without code:
    ``note(None, 0, 0, what)``.
    """
    token = _note.set(note)
    try:
        yield
    finally:
        _note.reset(token)


def is_noted() -> bool:
    """Return whether regions are shown to somebody, so that all work should be in regions."""
    return _note.get() is not None


def missed(what: str) -> None:
    """Tell who is shown the regions of work that is in none."""
    note = _note.get()
    if note is not None:
        note(None, 0, 0, what)


def again(do: Callable[[], None], let_go: Callable[[], None] | None = None) -> None:
    """Tell who is shown the regions what Python does to do work anew that is in none.

    It is shown as a region without code, ``note(None, 0, 0, (do, let_go))``; after a step,
    ``let_go`` drops what was kept for the way back.
    """
    note = _note.get()
    if note is not None:
        note(None, 0, 0, (do, let_go))


def write_down(regions: Iterable[Region]) -> None:
    """Show regions that have run already to whoever is shown them."""
    note = _note.get()
    if note is not None:
        for region in regions:
            note(*region)


def numbers(values: Iterable[float], dtype: Any) -> np.ndarray:
    """Return numbers that Python makes anew at each step, where a region reads them.

    Who is shown the regions is shown them as one without code: ``note(None, 0, 0, array)``.
    """
    made = np.array(values, dtype)
    note = _note.get()
    if note is not None:
        note(None, 0, 0, made)
    return made


def run(regions: Iterable[Region]) -> None:
    """Run regions, one after the other."""
    for region in regions:
        share(*region)


class _Team:
    """Workers that look for a region, share its blocks with the caller, look again, sleep."""

    def __init__(self, workers: int) -> None:
        from melpy.kernels.compiled import team

        self.lock = threading.Lock()
        # With more threads than CPUs, who looks for work takes the CPU of who does it.
        self.looks = LOOKS if workers < config.usable_cpus() else 0
        self.serve, self.idle, self.asleep = team.serve, team.IDLE, team.ASLEEP
        self.state = team.state_of(workers)
        self.address = self.state.ctypes.data
        self.places = team.places_of(self.state)
        # Compiled in the caller's thread: Numba changes the process's warnings meanwhile.
        self.places[0][0] = self.idle
        self.serve(self.address, 0, 0)
        self.alarms = [threading.Semaphore(0) for _ in range(workers)]
        for number in range(workers):
            threading.Thread(target=self._work, args=(number,), name="melpy", daemon=True).start()

    def _work(self, number: int) -> None:
        alarm = self.alarms[number]
        while True:
            alarm.acquire()
            self.serve(self.address, number, self.looks)

    def wake(self) -> None:
        """Wake who sleeps; the next region counts on it, but does not wait if it is late."""
        for place, alarm in zip(self.places, self.alarms, strict=True):
            if place[0] == self.asleep:
                place[0] = self.idle
                alarm.release()


_teams: dict[int, _Team | None] = {1: None}  # by size; one that is not asked for any more sleeps
_starting = threading.Lock()


def _team_of(size: int) -> _Team | None:
    try:
        return _teams[size]
    except KeyError:
        with _starting:
            if size not in _teams:
                _teams[size] = _Team(size - 1)
            return _teams[size]


def _forget() -> None:
    """Start afresh in a forked child: the parent's threads do not exist there."""
    global _starting, _teams
    _starting = threading.Lock()
    _teams = {1: None}


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
