"""The progress bar."""

from __future__ import annotations

import sys
import time
from typing import TextIO

import numpy as np

from melpy.callbacks.base import Callback, Logs

__all__ = ["ProgbarLogger"]


class ProgbarLogger(Callback):
    """A bar on a terminal; in a file, one line an epoch.

    Parameters
    ----------
    stream : text file, standard output by default
    """

    WIDTH = 24
    REFRESH_S = 0.1

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock."""
        self.out = self.stream or sys.stdout
        self.live = self.out.isatty() and self.params["verbose"] != 2
        self.marks = "━╺" if can_write(self.out, "━╺") else "=>"
        self.started_s = self.shown_s = time.perf_counter()
        self.label = f"Epoch {epoch + 1:>{len(str(self.params['epochs']))}}/{self.params['epochs']}"

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Redraw the bar, at most ten times a second."""
        now = time.perf_counter()
        if not self.live or now - self.shown_s < self.REFRESH_S:
            return
        self.shown_s = now
        done, steps = batch + 1, self.params["steps"]
        if not steps:  # nobody knows how many there will be
            self._write(f"\r{self.label}  {done} batches{_numbers(logs)}", "")
            return
        filled = self.WIDTH * done // steps
        line, tip = self.marks[0], self.marks[1]
        bar = line * filled + tip * (filled < self.WIDTH) + " " * (self.WIDTH - filled - 1)
        left_s = (now - self.started_s) / done * (steps - done)
        self._write(f"\r{self.label} {bar} {done}/{steps}  {left_s:.0f} s left{_numbers(logs)}", "")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Leave one line."""
        seconds = time.perf_counter() - self.started_s
        self._write(("\r" if self.live else "") + f"{self.label}  {seconds:6.1f} s{_numbers(logs)}")

    def _write(self, text: str, end: str = "\n") -> None:
        erase = "\033[K" if self.live else ""  # what is left of a longer line
        self.out.write(text + erase + end)
        self.out.flush()


def can_write(stream: TextIO, text: str) -> bool:
    """Return whether a stream's encoding knows all signs of a text."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _numbers(logs: Logs | None) -> str:
    return "".join(
        f"  {name} {value:.4f}" if np.ndim(value) == 0 else f"  {name} {np.round(value, 4)}"
        for name, value in (logs or {}).items()
    )
