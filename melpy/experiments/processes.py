"""A run by the processes of an MPI job: what each of them has of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from melpy import distribution
from melpy.experiments.settings import Settings

__all__ = ["agreed", "by_this_one_alone", "count", "of_job"]

Say = Callable[[str], None]


@contextmanager
def of_job(settings: Settings, say: Say) -> Iterator[tuple[Settings, Say, bool]]:
    """Share a run among the processes of the job that this one belongs to, if it belongs to one.

    Each trains on its part of every batch. What the first one was asked for counts, and it alone
    says something and leaves a folder: the others' passes. What ends one of them ends all.

    Yields
    ------
    the settings, how to say something, and whether this process is the first one, or the only one
    """
    shared = distribution.DataParallel()
    if shared.size == 1:
        yield settings, say, True
        return
    with distribution.ending_together(is_command=True), tempfile.TemporaryDirectory() as passing:
        distribution.set_distribution(shared)
        try:
            settings = shared.processes.broadcast(settings.complete().rooted())
            if shared.rank:
                settings = replace(settings, out=str(Path(passing) / "run"))
            yield settings, say if not shared.rank else _nothing, not shared.rank
        finally:
            distribution.set_distribution(None)


def _nothing(line: str) -> None:
    pass


@contextmanager
def by_this_one_alone() -> Iterator[None]:
    """Let models be this process's own, inside the ``with`` block."""
    among = distribution.distribution()
    distribution.set_distribution(None)
    try:
        yield
    finally:
        distribution.set_distribution(among)


def count() -> int:
    """Return how many processes train."""
    among = distribution.distribution()
    return 1 if among is None else among.size


def agreed(number: int) -> int:
    """Return the number that some process has, where others have 0; to be called by all."""
    among = distribution.distribution()
    if among is None or among.size == 1:
        return number
    told = np.array([float(number), float(number != 0)])
    among.processes.sum_in_place(told)
    return round(told[0] / max(told[1], 1.0))
