"""Callbacks that show a training: TensorBoard's files, and curves that grow."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from melpy.callbacks.base import Callback, Logs
from melpy.errors import DependencyError, install

__all__ = ["LiveMetrics", "TensorBoard"]


class TensorBoard(Callback):
    """Writes event files that TensorBoard shows: scalars by epoch, histograms of weights.

    Parameters
    ----------
    log_dir : path; training goes into "train" in it, validation into "validation"
    histogram_freq : int >= 0, every how many epochs to write the weights' histograms, 0 for never
    update_freq : "epoch", "batch" or an int: how often to write the batches' numbers
    write_graph, write_images, write_steps_per_second, profile_batch, embeddings_freq,
    embeddings_metadata : accepted as in Keras; here they write nothing

    Raises
    ------
    DependencyError : the package ``tensorboard`` is not installed
    """

    remembers = ("step",)

    def __init__(
        self,
        log_dir: str | Path = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        self.log_dir, self.histogram_freq = Path(log_dir), histogram_freq
        self.every = {"epoch": 0, "batch": 1}.get(update_freq, update_freq)  # type: ignore[arg-type]
        self.writers: dict[str, Any] = {}
        self.step, self.misses_batches = 0, not self.every

    def _writer(self, side: str) -> Any:
        if side not in self.writers:
            try:
                from tensorboard.summary.writer.event_file_writer import EventFileWriter
            except ImportError as error:
                raise DependencyError(
                    "TensorBoard",
                    "the package tensorboard is not installed",
                    mend=install("tensorboard"),
                ) from error
            self.writers[side] = EventFileWriter(str(self.log_dir / side))
        return self.writers[side]

    def _write(self, side: str, step: int, **values: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        writer = self._writer(side)
        summary = Summary(value=[Summary.Value(tag=t, **{k: v}) for t, (k, v) in values.items()])
        writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))

    def _scalars(self, side: str, step: int, numbers: Logs, prefix: str) -> None:
        plain = {n: float(v) for n, v in numbers.items() if np.ndim(v) == 0}
        if plain:
            self._writer(side)
            values = {f"{prefix}{name}": ("simple_value", v) for name, v in plain.items()}
            self._write(side, step, **values)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the file."""
        self._writer("train")

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Write the batch's numbers, where that was asked for."""
        self.step += 1
        if self.every and self.step % int(self.every) == 0:
            self._scalars("train", self.step, logs or {}, "batch_")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's numbers, and the histograms."""
        logs = dict(logs or {})
        rate = getattr(self.model.optimizer, "learning_rate", None)
        if rate is not None and not callable(rate):
            logs["learning_rate"] = float(rate)
        train = {n: v for n, v in logs.items() if not n.startswith("val_")}
        self._scalars("train", epoch, train, "epoch_")
        held_out = {n[4:]: v for n, v in logs.items() if n.startswith("val_")}
        self._scalars("validation", epoch, held_out, "epoch_")
        if self.histogram_freq and (epoch + 1) % self.histogram_freq == 0:
            for weight in self.model.weights:
                self._write("train", epoch, **{weight.path: ("histo", _histogram(weight.value))})

        for writer in self.writers.values():  # an interruption closes no file
            writer.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the files."""
        for writer in self.writers.values():
            writer.close()
        self.writers = {}


def _histogram(values: np.ndarray) -> Any:
    from tensorboard.compat.proto.summary_pb2 import HistogramProto

    counts, edges = np.histogram(values, bins=30)
    return HistogramProto(
        min=float(values.min()),
        max=float(values.max()),
        num=float(values.size),
        sum=float(values.sum()),
        sum_squares=float(np.square(values).sum()),
        bucket_limit=edges[1:].tolist(),
        bucket=counts.astype(float).tolist(),
    )


class LiveMetrics(Callback):
    """Draws the curves of a training while it runs: in a notebook in place, else into a file.

    Parameters
    ----------
    filename : path of the picture, or None for a notebook's output alone
    frequency : int > 0, every how many epochs to draw
    """

    remembers = ("history",)

    def __init__(self, filename: str | Path | None = "live.png", frequency: int = 1) -> None:
        self.filename, self.frequency = filename, frequency

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin with empty curves."""
        self.history: dict[str, list[float]] = {}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Draw what there is so far."""
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        if (epoch + 1) % self.frequency == 0:
            self.draw()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Draw the whole."""
        if self.history:
            self.draw()

    def draw(self) -> None:
        """Draw the curves, each number beside its validation."""
        epochs = range(1, 1 + len(next(iter(self.history.values()))))
        from melpy import viz  # with the first picture: it takes a while

        figure = viz.curves(self.history, list(epochs), "")
        if self.filename is not None:
            figure.savefig(self.filename)
        if _in_notebook():
            from IPython.display import clear_output, display

            clear_output(wait=True)
            display(figure)


def _in_notebook() -> bool:
    import sys

    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"
