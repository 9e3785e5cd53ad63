"""State given and taken by hand: a layer computes with other values, and keeps its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from melpy import tape
from melpy.errors import ArgumentError, DtypeError, GraphError, ShapeError
from melpy.layers.variable import Variable
from melpy.tensor import Tensor

__all__ = ["StatelessScope", "stateless_call"]


class StatelessScope:
    """A ``with`` block in which variables have other values, and after which they have their own.

    Parameters
    ----------
    state_mapping : pairs (variable, value), or None
    collect_losses, initialize_variables : accepted as in Keras

    Raises
    ------
    DtypeError : what is to have a value is no variable
    ShapeError : a value has another shape than its variable
    GraphError : a value wants a gradient, which would not reach it here

    Examples
    --------
    >>> import melpy
    >>> v = melpy.Variable(1.0)
    >>> with melpy.StatelessScope([(v, 5.0)]) as scope:
    ...     _ = v.assign_add(2.0)
    >>> float(v), float(scope.get_current_value(v))
    (1.0, 7.0)
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Any, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        self.collect_losses, self.initialize_variables = collect_losses, initialize_variables
        self._given = [(v, _fitting(v, value)) for v, value in state_mapping or ()]
        self._values: dict[int, np.ndarray] = {id(v): value for v, value in self._given}
        self._inside = ExitStack()

    def __enter__(self) -> StatelessScope:
        self._before = self._inside.enter_context(tape.undone())
        for variable, value in self._given:
            tape.overwrite(variable, value)
        return self

    def __exit__(self, *error: Any) -> None:
        self._values |= {id(v): v.array for v, _ in self._before.values()}
        self._inside.close()

    def add_update(self, update: tuple[Any, Any]) -> None:
        """Give a variable another value: ``(variable, value)``."""
        variable, value = update
        self._values[id(variable)] = _fitting(variable, value)

    def get_current_value(self, variable: Any) -> Any:
        """Return the value that a variable had at the end of the block, None if it had its own."""
        value = self._values.get(id(variable))
        return None if value is None else Tensor.of(value, None)


def _fitting(variable: Any, value: Any) -> np.ndarray:
    if not isinstance(variable, tape.Variable):
        raise DtypeError(
            "StatelessScope",
            "this is no variable",
            expected="pairs (variable, value)",
            received={"type": type(variable).__name__},
        )
    if getattr(value, "requires_grad", False) and not isinstance(value, Variable):
        raise GraphError(
            "StatelessScope",
            "no gradient reaches the values that variables are given here",
            expected="plain values",
            mend="Compute with the layer itself, then call loss.backward(): weights have a .grad.",
        )
    array = np.array(value, variable.array.dtype)
    if array.shape != variable.array.shape:
        raise ShapeError(
            "StatelessScope",
            f"the value of {variable.name!r} has another shape",
            expected=f"shape {variable.array.shape}",
            received={"shape": array.shape},
        )
    return array


def stateless_call(
    layer: Any,
    trainable_variables: Sequence[Any],
    non_trainable_variables: Sequence[Any],
    args: tuple,
    kwargs: dict[str, Any],
    return_losses: bool,
) -> tuple:
    """Return what `Layer.stateless_call` does."""
    who = f"{type(layer).__name__} {layer.name!r}"
    if not layer.built:
        raise ArgumentError(
            who,
            "its variables are not made yet",
            expected="a built layer",
            mend="Call it on data once.",
        )
    own = layer.trainable_variables, layer.non_trainable_variables
    for name, mine, values in zip(
        ("trainable_variables", "non_trainable_variables"),
        own,
        (trainable_variables, non_trainable_variables),
        strict=True,
    ):
        if len(mine) != len(values):
            raise ArgumentError(
                who,
                f"{name} are not as many as the layer's",
                expected=f"{len(mine)} values",
                received={"values": len(values)},
            )
    pairs = [*zip(own[0], trainable_variables, strict=True)]
    pairs += zip(own[1], non_trainable_variables, strict=True)
    with StatelessScope(pairs) as scope:
        outputs = layer(*args, **kwargs)
        losses = layer.losses
    state = [scope.get_current_value(v) for v in own[1]]
    return (outputs, state, losses) if return_losses else (outputs, state)
