"""What an optimizer makes of a batch's gradients: one step, taken apart, that changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from melpy.errors import lookup
from melpy.optimizers.flat import path_of

__all__ = ["Update", "WeightStep", "update_of"]

SETTINGS = (
    "beta_1", "beta_2", "epsilon", "momentum", "nesterov", "rho", "amsgrad", "weight_decay",
    "clipnorm", "clipvalue", "global_clipnorm",
)  # fmt: skip


@dataclass
class WeightStep:
    """What one step does to one weight; all arrays have its shape.

    Attributes
    ----------
    before, after : its values
    gradient : dL/dweight as the rule uses it, after clipping
    slots_before, slots : dict of a slot's name to its values before and after the step: Adam's m
        is "momentum", its v "velocity"
    corrected : dict of "momentum" and "velocity", freed of their start at 0: m / (1 - beta_1^t) and
        v / (1 - beta_2^t); empty for other rules
    """

    before: np.ndarray
    gradient: np.ndarray
    after: np.ndarray
    slots_before: dict[str, np.ndarray]
    slots: dict[str, np.ndarray]
    corrected: dict[str, np.ndarray]

    @property
    def step(self) -> np.ndarray:
        """after - before."""
        return self.after - self.before


class Update(Mapping[str, WeightStep]):
    """One step of an optimizer, by the weights' paths: ``update["dense/kernel"].step``.

    Attributes
    ----------
    optimizer : str, the class's name
    learning_rate : float
    t : int, the step's number, from 1
    settings : dict of what else the rule goes by, as far as the optimizer has it: "beta_1", ...
    """

    def __init__(
        self, optimizer: str, learning_rate: float, t: int, settings: dict[str, Any],
        steps: dict[str, WeightStep],
    ) -> None:  # fmt: skip
        self.optimizer, self.learning_rate, self.t = optimizer, learning_rate, t
        self.settings, self._steps = settings, steps

    def __getitem__(self, path: str) -> WeightStep:
        return lookup("weight", path, self._steps, "update")

    def __iter__(self) -> Iterator[str]:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)


def update_of(optimizer: Any, weights: Sequence[Any], gradients: Sequence[np.ndarray]) -> Update:
    """Return the step that an optimizer would make next; it and the weights stay as they are.

    Parameters
    ----------
    optimizer : optimizer; a copy of it, with its state, makes the step
    weights : trained weights
    gradients : one array a weight

    Examples
    --------
    >>> import melpy
    >>> w = melpy.Tensor([1.0, 2.0], name="w")
    >>> update = update_of(melpy.optimizers.SGD(0.5), [w], [np.array([1.0, -1.0])])
    >>> update["w"].step.tolist(), w.numpy().tolist()
    ([-0.5, 0.5], [1.0, 2.0])
    """
    laid = optimizer._flat.weights if optimizer.built else list(weights)
    values = [w.array for w in laid]
    try:
        copy = type(optimizer).from_config(optimizer.get_config())
        copy.build(laid)  # lays their values into memory of its own
        if optimizer.built:
            copy.set_weights([np.array(variable.array) for variable in optimizer.variables])
        copy._undecayed = optimizer._undecayed
        return _made(copy, weights, gradients)
    finally:
        for weight, value in zip(laid, values, strict=True):
            weight.array = value


def _made(optimizer: Any, weights: Sequence[Any], gradients: Sequence[np.ndarray]) -> Update:
    rate, t = float(optimizer.learning_rate), optimizer.t
    before = [np.array(w.array) for w in weights]
    slots_before = [_slots(optimizer, w) for w in weights]
    factor = optimizer.loss_scale_factor
    optimizer.apply([g if factor is None else g * factor for g in gradients], weights)
    steps = {}
    for weight, value, old in zip(weights, before, slots_before, strict=True):
        gradient = optimizer._flat.gradient[optimizer._flat.part(weight)].reshape(value.shape)
        slots = _slots(optimizer, weight)
        steps[weight_path(weight)] = WeightStep(
            value, gradient.copy(), np.array(weight.array), old, slots,
            _corrected(optimizer, slots, t),
        )  # fmt: skip
    settings = {name: getattr(optimizer, name, None) for name in SETTINGS}
    settings = {name: value for name, value in settings.items() if value is not None}
    return Update(type(optimizer).__name__, rate, t, settings, steps)


def weight_path(weight: Any) -> str:
    """Return a weight's path, "block/dense/kernel"."""
    return str(getattr(weight, "path", "") or weight.name or path_of(weight))


def _slots(optimizer: Any, weight: Any) -> dict[str, np.ndarray]:
    """Return copies of a weight's parts of the optimizer's slots."""
    flat = optimizer._flat
    part, shape = flat.part(weight), weight.array.shape
    return {name: slot[part].reshape(shape).copy() for name, slot in flat.slots.items()}


def _corrected(optimizer: Any, slots: dict[str, np.ndarray], t: int) -> dict[str, np.ndarray]:
    betas = {"momentum": "beta_1", "velocity": "beta_2"}
    return {
        slot: slots[slot] / slots[slot].dtype.type(1 - getattr(optimizer, beta) ** t)
        for slot, beta in betas.items()
        if slot in slots and hasattr(optimizer, beta)
    }
