"""Operators of ONNX that compute entry by entry: arithmetic, functions, comparisons, choices."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from melpy import ops
from melpy.saving.onnx_import.nodes import (
    Node,
    dtype_of,
    operator,
    require,
    table_of,
    typed,
    unsupported,
    value_of,
)

__all__: list[str] = []


def like(x: Any, number: float) -> Any:
    """Return a number as an array of the type of x, which an op would choose for itself."""
    return np.asarray(number, dtype_of(x))


def _typed(function: Any) -> Any:
    """Return a function whose result has its first argument's type, as ONNX has it everywhere."""

    @functools.wraps(function)
    def kept(x: Any, *others: Any) -> Any:
        y = function(x, *others)
        return y if dtype_of(y) == dtype_of(x) else ops.cast(y, str(dtype_of(x)))

    return kept


# Kept while folding and running alike: of what ONNX has for floats alone.
UNARY = {
    "Abs": ops.absolute, "Neg": ops.negative, "Exp": ops.exp, "Log": ops.log, "Sqrt": ops.sqrt,
    "Reciprocal": ops.reciprocal, "Floor": ops.floor, "Ceil": ops.ceil, "Round": ops.round,
    "Erf": ops.erf, "Sign": ops.sign, "Sin": ops.sin, "Cos": ops.cos, "Tan": ops.tan,
    "Asin": ops.arcsin, "Acos": ops.arccos, "Atan": ops.arctan, "Sinh": ops.sinh,
    "Cosh": ops.cosh, "Asinh": ops.arcsinh, "Acosh": ops.arccosh, "Atanh": ops.arctanh,
    "Relu": ops.relu, "Sigmoid": ops.sigmoid, "Tanh": ops.tanh, "Softplus": ops.softplus,
    "Softsign": ops.softsign, "Mish": ops.mish, "HardSwish": ops.hard_silu,
    "Erfc": ops.erfc,  # which ONNX has not, but Keras's exporter writes for GELU
}  # fmt: skip
table_of({name: _typed(function) for name, function in UNARY.items()}, "same")
table_of(
    {
        "Add": ops.add, "Sub": ops.subtract, "Mul": ops.multiply,
        "Equal": ops.equal, "Less": ops.less, "Greater": ops.greater,
        "LessOrEqual": ops.less_equal, "GreaterOrEqual": ops.greater_equal,
        "And": ops.logical_and, "Or": ops.logical_or, "Xor": ops.logical_xor,
        "Not": ops.logical_not, "IsNaN": ops.isnan, "Where": ops.where,
        "BitwiseAnd": ops.bitwise_and, "BitwiseOr": ops.bitwise_or,
        "BitwiseXor": ops.bitwise_xor, "BitwiseNot": ops.bitwise_not,
    },
    "same",
)  # fmt: skip


@operator("Div", layout="same", plain=True)
def div(node: Node, a: Any, b: Any) -> Any:
    """Return a / b; of whole numbers what is left of it when it is cut towards 0."""
    kind = dtype_of(a).kind
    if kind == "f":
        return ops.divide(a, b)
    if kind == "u":
        return ops.floor_divide(a, b)
    sign = ops.multiply(ops.sign(a), ops.sign(b))
    return ops.multiply(sign, ops.floor_divide(ops.absolute(a), ops.absolute(b)))


@operator("Mod", layout="same")
def mod(node: Node, a: Any, b: Any) -> Any:
    """Return the remainder, with the sign of b, or with fmod that of a."""
    return _typed(ops.fmod if node.get("fmod", 0) else ops.mod)(a, b)


@operator("Pow", layout="same", plain=True)
def power(node: Node, a: Any, b: Any) -> Any:
    """Return a to the power of b, in the type of a."""
    if dtype_of(a) == dtype_of(b):
        return ops.power(a, b)
    if dtype_of(a).kind == "f":
        return ops.power(a, ops.cast(b, str(dtype_of(a))))
    y = ops.power(ops.cast(a, "float64"), ops.cast(b, "float64"))
    return ops.cast(y, str(dtype_of(a)))


