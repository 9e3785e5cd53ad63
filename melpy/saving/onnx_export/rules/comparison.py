"""Comparisons, logic, and whole numbers bit by bit."""

from __future__ import annotations

import numpy as np

from melpy.saving.onnx_export.rules.elementwise import chosen
from melpy.saving.onnx_export.rules.registry import RULES, Call, rule

__all__: list[str] = []

COMPARED = {
    "equal": "Equal", "less": "Less", "less_equal": "LessOrEqual", "greater": "Greater",
    "greater_equal": "GreaterOrEqual", "not_equal": "Equal",
}  # fmt: skip
JOINED = {"logical_and": "And", "logical_or": "Or", "logical_xor": "Xor"}
BITS = {"bitwise_and": "BitwiseAnd", "bitwise_or": "BitwiseOr", "bitwise_xor": "BitwiseXor"}


def _compared(c: Call) -> str:
    dtype = c.common(0, 1)
    if dtype.kind == "b" and c.op not in ("equal", "not_equal"):
        dtype = np.dtype(np.int32)
    y = c.add(COMPARED[c.op], c.x(0, dtype), c.x(1, dtype))
    return c.add("Not", y) if c.op == "not_equal" else y


def _joined(c: Call) -> str:
    return c.add(JOINED[c.op], c.x(0, bool), c.x(1, bool))


def _bits(c: Call) -> str:
    return c.add(BITS[c.op], *c.all())


RULES.update(dict.fromkeys(COMPARED, _compared))
RULES.update(dict.fromkeys(JOINED, _joined))
RULES.update(dict.fromkeys(BITS, _bits))


@rule("logical_not")
def logical_not(c: Call) -> str:
    return c.add("Not", c.x(0, bool))


@rule("bitwise_not", "bitwise_invert", "invert")
def bitwise_not(c: Call) -> str:
    return c.add("BitwiseNot", c.x())


def _as_float(c: Call, n: int = 0) -> str:
    dtype = c.dtype(n)
    return c.raw(n) if dtype.kind == "f" else c.x(n, np.float32)


@rule("isnan")
def isnan(c: Call) -> str:
    return c.add("IsNaN", _as_float(c))


@rule("isinf", "isposinf", "isneginf")
def isinf(c: Call) -> str:
    above, below = int(c.op != "isneginf"), int(c.op != "isposinf")
    return c.add("IsInf", _as_float(c), detect_positive=above, detect_negative=below)


@rule("isfinite")
def isfinite(c: Call) -> str:
    x = _as_float(c)
    return c.add("Not", c.add("Or", c.add("IsNaN", x), c.add("IsInf", x)))


@rule("signbit")
def signbit(c: Call) -> str:
    x, dtype = _as_float(c), c.dtype() if c.dtype().kind == "f" else np.float32
    zero = np.zeros((), dtype)
    return c.add("Or", c.add("Less", x, zero), c.add("Less", c.add("Reciprocal", x), zero))


@rule("isclose", "allclose")
def isclose(c: Call) -> str:
    dtype = c.common(0, 1)
    dtype = dtype if dtype.kind == "f" else np.dtype(np.float32)
    a, b = c.x(0, dtype), c.x(1, dtype)
    room = c.add("Mul", c.add("Abs", b), np.asarray(c["rtol"], dtype))
    room = c.add("Add", room, np.asarray(c["atol"], dtype))
    near = c.add("LessOrEqual", c.add("Abs", c.add("Sub", a, b)), room)
    infinite = c.add("Or", c.add("IsInf", a), c.add("IsInf", b))
    near = chosen(c, infinite, c.add("Equal", a, b), near)
    if c["equal_nan"]:
        near = c.add("Or", near, c.add("And", c.add("IsNaN", a), c.add("IsNaN", b)))
    return near if c.op == "isclose" else _reduced(c, near, [], 0, "ReduceMin")


@rule("isin")
def isin(c: Call) -> str:
    dtype = c.common(0, 1)
    x = c.add("Unsqueeze", c.x(0, dtype), [-1])
    hits = c.add("Equal", x, c.flat(c.x(1, dtype)))
    y = _reduced(c, hits, [-1], 0, "ReduceMax")
    return c.add("Not", y) if c["invert"] else y


@rule("any", "all")
def any_(c: Call) -> str:
    kind = "ReduceMax" if c.op == "any" else "ReduceMin"
    return _reduced(c, c.x(0, bool), c.axes(c["axis"]), int(c["keepdims"]), kind)


def _reduced(c: Call, truths: str, axes: list[int], keepdims: int, kind: str) -> str:
    """Return whether any, or all, of some truth values hold: what ONNX reduces are numbers."""
    numbers = c.cast(truths, bool, np.int32)
    y = (
        c.add(kind, numbers, axes, keepdims=keepdims)
        if axes
        else c.add(kind, numbers, keepdims=keepdims)
    )
    return c.cast(y, np.int32, bool)


@rule("count_nonzero")
def count_nonzero(c: Call) -> str:
    hits = c.cast(c.x(0, bool), bool, np.int64)
    return c.cast(c.add("ReduceSum", hits, c.axes(c["axis"]), keepdims=0), np.int64)
