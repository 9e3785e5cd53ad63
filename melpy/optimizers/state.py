"""What an optimizer knows: steps made, learning rate, slots. All of it can be saved and set."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from melpy import config, initializers, schedules
from melpy.configurable import Configurable, plain, snake_case
from melpy.errors import ArgumentError, DtypeError, ShapeError, warn
from melpy.optimizers.flat import Flat, StateVariable, path_of
from melpy.tape import Variable
from melpy.tensor import Tensor

__all__ = ["Rate", "Stateful", "require"]

Rate = float | Callable[..., Any]


class Stateful(Configurable):
    """The state of an optimizer, whose parts have Keras's names and Keras's order. Abstract."""

    # Names of slots, in groups. Files hold the slots group by group, and within a group weight by
    # weight, which is Keras's order.
    slots: tuple[tuple[str, ...], ...] = ()
    ignored = ("decay",)
    built: bool
    live = ("learning_rate",)
    use_ema = False
    gradient_accumulation_steps: int | None = None

    def _start(self, learning_rate: Any, name: str | None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.built = False
        self._iterations = StateVariable(np.zeros((), np.int64), "iteration", self.name)
        self._learning_rate: Tensor | Callable[..., Any] = StateVariable(
            np.zeros((), config.floatx()), "learning_rate", self.name
        )
        self.learning_rate = learning_rate
        self._own: list[Tensor] = []  # the state beside the slots

    @property
    def iterations(self) -> Tensor:
        """The number of steps made: of calls of `apply`, over those that make one step."""
        if self.gradient_accumulation_steps:
            return Tensor(np.asarray(int(self._iterations) // self.gradient_accumulation_steps))
        return self._iterations

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the next step; set it to a number, a schedule or a function."""
        rate = self._learning_rate
        if isinstance(rate, schedules.LearningRateSchedule):
            return rate(self.iterations)
        return rate if isinstance(rate, Tensor) else rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(value, Mapping):
            value = schedules.deserialize(value)
        if callable(value):
            self._learning_rate = value
            return
        who = type(self).__name__
        if not isinstance(self._learning_rate, Tensor):
            raise DtypeError(
                who,
                "the learning rate follows a schedule, so it cannot be set to a number",
                received={"learning_rate": value},
                mend="Make the optimizer with a number as its learning rate, or set a schedule.",
            )
        number = isinstance(value, int | float | np.number | np.ndarray | Variable)
        fits = number and np.shape(value) == () and 0 <= float(value) < math.inf
        require(fits, "learning_rate", value, "a finite float >= 0, or a schedule", who)
        self._learning_rate.assign(float(value))

    @property
    def variables(self) -> list[Tensor]:
        """The whole state, in Keras's order: iterations, learning rate, slots. Shares memory."""
        rate = [self._learning_rate] if isinstance(self._learning_rate, Tensor) else []
        state = [self._iterations, *rate]
        if self.built:
            for group in self._groups():
                state += [self._flat.view(s, w) for w in self._flat.weights for s in group]
        return state + self._own

    def _groups(self) -> list[tuple[str, ...]]:
        ema, sums = self.use_ema, self.gradient_accumulation_steps
        extra = [("average",)] * bool(ema) + [("gradient_accumulator",)] * bool(sums)
        return [*extra, *self.slots]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer, with the learning rate of now."""
        rate = self._learning_rate
        now = {"learning_rate": float(rate) if isinstance(rate, Tensor) else plain(rate)}
        now["name"] = self.name
        arguments = super().get_config()
        return arguments | {key: value for key, value in now.items() if key in arguments}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Any:
        """Make an optimizer from `get_config`'s result."""
        rate = config.get("learning_rate")
        if isinstance(rate, Mapping):
            config = {**config, "learning_rate": schedules.deserialize(rate, custom_objects)}
        return cls(**config)

    def build(self, variables: Sequence[Variable]) -> None:
        """Lay the weights end to end, and make the slots."""
        if self.built:
            return
        self._flat = Flat(variables, type(self).__name__, self.name)
        for group in self._groups():
            for slot in group:
                self._flat.add(slot, self.start_of(slot))
        self.built = True

    def start_of(self, slot: str) -> float:
        """Return what a slot holds at first."""
        return 0.0

    # A subclass's own state, as in Keras.

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "none",  # as in Keras: how devices agree, of which there is one
        layout: Any = None,
        name: str | None = None,
    ) -> Tensor:
        """Make an array of a subclass's own state, and keep it among the `variables`."""
        start = initializers.get(initializer)
        if start is None:
            raise ArgumentError(type(self).__name__, "a variable needs an initializer")
        value = start(tuple(shape), dtype or config.floatx())
        self._own.append(StateVariable(value, name or "variable", self.name))
        return self._own[-1]

    def add_variable_from_reference(
        self, reference_variable: Any, name: str | None = None, initializer: Any = "zeros"
    ) -> Tensor:
        """Make an array of a subclass's own state, of a weight's shape and type."""
        path = path_of(reference_variable)
        w = reference_variable.array
        return self.add_variable(w.shape, initializer, w.dtype, name=f"{path}_{name or 'var'}")

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Any], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """Make one array a weight, or one a weight and name: a list, or a tuple of lists."""
        names = [name] if isinstance(name, str) else list(name)
        starts = initializer if isinstance(initializer, list) else [initializer] * len(names)
        made = [
            [self.add_variable_from_reference(w, *pair) for pair in zip(names, starts, strict=True)]
            for w in trainable_variables
        ]
        lists = tuple([row[n] for row in made] for n in range(len(names)))
        return lists[0] if isinstance(name, str) else lists

    def _get_variable_index(self, variable: Any) -> int:
        """Return a weight's place among those of `build`: what Keras's own examples call."""
        return next(n for n, w in enumerate(self._flat.weights) if w is variable)

    def assign(self, variable: Any, value: Any) -> None:
        """Overwrite a weight or a part of the state."""
        variable.assign(value)

    def assign_add(self, variable: Any, value: Any) -> None:
        """Add to a weight or a part of the state."""
        variable.assign(variable.array + np.asarray(value))

    def assign_sub(self, variable: Any, value: Any) -> None:
        """Subtract from a weight or a part of the state."""
        variable.assign(variable.array - np.asarray(value))

    # Keeping the state.

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Overwrite the state with arrays like the `variables`."""
        who = type(self).__name__
        if not self.built:
            raise ArgumentError(
                who, "the state is not built yet", mend="Call build(weights) first."
            )
        variables = self.variables
        shapes = [v.shape for v in variables]
        if [np.shape(w) for w in weights] != shapes:  # refuse before anything is overwritten
            raise ShapeError(
                who,
                "the arrays do not fit the state",
                expected=f"shapes {shapes}",
                received={"shapes": [np.shape(w) for w in weights]},
            )
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Write the `variables` into a mapping, under "0", "1", ..., as in Keras's files."""
        for number, variable in enumerate(self.variables):
            store[str(number)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Read what `save_own_variables` wrote; with another number of arrays, warn and skip."""
        variables = self.variables
        if len(store) != len(variables):
            warn(
                f"{type(self).__name__}: the state is not loaded: {len(variables)} arrays are "
                f"needed and {len(store)} came. Build the optimizer for the same weights first.",
            )
            return
        for number, variable in enumerate(variables):
            variable.assign(np.asarray(store[str(number)]))


def require(fits: Any, name: str, value: Any, expected: str, who: str) -> None:
    """Refuse an argument that does not fit."""
    if not fits:
        raise ArgumentError(
            who, f"{name} is out of range", expected=expected, received={name: value}
        )