@operator("BitShift", layout="same")
def bit_shift(node: Node, a: Any, b: Any) -> Any:
    """Return a shifted by b bits."""
    left = node.get("direction") == "LEFT"
    return (ops.left_shift if left else ops.right_shift)(a, b)


def _of_many(name: str, function: Any) -> None:
    @operator(name, layout="same")
    def of_many(node: Node, *xs: Any) -> Any:
        return functools.reduce(function, xs)


_of_many("Max", ops.maximum)
_of_many("Min", ops.minimum)
_of_many("Sum", ops.add)


@operator("Mean", layout="same")
def mean(node: Node, *xs: Any) -> Any:
    """Return the mean of several arrays."""
    return ops.multiply(functools.reduce(ops.add, xs), like(xs[0], 1 / len(xs)))


@operator("LeakyRelu", layout="same", plain=True)
def leaky_relu(node: Node, x: Any) -> Any:
    """Return x where it is positive, alpha x elsewhere."""
    return ops.leaky_relu(x, node.get("alpha", 0.01))


@operator("PRelu", layout="same")
def prelu(node: Node, x: Any, slope: Any) -> Any:
    """Return x where it is positive, slope x elsewhere."""
    return ops.where(ops.less(x, like(x, 0)), ops.multiply(slope, x), x)


@operator("Elu", layout="same", plain=True)
def elu(node: Node, x: Any) -> Any:
    """Return x where it is positive, alpha (exp(x) - 1) elsewhere."""
    return ops.elu(x, node.get("alpha", 1.0))


@operator("Celu", layout="same", plain=True)
def celu(node: Node, x: Any) -> Any:
    """Return max(0, x) + min(0, alpha (exp(x / alpha) - 1))."""
    return ops.celu(x, node.get("alpha", 1.0))


@operator("Selu", layout="same")
def selu(node: Node, x: Any) -> Any:
    """Return gamma x where x is positive, gamma alpha (exp(x) - 1) elsewhere."""
    alpha, gamma = node.get("alpha", 1.67326319217681884765625), node.get("gamma", 1.05070102214813)
    return ops.multiply(ops.elu(x, alpha), like(x, gamma))


@operator("ThresholdedRelu", layout="same")
def thresholded_relu(node: Node, x: Any) -> Any:
    """Return x where it is above alpha, 0 elsewhere."""
    return ops.where(ops.greater(x, like(x, node.get("alpha", 1.0))), x, like(x, 0))


@operator("HardSigmoid", layout="same")
def hard_sigmoid(node: Node, x: Any) -> Any:
    """Return alpha x + beta, between 0 and 1."""
    alpha, beta = like(x, node.get("alpha", 0.2)), like(x, node.get("beta", 0.5))
    return ops.clip(ops.add(ops.multiply(x, alpha), beta), like(x, 0), like(x, 1))


@operator("Gelu", layout="same", plain=True)
def gelu(node: Node, x: Any) -> Any:
    """Return x Phi(x), or its approximation by tanh."""
    return ops.gelu(x, approximate=node.get("approximate", "none") == "tanh")


@operator("Swish", layout="same")
def swish(node: Node, x: Any) -> Any:
    """Return x sigmoid(alpha x)."""
    alpha = node.get("alpha", 1.0)
    return ops.silu(x) if alpha == 1 else x * ops.sigmoid(ops.multiply(x, like(x, alpha)))


@operator("Shrink", layout="same")
def shrink(node: Node, x: Any) -> Any:
    """Return x + bias below -lambd, x - bias above lambd, 0 between."""
    bias, limit = node.get("bias", 0.0), node.get("lambd", 0.5)
    low = ops.where(ops.less(x, like(x, -limit)), ops.add(x, like(x, bias)), like(x, 0))
    return ops.where(ops.greater(x, like(x, limit)), ops.subtract(x, like(x, bias)), low)


