"""What objects hold beside weights, and which of it a training has changed.

A callback sets ``optimizer.momentum`` or a layer's ``rate``, a step of the user's own counts
``self.steps`` or keeps a mean: the training follows from these too. Two processes that run the same
script have the same objects when `fit` begins; what became of them since is told by their paths.
"""

from __future__ import annotations

import enum
import inspect
import sys
import zlib
from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from copy import deepcopy
from types import FunctionType
from typing import Any

import numpy as np

from melpy.callbacks.plain import as_plain, can_be_plain
from melpy.configurable import is_ours
from melpy.errors import warn
from melpy.layers.drawing import SOURCES
from melpy.layers.inside import attributes_of, is_the_users, things
from melpy.layers.parts import kept_in
from melpy.layers.variable import Variable
from melpy.tensor import Tensor

__all__ = ["Changes"]

Place = tuple[str, str]  # a path and an attribute

MOST_BYTES = 2**26  # of an array: what is larger are samples
SIMPLE = bool, int, float, str, type(None)
# How a value came there: into the object that was there before, as a new one, as the same one that
# another attribute has, as a member of an enumeration, as an object of the user's, a new one or one
# that is known by its path. It is gone; it is what no file keeps; or it is what it was at first, of
# which arrays are told by a digest.
INTO, NEW, ALSO, MEMBER, OBJECT, KNOWN = "into", "new", "also", "member", "object", "known"
GONE, LOST, STOOD, LIKE = "gone", "lost", "stood", "like"
OF_ARRAYS = (
    "Set a seed before arrays are drawn, or make weights of them: add_weight(..., trainable=False)."
)
OF_OBJECTS = (
    "A backup keeps objects that are made before fit begins, and what they hold of numbers, texts, "
    "arrays, lists and dicts."
)
GATHERED = list, tuple, set, frozenset, dict, deque


