"""Callbacks that write files: numbers by epoch, models, backups."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from melpy import config, random, saving
from melpy.callbacks.base import Callback, Logs
from melpy.callbacks.monitor import MonitorCallback
from melpy.errors import ArgumentError, DataError, warn
from melpy.layers.parts import sources_of

__all__ = ["BackupAndRestore", "CSVLogger", "ModelCheckpoint"]


class CSVLogger(Callback):
    """Writes one line an epoch into a CSV file, which is whole after each.

    The columns are the first epoch's numbers by their names, and their ``val_``: "NA" stands in
    an epoch without them.

    Parameters
    ----------
    filename : path
    separator : str
    append : bool, add to a file that is there, with its columns, instead of beginning anew
    """

    def __init__(self, filename: str | Path, separator: str = ",", append: bool = False) -> None:
        self.filename, self.separator, self.append = Path(filename), separator, append

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin the file."""
        self.names: list[str] = []
        if self.append and self.filename.exists():
            with open(self.filename, newline="") as file:
                self.names = next(csv.reader(file, delimiter=self.separator), [])
        else:
            self.filename.write_text("")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the epoch's line."""
        logs = logs or {}
        rows: list[list[Any]] = []
        if not self.names:
            held_out = [] if any(n.startswith("val_") for n in logs) else [f"val_{n}" for n in logs]
            self.names = ["epoch", *sorted(logs), *sorted(held_out)]
            rows.append(self.names)
        rows.append([epoch, *(_cell(logs.get(name, "NA")) for name in self.names[1:])])
        with open(self.filename, "a", newline="") as file:
            csv.writer(file, delimiter=self.separator).writerows(rows)


def _cell(value: Any) -> Any:
    """Return one number as it is, several as one text."""
    several = np.ndim(value) > 0
    return f'"[{", ".join(map(str, value))}]"' if several else value


class EveryBatches:
    """Says when so many batches have passed; the callbacks may hear of every n-th one only.

    Parameters
    ----------
    save_freq : "epoch" for never, or an int > 0
    who : str, in messages
    """

    def __init__(self, save_freq: Any, who: str) -> None:
        whole = isinstance(save_freq, int | np.integer) and not isinstance(save_freq, bool)
        if save_freq != "epoch" and not (whole and save_freq > 0):
            raise ArgumentError(
                who,
                "save_freq is out of range",
                expected='"epoch" or an int > 0',
                received={"save_freq": save_freq},
            )
        self.every = None if save_freq == "epoch" else int(save_freq)
        self.last, self.passed = -1, 0

    def are_due(self, batch: int) -> bool:
        """Count up to a batch's number; return whether it is time, and begin anew if it is."""
        if self.every is None:
            return False
        self.passed += batch + 1 if batch <= self.last else batch - self.last
        self.last = batch
        if self.passed < self.every:
            return False
        self.passed = 0
        return True


class ModelCheckpoint(MonitorCallback):
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
    """

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
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath, self.verbose = str(filepath), verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.save_freq, self.batches = save_freq, EveryBatches(save_freq, "ModelCheckpoint")
        self.epoch = 0
        endings = saving.WEIGHTS if save_weights_only else (".keras", *saving.H5)
        if not self.filepath.endswith(endings):
            raise ArgumentError(
                "ModelCheckpoint",
                "unknown kind of file",
                expected=f"a name that ends in {', '.join(endings)}",
                received={"filepath": self.filepath, "save_weights_only": save_weights_only},
            )

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remember the epoch."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Save after every so many batches."""
        if self.batches.are_due(batch):
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
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)

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
        try:
            return self.filepath.format(**{"epoch": self.epoch + 1, **number, **logs})
        except KeyError as error:
            raise ArgumentError(
                "ModelCheckpoint",
                f"the file's name asks for {error}, which is not among the numbers",
                expected=f"epoch, batch, {', '.join(logs)}",
                received={"filepath": self.filepath},
            ) from error


