"""Symbolic tensors: places in a graph that is described now and computed later.

A function that is given a `Symbolic` is not run: `defer` remembers the `Call` and returns symbolic
outputs. What their shapes are is found by running the function on arrays that stand for what is to
come (`melpy.probing`). So no function needs a second rule for shapes.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from melpy import budget, probing, tree
from melpy.errors import ArgumentError, DtypeError, MelpyError, UnsupportedError
from melpy.op_budget import counted
from melpy.probing import Like
from melpy.strings import data_type, type_name

__all__ = ["Call", "Symbolic", "any_in", "defer", "defer_op", "like", "probe", "replace"]

_serial = itertools.count()
SHORT = 9  # entries of an array of whole numbers that may be sizes


def _without_values(kind: type[MelpyError], what: str, mend: str) -> Callable[..., Any]:
    """Return a method that refuses what needs values."""

    def refuse(self: Symbolic, *_: Any, **__: Any) -> Any:
        raise kind(
            self.name or "a symbolic tensor",
            f"it has a shape and a type but no values yet{what}",
            expected="layers and melpy.ops on it, which describe a model",
            mend=mend,
        )

    return refuse


class Symbolic:
    """The shape and the type of a tensor, and the call that will compute it.

    Parameters
    ----------
    shape : tuple of ints, None where a size is unknown
    dtype : str or type
    sparse, ragged : False: arrays here are dense
    record_history : taken for Keras's sake only
    name : str
    call : Call or None for a graph's input
    """

    mask_shape: Any = None  # of the mask that the tensors of a run carry here, if they do
    sparse = ragged = False  # arrays here are dense

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        *,
        call: Call | None = None,
    ) -> None:
        if sparse or ragged:
            raise ArgumentError(
                "KerasTensor", "arrays here are dense", expected="sparse=False and ragged=False"
            )
        self._shape, self._dtype = _known_or_none(shape), data_type(dtype)
        self.call, self.name = call, name or ""

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The sizes, None where one is not known."""
        return self._shape

    @property
    def dtype(self) -> Any:
        """The type."""
        return self._dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def copy(self, call: Call | None) -> Symbolic:
        """Return a tensor of the same shape and type that another call will compute."""
        return self.of(self, call, self.name)

    @classmethod
    def of(cls, like: Like | Symbolic, call: Call | None, name: str = "") -> Symbolic:
        """Return a tensor like another one, that a call will compute."""
        made = cls(like.shape, like.dtype, name=name, call=call)
        made.mask_shape = like.mask_shape
        return made

    def standing_for(self, array: np.ndarray) -> Any:
        """Return what can stand here, of an array of this rank."""
        return array

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        return f"<KerasTensor shape={self.shape}, dtype={type_name(self.dtype)}{name}>"

    # Each with the class of error that Keras raises.
    __array__ = __float__ = __int__ = __index__ = _without_values(
        ArgumentError, "", "Make a Model(inputs, outputs) of it and call that on an array."
    )
    __bool__ = _without_values(
        DtypeError, ", so it is neither true nor false", "Choose with ops.where or ops.cond."
    )
    __len__ = _without_values(DtypeError, "", "Its sizes are in its shape.")
    __iter__ = _without_values(UnsupportedError, "", "Take it apart with ops.unstack.")


def _known_or_none(shape: Any) -> tuple[int | None, ...]:
    if isinstance(shape, Sequence | np.ndarray) and all(
        s is None or (isinstance(s, int | np.integer) and s >= 0) for s in shape
    ):
        return tuple(shape)
    raise ArgumentError(
        "KerasTensor",
        "this is no shape",
        expected="whole numbers >= 0, None where a size is not known",
        received={"shape": shape},
    )


class Call:
    """One use of a function in a graph: what is called, on what, and what comes out."""

    def __init__(self, function: Callable[..., Any], args: tuple, kwargs: Mapping[str, Any]):
        self.function, self.args, self.kwargs = function, args, dict(kwargs)
        self.serial = next(_serial)
        self.outputs: Any = None
        self.inputs = [x for x in tree.flatten((args, self.kwargs)) if isinstance(x, Symbolic)]
        self.plain = len(args) == 1 and not kwargs and isinstance(args[0], Symbolic)  # f(x)

    @property
    def name(self) -> str:
        """The layer's name, or the op's."""
        named = getattr(self.function, "name", None) or getattr(self.function, "__name__", "op")
        return str(named)

    def run(self, values: Mapping[int, Any]) -> Any:
        """Call the function, ``values[id(x)]`` in the place of each symbolic x."""
        if self.plain:
            return self.function(values[id(self.inputs[0])])
        args, kwargs = replace((self.args, self.kwargs), lambda x: values[id(x)])
        return self.function(*args, **kwargs)


def replace(structure: Any, function: Callable[[Symbolic], Any]) -> Any:
    """Return a structure with ``function(x)`` in the place of each symbolic x."""
    return tree.map_structure(lambda x: function(x) if isinstance(x, Symbolic) else x, structure)


def any_in(args: Iterable[Any], kwargs: Mapping[str, Any] = MappingProxyType({})) -> bool:
    """Return whether a symbolic tensor is among arguments, or in nested lists and dicts of them."""
    for x in (*args, *kwargs.values()) if kwargs else args:
        if isinstance(x, Symbolic):
            return True
        if isinstance(x, list | tuple | dict) and any_in(x.values() if isinstance(x, dict) else x):
            return True
    return False


