"""What callbacks that watch a number share: which of two values is the better one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from melpy import ops
from melpy.callbacks.base import Callback, Logs
from melpy.errors import ArgumentError, lookup, nearest, warn

__all__ = ["MonitorCallback"]

MODES = {"auto": None, "min": ops.less, "max": ops.greater}
# Where no metric says what is better, parts of names do.
UP = ("acc", "auc", "precision", "recall", "f1", "r2", "iou", "cosine_similarity")
DOWN = (
    *("loss", "error", "mse", "mae", "mape", "msle", "crossentropy", "hinge", "poisson"),
    *("divergence", "logcosh", "log_cosh"),
)


class MonitorCallback(Callback):
    """Watches a number of the logs. Abstract.

    Parameters
    ----------
    monitor : str, a name in the logs
    mode : "min", "max", or "auto": what the compiled metric of that name says, else by the name
    baseline : float or None, the best value before the first
    min_delta : float, the least that counts as better; its sign does not matter
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0.0,
    ) -> None:
        who = type(self).__name__
        self.monitor_op: Any = lookup("mode", mode, MODES, who)
        if not math.isfinite(min_delta):
            raise ArgumentError(
                who, "min_delta is out of range", expected="a finite float",
                received={"min_delta": min_delta},
            )  # fmt: skip
        self.monitor, self.mode = monitor, mode
        self.best, self.min_delta = baseline, abs(min_delta)

    def is_better(self, value: Any, reference: Any) -> bool:
        """Return whether a value is better than another; than None or NaN each finite number is."""
        self._decide()
        if reference is None or np.isnan(reference):
            return bool(np.isfinite(value))  # what has diverged is the best of nothing
        margin = self.min_delta if self.monitor_op is ops.greater else -self.min_delta
        return bool(self.monitor_op(value - margin, reference))

    def _decide(self) -> None:
        """Settle what is better, once the compiled metrics are there to ask."""
        if self.monitor_op is None:
            self.monitor_op = self._better()

    def _better(self) -> Any:
        """Return ops.less or ops.greater, by the compiled metric or by the name."""
        name = self.monitor.removeprefix("val_")
        if name == "loss":
            return ops.less
        for metric in getattr(self.model, "metrics", ()):
            direction = getattr(metric, "directions", {}).get(name)
            if direction:
                return ops.greater if direction == "up" else ops.less
        if any(word in name for word in UP):
            return ops.greater
        if any(word in name for word in DOWN):
            return ops.less
        raise ArgumentError(
            type(self).__name__,
            "neither a metric nor the name tells whether more is better or less",
            expected='mode="min" or mode="max"',
            received={"monitor": self.monitor, "mode": self.mode},
        )

    def watched(self, logs: Logs | None) -> Any:
        """Return the number to watch; None, with a warning, where the logs have no such number."""
        logs = logs or {}
        if self.monitor in logs:
            return logs[self.monitor]
        validation = self.monitor.startswith("val_") and self.monitor[4:] in logs
        problem = ArgumentError(
            type(self).__name__,
            f"there is no {self.monitor!r} to watch",
            expected=f"one of {', '.join(logs)}",
            received={"monitor": self.monitor},
            mend="Give fit() validation_data for a val_ number."
            if validation
            else nearest(self.monitor, logs),
        )
        warn(str(problem))
        return None
