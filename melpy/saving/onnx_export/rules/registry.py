"""The rules: what an op is in ONNX, one function an op.

    @rule("softplus")
    def softplus(c):                     # the call: c.x(0) is the name of its first input
        return c.add("Softplus", c.x(0))

A rule returns the name of the op's output, or a list of several. The inputs' names are of the
output's own type, where the rule asks for that: `Call.x`; as they were given: `Call.raw`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy import config
from melpy.ops.promotion import common, of_python
from melpy.ops.registry import OPS
from melpy.saving.onnx_export.graph import Graph, onnx_type
from melpy.saving.onnx_export.observer import Event, Ref
from melpy.saving.onnx_export.story import CannotSayError, Size, Value

__all__ = ["RULES", "Call", "CannotSayError", "Size", "onnx_type", "rule"]

RULES: dict[str, Callable[[Any], Any]] = {}


def rule(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function say what ops of some names are in ONNX."""

    def known(function: Callable[..., Any]) -> Callable[..., Any]:
        RULES.update(dict.fromkeys(names, function))
        return function

    return known


class Call:
    """One op that is to be said in ONNX.

    Parameters
    ----------
    graph : Graph to write into
    event : Event
    value_of : function of an array's number that returns its `Value`
    name_of : function of an array's number that returns its name in the graph
    """

    def __init__(
        self,
        graph: Graph,
        event: Event,
        value_of: Callable[[int], Value],
        name_of: Callable[[int], str],
    ) -> None:
        self.graph, self.event, self.value_of, self.name_of = graph, event, value_of, name_of
        self.op = event.op
        self.out = value_of(event.outputs[0])
        self.add, self.add_all = graph.add, graph.add_all

    # Options.

    def __getitem__(self, option: str) -> Any:
        """Return an option, its default where it was not given."""
        if option in self.event.options:
            return self.event.options[option]
        return _defaults(self.op)[option]

    def numbers(self, x: Any) -> list[int | Size]:
        """Return whole numbers that were given as one, as several, or as an array."""
        if isinstance(x, Ref):
            value = self.value_of(x.number)
            if value.arrays is None:
                raise CannotSayError("sizes that are computed from values")
            runs = zip(*(np.ravel(a).tolist() for a in value.arrays), strict=True)
            return [run[0] if len(set(run)) == 1 else Size(run) for run in runs]
        return list(x) if isinstance(x, list | tuple) else [x]

    def static(self, x: Any) -> list[int]:
        """Return whole numbers that are the same for all sizes."""
        numbers = self.numbers(x)
        if any(isinstance(n, Size) for n in numbers):
            raise CannotSayError("sizes that have to be known")
        return [int(n) for n in numbers]  # type: ignore[arg-type]

    def array(self, x: Any, dtype: Any = None) -> np.ndarray | None:
        """Return an option or an input that is the same in all runs as an array, else None."""
        if isinstance(x, Ref):
            return self.value_of(x.number).constant
        return None if x is None else np.asarray(x, dtype)

    # Inputs.

    @property
    def count(self) -> int:
        """How many inputs there are."""
        return len(self.event.inputs)

    def given(self, n: int) -> bool:
        """Return whether there is an input of that number."""
        return n < self.count and self.event.inputs[n] is not None

    def value(self, n: int) -> Value:
        """Return what is known of an input that is an array."""
        x = self.event.inputs[n]
        if isinstance(x, Ref):
            return self.value_of(x.number)
        array = np.asarray(x)
        array = array.astype(of_python(array), copy=False)
        return Value(array.shape, array.dtype, [array], "", "")

    def shape(self, n: int = 0) -> tuple[Any, ...]:
        """Return an input's shape."""
        return self.value(n).shape

    def rank(self, n: int = 0) -> int:
        """Return how many axes an input has."""
        return len(self.shape(n))

    def dtype(self, n: int = 0) -> np.dtype:
        """Return an input's type."""
        return self.value(n).dtype

    def raw(self, n: int = 0) -> str:
        """Return an input's name, of its own type."""
        x = self.event.inputs[n]
        return self.name_of(x.number) if isinstance(x, Ref) else self.graph.constant(self._array(n))

    def _array(self, n: int) -> np.ndarray:
        array = self.value(n).arrays
        return array[0] if array else np.zeros(0)

    def x(self, n: int = 0, dtype: Any = None) -> str:
        """Return an input's name, of the output's type or another."""
        new = self.out.dtype if dtype is None else np.dtype(dtype)
        if not isinstance(self.event.inputs[n], Ref):
            return self.graph.constant(np.asarray(self.event.inputs[n]).astype(new))
        return self.graph.cast(self.raw(n), self.dtype(n), new)

    def all(self) -> list[str]:
        """Return all inputs' names, of the output's type."""
        return [self.x(n) for n in range(self.count)]

    def ref(self, x: Any, dtype: Any = None) -> str:
        """Return the name of an option that is an array or numbers."""
        if isinstance(x, Ref):
            value = self.value_of(x.number)
            return self.graph.cast(
                self.name_of(x.number), value.dtype, np.dtype(dtype or value.dtype)
            )
        return self.graph.constant(np.asarray(x, dtype))

    def common(self, *numbers: int) -> np.dtype:
        """Return the type in which some inputs go together."""
        given = [self.event.inputs[n] for n in numbers]
        types = [self.dtype(n) for n, x in zip(numbers, given, strict=True) if isinstance(x, Ref)]
        if any(isinstance(x, float) for x in given) and not any(t.kind == "f" for t in types):
            types.append(np.dtype(config.floatx()))
        if not types or (all(t.kind == "b" for t in types) and len(types) < len(given)):
            types += [self.dtype(n) for n in numbers]
        return types[0] if len(set(types)) == 1 else common(*types)

    # What is written often.

    def number(self, value: Any, dtype: Any = None) -> np.ndarray:
        """Return a number as a constant of the output's type, or of another."""
        return np.asarray(value).astype(self.out.dtype if dtype is None else dtype)

    def cast(self, name: str, old: Any, new: Any = None) -> str:
        """Return a name in another type, the output's by default."""
        new = self.out.dtype if new is None else np.dtype(new)
        return self.graph.cast(name, np.dtype(old), new)

    def axes(self, axis: Any, rank: int | None = None) -> list[int]:
        """Return axes as numbers >= 0, all of them for None."""
        rank = self.rank() if rank is None else rank
        if axis is None:
            return list(range(rank))
        return [
            int(a) % rank if rank else 0
            for a in (axis if isinstance(axis, tuple | list) else [axis])
        ]

    def transpose(self, name: str, order: Sequence[int]) -> str:
        """Return the axes reordered."""
        return self.graph.transpose(name, order)

    def reshape(self, name: str, shape: Sequence[Any]) -> str:
        """Return another shape."""
        return self.graph.reshape(name, shape)

    def flat(self, name: str) -> str:
        """Return all entries in one axis."""
        return self.add("Reshape", name, [-1])

    def slice(self, name: str, axis: int, start: Any, end: Any, step: int = 1) -> str:
        """Return part of an axis."""
        ends = [self.graph.sizes([n]) for n in (start, end)]
        return self.add("Slice", name, *ends, [axis], [step])

    def like(self, n: int = 0) -> str:
        """Return the name of an input's shape, as a vector."""
        return self.graph.sizes(self.shape(n))


@functools.cache
def _defaults(op: str) -> dict[str, Any]:
    """Return the options of an op that have a default."""
    if op not in OPS:
        return {}
    parameters = inspect.signature(OPS[op].call).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
