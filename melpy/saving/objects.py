"""Objects of all kinds from their descriptions, as files have them; known classes only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from melpy import (
    activations,
    budget,
    constraints,
    custom,
    initializers,
    losses,
    metrics,
    optimizers,
    random,
    regularizers,
    schedules,
)
from melpy.configurable import plain
from melpy.errors import ArgumentError, UnknownClassError
from melpy.layers import nesting

__all__ = ["deserialize_keras_object", "serialize_keras_object"]

# By the module that a description names: what makes the object.
ROOMS: dict[str, Callable[[Any], Any]] = {
    "keras": nesting.deserialize,
    "keras.models": nesting.deserialize,
    "keras.layers": nesting.deserialize,
    "keras.utils": nesting.deserialize,
    "keras.distillation": nesting.deserialize,
    "keras.src.models.functional": nesting.deserialize,
    "keras.src.models.sequential": nesting.deserialize,
    "keras.losses": losses.get,
    "keras.metrics": metrics.get,
    "keras.optimizers": optimizers.get,
    "keras.optimizers.schedules": schedules.deserialize,
    "keras.initializers": initializers.get,
    "keras.regularizers": regularizers.get,
    "keras.constraints": constraints.get,
}


def serialize_keras_object(obj: Any) -> Any:
    """Return an object as plain values, which `deserialize_keras_object` reads."""
    return plain(obj)


def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    **ignored: Any,
) -> Any:
    """Return the object, or the structure of objects, that plain values describe.

    Parameters
    ----------
    config : plain values; dicts with "class_name" and "config" are objects
    custom_objects : dict of names to classes and functions that are not the library's own
    safe_mode : accepted as in Keras; no description runs code here, safe_mode=False or not

    Raises
    ------
    ArgumentError : a class that is not known, a lambda

    Examples
    --------
    >>> from melpy import losses
    >>> config = serialize_keras_object({"a": losses.Huber(0.5), "b": "mse"})
    >>> deserialize_keras_object(config)["a"].delta
    0.5
    """
    with custom.CustomObjectScope(custom_objects), custom.reading():
        return _revived(config)


def _revived(x: Any) -> Any:
    if isinstance(x, list | tuple):
        return type(x)(_revived(entry) for entry in x)
    if not isinstance(x, Mapping):
        return x
    if "class_name" not in x or "config" not in x:
        return {key: _revived(value) for key, value in x.items()}
    own = custom.found(x)
    name, module = x["class_name"], x.get("module")
    if name == "function":
        return _known(_function(x), x)
    if own is not None and not hasattr(own, "add_weight"):  # layers are made by nesting
        return custom.made_of(own, x)
    if name in PLAIN:
        return PLAIN[name](x["config"])
    make = nesting.deserialize if own is not None else _known(ROOMS.get(str(module)), x)
    return make(x)


# By the class that a description names: what is no object of a class of Keras's.
PLAIN: dict[str, Callable[[Any], Any]] = {
    "__tensor__": lambda told: _array(told),
    "__numpy__": lambda told: _array(told),
    "__bytes__": lambda told: told["value"].encode(),
    "__slice__": lambda told: slice(*(told[end] for end in ("start", "stop", "step"))),
    "__ellipsis__": lambda told: ...,
    "DTypePolicy": lambda told: told["name"],
    "SeedGenerator": lambda told: random.SeedGenerator(**told),
}


LETTER_BYTES = 4  # of an array's texts, all of which take as much as the longest


def _array(told: Mapping[str, Any]) -> np.ndarray:
    """Return the array that values and a type describe; a type of texts may be of any length."""
    kind = np.dtype(told["dtype"])
    made = np.asarray(told["value"], object)  # of texts, each as long as it is
    entry_bytes = kind.itemsize or LETTER_BYTES * max((len(str(x)) for x in made.flat), default=0)
    budget.take(made.size * entry_bytes, f"an array of type {kind}")
    return made.astype(kind)


ROOMS_OF_FUNCTIONS = (activations, losses, metrics)


def _function(x: Mapping[str, Any]) -> Any:
    """Return the function that a description names, the user's own or the library's, or None."""
    name = custom.unwrapped(x, [name for room in ROOMS_OF_FUNCTIONS for name in room.__all__])
    own = custom.found(name)
    rooms = [room for room in ROOMS_OF_FUNCTIONS if name in room.__all__]
    return own if own is not None or not rooms else getattr(rooms[0], name)


def _known(made: Any, x: Mapping[str, Any]) -> Any:
    """Return what a description stands for, or refuse the description by its name."""
    if made is not None:
        return made
    if x["class_name"] == "__lambda__":
        raise ArgumentError(
            "deserialize_keras_object",
            "a lambda is code, which no description may bring along",
            expected="functions with a name",
            mend="Define it with def, and register it with register_keras_serializable.",
        )
    name = x["config"] if x["class_name"] == "function" else x["class_name"]
    raise UnknownClassError(
        "deserialize_keras_object",
        f"unknown {x.get('module') or 'class'} {name!r}",
        expected="a class or function of the library, or one that custom_objects names",
        mend=f'Pass custom_objects={{"{name}": ...}}, or register it.',
    )
