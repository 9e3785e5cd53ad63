"""What processes tell each other: one process alone, and those of an MPI job.

Both have the same few methods. Arrays are added up in place; objects are plain values and arrays.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy import job
from melpy.distribution.parting import Parting
from melpy.errors import DependencyError, install

__all__ = ["Alone", "Mpi", "communicator"]

PIECE = 1 << 28  # numbers at once: MPI counts in 32 bits


class Alone:
    """One process: nobody to tell."""

    rank, size, on_this_host = 0, 1, 1

    def sum_in_place(self, array: np.ndarray) -> None:
        """Add up an array of each process; each has the sum."""

    def begin_sum(self, array: np.ndarray) -> Callable[[], None]:
        """Begin to; return what waits for the end. Until then the array is not to be touched."""
        return lambda: None

    def broadcast(self, value: Any) -> Any:
        """Return what the first process has."""
        return value

    def gather(self, value: Any) -> list[Any]:
        """Return what each process has, in their order."""
        return [value]

    def stop(self, code: int = 1) -> None:
        """End all processes of the job, this one too."""
        os._exit(code)


class Mpi:
    """The processes that an MPI launcher began, by mpi4py."""

    def __init__(self) -> None:
        self._mpi = _mpi4py()
        self._all = self._mpi.COMM_WORLD
        self.rank, self.size = self._all.rank, self._all.size
        shared = self._all.Split_type(self._mpi.COMM_TYPE_SHARED)
        self.on_this_host = shared.size
        shared.Free()
        self._parting = Parting(self._mpi, self._all.Dup(), self.stop)

    def sum_in_place(self, array: np.ndarray) -> None:
        """Add up an array of each process; each has the sum."""
        with self._parting.waiting():
            for piece in _pieces(array):
                self._all.Allreduce(self._mpi.IN_PLACE, piece)

    def begin_sum(self, array: np.ndarray) -> Callable[[], None]:
        """Begin to; return what waits for the end. Until then the array is not to be touched."""
        requests = [self._all.Iallreduce(self._mpi.IN_PLACE, piece) for piece in _pieces(array)]

        def wait() -> None:
            with self._parting.waiting():
                self._mpi.Request.Waitall(requests)

        return wait

    def broadcast(self, value: Any) -> Any:
        """Return what the first process has."""
        with self._parting.waiting():
            return self._all.bcast(value)

    def gather(self, value: Any) -> list[Any]:
        """Return what each process has, in their order."""
        with self._parting.waiting():
            return self._all.allgather(value)

    def stop(self, code: int = 1) -> None:
        """End all processes of the job, this one too."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._all.Abort(code)
        os._exit(code)  # Abort may come back before the launcher has ended this process


def communicator() -> Alone | Mpi:
    """Return the processes of the MPI job that this one belongs to, or this process alone."""
    return Mpi() if job.is_launched() else Alone()


def _pieces(array: np.ndarray) -> Sequence[np.ndarray]:
    flat = array.reshape(-1)
    return [flat[n : n + PIECE] for n in range(0, flat.size, PIECE)]


def _mpi4py() -> Any:
    try:
        from mpi4py import MPI
    except ImportError as error:
        job.let_the_first_speak()
        raise DependencyError(
            "distribution",
            f"this process belongs to an MPI job, on {platform.node()}, and mpi4py is not "
            f"installed, or finds no MPI ({error})",
            mend=install("mpi"),
        ) from error
    return MPI
