"""LiveMetrics: curves that grow while a model trains."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from melpy.callbacks.base import Callback, Logs
from melpy.errors import whole_numbers
from melpy.files import in_a_folder, writing

__all__ = ["LiveMetrics"]


class LiveMetrics(Callback):
    """Draws the curves of a training while it runs: in a notebook in place, else into a file.

    Each number of the epochs has a picture of its own, its validation beside it.

    Parameters
    ----------
    filename : path of the picture, or None for a notebook's output alone; missing folders are made
    frequency : int > 0, every how many epochs to draw

    Raises
    ------
    FileError : the picture cannot be written
    """

    remembers = ("history", "last_epoch")
    is_for_one = True

    def __init__(self, filename: str | Path | None = "live.png", frequency: int = 1) -> None:
        whole_numbers("LiveMetrics", 1, frequency=frequency)
        self.filename, self.frequency = filename, frequency

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin with empty curves."""
        self.history: dict[str, list[float]] = {}
        self.last_epoch = -1
        if self.filename is not None:
            in_a_folder(self.filename, "LiveMetrics")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Draw what there is so far."""
        numbers = {name: value for name, value in (logs or {}).items() if np.ndim(value) == 0}
        made = max(map(len, self.history.values()), default=0)
        for name in {**self.history, **numbers}:  # what an epoch has not, such as a validation
            values = self.history.setdefault(name, [float("nan")] * made)
            values.append(float(numbers.get(name, "nan")))
        self.last_epoch = epoch
        if (epoch + 1) % self.frequency == 0:
            self.draw()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Draw the whole."""
        if self.history:
            self.draw()

    def draw(self) -> None:
        """Draw the curves, each number beside its validation."""
        from melpy import viz  # with the first picture: it takes a while

        count = len(next(iter(self.history.values()), ()))
        first = max(0, self.last_epoch + 1 - count)
        names = [name for name in self.history if not name.startswith("val_")]
        names.sort(key=lambda name: name != "loss")  # which comes first
        epochs = range(first, first + count)
        figure = viz.curves(self.history, epochs, "", held_out="validation", names=names)
        if self.filename is not None:
            with writing(self.filename, "LiveMetrics"):
                figure.savefig(self.filename)
        if _in_notebook():
            from IPython.display import clear_output, display

            clear_output(wait=True)
            display(figure)


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"
