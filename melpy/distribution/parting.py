"""Ends a job in which a process waits for one that has left, or that waits for something else."""

from __future__ import annotations

import atexit
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Parting"]

LEFT, WAITS = 1, 2  # the tags of a process's last word, and of what it waits for
LOOK_S = 0.25  # between two looks
TURN_S = 1.0  # between two processes that would say why the job ends
PATIENCE_S = 2.0  # of who waits for somebody who has left; what is under way may still arrive


class Parting:
    """What the processes of a job know of those that came to their end.

    ``sys.exit`` raises nothing that `sys.excepthook` would see, and MPI's own end waits for all: a
    process that waits for one that has left would wait for ever. So who leaves says so, and a
    thread of who waits listens. In the same way who waits long says for what: two processes whose
    n-th words to each other are of different calls, as after an exception that one of them caught,
    would wait for ever too.

    Parameters
    ----------
    mpi : mpi4py's MPI
    all_of_them : communicator of all processes, for these words alone
    stop : function of an exit code that ends all processes
    """

    def __init__(self, mpi: Any, all_of_them: Any, stop: Callable[[int], None]) -> None:
        self._all, self._stop = all_of_them, stop
        self._count = 0  # of what this process has waited for
        self._waits: tuple[float, int, str] | None = None  # since when, that count, and for what
        self._sent: list[Any] = []  # kept until they have arrived
        self._leaves = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="parting", daemon=True)
        if mpi.Query_thread() == mpi.THREAD_MULTIPLE and all_of_them.size > 1:
            self._thread.start()
            atexit.register(self._leave)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Be one who waits for all others, inside the ``with`` block."""
        self._count += 1
        self._waits = time.monotonic(), self._count, what
        try:
            yield
        finally:
            self._waits = None

    def _leave(self) -> None:
        self._leaves.set()
        self._thread.join()
        self._tell(self._all.rank, LEFT)

    def _tell(self, word: Any, tag: int) -> None:
        others = (rank for rank in range(self._all.size) if rank != self._all.rank)
        self._sent += [self._all.isend(word, rank, tag) for rank in others]

    def _listen(self) -> None:
        left: list[int] = []
        others: dict[int, tuple[int, str]] = {}  # what each waits for
        told = 0  # the count of the wait that was told last
        while not self._leaves.wait(LOOK_S):
            while self._all.iprobe(tag=LEFT):
                left.append(self._all.recv(tag=LEFT))
            while self._all.iprobe(tag=WAITS):
                rank, *word = self._all.recv(tag=WAITS)
                others[rank] = word[0], word[1]
            waits = self._waits
            if waits is None or time.monotonic() - waits[0] < PATIENCE_S:
                continue
            _, count, what = waits
            if told != count:
                told = count
                self._tell((self._all.rank, count, what), WAITS)
            astray = [r for r, (n, its) in others.items() if n == count and its != what]
            if left:
                self._end(f"process {min(left)} has come to the end of its script, and this one "
                          "waits for it")  # fmt: skip
            elif astray:
                rank = min(astray)
                self._end(
                    f"it waits in {what}, and process {rank} in {others[rank][1]}, as after an "
                    "exception that one of them alone has caught"
                )

    def _end(self, why: str) -> None:
        """Say why, and end all processes; the first one that waits speaks for all."""
        time.sleep(self._all.rank * TURN_S)
        print(
            f"melpy: process {self._all.rank} of {self._all.size} on {platform.node()} ended: "
            f"{why}. Every process calls fit, evaluate and predict, with the same arguments.",
            file=sys.stderr,
        )
        self._stop(1)
