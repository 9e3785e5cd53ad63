"""BackupAndRestore: a training that was stopped goes on to the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from melpy import config
from melpy.callbacks.base import Logs
from melpy.callbacks.files import EveryBatches
from melpy.callbacks.standing import Standing
from melpy.errors import ArgumentError, warn
from melpy.saving.backups import Backups
from melpy.saving.files import alone_in, writing

__all__ = ["BackupAndRestore"]


class BackupAndRestore(EveryBatches):
    """Keeps a backup while a model trains, and goes on from it after an interruption.

    A backup holds all that the training follows from: weights and which of them are frozen, the
    state of every optimizer that the model holds, metrics, what the model, its losses and
    regularizers, objects of your own in them and the process draw from, numbers in their attributes
    that have changed since ``fit`` began, the order of the data and the place in it, and what the
    other callbacks remember, the history among them. A training that
    goes on in another process, by the same script, ends with the same bits as one that was never
    interrupted, also amidst an epoch and without a seed set. It is called after all other
    callbacks.

    Two backups are kept; if the newest is damaged, the one before counts, with a warning. They are
    deleted when the training has come to its end. An exception, Ctrl-C, a killed process, or a
    ``stop_training`` amidst an epoch leave them, and the next ``fit`` goes on.

    Parameters
    ----------
    backup_dir : path of a folder of its own for each training
    save_freq : "epoch", or an int > 0: every so many batches
    double_checkpoint : bool, accepted as in Keras; two backups are kept in any case
    delete_checkpoint : bool, whether to delete the backups at the end

    Notes
    -----
    Arrays and a `PyDataset` are taken up where they were left. Of a `PyDataset`, as of the model,
    numbers, texts, and lists and arrays of them that have changed since ``fit`` began are kept: an
    order that ``on_epoch_end`` shuffles, the momentum or the rate of `Dropout` that a callback
    sets, what a ``train_step`` of your own counts. A `Dataset` and other streams make their first
    batches again, with what they drew from then; so does a generator, which is begun anew; one that
    an earlier ``fit`` of the process has read goes on where it stands. Data with ``state_dict()``
    and ``load_state_dict(state)`` are given their own state back. Elements that `Dataset.cache`
    keeps of something random, and what several threads draw from one generator, come out otherwise.

    Amidst an epoch, a model whose metrics have no variables yet makes a step on the first batch,
    all of which is undone.

    Raises
    ------
    ArgumentError : another training is at work in the folder
    DataError : the backups are those of another model, or all of them are damaged; or a callback
        remembers what cannot be kept
    FileError : a backup cannot be written
    """

    comes_last = True
    _by_hand: Standing | None = None

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
        super().__init__(save_freq)
        self.backup_dir, self.backups = Path(backup_dir), Backups(backup_dir, "BackupAndRestore")
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint

    @property
    def _standing(self) -> Standing:
        """Where ``fit`` stands; of a model that is trained by hand, the model alone."""
        if self.model._standing is not None:
            return self.model._standing
        if self._by_hand is None or self._by_hand.model is not self.model:
            self._by_hand = Standing(self.model)
        return self._by_hand

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Go back to the newest backup, if there is one."""
        self._be_alone()
        standing, newest = self._standing, self.backups.newest()
        standing.note()
        if newest is None:
            return
        standing.restore(*newest, who="BackupAndRestore")
        self._tell_of_divergence()
        if self.params.get("verbose"):
            batch = f", after batch {standing.batch}" if standing.batch else ""
            config.say(f"Going on from a backup in epoch {standing.epoch + 1}{batch}.")

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Write a backup after every so many batches, and where the training is to stop."""
        if self.are_due(batch) or self.model.stop_training:
            self._write()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write a backup after the epoch, unless it was left before its end."""
        if self.every is None and not self._standing.is_cut:
            self._write()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Delete the backups of a training that came to its end."""
        standing = self._standing
        if self.delete_checkpoint and not (standing.is_cut or standing.is_stopped):
            self.backups.remove()

    def _be_alone(self) -> None:
        """Keep other trainings out of the folder until ``fit`` ends, in whatever way."""
        if self.model._standing is None:  # trained by hand: nobody can tell when that ends
            return
        with writing(self.backup_dir, "BackupAndRestore"):
            self.backup_dir.mkdir(parents=True, exist_ok=True)
        self._standing.held.enter_context(alone_in(self.backup_dir, "BackupAndRestore"))

    def _tell_of_divergence(self) -> None:
        """Warn where the backup is one of a training that had diverged."""
        spoilt = [w.path for w in self.model.weights if not np.isfinite(w.array).all()]
        if spoilt:
            warn(
                f"BackupAndRestore: the backup's weights are not finite ({spoilt[0]} is the first),"
                " and the learning rate is the backup's too, whatever the script says now. Delete "
                f"{str(self.backup_dir)!r} to begin anew."
            )

    def _write(self) -> None:
        self.backups.write(*self._standing.state())