@operator("Clip", layout="same", plain=True)
def clip(node: Node, x: Any, low: Any = None, high: Any = None) -> Any:
    """Return x within limits: attributes until version 10, inputs since."""
    if node.opset < 11:
        low, high = (
            None if value is None else like(x, value)
            for value in (node.get("min"), node.get("max"))
        )
    if low is None and high is None:
        return x
    if dtype_of(x).kind == "f":
        return ops.clip(x, low, high)
    x = x if low is None else ops.maximum(x, low)  # limits that cross: the upper one holds
    return x if high is None else ops.minimum(x, high)


@operator("IsInf", layout="same")
def is_inf(node: Node, x: Any) -> Any:
    """Return where x is infinite, on both sides or on one."""
    sides = [
        test
        for name, test in (("detect_positive", ops.isposinf), ("detect_negative", ops.isneginf))
        if node.get(name, 1)
    ]
    if len(sides) == 2:
        return ops.isinf(x)
    return sides[0](x) if sides else ops.not_equal(x, x)


@operator("Cast", layout="same", plain=True)
def cast(node: Node, x: Any) -> Any:
    """Return x in another type; floats are cut towards 0 to become whole."""
    return ops.cast(x, typed(node, node.get("to", 0)))


@operator("CastLike")
def cast_like(node: Node, x: Any, target: Any) -> Any:
    """Return x in the type of another array."""
    return ops.cast(x, str(dtype_of(target)))


@operator("Identity", layout="same")
def identity(node: Node, x: Any) -> Any:
    """Return x."""
    return x


@operator("Dropout", layout="same", reads=(2,))
def dropout(node: Node, x: Any, ratio: Any = None, training: Any = None) -> Any:
    """Return x, and that nothing was dropped: files are of inference."""
    if training is not None and bool(value_of(training).any()):
        rate = 0.5 if ratio is None else float(value_of(ratio).reshape(-1)[0])
        if rate:
            raise unsupported(node, "it draws at inference too, by a generator of its own")
    return x, ops.ones_like(x, dtype="bool" if node.opset >= 10 else str(dtype_of(x)))


@operator("DequantizeLinear")
def dequantize(node: Node, x: Any, scale: Any, zero: Any = None) -> Any:
    """Return (x - zero) scale, with one scale, one a channel, or one a block."""
    x, kind = ops.cast(x, "int64"), str(dtype_of(scale))
    scale, zero = _spread(node, x, scale), None if zero is None else _spread(node, x, zero)
    x = x if zero is None else ops.subtract(x, ops.cast(zero, "int64"))
    return ops.multiply(ops.cast(x, kind), scale)


@operator("QuantizeLinear")
def quantize(node: Node, x: Any, scale: Any, zero: Any = None) -> Any:
    """Return round(x / scale) + zero, within the type's limits."""
    kind = "uint8" if zero is None else str(dtype_of(zero))
    if node.get("output_dtype", 0):
        kind = typed(node, node.get("output_dtype"))
    scale = ops.cast(_spread(node, x, scale), str(dtype_of(x)))
    y = ops.cast(ops.round(ops.divide(x, scale)), "int64")
    y = y if zero is None else ops.add(y, ops.cast(_spread(node, x, zero), "int64"))
    limits = np.iinfo(kind)
    return ops.cast(ops.clip(y, np.int64(limits.min), np.int64(limits.max)), kind)


def _spread(node: Node, x: Any, scale: Any) -> Any:
    """Return scales, one for all, one along an axis or one a block, as they meet x."""
    rank, block = len(x.shape), node.get("block_size", 0)
    axis = node.get("axis", 1)
    if not len(scale.shape) or scale.shape == (1,):
        return ops.reshape(scale, ())
    axis = axis + rank if axis < 0 else axis
    if block:
        return ops.take(ops.repeat(scale, block, axis=axis), np.arange(x.shape[axis]), axis=axis)
    require(len(scale.shape) == 1, node, "its scale has more axes than one", shape=scale.shape)
    return ops.reshape(scale, [-1 if n == axis else 1 for n in range(rank)])
