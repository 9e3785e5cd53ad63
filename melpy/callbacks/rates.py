"""Callbacks that change the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from melpy import config
from melpy.callbacks.base import Callback, Logs
from melpy.callbacks.monitor import MonitorCallback
from melpy.callbacks.progbar import verbosity
from melpy.errors import ArgumentError, whole_numbers

__all__ = ["LearningRateScheduler", "ReduceLROnPlateau"]


class RateCallback(Callback):
    """Reads and writes the optimizer's learning rate. Abstract."""

    @property
    def rate(self) -> float:
        """The learning rate that the optimizer has now."""
        return float(self.model.optimizer.learning_rate)

    @rate.setter
    def rate(self, value: float) -> None:
        self.model.optimizer.learning_rate = value


class LearningRateScheduler(RateCallback):
    """Sets the learning rate before each epoch.

    Parameters
    ----------
    schedule : function of (epoch, counted from 0, rate now), or of the epoch, that returns the rate
    verbose : int, 1 to say so
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule, self.verbose = schedule, verbosity("LearningRateScheduler", verbose)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Ask for the rate and set it."""
        try:
            rate = self.schedule(epoch, self.rate)
        except TypeError:  # a function of the epoch alone
            rate = self.schedule(epoch)
        if not isinstance(rate, float | np.floating | np.ndarray):
            raise ArgumentError(
                "LearningRateScheduler",
                "the schedule did not return a rate",
                expected="a float",
                received={"rate": rate},
            )
        self.rate = float(rate)
        if self.verbose:
            config.say(f"Epoch {epoch + 1}: the learning rate is {float(rate):g}.")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Put the rate among the epoch's numbers."""
        if logs is not None:
            logs["learning_rate"] = self.rate


class ReduceLROnPlateau(RateCallback, MonitorCallback):
    """Makes the learning rate smaller when a number has not become better for some epochs.

    Parameters
    ----------
    monitor : str, a name in the logs; NaN is never better
    factor : float in [0, 1): new rate = factor times the old
    patience : int >= 0, epochs to wait
    verbose : int, 1 to say so
    mode : "min", "max", or "auto": what the compiled metric of that name says, else by the name
    min_delta : float >= 0, the least that counts as better
    cooldown : int >= 0, epochs after a change that do not count
    min_lr : float >= 0, the smallest rate
    """

    remembers = ("best", "wait", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        MonitorCallback.__init__(self, monitor, mode, min_delta=min_delta)
        whole_numbers("ReduceLROnPlateau", 0, patience=patience, cooldown=cooldown)
        for name, value, fits in (
            ("factor", factor, 0 <= factor < 1),
            ("min_lr", min_lr, 0 <= min_lr < math.inf),
        ):
            if not fits:
                raise ArgumentError(
                    "ReduceLROnPlateau",
                    f"{name} is out of range",
                    expected="a float in [0, 1)" if name == "factor" else "a float >= 0",
                    received={name: value},
                )
        self.factor, self.patience = factor, patience
        self.verbose = verbosity("ReduceLROnPlateau", verbose)
        self.cooldown, self.min_lr = cooldown, min_lr

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start to count."""
        self.best: float | None = None
        self.wait = self.cooldown_counter = 0

    def in_cooldown(self) -> bool:
        """Return whether epochs do not count yet, after a change."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare, and reduce the rate after ``patience`` epochs without a better value."""
        logs = {} if logs is None else logs
        logs["learning_rate"] = self.rate
        value = self.watched(logs)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(value, self.best):
            self.best, self.wait = value, 0
            return
        if self.in_cooldown():
            return
        self.wait += 1
        if self.wait >= self.patience and self.rate > np.float32(self.min_lr):
            self.rate = max(self.rate * self.factor, self.min_lr)
            self.cooldown_counter, self.wait = self.cooldown, 0
            if self.verbose:
                config.say(f"Epoch {epoch + 1}: the learning rate is {self.rate:g} now.")
