"""Entries by their places: slices, gathering, scattering, one-hot."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.saving.onnx_export.graph import FAR
from melpy.saving.onnx_export.observer import Ref
from melpy.saving.onnx_export.rules import recurrent
from melpy.saving.onnx_export.rules.registry import Call, CannotSayError, Size, rule

__all__: list[str] = []


@rule("get_item")
def get_item(c: Call) -> str:
    key = c["key"]
    parts = list(key) if isinstance(key, tuple) and not _is_one_list(c, key) else [key]
    known = recurrent.part_of(c, parts)
    if known is not None:
        return known
    parts = _spread(c, parts)
    arrays = [p for p in parts if isinstance(p, Ref | tuple)]
    x = c.x()
    if arrays and all(isinstance(p, Ref | tuple) or p == slice(None) for p in parts):
        return _advanced(c, x, parts)
    if arrays:
        raise CannotSayError("an index that mixes arrays with numbers and slices")
    return _basic(c, x, parts)


def _is_one_list(c: Call, key: tuple) -> bool:
    """Return whether a key was a list of numbers: as a tuple it would have too many."""
    plain = all(isinstance(k, int) and not isinstance(k, bool) for k in key)
    return plain and bool(key) and len(c.out.shape) != c.rank() - len(key)


def _spread(c: Call, parts: list[Any]) -> list[Any]:
    """Return a key without an ellipsis, one part an axis."""
    used = sum(_axes_of(c, p) for p in parts if p is not None and p is not Ellipsis)
    missing = [slice(None)] * (c.rank() - used)
    for n, part in enumerate(parts):
        if part is Ellipsis:
            return [*parts[:n], *missing, *parts[n + 1 :]]
    return [*parts, *missing]


def _axes_of(c: Call, part: Any) -> int:
    if isinstance(part, Ref) and c.value_of(part.number).dtype == bool:
        return len(c.value_of(part.number).shape)
    return 1


def _basic(c: Call, x: str, parts: list[Any]) -> str:
    """Return slices of axes, those with a number taken away, new ones of size 1."""
    axis, starts, ends, axes, steps = 0, [], [], [], []
    away, new, at = [], [], 0
    for part in parts:
        if part is None:
            new.append(at)
            at += 1
            continue
        if isinstance(part, slice):
            if part != slice(None):
                step = 1 if part.step is None else part.step
                first, last = (0, FAR) if step > 0 else (FAR, -FAR)
                starts.append(first if part.start is None else part.start)
                ends.append(last if part.stop is None else part.stop)
                axes.append(axis)
                steps.append(step)
            at += 1
        else:
            away.append((axis, part))
        axis += 1
    if axes:
        limits = [c.graph.sizes(numbers) for numbers in (starts, ends)]
        x = c.add("Slice", x, *limits, axes, steps)
    for axis, number in reversed(away):
        x = c.add("Gather", x, c.graph.scalar(number), axis=axis)
    return c.add("Unsqueeze", x, new) if new else x


def _advanced(c: Call, x: str, parts: list[Any]) -> str:
    """Return what arrays of places pick."""
    where = [n for n, p in enumerate(parts) if isinstance(p, Ref | tuple)]
    first = parts[where[0]]
    if len(where) == 1:
        if isinstance(first, Ref) and c.value_of(first.number).dtype == bool:
            if where[0]:
                raise CannotSayError("a mask that picks behind the first axis")
            places = c.transpose(c.add("NonZero", c.ref(first)), [1, 0])
            return c.add("GatherND", x, places)
        return c.add("Gather", x, c.ref(first, np.int64), axis=where[0])
    if where != list(range(len(where))):
        raise CannotSayError("arrays of places that do not come first in an index")
    ranks = [len(c.value_of(p.number).shape) if isinstance(p, Ref) else 1 for p in parts]
    if len({ranks[n] for n in where}) > 1:
        raise CannotSayError("arrays of places of different ranks in an index")
    columns = [c.add("Unsqueeze", c.ref(parts[n], np.int64), [-1]) for n in where]
    return c.add("GatherND", x, c.add("Concat", *columns, axis=-1))


@rule("take")
def take(c: Call) -> str:
    indices, axis = c["indices"], c["axis"]
    x, along = (c.flat(c.x()), 0) if axis is None else (c.x(), c.axes(axis)[0])
    if isinstance(indices, int | Size):
        return c.add("Gather", x, c.graph.scalar(indices), axis=along)
    return c.add("Gather", x, c.ref(indices, np.int64), axis=along)


@rule("take_along_axis")
def take_along_axis(c: Call) -> str:
    axis, indices = c["axis"], c.x(1, np.int64)
    if axis is None:
        return c.add("GatherElements", c.flat(c.x()), c.flat(indices), axis=0)
    along = c.axes(axis)[0]
    wide = [s if n != along else None for n, s in enumerate(c.shape(0))]
    own = c.shape(1)
    if any(w is not None and o != w for w, o in zip(wide, own, strict=True)):
        shape = [o if w is None else w for w, o in zip(wide, own, strict=True)]
        indices = c.add("Expand", indices, c.graph.sizes(shape))
    return c.add("GatherElements", c.x(), indices, axis=along)


@rule("one_hot")
def one_hot(c: Call) -> str:
    # not OneHot, for which -1 is the last class
    dtype = c.dtype()
    classes = np.arange(c["num_classes"]).astype(np.int32 if dtype.kind == "b" else dtype)
    x = c.add("Unsqueeze", c.x(0, classes.dtype), [-1])
    y = c.cast(c.add("Equal", x, classes), bool)
    rank = len(c.out.shape)
    axis = c.axes(c["axis"], rank)[0]
    order = list(range(rank - 1))
    order.insert(axis, rank - 1)
    return c.transpose(y, order)


# Scattering.

COMBINED = {"None": "none", "add": "add", "mul": "mul", "max": "max", "min": "min"}


@rule("scatter")
def scatter(c: Call) -> str:
    zeros = c.add("Expand", c.number(0), c.graph.sizes(c.out.shape))
    return c.add("ScatterND", zeros, c.x(0, np.int64), c.x(1), reduction="add")


@rule("scatter_update")
def scatter_update(c: Call) -> str:
    reduction = COMBINED[str(c["reduction"])]
    return c.add("ScatterND", c.x(0), c.x(1, np.int64), c.x(2), reduction=reduction)


@rule("slice_update")
def slice_update(c: Call) -> str:
    sizes, whole = c.static(c.shape(2)), np.array(c.static(c.shape(0)), np.int64)
    starts = c.x(1, np.int64)
    before = c.add("Less", starts, np.array(0))
    starts = c.add("Where", before, c.add("Add", starts, whole), starts)
    starts = c.add("Max", c.add("Min", starts, whole - sizes), np.array(0))
    places = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), axis=-1)
    return c.add("ScatterND", c.x(0), c.add("Add", places.astype(np.int64), starts), c.x(2))


SEGMENTS = {
    "segment_sum": ("add", lambda limits: 0), "segment_prod": ("mul", lambda limits: 1),
    "segment_max": ("max", lambda limits: limits[0]),
    "segment_min": ("min", lambda limits: limits[1]),
}  # fmt: skip


def _limits(dtype: np.dtype) -> tuple[Any, Any]:
    if dtype.kind == "f":
        return -np.inf, np.inf
    return np.iinfo(dtype).min, np.iinfo(dtype).max


@rule(*SEGMENTS)
def segments(c: Call) -> str:
    reduction, start = SEGMENTS[c.op]
    if c["num_segments"] is None:
        raise CannotSayError("a number of segments that the values tell")
    count = c.static(c["num_segments"])[0]
    ids = c.x(1, np.int64)
    inside = c.add("And", c.add("GreaterOrEqual", ids, np.array(0)),
                   c.add("Less", ids, np.array(count)))  # fmt: skip
    rows = c.add("Unsqueeze", c.add("Where", inside, ids, np.array(count)), [1])
    shape = c.graph.sizes([count + 1, *c.shape()[1:]])
    begun = c.add("Expand", c.number(start(_limits(c.out.dtype))), shape)
    return c.slice(c.add("ScatterND", begun, rows, c.x(0), reduction=reduction), 0, 0, count)
