"""What processes tell each other: one process alone, and those of an MPI job.

Both have the same few methods. Arrays are added up in place; objects are plain values and arrays.
What the processes tell each other pairs by its order alone: who evaluates while another one trains
would take the other's numbers for his. So each says in which call it is.
"""

from __future__ import annotations

import contextlib
import os
import platform
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import numpy as np

from melpy import job
from melpy.distribution.parting import Parting
from melpy.errors import DataError, DependencyError, install

__all__ = ["Alone", "Mpi", "communicator"]

PIECE = 1 << 28  # numbers at once: MPI counts in 32 bits
PATIENCE_S = 1.0  # with a launcher that reads nothing


class Calls:
    """In which call of a model a process is. Abstract.

    Attributes
    ----------
    at : str, the calls' names, from the outermost one in: "fit > evaluate"; "" outside
    """

    at = ""

    @property
    def who(self) -> str:
        """The name of the innermost call, for messages."""
        return self.at.rpartition(" > ")[2]

    @contextmanager
    def calling(self, who: str) -> Iterator[None]:
        """Be in a call, inside the ``with`` block."""
        before, self.at = self.at, f"{self.at} > {who}" if self.at else who
        try:
            yield
        finally:
            self.at = before


class Alone(Calls):
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


class Mpi(Calls):
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
        with self._parting.waiting(f"{self.at} to add up {array.size} numbers"):
            for piece in _pieces(array):
                self._all.Allreduce(self._mpi.IN_PLACE, piece)

    def begin_sum(self, array: np.ndarray) -> Callable[[], None]:
        """Begin to; return what waits for the end. Until then the array is not to be touched."""
        requests = [self._all.Iallreduce(self._mpi.IN_PLACE, piece) for piece in _pieces(array)]

        def wait() -> None:
            with self._parting.waiting(f"{self.at} to add up {array.size} numbers"):
                self._mpi.Request.Waitall(requests)

        return wait

    def broadcast(self, value: Any) -> Any:
        """Return what the first process has."""
        with self._parting.waiting(f"{self.at} to hear the first one"):
            return self._all.bcast(value)

    def gather(self, value: Any) -> list[Any]:
        """Return what each process has, in their order.

        Raises
        ------
        DataError : the processes are in different calls
        """
        with self._parting.waiting(f"{self.at} to hear what each has"):
            told = self._all.allgather((self.at, value))
        require_one_call([at for at, _ in told])
        return [value for _, value in told]

    def stop(self, code: int = 1) -> None:
        """End all processes of the job, this one too."""
        for stream in (sys.stdout, sys.stderr):
            let_be_read(stream)
        self._all.Abort(code)
        os._exit(code)  # Abort may come back before the launcher has ended this process


def require_one_call(everybody: Sequence[str]) -> None:
    """Refuse processes that are in different calls, whose numbers would pair."""
    for number, at in enumerate(everybody):
        if at != everybody[0]:
            raise DataError(
                at.rpartition(" > ")[2] or "distribution",
                "the processes do not do the same",
                expected=f"as process 0 does, {everybody[0] or 'no call of a model'}",
                received={f"process {number}": at or "no call of a model"},
                mend="Every process calls fit, evaluate and predict, in the same order; for one "
                "process alone, there is set_distribution(None).",
            )


def communicator() -> Alone | Mpi:
    """Return the processes of the MPI job that this one belongs to, or this process alone."""
    return Mpi() if job.is_launched() else Alone()


def let_be_read(stream: TextIO, patience_s: float = PATIENCE_S) -> None:
    """Return when the launcher has read what a stream has said, or after ``patience_s`` seconds.

    A launcher that is told to end all processes no longer reads what is in their pipes: of 500 jobs
    whose last process spoke and ended them at once, 9 ended without its word.
    """
    end = time.monotonic() + patience_s
    with contextlib.suppress(ImportError, OSError):  # Windows; nobody reads, or no file is behind
        stream.flush()
        import fcntl
        import termios

        number = stream.fileno()
        while time.monotonic() < end:
            unread = fcntl.ioctl(number, termios.FIONREAD, bytes(struct.calcsize("i")))
            if not struct.unpack("i", unread)[0]:
                return
            time.sleep(0.001)


def _say_nothing(*_: Any) -> None:
    pass


def _pieces(array: np.ndarray) -> Sequence[np.ndarray]:
    flat = array.reshape(-1)
    return [flat[n : n + PIECE] for n in range(0, flat.size, PIECE)]


def _mpi4py() -> Any:
    try:
        from mpi4py import MPI
    except ImportError as error:
        if not job.is_first_of_its_host():
            sys.excepthook = _say_nothing  # there is nothing that could end the other processes
        raise DependencyError(
            "distribution",
            f"this process belongs to an MPI job, on {platform.node()}, and mpi4py is not "
            f"installed, or finds no MPI ({error})",
            mend=install("mpi"),
        ) from error
    return MPI
