"""Callbacks: what happens around epochs and batches while a model trains."""

from __future__ import annotations

import csv
import math
import sys
import time
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from melpy.errors import ArgumentError, lookup, nearest

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "ProgbarLogger",
    "TerminateOnNaN",
]

Logs = Mapping[str, float]


class Callback:
    """Methods that ``fit`` calls; override those you need.

    ``self.model`` is the model, ``self.params`` holds ``epochs``, ``steps`` and ``verbose``. Set
    ``self.model.stop_training = True`` to stop after the batch at hand.
    """

    model: Any = None
    params: Mapping[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """Learn which model is trained."""
        self.model = model

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Learn epochs, steps an epoch, and verbosity."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before epoch ``epoch``, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch; ``logs`` holds its loss and metrics."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a training step."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a training step; ``logs`` holds the means since the epoch began."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before a validation or an evaluation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After a validation or an evaluation."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of it."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of it."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before the first batch of predict."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After its last batch."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of predict."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of predict; ``logs["outputs"]`` holds its outputs."""


class CallbackList:
    """Several callbacks, called in order."""

    def __init__(self, callbacks: Iterable[Callback], model: Any, **params: Any) -> None:
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)

    def call(self, event: str, *args: Any) -> None:
        """Call ``event`` of each."""
        for callback in self.callbacks:
            getattr(callback, event)(*args)


class History(Callback):
    """Remembers: ``history`` maps each name to its values by epoch, ``epoch`` lists the epochs."""

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Keep the epoch's numbers."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


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
        self.marks = "━╺" if _can_write(self.out, "━╺") else "=>"
        self.started_s = self.shown_s = time.perf_counter()
        self.label = f"Epoch {epoch + 1:>{len(str(self.params['epochs']))}}/{self.params['epochs']}"

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Redraw the bar, at most ten times a second."""
        now = time.perf_counter()
        if not self.live or now - self.shown_s < self.REFRESH_S:
            return
        self.shown_s = now
        done, steps = batch + 1, self.params["steps"]
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


def _can_write(stream: TextIO, text: str) -> bool:
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _numbers(logs: Logs | None) -> str:
    return "".join(f"  {name} {value:.4f}" for name, value in (logs or {}).items())


class TerminateOnNaN(Callback):
    """Stops when the loss is NaN or infinite, and says at which batch."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the loss."""
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            print(f"Batch {batch}: the loss is not finite any more, training stops.")
            self.model.stop_training = True


class CSVLogger(Callback):
    """Writes one line an epoch into a CSV file, and flushes it.

    Parameters
    ----------
    filename : path
    separator : str
    append : bool, add to a file that is there, instead of beginning anew
    """

    def __init__(self, filename: str | Path, separator: str = ",", append: bool = False) -> None:
        self.filename, self.separator, self.append = Path(filename), separator, append

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the file."""
        self.names: list[str] = []
        if self.append and self.filename.exists():
            with open(self.filename, newline="") as file:
                self.names = next(csv.reader(file, delimiter=self.separator), [])
        self.file = open(self.filename, "a" if self.append else "w", newline="")  # noqa: SIM115
        self.writer = csv.writer(self.file, delimiter=self.separator)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's line."""
        logs = logs or {}
        if not self.names:
            self.names = ["epoch", *logs]
            self.writer.writerow(self.names)
        self.writer.writerow([epoch, *(logs.get(name, "") for name in self.names[1:])])
        self.file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the file."""
        self.file.close()


_MODES = {"auto": None, "min": np.less, "max": np.greater}
_UP = ("acc", "auc", "precision", "recall", "f1", "r2", "iou", "cosine_similarity")
_DOWN = (
    *("loss", "error", "mse", "mae", "mape", "msle", "crossentropy", "hinge", "poisson"),
    *("divergence", "logcosh", "log_cosh"),
)


def _better(monitor: str, mode: str, who: str) -> np.ufunc:
    """Return np.less or np.greater: which of two values of ``monitor`` is the better one."""
    chosen = lookup("mode", mode, _MODES, who)
    if chosen is not None:
        return chosen
    if any(word in monitor for word in _UP):
        return np.greater
    if any(word in monitor for word in _DOWN):
        return np.less
    raise ArgumentError(
        who,
        "the name does not tell whether more is better or less",
        expected='mode="min" or mode="max"',
        received={"monitor": monitor, "mode": mode},
    )


class EarlyStopping(Callback):
    """Stops when a number has not become better for some epochs.

    An epoch without that number passes with a warning.

    Parameters
    ----------
    monitor : str, a name in the logs
    min_delta : float >= 0, the least that counts as better
    patience : int >= 0, epochs to wait
    verbose : int, 1 to say so
    mode : "min", "max", or "auto": by the name, "max" for accuracies, "min" for losses
    baseline : float or None, a value to beat
    restore_best_weights : bool, go back to the best epoch's weights at the end
    start_from_epoch : int >= 0, epochs to let pass first
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        self.better = _better(monitor, mode, "EarlyStopping")
        self.min_delta = abs(min_delta) if self.better is np.greater else -abs(min_delta)
        self.monitor, self.patience, self.verbose = monitor, patience, verbose
        self.baseline, self.restore_best_weights = baseline, restore_best_weights
        self.start_from_epoch = start_from_epoch

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start to count."""
        self.wait, self.stopped_epoch, self.best_epoch = 0, 0, 0
        self.best: float | None = None
        self.best_weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare, and stop after ``patience`` epochs without a better value."""
        logs = logs or {}
        if self.monitor not in logs:
            validation = self.monitor.startswith("val_") and self.monitor[4:] in logs
            problem = ArgumentError(
                "EarlyStopping",
                f"there is no {self.monitor!r} to watch",
                expected=f"one of {', '.join(logs)}",
                received={"monitor": self.monitor},
                mend="Give fit() validation_data for a val_ number."
                if validation
                else nearest(self.monitor, logs),
            )
            warnings.warn(str(problem), stacklevel=2)
            return
        if epoch < self.start_from_epoch:
            return
        value = logs[self.monitor]
        self.wait += 1
        if self.best is None or self.better(value - self.min_delta, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.better(value - self.min_delta, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Say so, and go back to the best weights."""
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                print(f"Weights are those of the best epoch, {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)
