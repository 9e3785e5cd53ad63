"""How long epochs take, and how a run from the command line is stopped."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from melpy.callbacks import Callback

__all__ = ["Clock", "stop_at_signals"]


class Clock(Callback):
    """Seconds of each epoch, without the measuring on test data that follows it.

    It also stops training after a batch, or an epoch, once ``stopped_by`` is no longer empty.
    """

    remembers = ("seconds",)

    def __init__(self, stopped_by: list[int]) -> None:
        self.seconds: list[float] = []
        self.stopped_by = stopped_by

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.started_s = self.last_s = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.last_s = time.perf_counter()
        self._look()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds.append(self.last_s - self.started_s)
        self._look()

    def _look(self) -> None:
        if self.stopped_by:
            self.model.stop_training = True


@contextmanager
def stop_at_signals(stopped_by: list[int], say: Callable[[str], None]) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM end training after the batch at hand, another at once."""
    if threading.current_thread() is not threading.main_thread():  # no signals to handle
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(number: int, frame: Any) -> None:
        stopped_by.append(number)
        put_back()
        say("\nStopping after this batch; weights, history and a backup are kept. Again to end at "
            "once.")  # fmt: skip

    for number in numbers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        put_back()
