"""What a network is to tell: one of several classes, or a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["CLASSIFICATION", "REGRESSION", "TASKS", "Task"]

CLASSIFICATION, REGRESSION = "classification", "regression"
TASKS = {name: name for name in (CLASSIFICATION, REGRESSION)}


@dataclass(frozen=True)
class Task:
    """What the outputs mean, and what follows from it for a training.

    Parameters
    ----------
    kind : "classification" or "regression"
    class_names : one name an output, of a classification
    target : str, the column of a table; empty for images
    mean, spread : floats, of the training part's numbers, of a regression; spread > 0
    """

    kind: str
    class_names: tuple[str, ...] = ()
    target: str = ""
    mean: float = 0.0
    spread: float = 1.0

    @property
    def is_of_classes(self) -> bool:
        """Whether this is a classification."""
        return self.kind == CLASSIFICATION

    @property
    def outputs(self) -> int:
        """How many numbers the network gives for a sample."""
        return len(self.class_names) if self.is_of_classes else 1

    @property
    def loss(self) -> str:
        """The loss to train with."""
        return "sparse_categorical_crossentropy" if self.is_of_classes else "mse"

    @property
    def metric(self) -> str:
        """What people look at beside the loss: "accuracy", or "mae" in the target's own unit."""
        return "accuracy" if self.is_of_classes else "mae"

    @property
    def epsilon(self) -> float:
        """Adam's epsilon: gradients of a small target are small, by the square of its spread."""
        return 1e-7 * min(1.0, self.spread**2)

    def to_notes(self) -> dict[str, Any]:
        """Return what a model's file keeps of it."""
        made: dict[str, Any] = {"task": self.kind}
        if self.is_of_classes:
            made["class_names"] = list(self.class_names)
        if self.target:
            made["target"] = self.target
        return made

    @classmethod
    def of_notes(cls, notes: Mapping[str, Any]) -> Task | None:
        """Return the task that a file's notes tell, None where they tell none; a ValueError says
        that they are damaged.
        """
        if not notes.get("task"):
            return None
        names, target = notes.get("class_names", []), notes.get("target", "")
        if notes["task"] not in TASKS or not isinstance(target, str):
            raise ValueError("its task is none")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("class_names is no list of names")
        return cls(notes["task"], tuple(names), target)
