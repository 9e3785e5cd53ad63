"""Callbacks that write files: numbers by epoch, models, backups."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from melpy import saving
from melpy.callbacks.base import Callback, Logs, better_of, watched
from melpy.errors import ArgumentError, DataError

__all__ = ["BackupAndRestore", "CSVLogger", "ModelCheckpoint"]


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


class ModelCheckpoint(Callback):
    """Saves the model, or its weights, after epochs or every so many batches.

    Parameters
    ----------
    filepath : path; ``{epoch}`` and names of the logs in braces are filled in, such as
        "{epoch:02d}-{val_loss:.2f}.keras"; whole models end in ".keras", weights in ".weights.h5",
        ".safetensors" or ".npz"
    monitor : str, a name in the logs, for ``save_best_only``
    verbose : int, 1 to say so
    save_best_only : bool, only when the number is better than ever before
    save_weights_only : bool, weights instead of whole models
    mode : "min", "max", or "auto": by the name
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
        self.filepath, self.monitor, self.verbose = str(filepath), monitor, verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.save_freq = _frequency(save_freq, "ModelCheckpoint")
        self.best = initial_value_threshold
        if save_best_only:
            self.better = better_of(monitor, mode, "ModelCheckpoint")
        endings = saving.WEIGHTS if save_weights_only else (".keras",)
        if not self.filepath.endswith(endings):
            raise ArgumentError(
                "ModelCheckpoint",
                "unknown kind of file",
                expected=f"a name that ends in {', '.join(endings)}",
                received={"filepath": self.filepath, "save_weights_only": save_weights_only},
            )

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Start to count batches."""
        self.seen = self.epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remember the epoch."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Save after every so many batches."""
        self.seen += 1
        if self.save_freq != "epoch" and self.seen % int(self.save_freq) == 0:
            self._save(logs or {}, batch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save after the epoch."""
        if self.save_freq == "epoch":
            self._save(logs or {})

    def _save(self, logs: Logs, batch: int | None = None) -> None:
        if self.save_best_only:
            value = watched(self.monitor, logs, "ModelCheckpoint")
            if value is None or (self.best is not None and not self.better(value, self.best)):
                return
            self.best = value
        try:
            number = {} if batch is None else {"batch": batch + 1}
            path = self.filepath.format(epoch=self.epoch + 1, **number, **logs)
        except KeyError as error:
            raise ArgumentError(
                "ModelCheckpoint",
                f"the file's name asks for {error}, which is not among the numbers",
                expected=f"epoch, batch, {', '.join(logs)}",
                received={"filepath": self.filepath},
            ) from error
        if self.verbose:
            print(f"Epoch {self.epoch + 1}: saving {path}")
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)


class BackupAndRestore(Callback):
    """Keeps a backup while a model trains, and goes on from it after an interruption.

    The backup holds the weights, the optimizer's state, the epoch and the state of the layers'
    random generators. It is deleted when the training ends.

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
        self.backup_dir = Path(backup_dir)
        self.save_freq = _frequency(save_freq, "BackupAndRestore")
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Go back to the backup, if there is one."""
        self.seen, self.epoch = 0, 0
        newest = self._newest()
        if newest is None:
            return
        try:
            state = json.loads((newest / "state.json").read_text())
            epoch, generators = int(state["epoch"]), dict(state["generators"])
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
        for layer in self.model.layers_inside:
            if layer.name in generators and hasattr(layer, "generator"):
                layer.generator.bit_generator.state = generators[layer.name]
        self.model.next_epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remember the epoch."""
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Write a backup after every so many batches; a restart begins that epoch again."""
        self.seen += 1
        if self.save_freq != "epoch" and self.seen % int(self.save_freq) == 0:
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
        generators = {
            layer.name: layer.generator.bit_generator.state
            for layer in self.model.layers_inside
            if hasattr(layer, "generator")
        }
        progress = {"epoch": epoch, "generators": generators}
        (part / "state.json").write_text(json.dumps(progress))
        part.rename(self.backup_dir / str(number))
        if before is not None:
            shutil.rmtree(before)


def _frequency(value: Any, who: str) -> Any:
    if value != "epoch" and not (isinstance(value, int) and value > 0):
        raise ArgumentError(
            who,
            "save_freq is out of range",
            expected='"epoch" or an int > 0',
            received={"save_freq": value},
        )
    return value
