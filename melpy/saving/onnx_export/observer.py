"""Who watches a model run: every op, in order, with what went in, what came out, and the layer.

    watch = Watch()
    with watch.of(model): model(x)
    watch.events                        the ops, arrays as numbers in watch.values

Layers are not known here, and need not be: `melpy.tape.observer` shows each op. What a layer
computes with NumPy's own functions, a mask above all, is seen too: plain arrays are handed out as
`Noted`, a kind of array that calls the op of the same name for whatever NumPy does with it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from melpy import tape
from melpy.saving.onnx_export.noted import Noted

__all__ = ["Event", "Ref", "Seen", "Watch"]


@dataclass(frozen=True)
class Ref:
    """Stands for an array among an op's inputs, options and outputs, by its number."""

    number: int


@dataclass
class Event:
    """One op that ran: its inputs and options, with a `Ref` for each array, and its outputs."""

    op: str
    inputs: list[Any]
    options: dict[str, Any]
    outputs: list[int]
    layer: str


@dataclass
class Seen:
    """An array that was seen: what made it, whether inputs are behind it, its values if not."""

    shape: tuple[int, ...]
    dtype: np.dtype
    array: np.ndarray | None
    depends: bool = False
    name: str = ""
    layer: str = ""


@dataclass
class Watch:
    """Notes the ops that run while `tape.observer` is it.

    Attributes
    ----------
    events : list of `Event`
    values : list of `Seen`, by number
    """

    events: list[Event] = field(default_factory=list)
    values: list[Seen] = field(default_factory=list)
    _by_id: dict[int, int] = field(default_factory=dict)
    _by_place: dict[tuple, int] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)  # the names of the layers that are running

    @property
    def layer(self) -> str:
        """The path of the layer that is running."""
        return "/".join(self._open)

    # What the tape calls.

    def observe(
        self, name: str, op: Callable[..., Any], args: tuple, options: dict[str, Any]
    ) -> Any:
        """Run an op, note it, and return what it returns; plain arrays as `Noted`."""
        args, options = self._bare(args), self._bare(options)
        inputs = [self._told(np.asarray(x) if _is_list(x) else x) for x in args]
        told = {key: self._told(option) for key, option in options.items()}
        token = tape.observer.set(None)  # what an op does inside is its own affair
        try:
            y = op(*args, **options)
        finally:
            tape.observer.reset(token)
        outputs = list(y) if isinstance(y, tuple) else [y]
        made = [x if isinstance(x, tape.Variable) else np.asarray(x).view(Noted) for x in outputs]
        self._note(name, inputs, told, made)
        return tuple(made) if isinstance(y, tuple) else made[0]

    def noted(self, array: np.ndarray) -> np.ndarray:
        """Return an array that tells what NumPy does with it, with the same values."""
        self.number_of(array)
        return array.view(Noted)

    # What it knows.

    def enter(self, array: np.ndarray, name: str, depends: bool = False) -> int:
        """Make an array known by a name: a weight, or an input, on which others depend."""
        number = self._add(array, depends)
        self.values[number].name = name
        return number

    def number_of(self, x: Any) -> int:
        """Return an array's number; what was never seen is a constant until it proves otherwise."""
        array = x.array if isinstance(x, tape.Variable) else x
        found = self._by_id.get(id(array))
        if found is None and array.size:
            found = self._by_place.get(_place(array))
        if found is not None:
            return found
        origin = array.origin if isinstance(array, Noted) else None
        if origin is not None and origin.shape == array.shape and origin.dtype != array.dtype:
            source = Ref(self.number_of(origin))  # np.asanyarray(mask, "float32")
            self._note("cast", [source], {"dtype": str(array.dtype)}, [array])
            return self._by_id[id(array)]
        return self._add(array, False)

    def forget(self, array: np.ndarray) -> None:
        """Let an array be unknown, since something was written into it."""
        number = self._by_place.pop(_place(array), None)
        self._by_id = {key: n for key, n in self._by_id.items() if n != number}

    def _add(self, array: np.ndarray, depends: bool) -> int:
        number = len(self.values)
        self.values.append(Seen(array.shape, array.dtype, array, depends, layer=self.layer))
        self._by_id[id(array)] = number
        if array.size:
            self._by_place[_place(array)] = number
        return number

    def _note(self, name: str, inputs: list[Any], options: dict[str, Any], made: list) -> None:
        depends = any(self.values[n].depends for n in _numbers((inputs, options)))
        arrays = [y.array if isinstance(y, tape.Variable) else y for y in made]
        outputs = [self._add(y, depends) for y in arrays]
        self.events.append(Event(name, inputs, options, outputs, self.layer))

    def _told(self, x: Any) -> Any:
        """Return arguments with a `Ref` in the place of each array."""
        if isinstance(x, tape.Variable | np.ndarray):
            return Ref(self.number_of(x))
        if isinstance(x, slice):
            return slice(*map(self._told, (x.start, x.stop, x.step)))
        if isinstance(x, list | tuple):
            return tuple(map(self._told, x))
        return x.item() if isinstance(x, np.generic) else x

    def _bare(self, x: Any) -> Any:
        """Return arguments with plain arrays in the place of noted ones, which stay known."""
        if isinstance(x, Noted):
            self.number_of(x)
            return x.view(np.ndarray)
        if type(x) in (list, tuple):
            return type(x)(map(self._bare, x))
        return {key: self._bare(v) for key, v in x.items()} if type(x) is dict else x

    def forget_arrays(self) -> None:
        """Let go of the arrays that depend on inputs; shapes and types stay."""
        for value in self.values:
            if value.depends:
                value.array = None
        self._by_id.clear()
        self._by_place.clear()

    @contextmanager
    def of(self, layers: list[Any]) -> Iterator[None]:
        """Watch inside the ``with`` block; layers call their own ``call`` by way of this one."""
        for layer in layers:
            layer.call = self._announcing(layer, layer.call)
        token = tape.observer.set(self)
        try:
            yield
        finally:
            tape.observer.reset(token)
            for layer in layers:
                del layer.call

    def _announcing(self, layer: Any, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def announcing(*args: Any, **kwargs: Any) -> Any:
            self._open.append(layer.name)
            try:
                return call(*args, **kwargs)
            finally:
                self._open.pop()

        return announcing


def _place(array: np.ndarray) -> tuple:
    """Return where an array lies in memory: two that lie alike are one, as long as both are."""
    interface = array.__array_interface__
    return interface["data"][0], array.shape, array.strides, array.dtype.str


def _is_list(x: Any) -> bool:
    return isinstance(x, list | tuple)


def _numbers(structure: Any) -> Iterator[int]:
    """Yield the numbers of all arrays in inputs and options."""
    if isinstance(structure, Ref):
        yield structure.number
    elif isinstance(structure, slice):
        yield from _numbers((structure.start, structure.stop, structure.step))
    elif isinstance(structure, list | tuple):
        for part in structure:
            yield from _numbers(part)
    elif isinstance(structure, dict):
        yield from _numbers(list(structure.values()))
