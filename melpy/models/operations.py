"""Operations between layers, x + y or ops.mean(x), as Keras's files describe them.

Keras writes each as an object of a class of its own, "keras.src.ops.nn" "LeakyRelu", whose config
has the options and whose call has the arrays. Which class that is, each op says itself
(`melpy.ops.registry.in_keras`).
"""

from __future__ import annotations

import functools
import inspect
import itertools
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from melpy import budget, ops, symbolic
from melpy import config as settings
from melpy.errors import ArgumentError, lookup
from melpy.op_budget import counted
from melpy.ops.registry import OPS, keras_class

__all__ = ["DescribedOp", "described_operation", "operation_of"]

# What Python's own comparisons of tensors are called.
COMPARISONS: dict[Callable[..., Any], Callable[..., Any]] = {
    operator.gt: ops.greater, operator.ge: ops.greater_equal, operator.lt: ops.less,
    operator.le: ops.less_equal, operator.eq: ops.equal, operator.ne: ops.not_equal,
}  # fmt: skip


class DescribedOp:
    """An op with its options, called on arrays: what a description of Keras's means.

    Parameters
    ----------
    name : str, the name of a function of `melpy.ops`
    options : dict of what its class's config has
    """

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self.function = getattr(ops, name)
        known = inspect.signature(self.function).parameters
        unknown = [key for key in options if key not in known and options[key]]
        if unknown:
            raise ArgumentError(
                "from_config",
                f"the operation {name!r} has no option {unknown[0]!r}",
                expected=f"some of {', '.join(known)}",
                received={unknown[0]: options[unknown[0]]},
            )
        self.options = {key: value for key, value in options.items() if key in known}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the op."""
        names = _call_names(self.function)
        if names:  # no variadic op
            kwargs |= dict(zip(names, args, strict=False))
            args, kwargs = _by_position((), kwargs, _names(self.function)[0])
        if self.name == "get_item":
            kwargs["key"] = _as_key(kwargs["key"])
        kwargs = {key: value for key, value in kwargs.items() if value is not None}
        is_counted = budget.is_counted() and not symbolic.any_in(args, kwargs)
        function = counted(self.function) if is_counted else self.function
        return function(*args, **kwargs, **self.options)


def _as_key(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key


def _written_key(key: Any) -> Any:
    """Return a key as files have it: lists, of which they make tuples, as arrays."""
    if isinstance(key, tuple):
        return tuple(map(_written_key, key))
    return _array(key) if isinstance(key, list) else key


def _array(row: Any) -> np.ndarray:
    """Return a list of Python's numbers as an array of the types that Keras gives them."""
    array = np.asarray(row)
    kinds = {"f": settings.floatx(), "i": "int32"}
    return array.astype(kinds.get(array.dtype.kind, array.dtype))


def _names(function: Callable[..., Any]) -> tuple[list[str], list[str]]:
    """Return the arguments that an op takes by position, none if it takes any, and its options."""
    parameters = list(inspect.signature(function).parameters.values())
    options = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return [], options
    return [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY], options


def _call_names(function: Callable[..., Any]) -> list[str]:
    """Return the arguments that Keras's class of an op takes in its call; none if it takes any."""
    arrays, _ = _names(function)
    made = getattr(function, "in_making", ())
    return [name for name in arrays if name not in made] + [*getattr(function, "in_call", ())]


@functools.cache
def _known() -> dict[str, str]:
    """Return the names of the ops by their classes in Keras."""
    functions = {name: getattr(ops, name) for name in dir(ops)}
    places = {name: keras_class(f) for name, f in functions.items() if callable(f)}
    return {where[1]: name for name, where in places.items() if where is not None}


def operation_of(entry: Mapping[str, Any]) -> DescribedOp | None:
    """Return the operation that a graph's entry describes, None for a layer's entry."""
    if not str(entry.get("module")).startswith("keras.src.ops."):
        return None
    name = lookup("operation", entry["class_name"], _known(), "from_config")
    options = {key: value for key, value in entry["config"].items() if key != "name"}
    return DescribedOp(name, options)


def described_operation(
    function: Callable[..., Any], args: tuple, kwargs: Mapping[str, Any], name: str
) -> tuple[dict[str, Any], tuple, dict[str, Any]]:
    """Return Keras's description of one use of an op, and the arguments of its call.

    Raises
    ------
    ArgumentError : Keras has no class for it
    """
    if isinstance(function, DescribedOp):  # read from a file, and called as Keras's class is
        names, kwargs = _call_names(function.function), {**function.options, **kwargs}
        if names:
            args, kwargs = (), kwargs | dict(zip(names, args, strict=False))
        function = function.function
    function = COMPARISONS.get(function, function)
    op = getattr(function, "__name__", "")
    is_public = getattr(ops, op, None) is function
    where = keras_class(function) if is_public else None
    if where is None:
        raise ArgumentError(
            "get_config",
            f"the model computes {op or function!r} outside of layers, for which Keras has no name",
            expected="a graph of layers and of operations of keras.ops",
            mend="Put it into a layer of your own.",
        )
    signature, (arrays, options) = inspect.signature(function), _names(function)
    if arrays:
        unset = {p.name: None for p in signature.parameters.values() if p.default is None}
        given = unset | dict(zip(arrays + options, args, strict=False)) | dict(kwargs)
        inside = {name: given.pop(name) for name in _call_names(function) if name in given}
        config, args = given, ()
    else:
        config, args = _of_any_number(function, args, dict(kwargs), options)
        inside = {}
    for key in inside.keys() - set(arrays):
        if key == "key":
            inside[key] = _written_key(inside[key])
        elif isinstance(inside[key], list | tuple):
            inside[key] = _array(inside[key])
    if symbolic.any_in((), config):
        raise ArgumentError(
            "get_config",
            f"an option of {op!r} is a tensor of the model, which Keras's class does not take",
            expected="numbers",
            received={"options": [key for key, x in config.items() if symbolic.any_in((x,))]},
            mend="Put it into a layer of your own.",
        )
    if "data_format" in options and config.get("data_format") is None:
        config["data_format"] = settings.image_data_format()  # Keras's classes have no default
    room, class_name = where
    entry = {
        "module": f"keras.src.ops.{room}",
        "class_name": class_name,
        "config": {"name": name, **config},
        "registered_name": class_name,
        "name": name,
    }
    return entry, *_by_position(args, inside, _call_names(function))


def _of_any_number(
    function: Callable[..., Any], args: tuple, config: dict[str, Any], options: list[str]
) -> tuple[dict[str, Any], tuple]:
    """Return the options and the arrays of a use of an op that takes any number of arrays."""
    if isinstance(args[0], str):  # einsum("ij,jk", a, b)
        return {options[0]: args[0], **config}, args[1:]
    if "subscripts" in config:
        return config, args
    if isinstance(args[0], list | tuple):  # concatenate([a, b], 0)
        return dict(zip(options, args[1:], strict=False)) | config, args[:1]
    return config, (list(args),) if function.__name__ in OPS else args


def _by_position(
    args: tuple, inside: dict[str, Any], names: list[str]
) -> tuple[tuple, dict[str, Any]]:
    """Return a call's arguments, the first of them by position, as Keras writes them."""
    ahead = list(itertools.takewhile(lambda name: name in inside, names))
    rest = {name: value for name, value in inside.items() if name not in ahead}
    return (*args, *(inside[name] for name in ahead)), rest
