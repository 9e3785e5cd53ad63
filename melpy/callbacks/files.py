"""Callbacks that write files: numbers by epoch, and models."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from melpy import config, saving
from melpy.callbacks.base import Callback, Logs
from melpy.callbacks.monitor import MonitorCallback
from melpy.callbacks.progbar import verbosity
from melpy.errors import ArgumentError, warn, whole_numbers
from melpy.files import in_a_folder, reading, writing
from melpy.saving.files import write_atomically

__all__ = ["CSVLogger", "EveryBatches", "ModelCheckpoint"]


class CSVLogger(Callback):
    """Writes one line an epoch into a CSV file, which is whole after each.

    The columns are the first epoch's numbers by their names, and their ``val_``: "NA" stands in
    an epoch without them.

    Parameters
    ----------
    filename : path; missing folders are made
    separator : str
    append : bool, add to a file that is there, with its columns, instead of beginning anew
    """

    is_for_one = True

    def __init__(self, filename: str | Path, separator: str = ",", append: bool = False) -> None:
        self.filename, self.separator, self.append = Path(filename), separator, append

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin the file."""
        self.names: list[str] = []
        in_a_folder(self.filename, "CSVLogger")
        if self.append and self.filename.exists():
            with (
                reading(self.filename, "CSVLogger", "a CSV file, to which lines are added"),
                open(self.filename, newline="") as file,
            ):
                self.names = next(csv.reader(file, delimiter=self.separator), [])
        else:
            with writing(self.filename, "CSVLogger"):
                self.filename.write_bytes(b"")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's line."""
        logs = logs or {}
        rows: list[list[Any]] = []
        if not self.names:
            held_out = [] if any(n.startswith("val_") for n in logs) else [f"val_{n}" for n in logs]
            self.names = ["epoch", *sorted(logs), *sorted(held_out)]
            rows.append(self.names)
        rows.append([epoch, *(_cell(logs.get(name, "NA")) for name in self.names[1:])])
        with writing(self.filename, "CSVLogger"), open(self.filename, "a", newline="") as file:
            csv.writer(file, delimiter=self.separator).writerows(rows)

    def get_state(self) -> dict[str, Any]:
        """Return the file as it is: a training that goes on takes the later lines away."""
        with reading(self.filename, "CSVLogger", "the CSV file that it writes"):
            content = self.filename.read_bytes() if self.filename.exists() else b""
        return {"names": self.names, "text": content.decode(errors="surrogateescape")}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Write the file as it was."""
        self.names = state["names"]
        content = state["text"].encode(errors="surrogateescape")
        write_atomically(self.filename, content, "CSVLogger")


def _cell(value: Any) -> Any:
    """Return one number as it is, several as one text."""
    several = np.ndim(value) > 0
    return f'"[{", ".join(map(str, value))}]"' if several else value


class EveryBatches(Callback):
    """Says when so many batches have passed; it may hear of every n-th one only. Abstract.

    Parameters
    ----------
    save_freq : "epoch" for never, or an int > 0
    """

    remembers: tuple[str, ...] = ("last_batch", "passed", "step")

    is_for_one = True

    def __init__(self, save_freq: Any) -> None:
        who = type(self).__name__
        whole = isinstance(save_freq, int | np.integer) and not isinstance(save_freq, bool)
        if save_freq != "epoch" and not (whole and save_freq > 0):
            raise ArgumentError(
                who,
                "save_freq is out of range",
                expected='"epoch" or an int > 0',
                received={"save_freq": save_freq},
            )
        self.save_freq = save_freq
        self.every = None if save_freq == "epoch" else int(save_freq)
        self.last_batch, self.passed, self.step = -1, 0, 0  # step: how many batches in all

    @property
    def misses_batches(self) -> bool:  # type: ignore[override]
        """Whether it counts none."""
        return self.every is None

    def are_due(self, batch: int) -> bool:
        """Count up to a batch's number; return whether it is time, and begin anew if it is."""
        if self.every is None:
            return False
        new = batch + 1 if batch <= self.last_batch else batch - self.last_batch
        self.last_batch, self.passed, self.step = batch, self.passed + new, self.step + new
        if self.passed < self.every:
            return False
        self.passed = 0
        return True


