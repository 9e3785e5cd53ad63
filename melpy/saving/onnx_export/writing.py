"""A story told in ONNX: each op by its rule, constants folded, all that cannot be said at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from melpy.saving.onnx_export.graph import Graph
from melpy.saving.onnx_export.observer import Event, Ref
from melpy.saving.onnx_export.rules import RULES, Call
from melpy.saving.onnx_export.story import CannotSayError, Story, Unsaid, Value

__all__ = ["REASONS", "Writer", "without_rule"]

# Why ops that have no rule have none; they are random, or ONNX has no such function.
REASONS = {
    **dict.fromkeys(
        ["dropout", "alpha_dropout", "gaussian_noise", "gaussian_dropout"], "random numbers"
    ),
    **dict.fromkeys(
        ["packed_eigh", "packed_svd", "packed_qr", "pinv", "inv", "solve", "cholesky", "lu_factor",
         "log_absolute_determinant"],
        "decompositions of matrices",
    ),
    **dict.fromkeys(["erfinv", "i0", "nextafter", "bitwise_left_shift",
                     "bitwise_right_shift", "cumprod", "gcd", "lcm"], "no such function"),
    **dict.fromkeys(["ctc_loss", "softmax_cross_entropy"], "a loss"),
    "argpartition": "an order that is not told",
    **dict.fromkeys(["affine_transform", "perspective_transform", "displace", "map_coordinates"],
                    "images that are warped"),
    "quantile": "no such function",
}  # fmt: skip


class Writer:
    """Writes a story into a graph.

    Parameters
    ----------
    story : Story
    opset : int
    input_names, output_names : lists of str; the second may be None

    Attributes
    ----------
    input_names, output_names : lists of str, as they are in the graph, where each is another's
    graph : Graph
    refused : list of (what ONNX cannot say, the layer)
    """

    def __init__(
        self,
        story: Story,
        opset: int,
        input_names: Sequence[str],
        output_names: Sequence[str] | None = None,
    ) -> None:
        self.story, self.graph = story, Graph(opset)
        self.refused: list[tuple[str, str]] = []
        self._names: dict[int, str] = {}
        self.input_names = [self.graph.take(name) for name in input_names]
        for number, name in zip(story.inputs, self.input_names, strict=True):
            self._bind(number, name)
        count = len(story.outputs)
        names = output_names or ["output" if not n else f"output_{n}" for n in range(count)]
        self.output_names = [self.graph.take(str(name)) for name in names]

    def write(self) -> list[str]:
        """Write all ops that an output needs, and return the outputs' names."""
        needed = self._needed()
        for event in self.story.events:
            if any(n in needed for n in event.outputs) and not self._is_constant(event):
                self._write(event)
        self.graph.scope = ""
        return [self._name(n) for n in self.story.outputs]

    def _needed(self) -> set[int]:
        """Return the numbers of all arrays that an output follows from."""
        needed = set(self.story.outputs)
        for event in reversed(self.story.events):
            if any(n in needed for n in event.outputs):
                leaves = _leaves((event.inputs, list(event.options.values())))
                needed.update(x.number for x in leaves if isinstance(x, Ref))
        return needed

    def _is_constant(self, event: Event) -> bool:
        return all(self.story.values[n].constant is not None for n in event.outputs)

    def _write(self, event: Event) -> None:
        self.graph.scope = event.layer
        rule = RULES.get(event.op)
        try:
            if rule is None:
                raise CannotSayError(without_rule(event.op))
            self._require_said(event)
            made = rule(Call(self.graph, event, self._value, self._name))
        except CannotSayError as error:
            what = str(error) if rule is None else f"{event.op} ({error})"
            if not isinstance(error, _KnownError):
                self.refused.append((what, event.layer))
            for number in event.outputs:
                self._names[number] = ""
            return
        for number, name in zip(
            event.outputs, [made] if isinstance(made, str) else made, strict=False
        ):
            self._bind(number, name)

    def _require_said(self, event: Event) -> None:
        """Refuse arguments that no file can tell; also where what else goes in was refused."""
        for x in _leaves((event.inputs, list(event.options.values()))):
            if isinstance(x, Unsaid):
                raise CannotSayError(x.why)
        for x in event.inputs:
            if isinstance(x, Ref) and self._value(x.number).maker is None:
                self._name(x.number)

    def _bind(self, number: int, name: str) -> None:
        self._names[number] = name
        self.graph.knows(name, self.story.values[number].shape)

    def _value(self, number: int) -> Value:
        return self.story.values[number]

    def _name(self, number: int) -> str:
        """Return the name of an array; what was not computed from inputs becomes a constant."""
        name = self._names.get(number)
        if name == "":
            raise _KnownError
        if name is None:
            name = self._names[number] = self._leaf(self._value(number))
        return name

    def _leaf(self, value: Value) -> str:
        """Return the name of an array that was there, or was made by NumPy alone."""
        constant = value.constant
        if constant is not None:
            return self.graph.constant(constant, value.name)
        if value.arrays is None:  # a rule gave fewer outputs than the op has
            raise CannotSayError("an output that has no rule")
        made = _by_sizes(self.graph, value)
        if made is None:
            first, other = value.arrays[:2]
            same = first.shape == other.shape and not np.array_equal(first, other)
            raise CannotSayError(
                "values that were read with NumPy" if same else "an array that NumPy made by size"
            )
        self.graph.ranks[made] = len(value.shape)
        return made


