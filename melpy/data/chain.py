"""A chain of datasets, each made of others: what all of it follows from can be kept."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from melpy import random
from melpy.errors import DataError
from melpy.layers.parts import Parts, sources_in, sources_of

__all__ = ["Chain", "Passes"]


@dataclass
class Passes:
    """How often a source was gone through."""

    count: int = 0


class Chain:
    """What a dataset and those that it is made of follow from. Abstract."""

    seed: int | None = None  # of what this one draws itself
    _passes: Passes  # the source's, shared by all that is made of it
    _reads: tuple[Chain, ...] = ()  # those that it is made of
    _calls: Any = None  # the function that it calls

    @property
    def epoch(self) -> int:
        """The number of the next epoch."""
        return self._passes.count

    @epoch.setter
    def epoch(self, number: int) -> None:
        self._passes.count = number

    def standing(self) -> dict[str, Any]:
        """Return what the elements of the next epoch follow from, in plain values."""
        parts = self._chain()
        return {
            "epoch": self.epoch,
            "seeds": [part.seed for part in parts],
            "sources": [random.state_of(s) for s in drawn_from(part._calls for part in parts)],
        }

    def stand(self, standing: Mapping[str, Any]) -> None:
        """Let the next epoch follow from what `standing` returned for an equal dataset."""
        parts = self._chain()
        sources = drawn_from(part._calls for part in parts)
        if (len(standing["seeds"]), len(standing["sources"])) != (len(parts), len(sources)):
            raise DataError(
                "Dataset",
                "a backup is of a dataset that was made in another way",
                expected=f"{len(standing['seeds'])} steps that make it",
                received={"steps": len(parts)},
            )
        self.epoch = standing["epoch"]
        for part, seed in zip(parts, standing["seeds"], strict=True):
            part.seed = seed
        for source, state in zip(sources, standing["sources"], strict=True):
            random.restore(source, state)

    def _chain(self) -> list[Chain]:
        """Return this dataset and all that it is made of."""
        return [self, *(part for read in self._reads for part in read._chain())]


def drawn_from(functions: Iterable[Any]) -> list[Any]:
    """Return the generators that functions draw from by way of layers, once each.

    Looked at are layers and generators themselves, the objects of bound methods, and what the
    functions' code names: variables around them and globals, other functions among them.
    """
    seen: dict[int, Any] = {}
    found = [source for function in functions for source in _of(function, seen)]
    return list({id(source): source for source in found}.values())


def _of(thing: Any, seen: dict[int, Any]) -> Iterator[Any]:
    if id(thing) in seen:
        return
    seen[id(thing)] = thing
    if isinstance(thing, Parts):
        yield from sources_of(thing)
    elif isinstance(thing, functools.partial):
        for part in (thing.func, *thing.args, *thing.keywords.values()):
            yield from _of(part, seen)
    elif inspect.ismethod(thing):
        yield from _of(thing.__self__, seen)
        yield from _of(thing.__func__, seen)
    elif inspect.isfunction(thing):
        if not (thing.__module__ or "").startswith("melpy."):
            named = inspect.getclosurevars(thing)
            for value in (*named.nonlocals.values(), *named.globals.values()):
                yield from _of(value, seen)
    elif isinstance(thing, list | tuple):
        for one in thing:
            yield from _of(one, seen)
    else:
        yield from sources_in(thing)
