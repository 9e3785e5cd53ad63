"""What a training changes in a model beside its weights: optimizers, and what is frozen."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from melpy import clock
from melpy.configurable import is_ours, plain
from melpy.errors import DataError, warn
from melpy.layers.inside import things
from melpy.layers.parts import Parts
from melpy.optimizers import Optimizer, schedules

__all__ = ["Trained"]

Rows = Mapping[str, Mapping[str, Any]]


class Trained:
    """A model's optimizers, those of its own steps among them, and its layers, by path.

    Parameters
    ----------
    model : the model

    Attributes
    ----------
    optimizers : dict of them
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        found = list(things(model, "model"))
        self.optimizers = {
            path: x for path, x in found if isinstance(x, Optimizer) and not self._is_of_others(x)
        }
        self._layers = {path: x for path, x in found if isinstance(x, Parts)}

    def state(self) -> dict[str, Any]:
        """Return the optimizers' classes and which weights they were built for, and flags.

        Raises
        ------
        DataError : an optimizer was built for weights of the model and for others
        """
        rows = {}
        for path, optimizer in self.optimizers.items():
            numbers = self._built_for(optimizer)
            if numbers is not None and None in numbers:
                other = optimizer._flat.weights[numbers.index(None)]
                raise DataError(
                    "BackupAndRestore",
                    f"{path} was built for {other.name!r} too, which is no weight of the model",
                    mend="Let the model hold it: self.x = melpy.Variable(...). Or compile() again.",
                )
            rows[path] = {
                "class": type(optimizer).__name__,
                "weights": numbers,
                "schedule": _schedule(optimizer),
            }
        return {
            "optimizers": rows,
            "trainable": {path: layer.trainable for path, layer in self._layers.items()},
            "trainable weights": [weight.requires_grad for weight in self.model.weights],
        }

    def build(self, rows: Rows, who: str) -> None:
        """Build each optimizer for the weights that another one was built for.

        Raises
        ------
        DataError : an optimizer is another one
        """
        for path, row in rows.items():
            own = self.optimizers.get(path)
            if row["class"] not in (type(own).__name__, None):
                raise DataError(
                    who,
                    "the backup is of another optimizer",
                    expected=row["class"],
                    received={path: type(own).__name__},
                    mend="Give it to compile(), or make it in __init__.",
                )
        weights = self.model.weights
        for path, row in rows.items():
            optimizer, numbers = self.optimizers[path], row["weights"]
            schedule = row.get("schedule")  # a callback may have set it
            if schedule is not None and schedule != _schedule(optimizer):
                optimizer.learning_rate = schedule
            if optimizer.built and self._built_for(optimizer) != numbers:
                optimizer.built = False  # what was laid out for others
                clock.structure_changed()
            if numbers is not None:
                optimizer.build([weights[number] for number in numbers])
        new = [path for path in self.optimizers if path not in rows]
        if new:
            warn(f"{who}: the backup knows nothing of {', '.join(new)}, which begins anew.")

    def freeze(self, plain: Mapping[str, Any]) -> None:
        """Have layers and weights be trained, or not, as they were."""
        for path, flag in plain.get("trainable", {}).items():  # not of an earlier version
            layer = self._layers.get(path)
            if layer is not None and layer.trainable != flag:
                layer.trainable = flag
        for weight, flag in zip(
            self.model.weights, plain.get("trainable weights", ()), strict=False
        ):
            if weight.requires_grad != flag:
                weight.trainable = flag

    def as_of_now(
        self, plain: Mapping[str, Any], arrays: dict[str, np.ndarray]
    ) -> tuple[Rows, dict[str, np.ndarray]]:
        """Return the optimizers' part of a state, also of one that knew ``model.optimizer`` alone.

        That one was built for all trained weights.
        """
        if "optimizers" in plain:
            kept = plain["optimizers"].items()  # earlier versions kept those of other models too
            return {path: row for path, row in kept if None not in (row["weights"] or ())}, arrays
        rows = {}
        for path, optimizer in self.optimizers.items():
            if optimizer is self.model.optimizer:
                numbers = self._numbers(self.model.trainable_weights)
                rows[path] = {"class": plain.get("optimizer"), "weights": numbers}
                arrays = {
                    re.sub("^optimizer/", f"{path}/", key): array for key, array in arrays.items()
                }
        return rows, arrays

    def _is_of_others(self, optimizer: Any) -> bool:
        """Return whether an optimizer is that of another model, such as one that a loss asks."""
        numbers = self._built_for(optimizer)
        return numbers is not None and set(numbers) == {None}

    def _built_for(self, optimizer: Any) -> list[int | None] | None:
        return self._numbers(optimizer._flat.weights) if optimizer.built else None

    def _numbers(self, weights: list[Any]) -> list[int | None]:
        numbers = {id(weight): number for number, weight in enumerate(self.model.weights)}
        return [numbers.get(id(weight)) for weight in weights]


def _schedule(optimizer: Any) -> Any:
    """Return an optimizer's schedule in plain values; None where it has none of the library's."""
    rate = optimizer._learning_rate
    is_known = isinstance(rate, schedules.LearningRateSchedule) and is_ours(type(rate))
    return plain(rate) if is_known else None
