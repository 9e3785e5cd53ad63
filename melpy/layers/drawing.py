"""What is drawn from, where it stands, in plain values: what makes a training go on alike."""

from __future__ import annotations

import ast
import inspect
import random as python_random
from collections.abc import Mapping
from typing import Any

import numpy as np

from melpy import random
from melpy.errors import DataError, warn
from melpy.generators import GENERATORS, made
from melpy.layers.inside import CONTAINERS, FUNCTIONS, is_the_users, things
from melpy.layers.parts import Parts

__all__ = ["SOURCES", "source_at", "sources_of", "stand", "standing"]

BY_PATH = "by path"
SOURCES = random.SeedGenerator, *GENERATORS


def sources_of(whole: Any) -> list[Any]:
    """Return what a model, or anything else, draws from, by whatever is inside of it."""
    return list(_sources(whole, "").values())


def _sources(
    whole: Any, name: str, into: tuple[type, ...] | None = None, is_early: bool = False
) -> dict[str, Any]:
    found = things(whole, name, into, is_early)
    return {path: thing for path, thing in found if _is_source(thing)}


def _is_source(thing: Any) -> bool:
    return isinstance(thing, SOURCES) and not isinstance(thing, python_random.SystemRandom)


def source_at(state: Any) -> Any:
    """Return a new generator that stands where another one stood, of its kind."""
    if not (isinstance(state, list) and len(state) == 2):
        return made(state)
    source = random.SeedGenerator(0)
    random.restore(source, state)
    return source


def standing(whole: Any, name: str = "model") -> dict[str, Any]:
    """Return the states of all that something draws from, by path."""
    sources = _sources(whole, name).items()
    return {BY_PATH: {path: random.state_of(source) for path, source in sources}}


def stand(whole: Any, states: Any, who: str, name: str = "model", may_lack: bool = False) -> None:
    """Put all that something draws from where it stood.

    Generators that an object of the user's own makes at first use, and has not made yet, are made.

    Parameters
    ----------
    whole : model, data, or anything else
    states : what `standing` returned; or a list of states, which earlier versions wrote
    who : the function to name in messages
    name : as `standing` was given it
    may_lack : bool, whether to pass over what has no place, such as the loss of a model that is
        not compiled

    Raises
    ------
    DataError : it draws from others
    """
    if isinstance(states, dict) and BY_PATH not in states:
        warn(
            f"{who}: this is of an earlier version, whose layers drew other random numbers. The "
            "training goes on with new ones.",
        )
        return
    try:
        if isinstance(states, list):
            pairs = _in_order(whole, states)
        else:
            pairs = _by_path(whole, states[BY_PATH], who, name, may_lack)
        before = [(source, random.state_of(source)) for source, _ in pairs]
        try:
            for source, state in pairs:
                random.restore(source, state)
        except Exception:
            for source, state in before:
                random.restore(source, state)
            raise
    except Exception as error:  # NumPy's generators have their own ways to refuse a state
        raise DataError(
            who,
            f"this is of a {name} that draws from others ({error})",
            expected=f"the states of {len(sources_of(whole))} generators",
            mend="Make generators where what holds them is made, in __init__.",
        ) from error


def _by_path(
    whole: Any, kept: Mapping[str, Any], who: str, name: str, may_lack: bool
) -> list[tuple[Any, Any]]:
    sources = _sources(whole, name)
    lacking = [path for path in kept if path not in sources]
    if lacking and kept.keys() <= (early := _sources(whole, name, is_early=True)).keys():
        sources, lacking = early, []
    if lacking:
        inside = dict(things(whole, name))
        for path in lacking:
            _make(path, kept[path], inside)
        sources = _sources(whole, name)
    lost = [path for path in kept if path not in sources]
    if lost and not may_lack:
        raise ValueError(f"{lost[0]} is not there")
    new = [path for path in sources if path not in kept]
    if new:
        warn(f"{who}: it is not known where {', '.join(new[:3])} stood: these draw on from here.")
    return [(source, kept[path]) for path, source in sources.items() if path in kept]


def _make(path: str, state: Any, inside: Mapping[str, Any]) -> None:
    """Put a new generator where an object of the user's own had one, if that place is free."""
    source = source_at(state)
    if path.endswith("]"):
        holder, _, key = path[:-1].rpartition("[")
        held, key = inside.get(holder), ast.literal_eval(key)
        if isinstance(held, list) and all(map(_is_source, held)) and key == len(held):
            held.append(source)
        elif isinstance(held, dict) and all(map(_is_source, held.values())):
            held.setdefault(key, source)
    else:
        holder, _, key = path.rpartition(".")
        thing = inside.get(holder)
        is_free = key.isidentifier() and inspect.getattr_static(thing, key, None) is None
        if is_free and is_the_users(type(thing)):
            setattr(thing, key, source)


def _in_order(whole: Any, states: list[Any]) -> list[tuple[Any, Any]]:
    """Return what earlier versions kept, which looked into less, with its states."""
    into = (*CONTAINERS, Parts) + (() if isinstance(whole, Parts) else FUNCTIONS)
    found = _sources(whole, "", into).values()
    sources = [x for x in found if isinstance(x, random.SeedGenerator | np.random.Generator)]
    if len(states) != len(sources):
        raise ValueError(f"{len(states)} generators")
    return list(zip(sources, states, strict=True))
