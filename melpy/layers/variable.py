"""Variables: tensors that are state. A layer's weights are some; it owns those it is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import clock, config, initializers, ops, tape
from melpy.errors import ArgumentError, DtypeError
from melpy.layers.scope import path_here
from melpy.tensor import Tensor

__all__ = ["Variable"]


class Variable(Tensor):
    """A tensor that is state: training may change it, and so may `assign`.

    As an attribute of a layer, or in a list or dict that is one, it is one of the layer's weights.
    Write to it by `assign`: models keep what they computed from weights, and are told by it.
    ``value`` and what NumPy makes of the variable are read-only, so that no write goes unnoticed.
    ``array`` is the library's own: the memory itself, where nobody notices a write.

    Parameters
    ----------
    initializer : array, number or nested lists, the first values; or an initializer or its name,
        or a function of (shape, dtype), with ``shape``
    shape : tuple of ints, for an initializer
    dtype : type of the values; by default `config.floatx` for floats and "int32" for whole numbers
    trainable : bool, whether training changes it; set it to freeze the variable
    autocast, aggregation, synchronization : accepted as in Keras
    name : str without "/", "kernel"

    Attributes
    ----------
    path : str, the layers' names around it and its own: "net/dense/kernel"
    regularizer : regularizer or None, its penalty is added to the loss of the variable's layer
    constraint : constraint or None, applied after each step

    Raises
    ------
    ArgumentError : an initializer without a shape, a size that is not known, a name with "/"

    Examples
    --------
    >>> import melpy
    >>> count = melpy.Variable(0.0, name="count")
    >>> count.assign_add(2.0)
    <Variable path=count, shape=(), dtype=float32, value=2.0>
    """

    __slots__ = (
        "_constraint", "_overwrite_with_gradient", "_regularizer", "aggregation", "autocast",
        "is_parameter", "path", "synchronization",
    )  # fmt: skip

    def __init__(
        self,
        initializer: Any,
        shape: Sequence[int] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str | None = "none",
        synchronization: str | None = "auto",
        name: str | None = None,
    ) -> None:
        name = "variable" if name is None else name
        if not isinstance(name, str) or "/" in name:
            raise ArgumentError(
                "Variable",
                "the name is no name",
                expected="a string without '/', which separates the names in a path",
                received={"name": name},
            )
        super().__init__(_first_values(initializer, shape, dtype), name=name)
        self.is_parameter = bool(trainable)  # these come first among a layer's weights, for good
        self.trainable = trainable
        self.autocast, self.aggregation = autocast, aggregation
        self.synchronization, self._overwrite_with_gradient = synchronization, False
        self._regularizer: Any = None
        self._constraint: Any = None
        self.path = path_here(name)

    of = Tensor.of  # what is computed from a variable is a tensor, not a variable

    @property
    def trainable(self) -> bool:
        """Whether training changes the values; of whole numbers it does not."""
        return self.requires_grad

    @trainable.setter
    def trainable(self, value: bool) -> None:
        before, self.requires_grad = self.requires_grad, bool(value) and self.dtype.kind == "f"
        if self.requires_grad != before:
            clock.structure_changed()

    @property
    def regularizer(self) -> Any:
        """What adds a penalty to the loss, or None."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: Any) -> None:
        self._regularizer = _function_or_none("regularizer", value)
        clock.structure_changed()

    @property
    def constraint(self) -> Any:
        """What is applied after each step, or None."""
        return self._constraint

    @constraint.setter
    def constraint(self, value: Any) -> None:
        self._constraint = _function_or_none("constraint", value)
        clock.structure_changed()

    @property
    def overwrite_with_gradient(self) -> bool:
        """Whether a step writes the gradient in the place of the values."""
        return self._overwrite_with_gradient

    @overwrite_with_gradient.setter
    def overwrite_with_gradient(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise DtypeError(
                "Variable",
                "overwrite_with_gradient is no truth value",
                expected="a bool",
                received={"value": value},
            )
        self._overwrite_with_gradient = value
        clock.structure_changed()

    # Keras's variables are joined as truth values, of whatever type; its arrays bit by bit.
    __and__, __or__, __xor__ = ops.logical_and, ops.logical_or, ops.logical_xor

    def __rand__(self, other: Any) -> Any:
        return ops.logical_and(other, self)

    def __ror__(self, other: Any) -> Any:
        return ops.logical_or(other, self)

    def __rxor__(self, other: Any) -> Any:
        return ops.logical_xor(other, self)

    def __invert__(self) -> Any:
        return ops.logical_not(self)

    def __bool__(self) -> bool:
        if self.size != 1:
            raise DtypeError(
                f"Variable {self.name!r}",
                "it holds several values, so it is neither true nor false",
                expected="one value",
                received={"shape": self.shape},
                mend="Choose with ops.any or ops.all.",
            )
        return bool(self.array)

    @property
    def value(self) -> np.ndarray:
        """The values, in an array that refuses to be written to."""
        return tape.locked(tape.looked_at(self))

    def numpy(self) -> np.ndarray:
        """Return a copy of the values."""
        return self.array.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.value, dtype=dtype, copy=copy, subok=True)

    def assign_add(self, value: Any) -> Tensor:
        """Add to the values."""
        return self.assign(self.array + np.asarray(value))

    def assign_sub(self, value: Any) -> Tensor:
        """Subtract from the values."""
        return self.assign(self.array - np.asarray(value))

    def __repr__(self) -> str:
        shape, dtype = self.shape, self.dtype
        return f"<Variable path={self.path}, shape={shape}, dtype={dtype}, value={self.array}>"


def _function_or_none(attribute: str, value: Any) -> Any:
    if value is not None and not callable(value):
        raise ArgumentError(
            "Variable",
            f"the {attribute} is no function",
            expected=f"a function of the values, an object of melpy.{attribute}s, or None",
            received={attribute: value},
        )
    return value


def _first_values(initializer: Any, shape: Sequence[int] | None, dtype: Any) -> np.ndarray:
    if not (callable(initializer) or isinstance(initializer, str)):
        if isinstance(initializer, Tensor):
            return np.array(initializer.array, dtype or initializer.dtype, order="C")
        array = np.array(initializer, dtype, order="C")  # as kernels read it
        return array if dtype is not None else array.astype(_usual(array.dtype), copy=False)
    if shape is None:
        raise ArgumentError(
            "Variable",
            "it begins with an initializer's values, of which no shape is given",
            expected="shape=(..), or an array in the initializer's place",
            received={"initializer": initializer},
        )
    start: Any = initializers.get(initializer)
    known = known_sizes(shape, "Variable")
    made = start(known, dtype=np.dtype(dtype or config.floatx()).name)
    return np.array(made, dtype or config.floatx(), order="C")


def _usual(dtype: np.dtype) -> Any:
    """Return the type that values of NumPy's widest types have here, as in Keras."""
    if dtype == np.float64:
        return config.floatx()
    return {"int64": "int32", "uint64": "uint32"}.get(dtype.name, dtype)


def known_sizes(shape: Any, who: str) -> tuple[int, ...]:
    """Return a shape as a tuple of ints, or refuse one in which a size is not known."""
    sizes = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    if not all(isinstance(size, int | np.integer) and size >= 0 for size in sizes):
        raise ArgumentError(
            who,
            "the shape of a variable is not known",
            expected="whole numbers of at least 0",
            received={"shape": sizes},
        )
    return tuple(int(size) for size in sizes)
