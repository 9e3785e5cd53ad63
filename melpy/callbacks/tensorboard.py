"""TensorBoard: a training as its page shows it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from melpy.callbacks import events
from melpy.callbacks.base import Logs
from melpy.callbacks.event_file import EventFile
from melpy.callbacks.files import EveryBatches
from melpy.errors import ArgumentError, DtypeError, whole_numbers

__all__ = ["TensorBoard"]


class TensorBoard(EveryBatches):
    """Writes event files that TensorBoard shows: ``tensorboard --logdir logs``.

    Scalars of epochs and batches, histograms and pictures of the weights, the model's graph, and
    hyperparameters to compare trainings by. A training's numbers go into the run "train" of its
    folder, those of validations into "validation", its hyperparameters into the folder itself.

    Parameters
    ----------
    log_dir : path, a folder of its own for each training; missing folders are made
    histogram_freq : int >= 0, every how many epochs to write the weights' histograms, 0 for never
    write_graph : bool, whether to write the model's graph
    write_images : bool, whether to write the weights as pictures with their histograms
    write_steps_per_second : bool, whether to write how many batches a second an epoch made
    update_freq : "epoch", "batch" or an int > 0: how often to write the batches' numbers
    profile_batch, embeddings_freq, embeddings_metadata : accepted as in Keras; here they write
        nothing
    hparams : dict of names to numbers, texts or truths, for the page of hyperparameters; None for
        none. Anything else is written as its text

    Raises
    ------
    DependencyError : the package ``tensorboard`` is not installed
    FileError : the folder cannot be written to

    Source
    ------
    Keras 3, ``keras.callbacks.TensorBoard``; ``hparams`` is ours.

    Examples
    --------
    >>> log = TensorBoard("logs/run1", histogram_freq=1, hparams={"units": 32, "rate": 0.01})
    >>> log.needs_each_batch
    False
    """

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
        hparams: Mapping[str, Any] | None = None,
    ) -> None:
        whole_numbers("TensorBoard", 0, histogram_freq=histogram_freq)
        every: Any = 1 if update_freq == "batch" else update_freq
        if every != "epoch" and (not isinstance(every, int | np.integer) or every < 1):
            raise ArgumentError(
                "TensorBoard",
                "update_freq is out of range",
                expected='"epoch", "batch" or an int > 0',
                received={"update_freq": update_freq},
            )
        if not isinstance(hparams, Mapping | None):
            raise DtypeError(
                "TensorBoard",
                "hparams is no dict",
                expected="a dict of names to numbers, texts or truths",
                received={"type": type(hparams).__name__},
            )
        super().__init__(every)
        self.log_dir, self.histogram_freq = Path(log_dir), histogram_freq
        self.write_graph, self.write_images = write_graph, write_images
        self.write_steps_per_second, self.hparams = write_steps_per_second, hparams
        self.writers: dict[str, EventFile] = {}
        self.batches, self.begun_s = 0, 0.0

    def _writer(self, side: str) -> EventFile:
        """Return what writes into a run, in a file that is opened once."""
        if side not in self.writers:
            self.writers[side] = EventFile(self.log_dir / side)
        return self.writers[side]

    def _write(self, side: str, step: int, **event: Any) -> None:
        self._writer(side).add(step, **event)

    def _write_values(self, side: str, step: int, values: list[Any]) -> None:
        """Write entries of a summary; nothing, and open no file, where there are none."""
        if values:
            self._writer(side)
            from tensorboard.compat.proto.summary_pb2 import Summary

            self._write(side, step, summary=Summary(value=values))

    def _scalars(self, side: str, step: int, numbers: Logs, prefix: str) -> None:
        plain = {n: float(v) for n, v in numbers.items() if np.ndim(v) == 0}
        values = [events.scalar(f"{prefix}{name}", value) for name, value in plain.items()]
        self._write_values(side, step, values)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the file; write the graph, and the hyperparameters."""
        self._writer("train")
        if self.write_graph:
            self._write("train", 0, graph_def=events.graph(self.model))
        if self.hparams:
            self._writer("")
            self._write("", 0, summary=events.hyperparameters(self.hparams, str(self.log_dir)))

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Begin to count."""
        self.batches, self.begun_s = 0, time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Write the batch's numbers, where that was asked for."""
        self.batches = batch + 1
        if self.are_due(batch):
            self._scalars("train", self.step, logs or {}, "batch_")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's numbers, and the weights' histograms and pictures."""
        logs = dict(logs or {})
        rate = getattr(self.model.optimizer, "learning_rate", None)
        if rate is not None and not callable(rate):
            logs["learning_rate"] = float(rate)
        train = {n: v for n, v in logs.items() if not n.startswith("val_")}
        if self.write_steps_per_second:
            train["steps_per_second"] = self.batches / (time.perf_counter() - self.begun_s)
        self._scalars("train", epoch, train, "epoch_")
        held_out = {n[4:]: v for n, v in logs.items() if n.startswith("val_")}
        self._scalars("validation", epoch, held_out, "epoch_")
        if self.histogram_freq and (epoch + 1) % self.histogram_freq == 0:
            self._write_values("train", epoch, list(self._of_weights()))

    def _of_weights(self) -> Any:
        """Yield each weight's histogram, and its picture."""
        for weight in self.model.weights:
            values = np.asarray(weight.array)
            yield events.histogram(weight.path, values)
            if self.write_images and values.size > 1:
                yield events.image(f"{weight.path}/image", events.picture(values))

    def on_train_end(self, logs: Logs | None = None) -> None:
        """End the files: another training begins its own."""
        if self.hparams:
            self._write("", 0, summary=events.end_of_trial())
        self.writers = {}
