"""Numbers and texts that objects hold beside weights, and which of them a training has changed.

A callback sets ``optimizer.momentum`` or a layer's ``rate``, a step of the user's own counts
``self.steps``: the training follows from these too.
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from melpy.configurable import is_ours
from melpy.layers.inside import is_the_users, things

__all__ = ["Changes", "numbers_of", "put"]

MOST_BYTES = 2**26  # of an array: such as an order, and no samples
PLAIN = bool, int, float, str, type(None)

Numbers = dict[str, dict[str, Any]]  # by the path of what holds them, and by name


class Changes:
    """Which numbers of a thing, and of all that is inside, have changed since now.

    Parameters
    ----------
    whole : model, data, or anything else
    name : what its path is
    """

    def __init__(self, whole: Any, name: str) -> None:
        self.whole, self.name = whole, name
        self._first = {
            path: {key: _digest(value) for key, value in held.items()}
            for path, held in self.numbers().items()
        }

    def numbers(self) -> Numbers:
        """Return all numbers as they are."""
        found = {path: numbers_of(thing) for path, thing in things(self.whole, self.name)}
        return {path: held for path, held in found.items() if held}

    def made(self) -> Numbers:
        """Return those that are no longer as they were; of what was there then."""
        changed = {
            path: {key: x for key, x in held.items() if self._first[path].get(key) != _digest(x)}
            for path, held in self.numbers().items()
            if path in self._first
        }
        return {path: held for path, held in changed.items() if held}

    def make(self, changed: Mapping[str, Mapping[str, Any]]) -> None:
        """Change numbers to what `made` returned in another process; they count as changed."""
        inside = dict(things(self.whole, self.name))
        for path, held in changed.items():
            if path in inside:
                put(inside[path], held)
                for key in held:
                    self._first.setdefault(path, {}).pop(key, None)


def numbers_of(thing: Any) -> dict[str, Any]:
    """Return the attributes of an object that are numbers, texts, arrays, or lists and dicts.

    Of an object of the library's these are the settings that it was made with; of one of another
    class, all but what the library's class below it declares.
    """
    kind = type(thing)
    own = getattr(thing, "__dict__", None)
    if not isinstance(own, dict) or not (is_the_users(kind) or any(map(is_ours, kind.__mro__))):
        return {}
    given = _arguments(thing).keys()
    names = own.keys() & given if is_ours(kind) else own.keys() - (_declared(kind) - given)
    return {name: value for name, value in own.items() if name in names and _is_plain(value)}


def _arguments(thing: Any) -> dict[str, Any]:
    """Return what constructors were given, of the user's class and of the library's below it."""
    return getattr(thing, "_inherited", {}) | getattr(thing, "_arguments", {})


def _declared(kind: type) -> set[str]:
    """Return the attributes that the library's classes among a class's bases declare."""
    ours = [base for base in kind.__mro__ if is_ours(base)]
    return {name for base in ours for name in (*vars(base), *inspect.get_annotations(base))}


def put(thing: Any, numbers: Mapping[str, Any]) -> None:
    """Set attributes; arrays and lists where they are, since another attribute may share them."""
    for name, value in numbers.items():
        own = getattr(thing, name, None)
        if isinstance(own, np.ndarray) and own.shape == np.shape(value):
            own[...] = value
        elif type(own) is type(value) is list:
            own[:] = value
        elif type(own) is type(value) is dict:
            own.clear()
            own.update(value)
        else:
            setattr(thing, name, value)


def _is_plain(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiub" and value.nbytes <= MOST_BYTES
    if type(value) in (list, tuple):
        return all(map(_is_single, value))
    if type(value) is dict:
        return all(type(key) is str for key in value) and all(map(_is_single, value.values()))
    return _is_single(value)


def _is_single(value: Any) -> bool:
    return type(value) in PLAIN or isinstance(value, np.generic)


def _digest(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, zlib.crc32(np.ascontiguousarray(value).tobytes())
    return zlib.crc32(repr(value).encode())
