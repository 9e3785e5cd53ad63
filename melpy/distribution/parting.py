"""Ends a job of which one process has left while another one waits for it."""

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

LEFT = 1  # the tag of a process's last word
LOOK_S = 0.25  # between two looks
PATIENCE_S = 2.0  # of who waits for somebody who has left; what is under way may still arrive


class Parting:
    """What the processes of a job know of those that came to their end.

    ``sys.exit`` raises nothing that `sys.excepthook` would see, and MPI's own end waits for all: a
    process that waits for one that has left would wait for ever. So who leaves says so, and a
    thread of who waits listens.

    Parameters
    ----------
    mpi : mpi4py's MPI
    all_of_them : communicator of all processes, for these words alone
    stop : function of an exit code that ends all processes
    """

    def __init__(self, mpi: Any, all_of_them: Any, stop: Callable[[int], None]) -> None:
        self._all, self._stop = all_of_them, stop
        self._since_s: float | None = None  # when this process began to wait
        self._leaves = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="parting", daemon=True)
        if mpi.Query_thread() == mpi.THREAD_MULTIPLE and all_of_them.size > 1:
            self._thread.start()
            atexit.register(self._leave)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Be one who waits for all others, inside the ``with`` block."""
        self._since_s = time.monotonic()
        try:
            yield
        finally:
            self._since_s = None

    def _leave(self) -> None:
        self._leaves.set()
        self._thread.join()
        for rank in range(self._all.size):
            if rank != self._all.rank:
                self._all.isend(self._all.rank, rank, LEFT)

    def _listen(self) -> None:
        left: list[int] = []
        while not self._leaves.wait(LOOK_S):
            while self._all.iprobe(tag=LEFT):
                left.append(self._all.recv(tag=LEFT))
            since_s = self._since_s
            if left and since_s is not None and time.monotonic() - since_s > PATIENCE_S:
                time.sleep(self._all.rank * LOOK_S)  # the first one that waits speaks for all
                own = f"process {self._all.rank} of {self._all.size} on {platform.node()}"
                print(
                    f"melpy: {own} ended: process {min(left)} has come to the end of its script, "
                    "and this one waits for it. Every process calls fit, evaluate and predict, "
                    "with the same arguments.",
                    file=sys.stderr,
                )
                self._stop(1)