class BackupAndRestore(Callback):
    """Keeps a backup while a model trains, and goes on from it after an interruption.

    The backup holds the weights, the optimizer's state, the epoch and the state of the layers'
    random generators. It is deleted when the training has come to its end; an exception or Ctrl-C
    leaves it, and the next ``fit`` goes on.

    Parameters
    ----------
    backup_dir : path of a folder of its own for each training
    save_freq : "epoch", or an int > 0: every so many batches
    double_checkpoint : bool, accepted as in Keras; a backup is replaced whole or not at all
    delete_checkpoint : bool, whether to delete the backup at the end

    Notes
    -----
    With arrays and a seed set before ``fit``, the training that goes on ends with the same weights
    as one that was never interrupted: each epoch's order follows from the seed and its number.
    """

    def __init__(
        self,
        backup_dir: str | Path,
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        if not backup_dir:
            raise ArgumentError(
                "BackupAndRestore",
                "backup_dir is empty",
                expected="a folder of its own for each training",
                received={"backup_dir": backup_dir},
            )
        self.backup_dir, self.epoch = Path(backup_dir), 0
        self.save_freq, self.batches = save_freq, EveryBatches(save_freq, "BackupAndRestore")
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Go back to the backup, if there is one."""
        newest = self._newest()
        if newest is None:
            return
        try:
            state = json.loads((newest / "state.json").read_text())
            epoch, generators = int(state["epoch"]), state["generators"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                "BackupAndRestore",
                f"the backup is damaged ({error})",
                received={"backup_dir": str(newest)},
                mend="Delete the folder to begin anew.",
            ) from error
        self.model.load_weights(newest / "weights.npz")
        self.model.optimizer.build(self.model.trainable_weights)
        with np.load(newest / "optimizer.npz", allow_pickle=False) as file:
            for number, variable in enumerate(self.model.optimizer.variables):
                variable.assign(file[f"{number}"])
        self._restore(generators, newest)
        self.model.next_epoch = epoch

    def _restore(self, generators: Any, folder: Path) -> None:
        """Put what the layers draw from where it stood."""
        sources = sources_of(self.model)
        if isinstance(generators, dict):  # of a version in which dropout drew from others
            warn(
                "BackupAndRestore: the backup is of an earlier version, whose layers drew other "
                "random numbers. The training goes on with new ones.",
            )
            return
        if len(generators) != len(sources):
            raise DataError(
                "BackupAndRestore",
                "the backup is of a model that draws from others",
                expected=f"{len(sources)} generators",
                received={"generators": len(generators), "backup_dir": str(folder)},
            )
        for source, standing in zip(sources, generators, strict=True):
            random.restore(source, standing)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remember the epoch."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Write a backup after every so many batches; a restart begins that epoch again."""
        if self.batches.are_due(batch):
            self._write(self.epoch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write a backup after the epoch."""
        if self.save_freq == "epoch":
            self._write(epoch + 1)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Delete the backup."""
        if self.delete_checkpoint:
            shutil.rmtree(self.backup_dir, ignore_errors=True)

    def _newest(self) -> Path | None:
        """Return the backup's folder; its name is its number, and it was renamed when whole."""
        folders = [p for p in self.backup_dir.glob("[0-9]*") if p.name.isdecimal()]
        return max(folders, key=lambda p: int(p.name), default=None)

    def _write(self, epoch: int) -> None:
        before = self._newest()
        number = 0 if before is None else int(before.name) + 1
        part = self.backup_dir / "part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        self.model.save_weights(part / "weights.npz")
        state = {str(n): v.value for n, v in enumerate(self.model.optimizer.variables)}
        np.savez(part / "optimizer.npz", **state)
        generators = [random.state_of(source) for source in sources_of(self.model)]
        progress = {"epoch": epoch, "generators": generators}
        (part / "state.json").write_text(json.dumps(progress))
        part.rename(self.backup_dir / str(number))
        if before is not None:
            shutil.rmtree(before)
