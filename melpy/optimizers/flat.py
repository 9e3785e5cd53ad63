"""All weights of an optimizer, end to end in one array: one kernel then updates them together."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from melpy.errors import ArgumentError, GraphError, ShapeError
from melpy.kernels import dispatch as kernels
from melpy.tape import Variable
from melpy.tensor import Tensor

__all__ = ["Flat", "StateVariable", "path_of"]


class StateVariable(Tensor):
    """A part of an optimizer's state; its ``path`` begins with the optimizer's name."""

    __slots__ = ("path",)

    of = Tensor.of  # what is computed from it is a tensor of its own

    def __init__(self, value: Any, name: str, owner: str) -> None:
        super().__init__(value, name=name)
        self.path = f"{owner}/{name}"


class Slot(StateVariable):
    """A weight's part of a slot: to read out, and to assign to, where the optimizer finds it."""

    __slots__ = ()

    def numpy(self) -> np.ndarray:
        """Return a copy, which later steps leave alone."""
        return self.array.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.array, dtype=dtype)

    def assign(self, value: Any) -> Tensor:
        """Overwrite the values where they are."""
        self.array[...] = Tensor(self.array).assign(value).array
        return self


class Flat:
    """Weights laid end to end, and arrays that lie the same way: gradients, slots.

    Parameters
    ----------
    weights : variables of one float type; their arrays become views of ``parameters``
    who : str, the optimizer, in messages
    owner : str, the optimizer's name, in paths

    Notes
    -----
    ``slots`` maps a slot's name to its flat array, in the order in which they were added.
    """

    def __init__(self, weights: Sequence[Variable], who: str, owner: str) -> None:
        types = {w.array.dtype for w in weights} or {np.dtype(np.float32)}
        if len(types) > 1:
            raise GraphError(
                who,
                "the weights are of several float types",
                expected="one type",
                received={"types": sorted(map(str, types))},
                mend="Build all layers under the same floatx.",
            )
        self.who, self.owner, self.weights = who, owner, list(weights)
        self.size, dtype = sum(w.array.size for w in weights), types.pop()
        self.parameters, self.gradient = np.empty(self.size, dtype), np.empty(self.size, dtype)
        self.slots: dict[str, np.ndarray] = {}
        self.moves = 0  # how often the weights went to new memory
        self.numbers: Any = None, []  # of a step, kept by the optimizer
        self._parts = self._places()
        self.lay()

    def _places(self) -> dict[int, slice]:
        ends = list(itertools.accumulate(w.array.size for w in self.weights))
        starts = [0, *ends][: len(ends)]
        return {id(w): slice(*ab) for w, *ab in zip(self.weights, starts, ends, strict=True)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._parts = self._places()  # a copy's weights are other objects
        self.numbers = None, []

    def lay(self) -> None:
        """Take the weights' values into ``parameters``, where only the weights hold them.

        They live elsewhere at first, after another optimizer took over a shared layer, and once
        they were assigned to. Where someone else holds an array of theirs, it stays as it is: the
        weights move to new memory.
        """
        if self._is_held():
            self.parameters = np.empty_like(self.parameters)
            self.moves += 1
        for weight in self.weights:
            if weight.array.base is not self.parameters:
                part = self.part(weight)
                self.parameters[part] = weight.array.reshape(-1)
                weight.array = self.parameters[part].reshape(weight.array.shape)

    def has_moved(self) -> bool:
        """Return whether a weight's values are elsewhere, as after it was assigned to."""
        return any(weight.array.base is not self.parameters for weight in self.weights)

    def _is_held(self) -> bool:
        """Return whether anything but the weights refers to the values, by counting references."""
        inside = 0
        for weight in self.weights:
            if weight.array.base is self.parameters:
                inside += 1
                if sys.getrefcount(weight.array) > _ONE:
                    return True
        return sys.getrefcount(self.parameters) > _ONE + inside  # each view refers to its owner

    def add(self, slot: str, start: float = 0.0) -> None:
        """Add a slot, an array that is ``start`` everywhere."""
        self.slots[slot] = np.full(self.size, start, self.parameters.dtype)

    def view(self, slot: str, weight: Variable) -> Tensor:
        """Return a weight's part of a slot, as a tensor that shares its memory."""
        array = self.slots[slot][self.part(weight)].reshape(weight.array.shape)
        return Slot(array, f"{path_of(weight)}_{slot}", self.owner)

    def part(self, weight: Variable) -> slice:
        """Return where a weight lies."""
        return self._parts[id(weight)]

    def spans(self, weights: Sequence[Variable]) -> list[slice]:
        """Return where weights lie, neighbours joined; one slice where all are asked for."""
        if len(weights) == len(self.weights):
            return [slice(0, self.size)]
        joined: list[slice] = []
        for part in sorted(map(self.part, weights), key=lambda part: part.start):
            if joined and joined[-1].stop == part.start:
                part = slice(joined.pop().start, part.stop)
            joined.append(part)
        return joined

    def require_known(self, weights: Iterable[Variable]) -> None:
        """Refuse a weight that was not there when the optimizer was built."""
        for weight in weights:
            if id(weight) not in self._parts:
                raise ArgumentError(
                    self.who,
                    f"unknown variable {weight.name!r}, which was not there at the first step",
                    expected=f"some of the {len(self.weights)} weights of the first step",
                    received={"shape": weight.array.shape},
                    mend="After unfreezing or adding layers, call compile() again with a new "
                    "optimizer.",
                )

    def gather(self, gradients: Sequence[Any], weights: Sequence[Variable]) -> None:
        """Write one gradient a weight into ``gradient``."""
        gradient, parts = self.gradient, self._parts
        for g, weight in zip(gradients, weights, strict=True):
            array = np.asarray(g)
            if array.shape != weight.array.shape:
                raise ShapeError(
                    self.who,
                    f"the gradient of {weight.name!r} has another shape than the weight",
                    expected=f"shape {weight.array.shape}",
                    received={"shape": array.shape},
                )
            kernels.copy(array.reshape(-1), gradient[parts[id(weight)]])


def _one_reference() -> int:
    """Return what getrefcount says of an array that one attribute holds, as it is asked above."""
    variable = Variable(np.empty(1))
    return sys.getrefcount(variable.array)


_ONE = _one_reference()


def path_of(weight: Variable) -> str:
    """Return a weight's name in the names of its slots, "dense_kernel" for "dense/kernel"."""
    return str(getattr(weight, "path", "") or weight.name or "variable").replace("/", "_")
