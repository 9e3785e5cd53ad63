"""What objects hold beside weights, and which of it a training has changed.

A callback sets ``optimizer.momentum`` or a layer's ``rate``, a step of the user's own counts
``self.steps`` or keeps a mean: the training follows from these too. Two processes that run the same
script have the same objects when `fit` begins; what became of them since is told by their paths.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from typing import Any

import numpy as np

from melpy.callbacks.held import (
    ALSO,
    GONE,
    INTO,
    KNOWN,
    LIKE,
    LOST,
    MEMBER,
    NEW,
    OBJECT,
    STOOD,
    counts,
    digest,
    holds_state,
    objects_of,
    others_of,
    plain_values_of,
    put,
    set_attribute,
    values_of,
)
from melpy.callbacks.plain import PLAIN
from melpy.errors import warn
from melpy.layers.inside import attributes_of, things

__all__ = ["Changes"]

Place = tuple[str, str]  # a path and an attribute

OF_ARRAYS = (
    "Set a seed before arrays are drawn, or make weights of them: add_weight(..., trainable=False)."
)
OF_OBJECTS = (
    "A backup keeps objects that are made before fit begins, and what they hold of numbers, texts, "
    "arrays, lists and dicts."
)


class Noted:
    """An object, as it was when it was noted."""

    def __init__(self, thing: Any) -> None:
        self.thing = thing
        self.first = {name: (value, digest(value)) for name, value in values_of(thing).items()}
        self.objects, self.others = objects_of(thing), others_of(thing)
        self.names = {*attributes_of(thing)}
        self.always: set[str] = set()  # what another process had changed

    def has_changed(self, name: str, value: Any) -> bool:
        """Return whether a value is another one than at first."""
        if name in self.always or name not in self.first:
            return True
        before, first = self.first[name]
        return digest(value) != first or (value is not before and type(value) not in PLAIN)

    def parts_since(self) -> list[str]:
        """Return the attributes that were made since and hold weights or layers.

        What an object counts goes with them: where they are still to be made, it is too.
        """
        new = attributes_of(self.thing).items()
        return [name for name, x in new if name not in self.names and holds_state(x)]

    def values_since(
        self, path: str, known: Mapping[int, str], seen: dict[int, Place]
    ) -> dict[str, tuple[str, Any]]:
        """Return by attribute how what it is now came there, and what has to be kept of it.

        Parameters
        ----------
        path : its own
        known : paths of noted objects, by identity
        seen : where values are that several attributes may have, by identity; it is added to
        """
        gone = {*self.first} - {*attributes_of(self.thing), ""}
        values: dict[str, tuple[str, Any]] = dict.fromkeys(gone, (GONE, None))
        for name, value in values_of(self.thing).items():
            if self.has_changed(name, value):
                values[name] = _entry(value, self.first.get(name), seen, (path, name))
            elif type(value) in PLAIN:
                values[name] = STOOD, value
            elif isinstance(value, np.ndarray):
                values[name] = LIKE, digest(value)
        for name, value in objects_of(self.thing).items():
            if self.objects.get(name) is value:
                continue
            if id(value) in known:
                values[name] = KNOWN, known[id(value)]
            else:
                values[name] = OBJECT, [type(value).__qualname__, plain_values_of(value)]
        for name, told in others_of(self.thing).items():
            if self.others.get(name) != told and name not in values:
                values[name] = LOST, None
        return values


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
        self._noted = {path: Noted(x) for path, x in found if counts(x) and id(x) not in known}

    def made(self) -> dict[str, Any]:
        """Return what has changed, by path: the parts it needs, and values by attribute."""
        known = {id(noted.thing): path for path, noted in self._noted.items()}
        seen: dict[int, Place] = {}  # where an object is that several attributes may have
        for path, noted in self._noted.items():
            for name, (value, _) in noted.first.items():
                if type(value) not in PLAIN and attributes_of(noted.thing).get(name) is value:
                    seen.setdefault(id(value), (path, name))
        made = {path: noted.values_since(path, known, seen) for path, noted in self._noted.items()}
        return {
            path: {"needs": self._noted[path].parts_since(), "values": values}
            for path, values in made.items()
            if values
        }

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
                    is_another = digest(values_of(noted.thing).get(name)) != value
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
                lost += [f"{path}.{name}"] * (not put(noted.thing, name, way, value))
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
                set_attribute(noted.thing, name, value)
                if type(value) not in PLAIN:
                    put(noted.thing, name, INTO, copy)
            for noted in self._noted.values():
                for name, held in noted.objects.items():
                    set_attribute(noted.thing, name, held)

        return put_back


def _entry(value: Any, first: Any, seen: dict[int, Place], place: Place) -> tuple[str, Any]:
    """Return how a value came there, and what has to be kept of it."""
    if isinstance(value, enum.Enum):
        return MEMBER, [type(value).__qualname__, value.name]
    if first is not None and first[0] is value:
        return INTO, value
    if type(value) not in PLAIN and seen.setdefault(id(value), place) != place:
        return ALSO, seen[id(value)]
    return NEW, value
