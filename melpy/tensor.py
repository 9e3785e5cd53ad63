"""Tensor: an array that records what is done to it. Each operator is one line that calls an op."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from melpy import clock, config, foreign, heatmap, ops, tape
from melpy.errors import DtypeError, GraphError, ShapeError
from melpy.kernels.tracing import computed
from melpy.ops.registry import OPS
from melpy.symbolic import Symbolic, any_in, defer, like

__all__ = ["KerasTensor", "SymbolicTensor", "Tensor", "mask_of", "set_mask"]


def _plain(x: Any) -> Any:
    return tape.plain(x) if isinstance(x, tape.Variable) else x


def _swapped(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: function(other, self)


def _of_values(function: Callable[..., Any], op: Callable[..., Any]) -> Callable[..., Any]:
    """Return an operator that gives plain arrays, and the op of symbolic tensors."""

    def operate(self: Any, other: Any) -> Any:
        symbolic = isinstance(self, Symbolic) or isinstance(other, Symbolic)
        return op(self, other) if symbolic else computed(function, _plain(self), _plain(other))

    return operate


def _joined(function: Callable[..., Any], logical: Callable[..., Any]) -> tuple[Any, Any]:
    """Return an operator and its reflection: symbolic tensors are bools, as in Keras."""
    join = _of_values(function, logical)
    return join, _swapped(join)


class Operators:
    """Python's operators, NumPy's methods and NumPy's protocols; each is its op."""

    __slots__ = ()

    @property
    def _keras_mask(self) -> Any:
        """The mask, under the name that layers written for Keras know."""
        return mask_of(self)

    @_keras_mask.setter
    def _keras_mask(self, mask: Any) -> None:
        plain = mask is None or isinstance(mask, Symbolic)
        set_mask(self, mask if plain else np.asarray(mask))

    # Arithmetic, reductions and shapes: recorded by the op.
    __add__, __radd__ = ops.add, _swapped(ops.add)
    __sub__, __rsub__ = ops.subtract, _swapped(ops.subtract)
    __mul__, __rmul__ = ops.multiply, _swapped(ops.multiply)
    __truediv__, __rtruediv__ = ops.divide, _swapped(ops.divide)
    __pow__, __rpow__ = ops.power, _swapped(ops.power)
    __matmul__, __rmatmul__ = ops.matmul, _swapped(ops.matmul)
    __floordiv__, __rfloordiv__ = ops.floor_divide, _swapped(ops.floor_divide)
    __mod__, __rmod__ = ops.mod, _swapped(ops.mod)
    __neg__, __abs__, __getitem__ = ops.negative, ops.absolute, ops.get_item
    sum, mean, max, min, var, std = ops.sum, ops.mean, ops.max, ops.min, ops.var, ops.std
    squeeze, swapaxes, astype = ops.squeeze, ops.swapaxes, ops.cast
    __pos__, __round__ = ops.copy, ops.round
    T = property(lambda self: ops.transpose(self))

    def reshape(self, *newshape: Any) -> Any:
        """Return the same values in another shape; one size may be -1."""
        return ops.reshape(self, newshape[0] if len(newshape) == 1 else newshape)

    def transpose(self, *axes: Any) -> Any:
        """Return the axes reordered; reversed where none are given."""
        return ops.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    # Comparisons have no gradient: of tensors they give plain boolean arrays.
    __eq__ = _of_values(operator.eq, ops.equal)
    __ne__ = _of_values(operator.ne, ops.not_equal)
    __lt__ = _of_values(operator.lt, ops.less)
    __le__ = _of_values(operator.le, ops.less_equal)
    __gt__ = _of_values(operator.gt, ops.greater)
    __ge__ = _of_values(operator.ge, ops.greater_equal)
    __hash__ = object.__hash__

    # Of bools, and bit by bit of whole numbers; these have no gradient either.
    __and__, __rand__ = _joined(operator.and_, ops.logical_and)
    __or__, __ror__ = _joined(operator.or_, ops.logical_or)
    __xor__, __rxor__ = _joined(operator.xor, ops.logical_xor)

    def __invert__(self) -> Any:
        return ops.logical_not(self) if isinstance(self, Symbolic) else ~_plain(self)

    # NumPy's protocols: np.exp(t) and np.sum(t) are recorded, np.asarray(t) is not.
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        name = "mod" if ufunc is np.remainder else ufunc.__name__
        if [*kwargs] == ["out"] and kwargs["out"][0] is inputs[0]:
            kwargs = {}  # a += x: the name a is given to what comes out, the array a stays
        is_recorded = method == "__call__" and name in OPS and not kwargs
        if is_recorded and any_in(inputs, {}):
            return OPS[name].call(*inputs)
        of_floats = [kind for kind in ufunc.types if "d" in kind]
        if method == "__call__" and (not of_floats or {"d->?", "dd->?"} & set(of_floats)):
            return ufunc(*map(_plain, inputs), **kwargs)  # these have no gradient to lose
        if is_recorded:
            return OPS[name].call(*inputs)
        raise _unrecorded(f"np.{ufunc.__name__}" + (f".{method}" if method != "__call__" else ""))

    def __array_function__(self, function: Callable, types: Any, args: Any, kwargs: Any) -> Any:
        if function.__name__ in _WITHOUT_GRADIENT and not any_in(args, kwargs):
            return function(*map(_plain, args), **{k: _plain(v) for k, v in kwargs.items()})
        if function.__name__ in ("shape", "ndim", "size"):
            return getattr(ops, function.__name__)(*args, **kwargs)
        if function.__name__ in OPS:
            return OPS[function.__name__].call(*args, **kwargs)
        raise _unrecorded(f"np{function.__module__[5:]}.{function.__name__}")


