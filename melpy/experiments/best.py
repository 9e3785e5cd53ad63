"""The best epoch of a run: its model, kept beside the last one's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from melpy.callbacks import ModelCheckpoint
from melpy.experiments.task import Task

__all__ = ["BEST", "Best"]

BEST = "best.keras"  # in a run's folder


class Best(ModelCheckpoint):
    """Keeps the model of the epoch that was the best so far, by what it was measured on.

    An epoch that is left before its end does not count: a run that goes on makes it anew.

    Parameters
    ----------
    path : of the file
    whole : the model to be kept, around the network that is trained
    task : Task, whose metric tells which epoch is the best

    Attributes
    ----------
    best : float, the metric of the best epoch; None as long as there is none
    best_epoch : int, its number from 1; None as long as there is none
    """

    remembers = (*ModelCheckpoint.remembers, "best_epoch")

    def __init__(self, path: Path, whole: Any, task: Task) -> None:
        mode = "max" if task.is_of_classes else "min"
        super().__init__(path, f"val_{task.metric}", save_best_only=True, mode=mode)
        self.whole = whole
        self.best_epoch: int | None = None

    def set_model(self, model: Any) -> None:
        """Learn which network is trained; what is saved is the model around it."""
        self.network, self.model = model, self.whole

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep the model, if no epoch was better."""
        if self.network._standing.is_cut:
            return
        before = self.best
        super().on_epoch_end(epoch, logs)
        if self.best != before:
            self.best_epoch = epoch + 1