def defer(
    function: Callable[..., Any],
    args: tuple,
    kwargs: Mapping[str, Any],
    made_of: Any = None,
    probed: Callable[..., Any] | None = None,
) -> Any:
    """Return the symbolic outputs of a call that is remembered, not run.

    Parameters
    ----------
    function : what to call later
    args, kwargs : its arguments, symbolic tensors among them
    made_of : structure of (shape, dtype) of the outputs, None to find it by running
    probed : what to run for that, ``function`` itself by default
    """
    call = Call(function, args, kwargs)
    kind = type(call.inputs[0])
    if made_of is None:
        made_of = probe(probed or function, args, kwargs)
    flat = [
        kind.of(leaf, call) if isinstance(leaf, Like) else leaf for leaf in tree.flatten(made_of)
    ]
    call.outputs = tree.pack_sequence_as(made_of, flat)
    return call.outputs


def like(shape: Sequence[int | None], dtype: Any) -> Any:
    """Return a leaf of ``made_of``."""
    return Like(shape, dtype)


def with_masks(made_of: Any, masks: Any) -> None:
    """Note what the masks of outputs are like, one or None for each leaf of ``made_of``."""
    for leaf, mask in zip(tree.flatten(made_of), tree.flatten(masks), strict=False):
        leaf.mask_shape = None if mask is None else mask.shape


def defer_op(
    op: Callable[..., Any], args: tuple, kwargs: Mapping[str, Any], made_of: Any = None
) -> Any:
    """Do as `defer` does, for one op.

    Keras describes shapes only, so that an op of whole numbers may be described of floats, the
    type that an Input has unless told otherwise: one argument, or all, then stand for such.
    """
    if made_of is None:
        tried = counted(op) if budget.is_counted() else op
        try:
            made_of = probe(tried, args, kwargs, is_op=True)
        except (TypeError, ValueError, IndexError) as error:
            made_of = _of_whole_numbers(tried, args, kwargs, error)
    return defer(op, args, kwargs, made_of)


def _of_whole_numbers(
    op: Callable[..., Any], args: tuple, kwargs: Mapping[str, Any], error: Exception
) -> Any:
    """Return what an op makes of floats taken for whole numbers, or raise why it makes nothing."""
    floats = [x for x in _symbols((args, kwargs)) if np.dtype(x.dtype).kind == "f"]
    for some in (*([x] for x in floats[::-1]), floats):
        taken = {id(x): type(x)(x.shape, "int32") for x in some}
        given = replace((args, dict(kwargs)), functools.partial(_taken, taken))
        try:
            return probe(op, *given, is_op=True)
        except (TypeError, ValueError, IndexError) as other:
            error = other if isinstance(error, TypeError) else error
    raise error


def _taken(others: Mapping[int, Symbolic], x: Symbolic) -> Symbolic:
    return others.get(id(x), x)


def _symbols(structure: Any) -> list[Symbolic]:
    """Return the different symbolic tensors of a structure."""
    leaves = tree.flatten(structure)
    return list({id(x): x for x in leaves if isinstance(x, Symbolic)}.values())


def probe(
    function: Callable[..., Any], args: tuple, kwargs: Mapping[str, Any], *, is_op: bool = False
) -> Any:
    """Return the shapes and types of a function's outputs, found by running it on arrays.

    Of an op no numbers but those among its arguments decide the outputs' sizes.
    """
    given = (args, dict(kwargs))
    leaves, symbols = tree.flatten(given), _symbols(given)

    def run(arrays: Sequence[np.ndarray]) -> Any:
        pairs = zip(symbols, arrays, strict=True)
        values = {id(x): x.standing_for(array) for x, array in pairs}
        stand_in = replace(given, lambda x: values[id(x)])
        return function(*stand_in[0], **stand_in[1])

    places = [(x.shape, x.dtype) for x in symbols]
    numbers = _whole_numbers(leaves)
    others = _others(function, leaves, numbers) if is_op else None
    return probing.probe(run, places, numbers, others)


def _others(
    op: Callable[..., Any], leaves: Sequence[Any], numbers: Sequence[int]
) -> probing.Others | None:
    """Return what decides the sizes of an op's outputs; None where there is more than is seen.

    Of an op that works entry by entry, numbers decide no size.
    """
    arrays = [x for x in leaves if hasattr(x, "shape") and not isinstance(x, Symbolic)]
    sizes = [size for x in arrays for size in x.shape]
    if getattr(op, "is_by_entry", False):
        return probing.Others((), sizes)
    return probing.Others(numbers, sizes) if all(map(_is_seen, leaves)) else None


def _is_seen(x: Any) -> bool:
    """Return whether `_whole_numbers` sees all that an argument may say of sizes."""
    if isinstance(x, slice):
        cuts = (x.start, x.stop, x.step)
        return all(isinstance(n, int | np.integer | None) for n in cuts)
    if isinstance(x, np.ndarray) and x.dtype.kind in "iu":
        return x.size < SHORT
    plain = isinstance(x, int | float | str | bool | np.generic | type | Symbolic | None)
    kind = getattr(x, "dtype", None)
    is_float = kind is not None and np.dtype(kind).kind == "f"
    return plain or x is Ellipsis or is_float


def _whole_numbers(leaves: Sequence[Any]) -> list[int]:
    """Return the whole numbers among arguments, those in slices and short arrays too."""
    cuts = [n for x in leaves if isinstance(x, slice) for n in (x.start, x.stop, x.step)]
    short = [
        x for x in leaves if isinstance(x, np.ndarray) and x.dtype.kind in "iu" and x.size < SHORT
    ]
    rows = [n for x in short for n in x.ravel()]
    return [int(n) for n in (*leaves, *cuts, *rows) if isinstance(n, int | np.integer)]
