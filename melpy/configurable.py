"""Objects that know the arguments they were made with, and names that stand for objects.

``get_config`` of a layer, an initializer or an optimizer is what its constructor was called with;
this is remembered here, once, when the object is made. `plain` writes it down in the form that
Keras's files have.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from melpy import clock, custom, tree
from melpy.errors import ArgumentError, DtypeError, lookup, refuse_unknown, warn

__all__ = ["Configurable", "NotPlainError", "find", "is_ours", "plain", "snake_case", "widened"]

T = TypeVar("T")


class Configurable:
    """An object whose ``get_config`` gives back its constructor's arguments.

    A class of the user's own that defines ``get_config`` adds its arguments to those of the
    library's class below it: that is what ``super().get_config()`` has there.
    """

    _arguments: dict[str, Any]
    _inherited: dict[str, Any]
    # Arguments that Keras's configs lack: written where they are not the default, so that a file
    # is Keras's own and nothing is lost.
    implied: tuple[str, ...] = ()
    # Arguments that are written as the attribute that was made of them: (3, 3) for 3, as in Keras.
    settled: tuple[str, ...] = ()
    # Arguments of older scripts that Keras still takes, says so, and does not use.
    ignored: tuple[str, ...] = ()
    # Attributes that are read anew each time, so that nothing goes stale when they are set.
    live: tuple[str, ...] = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__new__(cls)
        try:
            known = {name: value for name, value in kwargs.items() if name not in cls.ignored}
            made._arguments = _bound(cls.__init__, made, args, known)
        except TypeError:
            refuse_unknown(cls, known)
            made._arguments = {}  # __init__ is about to refuse these; or this is a copy to fill
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name[0] != "_" and name not in self.live and _matters(self, name):
            clock.structure_changed()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if is_ours(cls) and "__init__" in vars(cls):
            setattr(cls, "__init__", _noting(vars(cls)["__init__"]))  # noqa: B010  mypy

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal object, as plain values."""
        arguments = self._arguments
        if not is_ours(next(c for c in type(self).__mro__ if "get_config" in vars(c))):
            arguments = vars(self).get("_inherited", {})
        made = {name: vars(self).get(name, arguments.get(name)) for name in self.settled}
        arguments = {name: made.get(name, value) for name, value in arguments.items()}
        taken = signature_of(type(self).__init__).parameters if self.implied else {}
        usual = {name: taken[name].default for name in self.implied if name in taken}
        return {
            name: _listed(value)
            for name, value in arguments.items()
            if name not in usual or type(value) is not type(usual[name]) or value != usual[name]
        }

    @classmethod
    def from_config(cls: type[T], config: Mapping[str, Any]) -> T:
        """Make an object from `get_config`'s result, here or in Keras."""
        with custom.reading():
            return cls(**_with_effect(cls, config))


def _matters(thing: Configurable, name: str) -> bool:
    """Return whether the library decides by an attribute of an object.

    A class of the user's own may note something at every call, by which nobody else decides.
    """
    return is_ours(type(thing)) or name in vars(thing).get("_inherited", ())


def is_ours(thing: Any) -> bool:
    """Return whether a class or a function is the library's."""
    return str(getattr(thing, "__module__", "")).partition(".")[0] == "melpy"


@functools.lru_cache(maxsize=1024)  # a constructor is asked for several times an object
def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """Return what a function takes."""
    return inspect.signature(function)


