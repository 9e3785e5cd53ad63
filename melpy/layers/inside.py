"""All that a thing is made of, and where: the one walk by which a training's state is found.

What a training follows from beside its weights, generators, optimizers, layers that are frozen,
lies in layers, losses, regularizers, and in objects of the user's own that these hold. Each is
found here by a path such as ``model[2].noise.rng``, the same one in each process that runs the
same script.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
import sysconfig
import types
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from melpy.configurable import Configurable
from melpy.layers.parts import NO_PARTS, Parts

__all__ = ["CONTAINERS", "FUNCTIONS", "attributes_of", "is_the_users", "things"]

CONTAINERS = list, tuple, dict
FUNCTIONS = types.FunctionType, types.MethodType, functools.partial
PLAIN = {
    bool, int, float, complex, str, bytes, type(None), np.ndarray, np.dtype, type, type(len),
    types.ModuleType, weakref.ProxyType, weakref.CallableProxyType,
}  # fmt: skip
# Attributes that say anew what others do. A model's metrics are found in what compile() was given.
PASSED_OVER = NO_PARTS - {"_compile_config"} | {"_arguments", "_inherited"}

Steps = list[tuple[str, Any]]


def things(
    whole: Any, name: str, into: tuple[type, ...] | None = None, is_early: bool = False
) -> Iterator[tuple[str, Any]]:
    """Yield a thing and all that is inside, once each, with the path that leads there first.

    Parameters
    ----------
    whole : where to begin
    name : what its path is
    into : the types to look into; None for all but those of Python's and of other packages
    is_early : bool, whether layers of a `Sequential` that has no input yet are numbered from 0, as
        earlier versions did; by default from 1, as they are once it has one
    """
    seen: dict[int, Any] = {}  # which keeps them: no other thing gets the id of one
    children: set[int] = set()  # of layers: each comes after all else that is in its parent
    coming = [(name, whole, False)]
    while coming:
        path, thing, is_child = coming.pop()
        if id(thing) in seen or (id(thing) in children and not is_child):
            continue
        seen[id(thing)] = thing
        yield path, thing
        if into is not None and thing is not whole and not isinstance(thing, into):
            continue
        parts = list(thing._children()) if isinstance(thing, Parts) else []
        children |= set(map(id, parts))
        inside = [(path + step, x, False) for step, x in _inside(thing) if not _is_plain(x)]
        first = thing.first_number if parts and not is_early else 0
        inside += [(f"{path}[{n}]", part, True) for n, part in enumerate(parts, first)]
        coming += reversed(inside)


def _inside(thing: Any) -> Steps:
    """Return what a thing holds, with the steps that lead to it."""
    if isinstance(thing, list | tuple):
        return [(f"[{n}]", x) for n, x in enumerate(list(thing)) if not _is_plain(x)]
    if isinstance(thing, dict):
        entries = enumerate(list(thing.items()))
        return [(_entry(n, key), x) for n, (key, x) in entries if not _is_plain(x)]
    if isinstance(thing, functools.partial):
        return [(".func", thing.func), (".args", thing.args), (".keywords", thing.keywords)]
    if isinstance(thing, types.MethodType):
        return [(".__self__", thing.__self__), (".__func__", thing.__func__)]
    if isinstance(thing, types.FunctionType):
        return _named_in(thing) if is_the_users(thing) else []
    if not isinstance(thing, Configurable) and not is_the_users(type(thing)):
        return []
    over = PASSED_OVER if isinstance(thing, Configurable) else ()
    own = list(attributes_of(thing).items())
    held = [(f".{key}", value) for key, value in own if key not in over]
    if isinstance(thing, Parts):
        for number, weight in enumerate(thing._own_weights()):
            for kind in ("regularizer", "constraint"):
                held.append((f".weights[{number}].{kind}", getattr(weight, kind, None)))
    return held


def attributes_of(thing: Any) -> dict[str, Any]:
    """Return the attributes that an object has of its own, without asking the object."""
    try:
        own = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return {}
    return own if isinstance(own, dict) else {}


def _entry(number: int, key: Any) -> str:
    return f"[{key!r}]" if type(key) in PLAIN else f"[#{number}]"  # others may tell their address


def _named_in(function: Any) -> Steps:
    """Return what a function's code names: variables around it and globals."""
    with contextlib.suppress(ValueError):  # a variable around it that is not set yet
        named = inspect.getclosurevars(function)
        return [(f".{key}", x) for key, x in {**named.nonlocals, **named.globals}.items()]
    return []


def _is_plain(value: Any) -> bool:
    """Return whether nothing is in a value: a vocabulary of a million words is not gone through.

    What is empty may be filled.
    """
    if type(value) is dict:
        value = list(value.values())
    kinds = set(map(type, value)) if type(value) in (list, tuple) else {type(value)}
    return bool(kinds) and kinds <= PLAIN


def is_the_users(thing: Any) -> bool:
    """Return whether a class or a function is neither Python's nor of a package, as ours is."""
    return not _is_installed(str(getattr(thing, "__module__", "")))


@functools.cache
def _is_installed(module: str) -> bool:
    room = module.partition(".")[0]
    file = str(getattr(sys.modules.get(module), "__file__", None))
    if room == "melpy" or any(folder in file for folder in ("site-packages", "dist-packages")):
        return True
    is_pythons = file.startswith(sysconfig.get_path("stdlib")) or file == "None"
    return is_pythons and room in sys.stdlib_module_names