class ModelCheckpoint(EveryBatches, MonitorCallback):
    """Saves the model, or its weights, after epochs or every so many batches.

    Parameters
    ----------
    filepath : path; ``{epoch}`` and names of the logs in braces are filled in, such as
        "{epoch:02d}-{val_loss:.2f}.keras"; whole models end in ".keras", ".h5" or ".hdf5", weights
        in ".weights.h5", ".safetensors" or ".npz". Missing folders are made
    monitor : str, a name in the logs, for ``save_best_only``
    verbose : int, 1 to say so
    save_best_only : bool, only when the number is better than ever before, which NaN never is;
        without that number it saves, and warns
    save_weights_only : bool, weights instead of whole models
    mode : "min", "max", or "auto": what the compiled metric of that name says, else by the name
    save_freq : "epoch", or an int > 0: every so many batches
    initial_value_threshold : float or None, a value to beat first
    max_to_keep : int > 0, how many of the files that it wrote stay beside the best one, the newest;
        None for all. It needs names that differ, and deletes none that it did not write
    """

    remembers = (*EveryBatches.remembers, "best", "written", "best_path", "best_written")

    def __init__(
        self,
        filepath: str | Path,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = None,
    ) -> None:
        MonitorCallback.__init__(self, monitor, mode, initial_value_threshold)
        EveryBatches.__init__(self, save_freq)
        whole_numbers("ModelCheckpoint", 1, max_to_keep=max_to_keep)
        self.filepath, self.verbose = str(filepath), verbosity("ModelCheckpoint", verbose)
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.max_to_keep, self.epoch = max_to_keep, 0
        self.written: list[str] = []  # oldest first
        self.best_path: str | None = None  # of the files, the one of the best number
        self.best_written: Any = None
        endings = saving.WEIGHTS if save_weights_only else (".keras", *saving.H5)
        if not self.filepath.endswith(endings):
            raise ArgumentError(
                "ModelCheckpoint",
                "unknown kind of file",
                expected=f"a name that ends in {', '.join(endings)}",
                received={"filepath": self.filepath, "save_weights_only": save_weights_only},
            )
        self._named(_Tried(epoch=1, batch=1, loss=0.5, val_loss=0.5))

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remember the epoch."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Save after every so many batches."""
        if self.are_due(batch):
            self._save(logs or {}, batch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save after the epoch."""
        self.epoch = epoch
        if self.save_freq == "epoch":
            self._save(logs or {})

    def _save(self, logs: Logs, batch: int | None = None) -> None:
        path = self._path(logs, batch)
        before = self.best
        if self.save_best_only and not self._is_best(logs):
            return
        if self.verbose:
            config.say(f"Epoch {self.epoch + 1}: {self._improved(before)}saving model to {path}")
        in_a_folder(path, "ModelCheckpoint")
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        if self.max_to_keep is not None:
            self._keep(path, logs.get(self.monitor), self.max_to_keep)

    def _keep(self, path: str, value: Any, most: int) -> None:
        """Delete all but the newest of the files that this one wrote, and the best."""
        self.written = [p for p in self.written if p != path] + [path]
        if value is not None and not np.ndim(value) and self.is_better(value, self.best_written):
            self.best_path, self.best_written = path, value
        for old in self.written[:-most]:
            if old != self.best_path:
                Path(old).unlink(missing_ok=True)
                self.written.remove(old)

    def _is_best(self, logs: Logs) -> bool:
        value = self.watched(logs)
        if value is None or np.ndim(value):
            if value is not None:
                warn(
                    f"ModelCheckpoint: {self.monitor!r} is no single number, so that none is the "
                    "best. It saves each.",
                )
            return True
        if not self.is_better(value, self.best):
            if self.verbose:
                config.say(
                    f"Epoch {self.epoch + 1}: {self.monitor} did not improve from {self.best:.5f}"
                )
            return False
        self.best = value
        return True

    def _improved(self, before: Any) -> str:
        """Say how much better the number is than the best before it, where it is."""
        if self.best == before:
            return ""
        was = None if before is None else f"{before:.5f}"
        return f"{self.monitor} improved from {was} to {self.best:.5f}, "

    def _path(self, logs: Logs, batch: int | None) -> str:
        number = {} if batch is None else {"batch": batch + 1}
        return self._named({"epoch": self.epoch + 1, **number, **logs})

    def _named(self, numbers: Mapping[str, Any]) -> str:
        """Return the file's name, with numbers in its braces."""
        try:
            return self.filepath.format_map(numbers)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            asked = f"asks for {error}, which is not among the numbers"
            unfit = f"has braces that cannot be filled in ({error})"
            raise ArgumentError(
                "ModelCheckpoint",
                f"the file's name {asked if type(error) is KeyError else unfit}",
                expected=f"braces around {', '.join(numbers)}, such as {{epoch:02d}}",
                received={"filepath": self.filepath},
            ) from error


class _Tried(dict[str, Any]):
    """Numbers before there are any: what is not among them may be anything."""

    def __missing__(self, name: str) -> _Anything:
        return _Anything()


class _Anything:
    """What each index, each attribute and each form of fits."""

    def __getitem__(self, index: Any) -> _Anything:
        return self

    def __getattr__(self, name: str) -> _Anything:
        return self

    def __format__(self, form: str) -> str:
        return ""
