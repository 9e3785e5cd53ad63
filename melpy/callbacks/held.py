"""What an object holds of plain values, and how it is put back."""

from __future__ import annotations

import enum
import inspect
import sys
import zlib
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from types import FunctionType
from typing import Any

import numpy as np

from melpy.callbacks.plain import as_plain, can_be_plain
from melpy.configurable import is_ours
from melpy.layers.drawing import SOURCES
from melpy.layers.inside import attributes_of, is_the_users
from melpy.layers.parts import kept_in
from melpy.layers.variable import Variable
from melpy.tensor import Tensor

__all__ = [
    "counts", "digest", "holds_state", "objects_of", "others_of", "plain_values_of", "put",
    "set_attribute", "values_of",
]  # fmt: skip

MOST_BYTES = 2**26  # of an array: what is larger are samples
GATHERED = list, tuple, set, frozenset, dict, deque
# How a value came there: into the object that was there before, as a new one, as the same one that
# another attribute has, as a member of an enumeration, as an object of the user's, a new one or one
# that is known by its path. It is gone; it is what no file keeps; or it is what it was at first, of
# which arrays are told by a digest.
INTO, NEW, ALSO, MEMBER, OBJECT, KNOWN = "into", "new", "also", "member", "object", "known"
GONE, LOST, STOOD, LIKE = "gone", "lost", "stood", "like"


def values_of(thing: Any) -> dict[str, Any]:
    """Return the attributes of an object that a backup can keep; of a variable, its array.

    Of an object of the library's these are the settings that it was made with; of one of another
    class, all but what the library's class below it keeps for itself.
    """
    if isinstance(thing, Variable):
        return {"": thing.array}
    own, ours = attributes_of(thing), [base for base in type(thing).__mro__ if is_ours(base)]
    names = {*own}
    if ours:
        names &= {*own.get("_inherited", ()), *own.get("_arguments", ())} | _names_of_its_own(
            type(thing), ours, own
        )
    return {name: x for name, x in own.items() if name in names and _can_be_kept(x)}


def plain_values_of(thing: Any) -> dict[str, Any]:
    """Return those of an object's values that a file holds as they are: no enumeration's."""
    return {name: x for name, x in values_of(thing).items() if can_be_plain(x, MOST_BYTES)}


def objects_of(thing: Any) -> dict[str, Any]:
    """Return the attributes that are objects of the user's classes, of one of the user's too."""
    if is_ours(type(thing)):
        return {}
    return {name: x for name, x in attributes_of(thing).items() if _is_the_users_own(x)}


def others_of(thing: Any) -> dict[str, Any]:
    """Return which attributes gather what is not kept, and how much: to say that it is lost."""
    if is_ours(type(thing)) or isinstance(thing, Variable):
        return {}
    own = attributes_of(thing).items()
    return {name: (type(x).__qualname__, len(x)) for name, x in own if _gathers_others(name, x)}


def _gathers_others(name: str, value: Any) -> bool:
    if not isinstance(value, GATHERED) or name[0] == "_" or _can_be_kept(value):
        return False
    entries = value.values() if isinstance(value, dict) else value
    return not (holds_state(value) or any(isinstance(x, SOURCES) for x in list(entries)))


def _is_the_users_own(thing: Any) -> bool:
    return counts(thing) and not any(map(is_ours, type(thing).__mro__))


def _names_of_its_own(kind: type, ours: list[type], own: Collection[str]) -> set[str]:
    """Return the attributes that are a class's, and not those of the library's classes below it.

    Those of the library are declared, or private, and then the class does not speak of them.
    """
    if kind is ours[0]:
        return set()
    declared = {name for base in ours for name in (*vars(base), *inspect.get_annotations(base))}
    named: set[str] = set()
    for base in kind.__mro__:
        if base not in ours:
            for held in vars(base).values():
                function = held.fget if isinstance(held, property) else held
                if isinstance(function, FunctionType):
                    code = getattr(inspect.unwrap(function), "__code__", None)
                    named |= set() if code is None else {*code.co_names}
    return {name for name in own if name not in declared and (name[0] != "_" or name in named)}


