"""What a model does, told of any sizes: several runs laid over each other.

A run knows arrays of some sizes and values. Where two runs differ in sizes, a whole number that
differs follows from the sizes (`Size`); where they differ in values only, a constant that differs
was read from the values with NumPy, which no file can tell.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from melpy.saving.onnx_export.observer import Event, Ref, Seen, Watch

__all__ = ["CannotSayError", "Run", "Size", "Story", "Unsaid", "Value", "told"]


class CannotSayError(Exception):
    """What ONNX cannot say, in a few words; all of them are told at once."""


@dataclass(frozen=True)
class Size:
    """A whole number that follows from the inputs' sizes: what it was in each run."""

    runs: tuple[int, ...]


@dataclass(frozen=True)
class Unsaid:
    """In the place of an argument that no file can tell, and why."""

    why: str


@dataclass
class Value:
    """An array of all runs.

    Attributes
    ----------
    shape : tuple of int, or `Size` where it follows from the inputs' sizes
    arrays : list of arrays, one a run, None where it depends on the inputs' values
    maker : the `Event` that made it, or None
    """

    shape: tuple[Any, ...]
    dtype: np.dtype
    arrays: list[np.ndarray] | None
    name: str
    layer: str
    maker: Event | None = None

    @functools.cached_property
    def constant(self) -> np.ndarray | None:
        """The array, where it is the same in all runs."""
        if self.arrays is None:
            return None
        first, *others = self.arrays
        return first if all(_is_same(first, other) for other in others) else None


@dataclass
class Story:
    """The ops of a model in order, the arrays by number, and the numbers of its outputs."""

    events: list[Event]
    values: list[Value]
    inputs: list[int]
    outputs: list[int]


@dataclass
class Run:
    """One run: who watched it, the inputs' numbers and the outputs'."""

    watch: Watch
    inputs: list[int]
    outputs: list[int]


def told(runs: Sequence[Run]) -> Story:
    """Return one story of several runs, of which the first two differ in values only.

    Raises
    ------
    CannotSayError : the runs did different things
    """
    first = runs[0].watch
    for run in runs[1:]:
        _require_alike(first.events, run.watch.events, run is runs[1])
    values = [_one(seen) for seen in zip(*(run.watch.values for run in runs), strict=True)]
    events = []
    for same in zip(*(run.watch.events for run in runs), strict=True):
        event = Event(
            same[0].op,
            [_joined(x) for x in zip(*(e.inputs for e in same), strict=True)],
            {key: _joined([e.options[key] for e in same]) for key in same[0].options},
            same[0].outputs,
            same[0].layer,
        )
        for number in event.outputs:
            values[number].maker = event
        events.append(event)
    return Story(events, values, runs[0].inputs, runs[0].outputs)


def _require_alike(first: list[Event], other: list[Event], same_sizes: bool) -> None:
    """Refuse runs of which one did something else than the other."""
    for n, event in enumerate(first):
        twin = other[n] if n < len(other) else None
        if twin is None or _form(twin) != _form(event):
            break
    else:
        if len(first) == len(other):
            return
        event = other[len(first)]
    if same_sizes:
        raise CannotSayError(f"a choice by values{_in(event)}")
    raise CannotSayError(f"a loop of Python's over an axis of unknown size{_in(event)}")


def _in(event: Event) -> str:
    return f" in {event.layer}" if event.layer else ""


def _form(event: Event) -> tuple:
    """Return what runs of one story have in common: the op, its arrays, its outputs."""
    return event.op, event.outputs, str(_outline(event.inputs)), str(_outline(event.options))


def _outline(x: Any) -> Any:
    if isinstance(x, list | tuple):
        return [_outline(part) for part in x]
    if isinstance(x, dict):
        return {key: _outline(value) for key, value in x.items()}
    if isinstance(x, slice):
        return [_outline(part) for part in (x.start, x.stop, x.step)]
    return x if isinstance(x, Ref | str) or x is None else type(x).__name__


def _one(seen: tuple[Seen, ...]) -> Value:
    """Return one value of what it was in each run."""
    first = seen[0]
    if len({(len(s.shape), s.dtype) for s in seen}) > 1:
        raise CannotSayError(
            f"another array for other sizes{' in ' * bool(first.layer)}{first.layer}"
        )
    shape = tuple(_size(sizes) for sizes in zip(*(s.shape for s in seen), strict=True))
    arrays = None if first.depends else [s.array for s in seen if s.array is not None]
    return Value(shape, first.dtype, arrays, first.name, first.layer)


def _size(sizes: Sequence[int]) -> int | Size:
    return sizes[0] if len(set(sizes)) == 1 else Size(tuple(int(n) for n in sizes))


def _joined(same: Sequence[Any]) -> Any:
    """Return one argument of what it was in each run."""
    first = same[0]
    if isinstance(first, tuple):
        return tuple(_joined(parts) for parts in zip(*same, strict=True))
    if isinstance(first, slice):
        return slice(*(_joined([getattr(s, n) for s in same]) for n in ("start", "stop", "step")))
    is_number = isinstance(first, int | float) and not isinstance(first, bool)
    if not is_number or len(set(map(repr, same))) == 1:
        return first
    if repr(first) != repr(same[1]):
        return Unsaid("a number that was read from the values")
    return _size(same) if isinstance(first, int) else Unsaid("a number that follows from sizes")


def _is_same(a: np.ndarray, b: np.ndarray) -> bool:
    if a is b:
        return True
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return a.view(np.ndarray).tobytes() == b.view(np.ndarray).tobytes()