def _unrecorded(name: str) -> GraphError:
    own = name.rpartition(".")[2]
    there_is = f"There is melpy.ops.{own}. " if hasattr(ops, own) else ""
    return GraphError(
        name,
        "this function cannot be recorded on a Tensor",
        expected="an op of melpy.ops, called without out= or where=",
        mend=f"{there_is}Use np.asarray(tensor) where no gradient is wanted.",
    )


class SymbolicTensor(Operators, Symbolic):
    """A tensor of a functional model: a shape, a type, and where it comes from; no values yet.

    Examples
    --------
    >>> import melpy
    >>> x = melpy.Input((4,))
    >>> (x * 2 + 1).shape
    (None, 4)
    """

    __hash__ = object.__hash__

    def __eq__(self, other: Any) -> Any:
        # Of another symbolic tensor: whether it is the same, so that lists of them can be searched.
        is_value = isinstance(other, int | float | np.ndarray | np.generic | tape.Variable)
        return ops.equal(self, other) if is_value else self is other

    @property
    def _mask(self) -> SymbolicTensor | None:
        """The mask that tensors carry here, for layers that are given it: symbolic, as they are."""
        if self.mask_shape is None:
            return None
        return defer(mask_of, (self,), {}, like(self.mask_shape, bool))

    @_mask.setter
    def _mask(self, mask: Any) -> None:
        self.mask_shape = None if mask is None else mask.shape

    def standing_for(self, array: np.ndarray) -> Any:
        """Return what can stand here: the array, or a tensor of it with a mask that hides nothing.

        Masks lie along the first axes of what they mask.
        """
        if self.mask_shape is None:
            return array
        made = Tensor.of(array, None)
        set_mask(made, np.ones(array.shape[: len(self.mask_shape)], bool))
        return made


KerasTensor = SymbolicTensor  # its name in Keras


def mask_of(x: Any) -> Any:
    """Return the mask that a layer attached to a tensor, False where it is padding, or None."""
    return getattr(x, "_mask", None)


def set_mask(x: Any, mask: np.ndarray | None) -> None:
    """Attach a mask to a tensor."""
    x._mask = mask


