"""How long epochs take, and how a run from the command line is stopped, and goes on."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from melpy.callbacks import Callback
from melpy.experiments.processes import agreed

__all__ = [
    "Clock", "StoppedError", "hint", "raise_at_sigterm", "stop_all", "stop_at_signals", "telling",
]  # fmt: skip

_trained: list[list[int]] = []  # what `stop_at_signals` is given, while it holds
_asked: list[int] = []  # the signal that all of this process's runs are to stop by


class StoppedError(KeyboardInterrupt):
    """What ends a command that a signal stopped, whose number is the argument."""


class Clock(Callback):
    """Seconds of each epoch, without the measuring on test data that follows it.

    It also stops training after a batch, or an epoch, once ``stopped_by`` is no longer empty, in
    this process or in another that trains with it.
    """

    remembers = ("seconds",)

    def __init__(self, stopped_by: list[int]) -> None:
        self.seconds: list[float] = []
        self.stopped_by = stopped_by
        self.epoch = 0
        self.left_at: tuple[int, int, int] | None = None  # epoch, batch, and of how many

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch
        self.started_s = self.last_s = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.last_s = time.perf_counter()
        self._look()
        if self.stopped_by and batch + 1 < self.params["steps"]:
            self.left_at = self.epoch + 1, batch + 1, self.params["steps"]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds.append(self.last_s - self.started_s)
        self._look()

    def _look(self) -> None:
        number = agreed(self.stopped_by[0] if self.stopped_by else 0)
        if number and not self.stopped_by:
            self.stopped_by.append(number)
        if self.stopped_by and not self.model.stop_training:  # else a callback has ended it
            self.model.stop_training = self.model._standing.is_stopped = True


def hint(folder: Path) -> str:
    """Say how a run goes on, by the name that this program was called by."""
    is_melpy = Path(sys.argv[0]).stem == "melpy"
    called = sys.argv[0] if is_melpy else "python -m melpy"
    return f"It goes on with: {called} train --resume {shlex.quote(str(folder))}"


@contextmanager
def telling(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Say how a run goes on that Ctrl-C ends at once."""
    try:
        yield
    except KeyboardInterrupt:
        if any((folder / "backup").glob("*.npz")):
            say(hint(folder))
        raise


@contextmanager
def raise_at_sigterm() -> Iterator[None]:
    """Let SIGTERM raise, as Ctrl-C does, so that what is held is let go of."""

    def stop(number: int, put_back: Callable[[], None]) -> None:
        raise StoppedError(number)

    with _handled((signal.SIGTERM,), stop):
        yield


def stop_all(number: int) -> None:
    """Let this process's run stop after the batch at hand, and those to come, as by a signal."""
    _asked.append(number)
    for stopped_by in _trained:
        if not stopped_by:
            stopped_by.append(number)


@contextmanager
def stop_at_signals(stopped_by: list[int], say: Callable[[str], None]) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM end training after the batch at hand, another at once."""

    def stop(number: int, put_back: Callable[[], None]) -> None:
        stopped_by.append(number)
        put_back()
        with suppress(RuntimeError):  # it came amidst a line that is being written
            say("\nStopping after this batch; weights, history and a backup are kept. Again to end "
                "at once.")  # fmt: skip

    _trained.append(stopped_by)
    stopped_by += _asked[:1]
    try:
        with _handled((signal.SIGINT, signal.SIGTERM), stop):
            yield
    finally:
        _trained[:] = [other for other in _trained if other is not stopped_by]


@contextmanager
def _handled(
    numbers: Iterable[int], handle: Callable[[int, Callable[[], None]], None]
) -> Iterator[None]:
    """Let signals that are not ignored call a function, inside the ``with`` block.

    It is given the signal, and a function that lets go of all of them. Only a process's main thread
    has signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in numbers}
    # None is a handler that was not set from Python, and cannot be set again from there.
    taken = {n: handler for n, handler in before.items() if handler not in (signal.SIG_IGN, None)}

    def put_back() -> None:
        for number, handler in taken.items():
            signal.signal(number, handler)

    for number in taken:
        signal.signal(number, lambda number, frame: handle(number, put_back))
    try:
        yield
    finally:
        put_back()
