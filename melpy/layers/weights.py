"""What owns weights: how they are made, read out, set, and kept in files."""

from __future__ import annotations

import math
from collections.abc import Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from melpy import budget, constraints, initializers, regularizers
from melpy.errors import ArgumentError, ShapeError
from melpy.layers.scope import path_here
from melpy.layers.variable import Variable, known_sizes
from melpy.operation import Operation

__all__ = ["Weighted"]


class Weighted(Operation):
    """An owner of weights. Abstract.

    ``name``, ``dtype``, ``built`` and all its ``weights``, those of parts too, are a subclass's.
    """

    dtype: str
    built: bool
    weights: Any
    _weights: list[Variable]

    if TYPE_CHECKING:  # ``rules`` and subclasses set attributes that no class declares

        def __getattr__(self, name: str) -> Any: ...

    def add_weight(
        self,
        *args: Any,
        shape: Sequence[int] | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str | None = "none",
        overwrite_with_gradient: bool = False,
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a weight of this layer and keep it.

        Parameters
        ----------
        args : shape, initializer and dtype by position
        shape : tuple of ints, () or None for a scalar
        initializer : initializer; by default Glorot's uniform for floats, zeros for other types
        dtype : type of the values, the layer's own by default
        trainable : bool
        regularizer, constraint : regularizer, constraint, or None
        name : str
        autocast, aggregation, overwrite_with_gradient, layout : accepted as in Keras
        """
        who = f"{type(self).__name__} {self.name!r}"
        if args and isinstance(args[0], str):
            raise ArgumentError(
                who,
                "a weight's name is given by name",
                expected=f"add_weight(shape=(..), name={args[0]!r})",
                received={"the first argument": args[0]},
            )
        shape, initializer, dtype = _by_position(args, shape, initializer, dtype)
        sizes = known_sizes(() if shape is None else shape, who)
        kind = np.dtype(dtype or self.dtype)
        size_bytes = math.prod(sizes) * kind.itemsize
        budget.take(size_bytes, f"a weight of shape {sizes}")
        usual = "glorot_uniform" if kind.kind == "f" else "zeros"
        made = path_here(name or "variable", self)
        weight = Variable(
            usual if initializer is None else initializers.get(initializer),
            sizes, kind.name, trainable, autocast, aggregation, name=name,
        )  # fmt: skip
        weight.path, weight.overwrite_with_gradient = made, overwrite_with_gradient
        weight.regularizer = regularizers.get(regularizer)
        weight.constraint = constraints.get(constraint)
        self._keep_weight(weight)
        return weight

    def add_variable(
        self,
        shape: Any,
        initializer: Any,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Do as `add_weight` does, whose arguments have another order in Keras."""
        return self.add_weight(
            shape, initializer, dtype, trainable=trainable, autocast=autocast,
            regularizer=regularizer, constraint=constraint, name=name,
        )  # fmt: skip

    def rules(self, name: str, initializer: Any, regularizer: Any = None, constraint: Any = None):
        """Keep how a weight begins and what holds it, as ``kernel_initializer`` and so on."""
        is_named = isinstance(initializer, str | Mapping | type)
        setattr(
            self, f"{name}_initializer", initializers.get(initializer) if is_named else initializer
        )
        setattr(self, f"{name}_regularizer", regularizers.get(regularizer))
        setattr(self, f"{name}_constraint", constraints.get(constraint))

    def ruled_weight(
        self, rules: str, shape: Any, trainable: bool = True, name: str | None = None
    ) -> Variable:
        """Make a weight by the `rules` of that name, which is its own unless it has another."""
        return self.add_weight(
            shape,
            getattr(self, f"{rules}_initializer"),
            trainable=trainable,
            regularizer=getattr(self, f"{rules}_regularizer"),
            constraint=getattr(self, f"{rules}_constraint"),
            name=name or rules,
        )

    def count_params(self) -> int:
        """Return the number of values in all weights.

        Raises
        ------
        ArgumentError : the layer has seen no input's shape yet, so the number is not known
        """
        if not self.built and self._may_get_weights():
            raise ArgumentError(
                f"{type(self).__name__} {self.name!r}",
                "its weights are not made yet",
                expected="a built layer",
                mend="Call it on data once, or begin the model with an Input.",
            )
        return sum(w.size for w in self.weights)

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights, in Keras's order."""
        return [w.array.copy() for w in self.weights]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Overwrite the weights with arrays of the same shapes, in Keras's order."""
        who = f"{type(self).__name__} {self.name!r}"
        own = self.weights
        if len(weights) != len(own):
            raise ShapeError(
                who,
                f"has {len(own)} weights but {len(weights)} arrays came",
                expected=f"shapes {[w.shape for w in own]}",
                received={"shapes": [np.shape(v) for v in weights]},
                mend="" if self.built else "Build the layer first, by calling it once.",
            )
        for weight, value in zip(own, weights, strict=True):
            if weight.shape != np.shape(value):  # refuse before anything is overwritten
                raise ShapeError(
                    who,
                    f"weight {weight.path!r} has another shape",
                    expected=f"shape {weight.shape}",
                    received={"shape": np.shape(value)},
                )
        for weight, value in zip(own, weights, strict=True):
            weight.assign(value)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Write the layer's own weights into a mapping, under "0", "1", ..., as Keras does."""
        for number, weight in enumerate(self._own_weights()):
            store[str(number)] = weight.array.copy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Read what `save_own_variables` wrote."""
        own = self._own_weights()
        shapes = [np.shape(store[key]) for key in sorted(store, key=int)]
        if shapes != [w.shape for w in own]:
            raise ShapeError(
                f"{type(self).__name__} {self.name!r}",
                "the arrays are those of another layer"
                if shapes
                else "nothing is there under this name",
                expected=f"shapes {[w.shape for w in own]}",
                received={"shapes": shapes},
                mend="" if self.built else "Build the layer first, by calling it once.",
            )
        for number, weight in enumerate(own):
            weight.assign(store[str(number)])


def _by_position(args: tuple, *by_name: Any) -> tuple:
    """Return shape, initializer and dtype, each by position or by name."""
    if len(args) > len(by_name):
        raise TypeError(f"add_weight() takes 3 arguments by position, but {len(args)} were given")
    for name, value, other in zip(("shape", "initializer", "dtype"), args, by_name, strict=False):
        if value is not None and other is not None:
            raise ArgumentError(
                "add_weight",
                f"{name} comes twice",
                expected="it by position or by name",
                received={name: (value, other)},
            )
    return (*args, *by_name[len(args) :])
