"""Classes and functions of the user's own, by the names that configs and files give them.

Loading a file makes objects of known classes only: the library's, and those that were registered
or named here beforehand. No name in a file is ever imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from melpy.errors import ArgumentError, DtypeError, SignatureError, UnknownClassError

__all__ = [
    "CustomObjectScope", "carrying", "custom_object_scope", "found", "get_custom_objects",
    "get_registered_name", "get_registered_object", "is_reading", "reading",
    "register_keras_serializable", "sharing",
]  # fmt: skip

_registered: dict[str, Any] = {}
_names: dict[Any, str] = {}
_scope: ContextVar[dict[str, Any]] = ContextVar("custom_objects")
# Objects met while one file is read or written: {number: object}, {id(object): (number, object)}.
_read: ContextVar[dict[int, Any] | None] = ContextVar("read", default=None)
_written: ContextVar[dict[int, Any] | None] = ContextVar("written", default=None)
_reading: ContextVar[bool] = ContextVar("reading", default=False)
_carried: ContextVar[dict[str, Any] | None] = ContextVar("carried", default=None)


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable:
    """Return a decorator that lets files name a class or a function "package>name".

    Parameters
    ----------
    package : str
    name : str, the class's or the function's own by default

    Examples
    --------
    >>> @register_keras_serializable("mine")
    ... def double(x):
    ...     return 2 * x
    >>> get_registered_name(double), get_registered_object("mine>double") is double
    ('mine>double', True)
    >>> del get_custom_objects()["mine>double"]
    """

    def register(thing: Any) -> Any:
        if isinstance(thing, type) and not hasattr(thing, "get_config"):
            raise ArgumentError(
                "register_keras_serializable",
                f"{thing.__name__} has no get_config",
                expected="a class whose objects can be written down",
            )
        _names[thing] = f"{package}>{name or thing.__name__}"
        _registered[_names[thing]] = thing
        return thing

    return register


def get_registered_name(obj: Any) -> str:
    """Return the name that files give a class or a function."""
    carried = _carried.get()
    return _names.get(obj, obj.__name__) if carried is None else _carry(obj, carried)


def get_registered_object(
    name: Any,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """Return what a name stands for in a scope, in the register or in the given dicts, or None."""
    for objects in (_scope.get({}), _registered, custom_objects or {}, module_objects or {}):
        if name in objects:
            return objects[name]
    return None


def get_custom_objects() -> dict[str, Any]:
    """Return the register itself: names that hold everywhere."""
    return _registered


class CustomObjectScope:
    """Let names stand for classes and functions inside a ``with`` block.

    Parameters
    ----------
    custom_objects : dict of names to classes and functions
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        self.custom_objects = dict(custom_objects or {})

    def __enter__(self) -> CustomObjectScope:
        self._token = _scope.set({**_scope.get({}), **self.custom_objects})
        return self

    def __exit__(self, *_: Any) -> None:
        _scope.reset(self._token)


custom_object_scope = CustomObjectScope


def found(identifier: Any) -> Any:
    """Return the user's own object that a name or a config means, or None.

    Raises
    ------
    ArgumentError : a config of one of the library's own things with a name of someone else's
    """
    if isinstance(identifier, str):
        return get_registered_object(identifier)
    if not isinstance(identifier, Mapping):
        return None
    names = [identifier.get("registered_name"), identifier.get("class_name")]
    if identifier.get("class_name") == "function":
        names = [identifier.get("config")]
    known = (get_registered_object(name) for name in names if isinstance(name, str))
    thing = next((thing for thing in known if thing is not None), None)
    if thing is None:
        _require_no_other_name(identifier)
    return thing


def _require_no_other_name(identifier: Mapping[str, Any]) -> None:
    """Refuse what claims to be the library's and to be registered: the library's has no name."""
    registered, name = identifier.get("registered_name"), identifier.get("class_name")
    module = str(identifier.get("module") or "")
    ours = module.partition(".")[0] == "keras" or (module, name) == ("builtins", "function")
    if ours and registered and registered not in (name, identifier.get("config")):
        what = identifier.get("config") if name == "function" else name
        raise UnknownClassError(
            "deserialize_keras_object",
            f"{what!r} claims to be the library's own, and to be registered",
            expected="no registered_name, as the library's own things have",
            received={"registered_name": registered},
            mend="If it is yours, register it first.",
        )


def config_of(identifier: Any) -> dict[str, Any]:
    """Return the config in a description, which may be empty; that of a name is."""
    config = identifier.get("config") if isinstance(identifier, Mapping) else None
    if not isinstance(config, Mapping | None):
        raise DtypeError(
            "from_config",
            f"the config of {identifier.get('class_name')!r} has no arguments by name",
            expected="a dict",
            received={"config": config},
        )
    return dict(config or {})


