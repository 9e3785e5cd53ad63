"""What a run trains on, made ready, whatever it came from; and what is held back of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from melpy import models
from melpy.errors import ArgumentError, DataError
from melpy.experiments.columns import Column
from melpy.experiments.networks import again, without_augmentation
from melpy.experiments.task import Task

__all__ = ["WHO", "Data", "Prepared", "Say", "digest_of", "share_of", "split"]

WHO = "train"
Say = Callable[[str], None]
Data = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Prepared:
    """Training and test data, and what a network begins with to take them.

    Parameters
    ----------
    kind : "images" or "table"
    name : str, in texts
    train, test : x and y
    task : what is to be told
    held_out : str, what the test part is called
    before : function that returns the layers that a network begins with
    notes : what a model's file is to say of the inputs
    digest : str, changes when the data does
    is_ours : bool, whether this is a data set of melpy's
    columns : of a table
    begin : of a table, the model that makes a vector of its columns
    """

    kind: str
    name: str
    train: Data
    test: Data
    task: Task
    held_out: str
    before: Callable[[], list[Any]]
    notes: dict[str, Any]
    digest: str = ""
    is_ours: bool = False
    columns: list[Column] = field(default_factory=list)
    begin: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a sample, without the axis of samples."""
        return self.train[0].shape[1:]

    def whole(self, network: Any) -> Any:
        """Return the model to be kept: of a table, behind what takes its columns.

        What changes images while training alone is left out.
        """
        if self.begin is not None:
            y = again(network, self.begin.outputs[0])
            made = models.Model(self.begin.input, y, name=network.name)
        else:
            made = without_augmentation(network)
        if made is not network:
            made.compile(network.optimizer, loss=self.task.loss, metrics=[self.task.metric])
        return made


def share_of(validation: str | None) -> float | None:
    """Return which share is to be held back; None where it is a path."""
    text = str(validation)
    if Path(text).exists():
        return None
    try:
        share = float(text)
    except ValueError:
        share = float("nan")
    if not 0 < share < 1:
        raise ArgumentError(
            WHO, "--validation is neither a share nor a path",
            expected="a number between 0 and 1, or a folder or table that is there",
            received={"validation": validation},
        )  # fmt: skip
    return share


def split(labels: np.ndarray | int, share: float, seed: int, who: str) -> tuple[Any, Any]:
    """Return rows to train on and rows held back, drawn by the seed; of each class alike.

    Parameters
    ----------
    labels : of the samples; or how many samples there are, without classes
    """
    rng = np.random.default_rng([seed, 7])
    labels = np.zeros(labels, int) if isinstance(labels, int) else labels
    held: list[np.ndarray] = []
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        held.append(rows[: min(round(share * len(rows)), len(rows) - 1)])
    if not sum(map(len, held)):  # small classes: one sample, of the largest
        rows = rng.permutation(np.flatnonzero(labels == np.bincount(labels).argmax()))
        held.append(rows[: min(1, len(rows) - 1)])
    chosen = np.sort(np.concatenate(held))
    if not len(chosen):
        raise DataError(
            who, "there are too few samples to hold any back", expected="two or more of a class",
            received={"samples": len(labels)},
        )  # fmt: skip
    return np.setdiff1d(np.arange(len(labels)), chosen), chosen


def digest_of(lines: list[str]) -> str:
    """Return what tells some data from other data, as far as lines of text do."""
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()[:16]
