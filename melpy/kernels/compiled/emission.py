"""Words that the emitters of LLVM's code share: what kernels pass them, vectors, activations."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils

LINEAR, RELU, LEAKY_RELU = 0, 1, 2  # the activations of a tile; cheap, monotone


def fields(context: Any, builder: Any, kind: Any, record: Any, *wanted: Any) -> list[Any]:
    """Return a record's fields as numbers of the types wanted; for None, where an array begins."""
    pairs = zip(kind.types, cgutils.unpack_tuple(builder, record), wanted, strict=True)
    return [
        context.make_array(field)(context, builder, value).data
        if as_type is None
        else context.cast(builder, value, field, as_type)
        for field, value, as_type in pairs
    ]


def place_of(context: Any, builder: Any, kind: Any, record: Any) -> tuple[Any, Any, list[Any]]:
    """Return where a record (numbers, begin, steps ...) begins, and its steps."""
    size = types.intp
    steps = [size] * (len(kind.types) - 2)
    data, begin, *steps = fields(context, builder, kind, record, None, size, *steps)
    return data, begin, steps


def splat(builder: Any, x: ir.Value, vector: ir.VectorType) -> ir.Value:
    """Emit a vector of x, over and over."""
    undefined = ir.Constant(vector, ir.Undefined)
    lane0 = builder.insert_element(undefined, x, ir.IntType(32)(0))
    same_lane = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None)
    return builder.shuffle_vector(lane0, undefined, same_lane)


def activated(builder: Any, x: ir.Value, code: ir.Value, slope: ir.Value) -> ir.Value:
    """Emit act(x) of a vector, for the activation that ``code`` names when the loop runs."""
    zeros = ir.Constant(x.type, None)
    less = builder.fmul(x, splat(builder, slope, x.type))
    relu = builder.select(builder.fcmp_ordered("<=", x, zeros), zeros, x)  # a NaN stays one
    leaky = builder.select(builder.fcmp_ordered(">", x, zeros), x, less)
    is_relu = builder.icmp_signed("==", code, ir.IntType(64)(RELU))
    is_leaky = builder.icmp_signed("==", code, ir.IntType(64)(LEAKY_RELU))
    return builder.select(is_relu, relu, builder.select(is_leaky, leaky, x))