def made_of(own: Any, identifier: Any) -> Any:
    """Return the user's own function as it is, and of a class the object that is described."""
    if not isinstance(own, type):
        return own
    if not hasattr(own, "from_config"):
        raise SignatureError(
            "deserialize_keras_object",
            f"{own.__name__} has no from_config",
            expected="a class whose objects can be made of what their get_config returns",
            mend="Define the class method from_config(cls, config): return cls(**config).",
        )
    return own.from_config(config_of(identifier))


def unwrapped(identifier: Any, known: Container[Any] = ()) -> Any:
    """Return a function's name in the place of Keras's description of the function.

    Parameters
    ----------
    known : names of the library's functions. Up to 3.6 Keras wrote "double" for "mine>double":
        another name stands for the function that was registered so
    """
    if not isinstance(identifier, Mapping) or identifier.get("class_name") != "function":
        return identifier
    name = identifier.get("config")
    if not isinstance(name, str):
        raise DtypeError(
            "deserialize_keras_object",
            "a function's config is its name",
            expected="a str",
            received={"config": name},
        )
    if name in known or get_registered_object(name) is not None:
        return name
    return next((full for full in _registered if full.endswith(f">{name}")), name)


@contextmanager
def carrying() -> Iterator[dict[str, Any]]:
    """Collect the user's own classes and functions, each under a name that no other has.

    That is what a description names in a ``with`` block whose result goes into a pickle.
    """
    carried: dict[str, Any] = {}
    token = _carried.set(carried)
    try:
        yield carried
    finally:
        _carried.reset(token)


def is_carrying() -> bool:
    """Return whether what a description names goes along with it."""
    return _carried.get() is not None


def _carry(obj: Any, carried: dict[str, Any]) -> str:
    """Return the name of what goes along, or is found by its registered name."""
    name = _names.get(obj)
    if _found_in_module(obj):
        place = f"{obj.__module__}.{obj.__qualname__}"
        name = name if name and carried.get(name, obj) is obj else place
        carried[name] = obj
        return name
    if name is None or _registered.get(name) is not obj:
        raise ArgumentError(
            obj.__name__,
            "nobody can find it again: it is not at the top of a module",
            expected="classes and functions of a module, or registered ones",
            received={"name": obj.__qualname__, "module": obj.__module__},
            mend="Define it with class or def outside of any function, or register it with "
            "register_keras_serializable.",
        )
    return name


def _found_in_module(obj: Any) -> bool:
    """Return whether importing a class's or a function's module leads to it, as pickle wants."""
    found: Any = sys.modules.get(obj.__module__)
    for part in obj.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is obj


@contextmanager
def reading() -> Iterator[None]:
    """Let it be known that objects are made of a description, which need not be trusted."""
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


def is_reading() -> bool:
    """Return whether an object is being made of a description."""
    return _reading.get()


# One file may describe one object in several places: a layer that two models share.


@contextmanager
def sharing() -> Iterator[None]:
    """Keep objects that are described several times the same object."""
    tokens = _read.set({}), _written.set({})
    try:
        yield
    finally:
        _read.reset(tokens[0])
        _written.reset(tokens[1])


def share_written(thing: Any, entry: dict[str, Any]) -> None:
    """Number an object's description, so that others of the same object are known."""
    seen = _written.get()
    if seen is not None:
        entry["shared_object_id"], _ = seen.setdefault(id(thing), (len(seen) + 1, thing))


def only_shared(description: Any) -> Any:
    """Return a description in which only what is described several times is numbered."""
    counts: dict[int, int] = {}

    def count(x: Any) -> None:
        for inner in (
            x.values() if isinstance(x, dict) else x if isinstance(x, list | tuple) else ()
        ):
            count(inner)
        if isinstance(x, dict) and "shared_object_id" in x:
            counts[x["shared_object_id"]] = counts.get(x["shared_object_id"], 0) + 1

    def without(x: Any) -> Any:
        if isinstance(x, list | tuple):
            return [without(inner) for inner in x]
        if not isinstance(x, dict):
            return x
        is_alone = counts.get(x.get("shared_object_id"), 0) == 1  # type: ignore[arg-type]
        return {k: without(v) for k, v in x.items() if k != "shared_object_id" or not is_alone}

    count(description)
    return without(description)


def share_read(entry: Mapping[str, Any], make: Callable[[], Any]) -> Any:
    """Return the object that a description stands for, made at most once."""
    seen, key = _read.get(), entry.get("shared_object_id")
    if seen is None or not isinstance(key, int):
        return make()
    if key not in seen:
        seen[key] = make()
    return seen[key]
