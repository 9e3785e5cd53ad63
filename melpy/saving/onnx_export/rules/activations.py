"""Activations, those that other ops end with too."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from melpy.errors import lookup
from melpy.saving.onnx_export.rules.registry import RULES, Call, rule

__all__ = ["activated"]

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def activated(c: Call, x: str, name: str, slope: float = 0.0) -> str:
    """Return an activation of x, by the name that fused ops know it by."""
    return lookup("activation", name, ACTS, "export")(c, x, slope)


def _gelu(c: Call, x: str, exact: bool) -> str:
    if c.graph.opset >= 20:
        return c.add("Gelu", x, approximate="none" if exact else "tanh")
    if exact:
        inner = c.add("Erf", c.add("Mul", x, c.number(math.sqrt(0.5))))
    else:
        cube = c.add("Mul", c.add("Mul", c.add("Mul", x, x), x), c.number(0.044715))
        inner = c.add("Tanh", c.add("Mul", c.add("Add", x, cube), c.number(math.sqrt(2 / math.pi))))
    half = c.add("Mul", x, c.number(0.5))
    return c.add("Mul", half, c.add("Add", inner, c.number(1)))


def _hard_sigmoid(c: Call, x: str) -> str:
    return c.add("HardSigmoid", x, alpha=1 / 6, beta=0.5)


def _silu(c: Call, x: str) -> str:
    return c.add("Mul", x, c.add("Sigmoid", x))


def _mish(c: Call, x: str) -> str:
    return c.add("Mul", x, c.add("Tanh", c.add("Softplus", x)))


def _elu(c: Call, x: str, alpha: float) -> str:
    if alpha >= 0 and c.out.dtype != np.float64:
        return c.add("Elu", x, alpha=float(alpha))
    below = c.add("Mul", c.add("Sub", c.add("Exp", _most(c, x, 0)), c.number(1)), c.number(alpha))
    return c.add("Where", c.add("Greater", x, c.number(0)), x, below)


def _most(c: Call, x: str, most: float) -> str:
    return c.add("Min", x, c.number(most))


def _clipped(c: Call, x: str, low: float, high: float) -> str:
    return c.add("Clip", x, c.number(low), c.number(high))


ACTS: dict[str, Any] = {
    "linear": lambda c, x, slope: x,
    "relu": lambda c, x, slope: c.add("Relu", x),
    "leaky_relu": lambda c, x, slope: c.add("LeakyRelu", x, alpha=float(slope)),
    "elu": lambda c, x, slope: _elu(c, x, slope),
    "sigmoid": lambda c, x, slope: c.add("Sigmoid", x),
    "tanh": lambda c, x, slope: c.add("Tanh", x),
    "silu": lambda c, x, slope: _silu(c, x),
    "gelu": lambda c, x, slope: _gelu(c, x, True),
    "gelu_tanh": lambda c, x, slope: _gelu(c, x, False),
}

# Of an op's own options.
OWN: dict[str, Any] = {
    "relu6": lambda c, x: _clipped(c, x, 0, 6),
    "leaky_relu": lambda c, x: activated(c, x, "leaky_relu", c["negative_slope"]),
    "elu": lambda c, x: _elu(c, x, c["alpha"]),
    "selu": lambda c, x: c.add("Selu", x, alpha=SELU_ALPHA, gamma=SELU_SCALE),
    "silu": _silu,
    "gelu": lambda c, x: _gelu(c, x, not c["approximate"]),
    "mish": _mish,
    "log_sigmoid": lambda c, x: c.add("Neg", c.add("Softplus", c.add("Neg", x))),
    "hard_sigmoid": _hard_sigmoid,
    "hard_silu": lambda c, x: c.add("Mul", x, _hard_sigmoid(c, x)),
    "hard_tanh": lambda c, x: _clipped(c, x, -1, 1),
    "tanh_shrink": lambda c, x: c.add("Sub", x, c.add("Tanh", x)),
    "soft_shrink": lambda c, x: c.add(
        "Shrink", x, lambd=float(c["threshold"]), bias=float(c["threshold"])
    ),
    "hard_shrink": lambda c, x: c.add("Shrink", x, lambd=float(c["threshold"]), bias=0.0),
    "threshold": lambda c, x: c.add(
        "Where", c.add("Greater", x, c.number(c["threshold"])), x, c.number(c["default_value"])
    ),
}


def _own(c: Call) -> str:
    return OWN[c.op](c, c.x())


RULES.update(dict.fromkeys(OWN, _own))


@rule("celu")
def celu(c: Call) -> str:
    x, alpha = c.x(), c["alpha"]
    below = c.add("Exp", c.add("Div", _most(c, x, 0), c.number(alpha)))
    below = c.add("Mul", c.add("Sub", below, c.number(1)), c.number(alpha))
    return c.add("Add", c.add("Relu", x), below)


@rule("squareplus")
def squareplus(c: Call) -> str:
    x = c.x()
    root = c.add("Sqrt", c.add("Add", c.add("Mul", x, x), c.number(c["b"])))
    return c.add("Mul", c.add("Add", x, root), c.number(0.5))


@rule("sparse_sigmoid", "sparse_plus")
def sparse_sigmoid(c: Call) -> str:
    x = c.x()
    slope = _clipped(c, c.add("Mul", c.add("Add", x, c.number(1)), c.number(0.5)), 0, 1)
    if c.op == "sparse_sigmoid":
        return slope
    return c.add("Where", c.add("Less", x, c.number(1)), c.add("Mul", slope, slope), x)


@rule("glu")
def glu(c: Call) -> str:
    a, b = c.add_all("Split", 2, c.x(), axis=c.axes(c["axis"])[0], num_outputs=2)
    return c.add("Mul", a, c.add("Sigmoid", b))


@rule("softmax", "log_softmax")
def softmax(c: Call) -> str:
    kind, axes = {"softmax": "Softmax", "log_softmax": "LogSoftmax"}[c.op], c.axes(c["axis"])
    if len(axes) == 1:
        return c.add(kind, c.x(), axis=axes[0])
    below = c.add("Sub", c.x(), c.add("ReduceLogSumExp", c.x(), axes, keepdims=1))
    return below if c.op == "log_softmax" else c.add("Exp", below)


@rule("sparsemax")
def sparsemax(c: Call) -> str:
    # A. Martins, R. Astudillo 2016, algorithm 1
    axis = c.axes(c["axis"])[0]
    # Beside large scores 1 is nothing: what lies 2 below the largest comes out as 0 in any case.
    below = c.add("Sub", c.x(), c.add("ReduceMax", c.x(), [axis], keepdims=1))
    x = c.add("Max", below, c.number(-2))
    size = c.graph.sizes([c.shape()[axis]])
    ordered, _ = c.add_all("TopK", 2, x, size, axis=axis)
    above = c.add("Sub", c.add("CumSum", ordered, np.array(axis)), c.number(1))
    counts = c.add("CumSum", c.add("Expand", c.number(1), c.like()), np.array(axis))
    inside = c.add("Greater", c.add("Mul", counts, ordered), above)
    support = c.add("ReduceSum", c.cast(inside, bool, np.int64), [axis], keepdims=1)
    last = c.add("GatherElements", above, c.add("Sub", support, np.array(1)), axis=axis)
    threshold = c.add("Div", last, c.cast(support, np.int64))
    return c.add("Relu", c.add("Sub", x, threshold))


@rule("bias_activation")
def bias_activation(c: Call) -> str:
    return activated(c, c.add("Add", c.x(0), c.x(1)), c["activation"], c["slope"])


@rule("add_relu")
def add_relu(c: Call) -> str:
    return c.add("Relu", c.add("Add", *c.all()))


@rule("scale_offset")
def scale_offset(c: Call) -> str:
    y = c.add("Add", c.add("Mul", c.x(0), c.x(1)), c.x(2))
    return activated(c, y, c["activation"])