class Tensor(Operators, tape.Variable):
    """An n-dimensional array with a gradient.

    Parameters
    ----------
    value : array-like, any shape; Python floats become `config.floatx`, arrays keep their type
    requires_grad : bool, whether ``backward`` shall leave dL/dx in ``.grad``
    dtype : float or integer type, or None to keep the value's own
    name : str, shown in messages

    Notes
    -----
    NumPy's functions work on tensors and are recorded: ``np.exp(t)`` is ``ops.exp(t)``.
    ``np.asarray(t)`` gives the plain array. Tensors compare by value, elementwise.

    Examples
    --------
    >>> import melpy
    >>> x = melpy.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4., 6.], dtype=float32)
    """

    __slots__ = ("_mask",)

    def __init__(
        self, value: Any, requires_grad: bool = False, dtype: Any = None, name: str = ""
    ) -> None:
        if isinstance(value, tape.Variable):
            value = tape.locked(value.array) if tape.is_weight(value) else value.array
        array = np.asarray(value, dtype=dtype)
        if array.dtype.kind not in "fiub":
            raise DtypeError(
                "Tensor",
                "the value is not made of numbers",
                expected="an array, a number or nested lists of numbers of equal lengths",
                received={"type": type(value).__name__},
            )
        if (
            dtype is None
            and array.dtype == np.float64
            and not isinstance(value, np.ndarray | np.generic)
        ):
            array = array.astype(config.floatx())
        if requires_grad and array.dtype.kind != "f":
            raise DtypeError(
                "Tensor",
                "only a float tensor can have a gradient",
                expected="dtype float32 or float64",
                received={"dtype": str(array.dtype)},
                mend='Pass dtype="float32".',
            )
        super().__init__(array, requires_grad, name=name)

    @classmethod
    def of(cls, value: np.ndarray, node: tape.Node | None) -> Tensor:
        """Wrap an op's output without the checks that only a user's value needs."""
        tensor = cls.__new__(cls)
        tape.Variable.__init__(tensor, np.asarray(value), node is not None, node)
        return tensor

    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.array.dtype)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)

    def numpy(self) -> np.ndarray:
        """Return the plain array, not a copy; of what a view of a weight is, read-only."""
        return tape.looked_at(self)

    def item(self) -> float:
        """Return the only value of a tensor of size 1 as a Python number."""
        return self.numpy().item()

    def detach(self) -> Tensor:
        """Return the same values, without their history."""
        array = tape.locked(self.array) if tape.is_weight(self) else self.array
        return type(self).of(array, None)

    def assign(self, value: Any) -> Tensor:
        """Give the tensor other values; shape and type stay.

        What ``numpy()`` returned before, and the gradient of what was computed before, stay too.
        """
        array = np.asarray(value.array if isinstance(value, tape.Variable) else value)
        if array.shape != self.shape:
            raise ShapeError(
                f"Tensor.assign {self.name!r}" if self.name else "Tensor.assign",
                "the new value has another shape",
                expected=f"shape {self.shape}",
                received={"value.shape": array.shape},
            )
        tape.overwrite(self, np.array(array, self.dtype, order="C"))
        clock.values_changed()
        return self

    def backward(self, g: Any = None) -> None:
        """Add dL/dx to ``.grad`` of every leaf behind this tensor; g = dL/dself, 1 for a scalar."""
        tape.backward(self, g)

    def __repr__(self) -> str:
        text = np.array2string(self.array, prefix="Tensor(", separator=", ")
        grad = ", requires_grad=True" if self.requires_grad else ""
        return f"Tensor({text}, dtype={self.dtype}{grad})"

    def _repr_html_(self) -> str:
        return heatmap.as_html(np.asarray(self.array), f"{type(self).__name__} {self.name}".strip())

    def __len__(self) -> int:
        return len(self.array)

    def __bool__(self) -> bool:
        return bool(self.numpy())

    def __float__(self) -> float:
        return float(self.numpy())

    def __int__(self) -> int:
        return int(self.numpy())

    def __index__(self) -> int:
        return self.numpy().__index__()

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self.array)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy, subok=True)

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Any:
        """Become a constant of TensorFlow's, but not where a layer learns."""
        return foreign.constant(self, dtype, name)


_WITHOUT_GRADIENT = {
    "shape", "ndim", "size", "argsort", "array_equal", "allclose", "isclose", "isin", "zeros_like",
    "ones_like", "empty_like", "full_like", "any", "all", "count_nonzero",
    "save", "savez", "savez_compressed", "savetxt",
}  # fmt: skip