def without_rule(op: str) -> str:
    """Return what is said of an op that has no rule."""
    reason = REASONS.get(op)
    return f"{op} ({reason})" if reason else op


class _KnownError(CannotSayError):
    """Something before was refused already."""


def _leaves(structure: Any) -> Iterator[Any]:
    """Yield what is in the inputs and options of an op."""
    if isinstance(structure, slice):
        structure = (structure.start, structure.stop, structure.step)
    if isinstance(structure, list | tuple):
        for part in structure:
            yield from _leaves(part)
    else:
        yield structure


def _by_sizes(graph: Graph, value: Value) -> str | None:
    """Return an array that follows from sizes alone: of one number, counted up, or by diagonals."""
    arrays = [a.view(np.ndarray) for a in value.arrays or []]
    entries = {a.reshape(-1)[0].item() for a in arrays if a.size}
    if len(entries) == 1 and all((a == next(iter(entries))).all() for a in arrays):
        number = np.asarray(next(iter(entries))).astype(value.dtype)
        return graph.add("Expand", number, graph.sizes(value.shape))
    for rule in (_counted, _by_diagonals):
        made = rule(graph, value, arrays)
        if made is not None:
            return made
    return None


def _counted(graph: Graph, value: Value, arrays: list[np.ndarray]) -> str | None:
    """Return start, start + step, .. along the only axis that has a size."""
    axes = [n for n, size in enumerate(value.shape) if size != 1]
    if len(axes) != 1 or value.dtype.kind not in "fiu":
        return None
    rows = [a.reshape(-1) for a in arrays]
    start, step = rows[0][0].item(), (rows[0][1] - rows[0][0]).item() if len(rows[0]) > 1 else 0
    if not all(np.array_equal(row, start + step * np.arange(len(row))) for row in rows):
        return None
    count = graph.scalar(value.shape[axes[0]])
    made = graph.add("Range", np.array(0), count, np.array(1))
    made = graph.cast(made, np.dtype(np.int64), value.dtype)
    made = graph.add("Mul", made, np.asarray(step).astype(value.dtype))
    made = graph.add("Add", made, np.asarray(start).astype(value.dtype))
    return graph.reshape(made, value.shape) if len(value.shape) > 1 else made


def _by_diagonals(graph: Graph, value: Value, arrays: list[np.ndarray]) -> str | None:
    """Return matrices of one number on some diagonals around the main one, another elsewhere."""
    if len(value.shape) < 2 or any(s != 1 for s in value.shape[:-2]):
        return None
    if len(np.unique(np.concatenate([a.reshape(-1) for a in arrays]))) != 2:
        return None
    largest = max(arrays, key=lambda a: a.size)
    low, high = np.unique(largest).tolist()
    for inside, outside in ((high, low), (low, high)):
        rows, columns = np.nonzero(largest.reshape(largest.shape[-2:]) == inside)
        apart = columns - rows
        first, last = apart.min(), apart.max()
        # a limit that lies on the rim is none
        lower = None if first == 1 - largest.shape[-2] else int(first)
        upper = None if last == largest.shape[-1] - 1 else int(last)
        if all(_banded(a, inside, outside, lower, upper) for a in arrays):
            return _band(graph, value, (inside, outside), (lower, upper))
    return None


def _banded(a: np.ndarray, inside: Any, outside: Any, lower: Any, upper: Any) -> bool:
    T, S = a.shape[-2:]
    apart = np.arange(S) - np.arange(T)[:, np.newaxis]
    hit = np.ones((T, S), bool)
    hit &= True if lower is None else apart >= lower
    hit &= True if upper is None else apart <= upper
    return np.array_equal(a.reshape(T, S), np.where(hit, inside, outside).astype(a.dtype))


def _band(graph: Graph, value: Value, numbers: tuple[Any, Any], limits: tuple[Any, Any]) -> str:
    T, S = value.shape[-2:]
    rows, columns = (
        graph.add("Range", np.array(0), graph.scalar(size), np.array(1)) for size in (T, S)
    )
    apart = graph.add("Sub", columns, graph.add("Unsqueeze", rows, [1]))
    hits = [
        graph.add(kind, apart, np.array(limit))
        for kind, limit in zip(("GreaterOrEqual", "LessOrEqual"), limits, strict=True)
        if limit is not None
    ]
    hit = hits[0] if len(hits) == 1 else graph.add("And", *hits)
    if value.dtype.kind == "b":  # ONNX Runtime has no Where of truth values
        made = hit if numbers[0] else graph.add("Not", hit)
    else:
        made = graph.add("Where", hit, *(np.asarray(n).astype(value.dtype) for n in numbers))
    more = len(value.shape) - 2
    return graph.add("Unsqueeze", made, list(range(more))) if more else made
