"""Ops of single entries: arithmetic, functions of one number, rounding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from melpy.saving.onnx_export.rules.registry import RULES, Call, CannotSayError, rule

__all__ = ["chosen"]

ONE = {
    "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "absolute": "Abs", "negative": "Neg",
    "reciprocal": "Reciprocal", "sin": "Sin", "cos": "Cos", "tan": "Tan", "arcsin": "Asin",
    "arccos": "Acos", "arctan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh",
    "arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh", "erf": "Erf", "sign": "Sign",
    "floor": "Floor", "ceil": "Ceil", "sigmoid": "Sigmoid", "softsign": "Softsign", "relu": "Relu",
    "softplus": "Softplus", "linear": "Identity", "stop_gradient": "Identity",
}  # fmt: skip
TWO = {
    "add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "maximum": "Max",
    "minimum": "Min", "power": "Pow",
}  # fmt: skip


def _one(c: Call) -> str:
    return c.add(ONE[c.op], c.x())


def _two(c: Call) -> str:
    return c.add(TWO[c.op], c.x(0), c.x(1))


RULES.update(dict.fromkeys(ONE, _one))
RULES.update(dict.fromkeys(TWO, _two))


@rule("cast")
def cast(c: Call) -> str:
    return c.x()


@rule("square")
def square(c: Call) -> str:
    x = c.x()
    return c.add("Mul", x, x)


@rule("rsqrt")
def rsqrt(c: Call) -> str:
    return c.add("Reciprocal", c.add("Sqrt", c.x()))


@rule("hypot")
def hypot(c: Call) -> str:
    a, b = (c.add("Abs", x) for x in c.all())
    large, small = c.add("Max", a, b), c.add("Min", a, b)
    zero = c.add("Equal", large, c.number(0))
    ratio = c.add("Div", small, c.add("Where", zero, c.number(1), large))
    root = c.add("Sqrt", c.add("Add", c.add("Mul", ratio, ratio), c.number(1)))
    return c.add("Mul", large, root)


SCALED = {  # name: ONNX's function, what its argument and its result are multiplied by
    "exp2": ("Exp", math.log(2), None),
    "log2": ("Log", None, 1 / math.log(2)),
    "log10": ("Log", None, 1 / math.log(10)),
    "deg2rad": (None, None, math.pi / 180),
    "rad2deg": (None, None, 180 / math.pi),
}


def _scaled(c: Call) -> str:
    kind, before, after = SCALED[c.op]
    x = c.x()
    x = c.add("Mul", x, c.number(before)) if before else x
    x = c.add(kind, x) if kind else x
    return c.add("Mul", x, c.number(after)) if after else x


RULES.update(dict.fromkeys(SCALED, _scaled))


@rule("expm1")
def expm1(c: Call) -> str:
    # 2 e^(x/2) sinh(x/2): near 0 nothing is lost, as by e^x - 1
    half = c.add("Mul", c.x(), c.number(0.5))
    both = c.add("Mul", c.add("Exp", half), c.add("Sinh", half))
    return c.add("Mul", both, c.number(2))


@rule("log1p")
def log1p(c: Call) -> str:
    # x log(u) / (u - 1) for u = 1 + x, rounded: W. Kahan; x itself where u is 1
    x, one = c.x(), c.number(1)
    u = c.add("Add", x, one)
    rest = c.add("Sub", u, one)
    is_none = c.add("Equal", rest, c.number(0))
    ratio = c.add("Div", c.add("Log", u), c.add("Where", is_none, one, rest))
    return c.add("Where", is_none, x, c.add("Mul", x, ratio))


@rule("logaddexp", "logaddexp2")
def logaddexp(c: Call) -> str:
    unit = math.log(2) if c.op == "logaddexp2" else 1.0
    a, b = c.all()
    if unit != 1.0:
        a, b = (c.add("Mul", x, c.number(unit)) for x in (a, b))
    apart = c.add("Neg", c.add("Abs", c.add("Sub", a, b)))
    rest = c.add("Log", c.add("Add", c.add("Exp", apart), c.number(1)))
    y = c.add("Add", c.add("Max", a, b), rest)
    return y if unit == 1.0 else c.add("Mul", y, c.number(1 / unit))


@rule("cbrt")
def cbrt(c: Call) -> str:
    x = c.x()
    return c.add("Mul", c.add("Sign", x), c.add("Pow", c.add("Abs", x), c.number(1 / 3)))


@rule("sinc")
def sinc(c: Call) -> str:
    t = c.add("Mul", c.x(), c.number(math.pi))
    zero = c.add("Equal", t, c.number(0))
    safe = c.add("Where", zero, c.number(1), t)
    return c.add("Where", zero, c.number(1), c.add("Div", c.add("Sin", t), safe))


@rule("erfc")
def erfc(c: Call) -> str:
    return c.add("Sub", c.number(1), c.add("Erf", c.x()))


@rule("arctan2")
def arctan2(c: Call) -> str:
    y, x = c.all()
    zero = c.number(0)
    on_axis, behind = c.add("Equal", x, zero), c.add("Less", x, zero)
    angle = c.add("Atan", c.add("Div", y, c.add("Where", on_axis, c.number(1), x)))
    below = c.add("Less", y, zero)
    turn = c.add("Where", below, c.number(-math.pi), c.number(math.pi))
    angle = c.add("Where", behind, c.add("Add", angle, turn), angle)
    return c.add("Where", on_axis, c.add("Mul", c.add("Sign", y), c.number(math.pi / 2)), angle)


# Remainders and rounding.


@rule("floor_divide")
def floor_divide(c: Call) -> str:
    a, b = c.all()
    if c.out.dtype.kind == "f":
        return c.add("Floor", c.add("Div", a, b))
    return c.add("Div", c.add("Sub", a, c.add("Mod", a, b)), b)  # ONNX's own rounds to 0


@rule("mod")
def mod(c: Call) -> str:
    a, b = c.all()
    if c.out.dtype.kind != "f":
        return c.add("Mod", a, b)
    return c.add("Sub", a, c.add("Mul", b, c.add("Floor", c.add("Div", a, b))))


@rule("fmod")
def fmod(c: Call) -> str:
    return c.add("Mod", *c.all(), fmod=1)


@rule("trunc")
def trunc(c: Call) -> str:
    x = c.x()
    return c.add("Mul", c.add("Sign", x), c.add("Floor", c.add("Abs", x)))


@rule("round")
def round_(c: Call) -> str:
    x, decimals = c.x(), c["decimals"]
    if c.out.dtype.kind != "f":
        if decimals < 0:
            raise CannotSayError("whole numbers rounded to tens")
        return c.add("Identity", x)
    if not decimals:
        return c.add("Round", x)
    unit = c.number(10.0**decimals)
    return c.add("Div", c.add("Round", c.add("Mul", x, unit)), unit)


@rule("heaviside")
def heaviside(c: Call) -> str:
    x, tie = c.all()
    above = c.add("Where", c.add("Greater", x, c.number(0)), c.number(1), tie)
    return c.add("Where", c.add("Less", x, c.number(0)), c.number(0), above)


@rule("fmax", "fmin")
def fmax(c: Call) -> str:
    a, b = c.all()
    both = c.add("Max" if c.op == "fmax" else "Min", a, b)
    if c.out.dtype.kind != "f":
        return both
    other = c.add("Where", c.add("IsNaN", b), a, both)
    return c.add("Where", c.add("IsNaN", a), b, other)


@rule("nan_to_num")
def nan_to_num(c: Call) -> str:
    x = c.x()
    if c.out.dtype.kind != "f":
        return c.add("Identity", x)
    limits = np.finfo(c.out.dtype)
    high = limits.max if c["posinf"] is None else c["posinf"]
    low = limits.min if c["neginf"] is None else c["neginf"]
    for sign, value in ((1, high), (0, low)):
        hit = c.add("IsInf", x, detect_positive=sign, detect_negative=1 - sign)
        x = c.add("Where", hit, c.number(value), x)
    return c.add("Where", c.add("IsNaN", x), c.number(c["nan"]), x)


@rule("clip")
def clip(c: Call) -> str:
    x = c.x()
    for n, kind in ((1, "Max"), (2, "Min")):
        if c.given(n):
            x = c.add(kind, x, c.x(n))
    return c.add("Identity", x)


@rule("where")
def where(c: Call) -> Any:
    if not c.given(1) and not c.given(2):
        places = c.add("NonZero", c.raw())
        parts = c.add_all("Split", c.rank(), places, axis=0, num_outputs=c.rank())
        return [c.cast(c.add("Squeeze", p, [0]), np.int64) for p in parts]
    return chosen(c, c.x(0, bool), c.x(1), c.x(2))


def chosen(c: Call, condition: str, a: str, b: str) -> str:
    """Return a where the condition holds, else b; of truth values ONNX Runtime has no Where."""
    if c.out.dtype != bool:
        return c.add("Where", condition, a, b)
    other = c.add("And", c.add("Not", condition), b)
    return c.add("Or", c.add("And", condition, a), other)
