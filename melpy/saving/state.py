"""What a model's files hold: the arrays of each layer and of the optimizer, under Keras's paths."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from melpy.configurable import class_name, is_ours, snake_case
from melpy.errors import DataError, MelpyError, warn
from melpy.layers.parts import NO_PARTS, Parts

__all__ = [
    "Arrays", "every_path", "gathered", "restored", "restored_optimizer", "states",
    "tell_not_finite",
]  # fmt: skip

Arrays = Mapping[str, np.ndarray]  # of one layer: "0", "1", ..., in the order of its weights


def states(model: Any, without: Iterable[Any] = ()) -> Iterator[tuple[str, Any]]:
    """Yield each thing that has a state of its own, and where it is: "layers/dense_1".

    Things ``without`` which it is to be are passed over, and what is inside of them.

    A path goes by attributes, in lists by classes. What is found twice is where it is found first:
    the layers of a graph come before attributes, private attributes after public ones.
    """
    yield from _walk("", model, {id(thing): thing for thing in without})


def every_path(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield each thing by all ways that lead to it, those by properties of one's own classes too.

    A file may come from a class that called the same thing so.
    """
    yield from itertools.islice(_ways("", model, ()), WAYS)


WAYS = 10_000  # of things that are in many lists there are more than anyone looks for


def _walk(path: str, thing: Any, seen: dict[int, Any]) -> Iterator[tuple[str, Any]]:
    if id(thing) in seen:
        return
    seen[id(thing)] = thing  # kept, so that no other thing gets its id
    if hasattr(thing, "save_own_variables"):
        yield path, thing
    for key, value in _inside(thing):
        yield from _walk(f"{path}/{key}".lstrip("/"), value, seen)


def _ways(path: str, thing: Any, around: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    if any(thing is one for one in around):
        return
    if hasattr(thing, "save_own_variables"):
        yield path, thing
    for key, value in itertools.chain(_inside(thing), _properties(thing)):
        yield from _ways(f"{path}/{key}".lstrip("/"), value, (*around, thing))


def _inside(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a thing holds, by attributes, in lists by classes."""
    if hasattr(thing, "save_own_variables"):
        attributes = vars(thing) if isinstance(thing, Parts) else {}
        attributes = {key: value for key, value in attributes.items() if key not in NO_PARTS}
        first = [("layers", thing.layers)] if hasattr(thing, "layers") else []
        if getattr(thing, "_graph", None) is None and "_layers" not in attributes:
            # A class with a call of its own has them in their alphabetical place.
            first, attributes = [], {**attributes, **dict(first)}
        parts = ((key, value) for key, value in attributes.items() if _may_hold_state(value))
        yield from [*first, *sorted(parts, key=_rank)]
    elif isinstance(thing, list | tuple | dict):
        names: dict[str, int] = {}
        for entry in thing.values() if isinstance(thing, dict) else thing:
            if not _may_hold_state(entry):
                continue
            inner = isinstance(entry, list | tuple | dict)
            name = "container" if inner else snake_case(class_name(type(entry)))
            number = names[name] = names.get(name, -1) + 1
            yield f"{name}_{number}" if number else name, entry


def _may_hold_state(thing: Any) -> bool:
    return isinstance(thing, list | tuple | dict) or hasattr(thing, "save_own_variables")


def _properties(thing: Any) -> Iterator[tuple[str, Any]]:
    made = type(thing)
    if not isinstance(thing, Parts) or is_ours(made):
        return
    own = (c for c in made.__mro__ if not is_ours(c))
    for key in {key for c in own for key, value in vars(c).items() if isinstance(value, property)}:
        with contextlib.suppress(Exception):  # one that is not ready says nothing
            yield key, getattr(thing, key)


def _rank(item: tuple[str, Any]) -> str:
    """Return what sorts private attributes last."""
    return f"~{item[0]}" if item[0].startswith("_") else item[0]


def gathered(
    model: Any, without: Iterable[Any] = ()
) -> dict[str, tuple[str, dict[str, np.ndarray]]]:
    """Return, by path, each thing's name and its arrays."""
    made: dict[str, tuple[str, dict[str, np.ndarray]]] = {}
    for path, thing in states(model, without):
        arrays: dict[str, np.ndarray] = {}
        thing.save_own_variables(arrays)
        made[path] = thing.name, arrays
    return made


def restored(
    model: Any,
    arrays_at: Mapping[str, Arrays],
    who: str,
    skip_mismatch: bool = False,
    without: Iterable[Any] = (),
) -> None:
    """Give a model the arrays of a file; all of them, or the model stays as it was.

    Parameters
    ----------
    arrays_at : by path, each thing's arrays
    who : the function to name in messages
    skip_mismatch : bool, whether to pass over layers whose arrays do not fit
    without : layers that are left as they are
    """
    before = model.get_weights()
    for path, thing in states(model, without):
        arrays = arrays_at.get(path, {})
        try:
            if isinstance(thing, Parts):
                thing.load_own_variables(arrays)
            elif arrays:
                restored_optimizer(thing, model, arrays)
        except MelpyError as error:
            if skip_mismatch:
                warn(f"{who}, skipped: {error}")
                continue
            model.set_weights(before)
            error.who = f"{who}, {path or type(model).__name__}"
            raise
        except Exception as error:  # a class of the user's own, or a damaged array
            model.set_weights(before)
            raise DataError(
                who,
                f"the arrays of {path or type(model).__name__} cannot be read ({error})",
                expected="a file that was saved for the same layers",
            ) from error


def tell_not_finite(model: Any, who: str) -> None:
    """Warn where weights hold NaN or infinity, which every kind of file keeps as they are."""
    wrong = [
        w.path
        for w in model.weights
        if w.array.dtype.kind == "f" and not np.isfinite(w.array).all()
    ]
    if wrong:
        warn(
            f"{who}: {len(wrong)} of the model's arrays hold NaN or infinity, {wrong[0]!r} for "
            "one. They are kept as they are.",
        )


def restored_optimizer(optimizer: Any, model: Any, arrays: Arrays) -> None:
    """Give an optimizer its state; one that was saved before its first step has no slots yet."""
    if not optimizer.built and len(arrays) > len(optimizer.variables):
        optimizer.build(model.trainable_weights)
    optimizer.load_own_variables(arrays)
