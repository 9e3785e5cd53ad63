"""Sums, means, extremes and moments along axes; orders."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.saving.onnx_export.graph import FAR
from melpy.saving.onnx_export.rules.registry import RULES, Call, CannotSayError, rule

__all__: list[str] = []

REDUCED = {
    "sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax", "min": "ReduceMin",
    "prod": "ReduceProd", "logsumexp": "ReduceLogSumExp", "euclidean_norm": "ReduceL2",
}  # fmt: skip


def _reduced(c: Call) -> str:
    kind, axes = REDUCED[c.op], c.axes(c["axis"])
    if not axes:  # a single number
        return c.add("Abs", c.x()) if c.op == "euclidean_norm" else c.add("Identity", c.x())
    y = c.add(kind, c.x(), axes, keepdims=int(c["keepdims"]))
    if c.op in ("max", "min") and c["initial"] is not None:
        y = c.add(kind.removeprefix("Reduce").capitalize(), y, c.number(c["initial"]))
    return y


RULES.update(dict.fromkeys(REDUCED, _reduced))


@rule("var", "std")
def var(c: Call) -> str:
    axes, x = c.axes(c["axis"]), c.x()
    if not axes:
        return c.add("Sub", x, x)
    away = c.add("Sub", x, c.add("ReduceMean", x, axes, keepdims=1))
    y = c.add("ReduceMean", c.add("Mul", away, away), axes, keepdims=int(c["keepdims"]))
    return c.add("Sqrt", y) if c.op == "std" else y


@rule("standardize")
def standardize(c: Call) -> str:
    axes, x = c.axes(c["axis"]), c.x()
    away = c.add("Sub", x, c.add("ReduceMean", x, axes, keepdims=1))
    variance = c.add("ReduceMean", c.add("Mul", away, away), axes, keepdims=1)
    return c.add("Div", away, c.add("Sqrt", c.add("Add", variance, c.number(c["epsilon"]))))


@rule("layer_norm")
def layer_norm(c: Call) -> str:
    return c.add("LayerNormalization", *c.all(), axis=-1, epsilon=float(c["epsilon"]))


@rule("batch_norm")
def batch_norm(c: Call) -> list[str]:
    x, axes = c.x(), list(range(c.rank() - 1))
    mean = c.add("ReduceMean", x, axes, keepdims=0)
    away = c.add("Sub", x, mean)
    variance = c.add("ReduceMean", c.add("Mul", away, away), axes, keepdims=0)
    root = c.add("Sqrt", c.add("Add", variance, c.number(c["epsilon"])))
    y = c.add("Add", c.add("Mul", away, c.add("Div", c.x(1), root)), c.x(2))
    return [c.add("Relu", y) if c["activation"] == "relu" else y, mean, variance]


@rule("argmax", "argmin")
def argmax(c: Call) -> str:
    kind, axis, x = {"argmax": "ArgMax", "argmin": "ArgMin"}[c.op], c["axis"], c.raw()
    x = c.cast(x, bool, np.int32) if c.dtype().kind == "b" else x
    if axis is None:
        y = c.add(kind, c.flat(x), axis=0, keepdims=0)
        y = c.reshape(y, [1] * c.rank()) if c["keepdims"] else y
    else:
        y = c.add(kind, x, axis=c.axes(axis)[0], keepdims=int(c["keepdims"]))
    return c.cast(y, np.int64)


@rule("cumsum")
def cumsum(c: Call) -> str:
    axis, x = c["axis"], c.x()
    if axis is None:
        return c.add("CumSum", c.flat(x), np.array(0))
    return c.add("CumSum", x, np.array(c.axes(axis)[0]))


@rule("diff")
def diff(c: Call) -> str:
    axis, x = c.axes(c["axis"])[0], c.x()
    for _ in range(c["n"]):
        x = _differences(c, x, axis)
    return x


def _differences(c: Call, x: str, axis: int) -> str:
    return c.add("Sub", c.slice(x, axis, 1, FAR), c.slice(x, axis, 0, -1))


@rule("trapezoid")
def trapezoid(c: Call) -> str:
    axis, y = c.axes(c["axis"])[0], c.x()
    both = c.add("Add", c.slice(y, axis, 1, FAR), c.slice(y, axis, 0, -1))
    pairs = c.add("Mul", both, c.number(0.5))
    if not c.given(1):
        steps: Any = c.number(c["dx"])
    elif c.rank(1) == 1:
        steps = _differences(c, c.x(1), 0)
        steps = c.add("Reshape", steps, [-1, *[1] * (c.rank() - 1 - axis)])
    else:
        steps = _differences(c, c.x(1), axis)
    return c.add("ReduceSum", c.add("Mul", pairs, steps), [axis], keepdims=0)


# Orders.


@rule("sort", "argsort")
def sort(c: Call) -> str:
    axis, x = c["axis"], c.raw()
    if axis is None:
        x, size, along = c.flat(x), c.add("Size", x), 0
        size = c.add("Reshape", size, [1])
    else:
        along = c.axes(axis)[0]
        size = c.graph.sizes([c.shape()[along]])
    values, places = c.add_all("TopK", 2, x, size, axis=along, largest=0)
    return values if c.op == "sort" else c.cast(places, np.int64)


@rule("top_k")
def top_k(c: Call) -> list[str]:
    values, places = c.add_all("TopK", 2, c.x(), [c.static(c["k"])[0]], axis=-1)
    second = c.value_of(c.event.outputs[1]).dtype
    return [values, c.cast(places, np.int64, second)]


@rule("in_top_k")
def in_top_k(c: Call) -> str:
    classes = c.shape(1)[-1]
    if not isinstance(classes, int):
        raise CannotSayError("a number of classes that is not known")
    targets, x = c.x(0, np.int64), c.raw(1)
    low = c.add("GreaterOrEqual", targets, np.array(0))
    known = c.add("And", low, c.add("Less", targets, np.array(classes)))
    places = c.add("Unsqueeze", c.add("Where", known, targets, np.array(0)), [1])
    own = c.add("GatherElements", x, places, axis=1)
    above = c.cast(c.add("Greater", x, own), bool, np.int64)
    count = c.add("ReduceSum", above, [1], keepdims=0)
    good = c.add("And", known, c.add("Less", count, np.array(c["k"])))
    own = c.add("Squeeze", own, [1])
    odd = c.add("Or", c.add("IsNaN", own), c.add("IsInf", own))
    return c.add("And", good, c.add("Not", odd))


@rule("searchsorted", "digitize")
def searchsorted(c: Call) -> str:
    if c.op == "digitize":
        bins = c.array(c["bins"])
        if bins is None or np.any(np.diff(bins) < 0):
            raise CannotSayError("bins that descend, or are not constant")
        value = c.raw(0)
        sequence, kind = c.cast(c.ref(c["bins"]), bins.dtype, c.dtype()), "GreaterOrEqual"
        if bins.dtype.kind == "f" and c.dtype().kind != "f":
            value, sequence = c.x(0, bins.dtype), c.ref(c["bins"])
    else:
        dtype = c.common(0, 1)
        sequence, value = c.x(0, dtype), c.x(1, dtype)
        kind = "Greater" if c["side"] == "left" else "GreaterOrEqual"
    hits = c.add(kind, c.add("Unsqueeze", value, [-1]), sequence)
    count = c.add("ReduceSum", c.cast(hits, bool, np.int64), [-1], keepdims=0)
    return c.cast(count, np.int64)