def counts(thing: Any) -> bool:
    """Return whether an object is the library's or the user's; enumerations do not change."""
    kind = type(thing)
    is_known = is_the_users(kind) or any(map(is_ours, kind.__mro__))
    return is_known and not isinstance(thing, enum.Enum | type)


def holds_state(value: Any) -> bool:
    """Return whether a value is, or holds, a variable, a part, a seed generator or a metric."""
    is_variable = isinstance(value, Tensor) and type(value) is not Tensor
    return is_variable or bool([*kept_in(value)])


def _can_be_kept(value: Any) -> bool:
    return isinstance(value, enum.Enum) or can_be_plain(value, MOST_BYTES)


def digest(value: Any) -> Any:
    """Return what tells two values apart, that need not be kept for it."""
    if isinstance(value, enum.Enum):
        return value.name
    if not _can_be_kept(value):
        return None
    arrays: dict[str, np.ndarray] = {}
    plain = as_plain(value, "", arrays)
    return zlib.crc32(repr(plain).encode()), [
        (x.shape, x.dtype.str, zlib.crc32(np.ascontiguousarray(x).tobytes()))
        for x in arrays.values()
    ]


def _member(thing: Any, own: Any, kind: str, name: str | None) -> Any:
    """Return a member of an enumeration: the attribute's, or one beside the object's class."""
    room = sys.modules.get(type(thing).__module__)
    for found in (type(own), getattr(room, kind, None)):
        if isinstance(found, enum.EnumMeta) and found.__qualname__ == kind:
            return found.__members__.get(name or "")
    return None


def put(thing: Any, name: str, way: str, value: Any) -> bool:
    """Let an attribute be what it was in another process; return whether it could."""
    own = attributes_of(thing).get(name)
    if isinstance(thing, Variable):
        thing.assign(value)
    elif way == LOST:
        return False
    elif way == GONE:
        attributes_of(thing).pop(name, None)
    elif way == MEMBER:
        member = _member(thing, own, *value)
        if member is None:
            return False
        set_attribute(thing, name, member)
    elif way == OBJECT:
        made = _like(own, *value)
        if made is None:
            return False
        set_attribute(thing, name, made)
    elif way != INTO or not _fill(own, value):
        set_attribute(thing, name, value)
    return True


def _like(own: Any, kind: str, values: dict[str, Any]) -> Any:
    """Return a new object of a class that the script has, as unpickling makes it; or None."""
    cls = type(own)
    has_slots = any(vars(base).get("__slots__") for base in cls.__mro__)
    if cls.__qualname__ != kind or has_slots or not attributes_of(own).keys() <= values.keys():
        return None
    try:
        made = object.__new__(cls)
    except TypeError:  # a tuple, or a number: of a class that makes its objects in its own way
        return None
    attributes_of(made).update(values)
    return made


def set_attribute(thing: Any, name: str, value: Any) -> None:
    """Set an attribute; of the library's objects as the user does, who are told of it so."""
    own = attributes_of(thing)
    if isinstance(thing, Variable) or own.get(name, own) is value:
        return
    if any(map(is_ours, type(thing).__mro__)):
        with suppress(Exception):  # a property that cannot be set
            setattr(thing, name, value)
    if own.get(name) is not value:
        own[name] = value


def _fill(own: Any, value: Any) -> bool:
    """Let an array, a list, a dict, a set hold other entries; return whether it could be."""
    if type(own) is not type(value):
        return False
    if isinstance(own, np.ndarray):
        fits = own.shape == value.shape and own.dtype == value.dtype and own.flags.writeable
        if fits:
            own[...] = value
        return fits
    if isinstance(own, Tensor):
        fits = own.shape == value.shape
        if fits:
            own.assign(value)
        return fits
    if isinstance(own, list):
        own[:] = value
    elif isinstance(own, dict | set):
        own.clear()
        own.update(value)
    elif isinstance(own, deque) and own.maxlen == value.maxlen:
        own.clear()
        own.extend(value)
    else:
        return False
    return True
