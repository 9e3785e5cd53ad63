"""Callbacks that end a training."""

from __future__ import annotations

import math

import numpy as np

from melpy import config
from melpy.callbacks.base import Callback, Logs
from melpy.callbacks.monitor import MonitorCallback
from melpy.callbacks.progbar import verbosity
from melpy.errors import GraphError, whole_numbers

__all__ = ["EarlyStopping", "TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """Stops when the loss is NaN or infinite, and says at which batch.

    Parameters
    ----------
    raise_error : bool, raise a RuntimeError instead of stopping quietly
    """

    def __init__(self, raise_error: bool = False) -> None:
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the loss."""
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            if self.raise_error:
                raise GraphError(
                    "TerminateOnNaN",
                    f"the loss of batch {batch} is not finite any more",
                    mend="Try a smaller learning rate, clipnorm, or data on a smaller scale.",
                )
            config.say(f"Batch {batch}: the loss is not finite any more, training stops.")
            self.model.stop_training = True


class EarlyStopping(MonitorCallback):
    """Stops when a number has not become better for some epochs.

    An epoch without that number passes with a warning; NaN is never better.

    Parameters
    ----------
    monitor : str, a name in the logs
    min_delta : float >= 0, the least that counts as better
    patience : int >= 0, epochs to wait
    verbose : int, 1 to say so
    mode : "min", "max", or "auto": what the compiled metric of that name says, else by the name
    baseline : float or None, a value to beat
    restore_best_weights : bool, go back to the best epoch's weights at the end
    start_from_epoch : int >= 0, epochs to let pass first
    """

    remembers = ("wait", "stopped_epoch", "best_epoch", "best", "best_weights")

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
        super().__init__(monitor, mode, min_delta=min_delta)
        whole_numbers("EarlyStopping", 0, patience=patience, start_from_epoch=start_from_epoch)
        self.patience, self.verbose = patience, verbosity("EarlyStopping", verbose)
        self.baseline, self.restore_best_weights = baseline, restore_best_weights
        self.start_from_epoch = start_from_epoch

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start to count."""
        self.wait, self.stopped_epoch, self.best_epoch = 0, 0, 0
        self.best: float | None = None
        self.best_weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare, and stop after ``patience`` epochs without a better value."""
        value = self.get_monitor_value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        improved = self.is_better(value, self.best)
        if improved:
            self.best, self.best_epoch = value, epoch
        if self.restore_best_weights and (improved or self.best_weights is None):
            self.best_weights = self.model.get_weights()
            self.best_epoch = epoch
        if improved:
            if self.baseline is None or self.is_better(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def get_monitor_value(self, logs: Logs | None) -> float | None:
        """Return the number that is watched; None, with a warning, where an epoch has none."""
        return self.watched(logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Say so, and go back to the best weights."""
        if self.stopped_epoch and self.verbose:
            config.say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                config.say(f"Weights are those of the best epoch, {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)