class Noted:
    """An object, as it was when it was noted."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing
        self.first = {name: (value, _digest(value)) for name, value in values_of(thing).items()}
        self.objects, self.others = objects_of(thing), others_of(thing)
        self.names = {*attributes_of(thing)}
        self.always: set[str] = set()  # what another process had changed

    def has_changed(self, name: str, value: Any) -> bool:
        """Return whether a value is another one than at first."""
        if name in self.always or name not in self.first:
            return True
        before, digest = self.first[name]
        return _digest(value) != digest or (value is not before and type(value) not in SIMPLE)

    def parts_since(self) -> list[str]:
        """Return the attributes that were made since and hold weights or layers.

        What an object counts goes with them: where they are still to be made, it is too.
        """
        new = attributes_of(self.thing).items()
        return [name for name, x in new if name not in self.names and _holds_state(x)]


class Changes:
    """What has changed since now of a thing, and of all that is inside.

    Parameters
    ----------
    whole : model, data, or anything else
    name : what its path is
    besides : variables that are kept by others
    is_deep : bool, whether to look inside
    """

    def __init__(
        self, whole: Any, name: str, besides: Collection[Any] = (), is_deep: bool = True
    ) -> None:
        known = set(map(id, besides))
        found = things(whole, name) if is_deep else [(name, whole)]
        self._noted = {path: Noted(x) for path, x in found if _counts(x) and id(x) not in known}

    def made(self) -> dict[str, Any]:
        """Return what has changed, by path: the parts it needs, and values by attribute."""
        made: dict[str, Any] = {}
        known = {id(noted.thing): path for path, noted in self._noted.items()}
        seen: dict[int, Place] = {}  # where an object is that several attributes may have
        for path, noted in self._noted.items():
            for name, (value, _) in noted.first.items():
                if type(value) not in SIMPLE and attributes_of(noted.thing).get(name) is value:
                    seen.setdefault(id(value), (path, name))
        for path, noted in self._noted.items():
            now = values_of(noted.thing)
            gone = {*noted.first} - {*attributes_of(noted.thing), ""}
            values: dict[str, Any] = dict.fromkeys(gone, (GONE, None))
            for name, value in now.items():
                if noted.has_changed(name, value):
                    values[name] = _entry(value, noted.first.get(name), seen, (path, name))
                elif type(value) in SIMPLE:
                    values[name] = STOOD, value
                elif isinstance(value, np.ndarray):
                    values[name] = LIKE, _digest(value)
            for name, value in objects_of(noted.thing).items():
                if noted.objects.get(name) is value:
                    continue
                held = values_of(value).items()
                plain = {key: x for key, x in held if can_be_plain(x, MOST_BYTES)}
                values[name] = OBJECT, [type(value).__qualname__, plain]
                if id(value) in known:
                    values[name] = KNOWN, known[id(value)]
            for name, told in others_of(noted.thing).items():
                if noted.others.get(name) != told and name not in values:
                    values[name] = LOST, None
            if values:
                made[path] = {"needs": noted.parts_since(), "values": values}
        return made

    def make(self, made: Mapping[str, Any], who: str, is_same_process: bool = False) -> None:
        """Change what `made` says of another training.

        Parameters
        ----------
        made : dict
        who : the class or function to name in messages
        is_same_process : bool, whether that one was cut in this process: what it has changed since
            is undone. In another process, what had not changed is what the script says.
        """
        drawn, lost = [], []
        for path, told in made.items():
            noted = self._noted.get(path)
            if noted is None:
                continue
            if not attributes_of(noted.thing).keys() >= {*told["needs"]}:
                # A metric makes its variables, and begins, again.
                lost += [path] * (not hasattr(type(noted.thing), "update_state"))
                continue
            for name, (way, value) in told["values"].items():
                if way == LIKE:
                    is_another = _digest(values_of(noted.thing).get(name)) != value
                    drawn += [f"{path}.{name}"] * is_another
                    continue
                if way == STOOD and not is_same_process:
                    continue
                if way != STOOD:
                    noted.always.add(name)
                if way == ALSO and value[0] in self._noted:
                    value = attributes_of(self._noted[value[0]].thing).get(value[1])
                elif way == KNOWN and value in self._noted:
                    value = self._noted[value].thing
                elif way in (LOST, ALSO, KNOWN):
                    way = LOST
                lost += [f"{path}.{name}"] * (not _put(noted.thing, name, way, value))
        for names, mend in ((drawn, OF_ARRAYS), (lost, OF_OBJECTS)):
            if names:
                warn(
                    f"{who}: {names[0].rstrip('.')} is not what it was where the training was "
                    f"stopped, which goes on with what is there now. {mend}"
                )

    def undo(self) -> Callable[[], None]:
        """Return a function that puts everything back as it is now, for what is tried.

        Of an object that has new variables since, what it says of them stays.
        """
        before = [
            (noted, name, value, deepcopy(value))
            for noted in self._noted.values()
            for name, value in values_of(noted.thing).items()
        ]

        def put_back() -> None:
            for noted, name, value, copy in before:
                if noted.parts_since():
                    continue
                _set(noted.thing, name, value)
                if type(value) not in SIMPLE:
                    _put(noted.thing, name, INTO, copy)
            for noted in self._noted.values():
                for name, held in noted.objects.items():
                    _set(noted.thing, name, held)

        return put_back


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
    return not (_holds_state(value) or any(isinstance(x, SOURCES) for x in list(entries)))


def _is_the_users_own(thing: Any) -> bool:
    return _counts(thing) and not any(map(is_ours, type(thing).__mro__))


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


def _counts(thing: Any) -> bool:
    """Return whether an object is the library's or the user's; enumerations do not change."""
    kind = type(thing)
    is_known = is_the_users(kind) or any(map(is_ours, kind.__mro__))
    return is_known and not isinstance(thing, enum.Enum | type)


def _holds_state(value: Any) -> bool:
    is_variable = isinstance(value, Tensor) and type(value) is not Tensor
    return is_variable or bool([*kept_in(value)])


def _can_be_kept(value: Any) -> bool:
    return isinstance(value, enum.Enum) or can_be_plain(value, MOST_BYTES)


def _digest(value: Any) -> Any:
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


def _entry(value: Any, first: Any, seen: dict[int, Place], place: Place) -> tuple[str, Any]:
    """Return how a value came there, and what has to be kept of it."""
    if isinstance(value, enum.Enum):
        return MEMBER, [type(value).__qualname__, value.name]
    if first is not None and first[0] is value:
        return INTO, value
    if type(value) not in SIMPLE and seen.setdefault(id(value), place) != place:
        return ALSO, seen[id(value)]
    return NEW, value


def _member(thing: Any, own: Any, kind: str, name: str | None) -> Any:
    """Return a member of an enumeration: the attribute's, or one beside the object's class."""
    room = sys.modules.get(type(thing).__module__)
    for found in (type(own), getattr(room, kind, None)):
        if isinstance(found, enum.EnumMeta) and found.__qualname__ == kind:
            return found.__members__.get(name or "")
    return None


def _put(thing: Any, name: str, way: str, value: Any) -> bool:
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
        _set(thing, name, member)
    elif way == OBJECT:
        made = _like(own, *value)
        if made is None:
            return False
        _set(thing, name, made)
    elif way != INTO or not _fill(own, value):
        _set(thing, name, value)
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


def _set(thing: Any, name: str, value: Any) -> None:
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