def _bound(init: Any, made: Any, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return a constructor's arguments by name, with its defaults."""
    signature = signature_of(init)
    bound = signature.bind(made, *args, **kwargs)
    bound.apply_defaults()
    arguments = dict(list(bound.arguments.items())[1:])  # without self
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            arguments.update(arguments.pop(name, {}))
        elif parameter.kind is parameter.VAR_POSITIONAL:
            arguments.pop(name, None)
    return arguments


def _noting(init: Callable[..., None]) -> Callable[..., None]:
    """Let a constructor of the library's note its arguments in objects of the user's classes."""

    @functools.wraps(init)
    def noting(self: Any, *args: Any, **kwargs: Any) -> None:
        for name in set(self.ignored).intersection(kwargs):
            del kwargs[name]
            who = type(self).__name__
            warn(f"{who}: {name!r} is of older releases and does nothing.")
        if "_inherited" not in vars(self) and not is_ours(type(self)):
            vars(self)["_inherited"] = {}
            with contextlib.suppress(TypeError):  # __init__ refuses these itself
                vars(self)["_inherited"] = _bound(init, self, args, kwargs)
        init(self, *args, **kwargs)

    return noting


def _listed(value: Any) -> Any:
    """Return a constructor's argument as plain values; what cannot be written down stays."""
    value = tree.map_structure(lambda x: x.tolist() if isinstance(x, np.ndarray) else x, value)
    try:
        return plain(value)
    except NotPlainError:
        return value


# Arguments of Keras's that have no counterpart here, and the values that change nothing.
WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {
    "quantization_config": (None,),
    "lora_rank": (None,),
    "lora_alpha": (None,),
    "use_gate": (False,),
    "sliding_window": (None,),
    "fused": (None, True, False),
}


def _with_effect(made: type, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config without what the class does not take and what changes nothing."""
    taken = signature_of(made.__init__).parameters  # type: ignore[misc]
    return {
        name: value
        for name, value in config.items()
        if name in taken or value not in WITHOUT_EFFECT.get(name, ())
    }


# Where Keras keeps what a room of ours keeps.
MODULES = {"schedules": "keras.optimizers.schedules"}
_FEATURES = "keras.src.layers.preprocessing.feature_space"
SPECIAL: dict[str, tuple[str | None, str, str | None]] = {
    "Functional": ("keras.src.models.functional", "Functional", "Functional"),
    "Sequential": ("keras", "Sequential", None),
    "DTypePolicy": ("keras", "DTypePolicy", None),
    "GroupedQueryAttention": ("keras.layers", "GroupQueryAttention", None),
    "FeatureSpace": ("keras.utils", "FeatureSpace", None),
    "Feature": (_FEATURES, "Feature", "Feature"),
    "Cross": (_FEATURES, "Cross", "Cross"),
}


def class_name(made: type) -> str:
    """Return a class's name in Keras's files, where a model of a graph is a Functional."""
    return "Functional" if is_ours(made) and made.__name__ == "Model" else made.__name__


class NotPlainError(DtypeError):
    """An object that files have no form for."""


def plain(value: Any) -> Any:
    """Return a value as numbers, strings, lists and dicts, in the form of Keras's files.

    Raises
    ------
    NotPlainError : an object that has no ``get_config``
    """
    if isinstance(value, bool | int | float | str | None):
        return value
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        entries = [plain(entry) for entry in value]
        return tuple(entries) if isinstance(value, tuple) else entries
    if isinstance(value, bytes):
        return {"class_name": "__bytes__", "config": {"value": value.decode()}}
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and not value.ndim):
        return value.item()
    if hasattr(value, "__array__") and not isinstance(value, type):
        kind = "__numpy__" if isinstance(value, np.ndarray) else "__tensor__"
        array = np.asarray(value)
        told = {"value": array.tolist(), "dtype": str(array.dtype)}
        return {"class_name": kind, "config": told}
    if isinstance(value, slice):
        ends = {name: plain(getattr(value, name)) for name in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": ends}
    if value is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, type(plain)):
        return _function(value)
    if not isinstance(value, type) and hasattr(value, "get_config"):
        return described(value)
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    raise NotPlainError(
        "get_config",
        "an object cannot be written down",
        expected="numbers, strings, arrays, lists, dicts, or objects with a get_config",
        received={"type": type(value).__name__},
        mend="Define get_config, and from_config where it is to be made again.",
    )


def described(value: Any) -> dict[str, Any]:
    """Return an object's class, its config, and what it was built and compiled with."""
    made = type(value)
    room, _, rest = made.__module__.partition(".")
    module: str | None
    registered: str | None
    if room != "melpy":
        module = None if room == "__main__" else made.__module__
        name, registered = made.__name__, custom.get_registered_name(made)
    else:
        room = rest.partition(".")[0]
        name = class_name(made)
        usual = (MODULES.get(room, f"keras.{room}"), name, None)
        module, name, registered = SPECIAL.get(name, usual)
    entry = {
        "module": module,
        "class_name": name,
        "config": plain(value.get_config()),
        "registered_name": registered,
    }
    for kind in ("build", "compile"):
        if hasattr(value, f"get_{kind}_config"):
            more = getattr(value, f"get_{kind}_config")()
            if more is not None:
                entry[f"{kind}_config"] = plain(more)
    custom.share_written(value, entry)
    return entry


def _function(value: Callable[..., Any]) -> Any:
    """Return the name of a function of ours, or how Keras writes one of the user's.

    A lambda has no name that could find it again: files refuse this description of it.
    """
    if value.__name__ == "<lambda>" and not custom.is_carrying():
        return {"class_name": "__lambda__", "config": {}}
    if is_ours(value):
        return value.__name__
    name = custom.get_registered_name(value)
    return {
        "module": "builtins",
        "class_name": "function",
        "config": name,
        "registered_name": name,
    }


def snake_case(name: str) -> str:
    """Return a class's or a function's name as Keras writes it in strings.

    Examples
    --------
    >>> snake_case("GlorotUniform"), snake_case("MaxPooling2D"), snake_case("<lambda>")
    ('glorot_uniform', 'max_pooling2d', 'lambda')
    """
    name = re.sub(r"\W", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _getter(kind: str) -> str:
    return "losses.get" if kind == "loss" else f"{kind}s.get"


def find(
    kind: str,
    identifier: Any,
    base: type[T],
    namespace: Mapping[str, Any],
    aliases: Mapping[str, str] | None = None,
    spell: Callable[[str], str] = snake_case,
) -> T:
    """Return the object that an identifier stands for.

    Parameters
    ----------
    kind : str, what is looked for, in messages
    identifier : a class's name in any spelling ("GlorotUniform", "glorot_uniform"), a
        ``{"class_name", "config"}`` dict, a class, or an object, which is returned as it is
    base : the class that all of them have
    namespace : where the classes are, a module's globals()
    aliases : other names, such as "mse"
    spell : how messages write a class's name
    """
    if isinstance(identifier, base):
        return identifier
    own = custom.found(identifier)
    if own is not None:
        return custom.made_of(own, identifier)
    if isinstance(identifier, type) and issubclass(identifier, base):
        return identifier()
    classes = {
        name: value
        for name, value in namespace.items()
        if isinstance(value, type)
        and issubclass(value, base)
        and value is not base
        and name in namespace["__all__"]
    }
    config = custom.config_of(identifier)
    if isinstance(identifier, Mapping):
        identifier = identifier.get("class_name")
    if not isinstance(identifier, str):
        raise ArgumentError(
            _getter(kind),
            f"this is no {kind}",
            expected=f"a name, a config, or an object of class {base.__name__}",
            received={"identifier": identifier},
        )
    same = {name.lower(): made for name, made in classes.items()}
    same |= {alias: classes[name] for alias, name in (aliases or {}).items()}
    wellformed = re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", identifier.lower())
    made = same.get(identifier.lower().replace("_", "")) if wellformed else None
    if made is None:
        made = lookup(kind, identifier, {spell(n): m for n, m in classes.items()}, _getter(kind))
    known: Any = made
    return known.from_config(config) if config else known()


def widened(namespace: Mapping[str, Any], custom_objects: Mapping[str, Any] | None) -> dict:
    """Return a module's globals() with a caller's own classes among what `find` may find."""
    own = dict(custom_objects or {})
    return {**namespace, **own, "__all__": [*namespace["__all__"], *own]}
