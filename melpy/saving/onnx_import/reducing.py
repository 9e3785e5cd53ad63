"""Operators of ONNX that take an axis together: sums, extremes, places, orders, running sums."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from melpy import ops
from melpy.saving.onnx_import.nodes import (
    Node,
    dtype_of,
    effort,
    numbers,
    operator,
    require,
    unsupported,
)

__all__ = ["axes_of"]


def axes_of(node: Node, rank: int, axes: Any = None) -> tuple[int, ...] | None:
    """Return the axes that a node names, by an input or an attribute, as numbers >= 0, or None."""
    named = node.get("axes") if axes is None else numbers(axes)
    if named is None or not len(named):
        return None
    require(
        all(-rank <= axis < rank for axis in named), node, "an axis is out of range",
        axes=list(named), rank=rank,
    )  # fmt: skip
    return tuple(sorted(axis % rank for axis in named))


Reduction = Callable[..., Any]


def _reduction(name: str, function: Reduction) -> None:
    @operator(name, reads=(1,), layout="axes", plain=True)
    def reduce(node: Node, x: Any, axes: Any = None) -> Any:
        along = axes_of(node, len(x.shape), axes)
        if along is None and node.get("noop_with_empty_axes", 0):
            along = ()
        y = function(x, axis=along, keepdims=bool(node.get("keepdims", 1)))
        return y if dtype_of(y) == dtype_of(x) else ops.cast(y, str(dtype_of(x)))


def _extreme(function: Reduction, empty: float) -> Reduction:
    """Return a reduction that knows truth values, and what nothing at all is."""

    def extreme(x: Any, **options: Any) -> Any:
        kind = dtype_of(x)
        if kind.kind == "b":
            return (ops.any if empty < 0 else ops.all)(x, **options)
        if 0 in x.shape:
            least = (
                empty
                if kind.kind == "f"
                else np.iinfo(kind).min
                if empty < 0
                else (np.iinfo(kind).max)
            )
            options["initial"] = np.asarray(least, kind)
        return function(x, **options)

    return extreme


def _log_sum_exp(x: Any, **options: Any) -> Any:
    if 0 in x.shape:
        return ops.log(ops.sum(ops.exp(x), **options))
    return ops.logsumexp(x, **options)


for _name, _function in {
    "ReduceSum": ops.sum,
    "ReduceMean": ops.mean,
    "ReduceMax": _extreme(ops.max, -np.inf),
    "ReduceMin": _extreme(ops.min, np.inf),
    "ReduceProd": ops.prod,
    "ReduceL1": lambda x, **options: ops.sum(ops.absolute(x), **options),
    "ReduceL2": lambda x, **options: ops.sqrt(ops.sum(ops.square(x), **options)),
    "ReduceLogSum": lambda x, **options: ops.log(ops.sum(x, **options)),
    "ReduceLogSumExp": _log_sum_exp,
    "ReduceSumSquare": lambda x, **options: ops.sum(ops.square(x), **options),
}.items():
    _reduction(_name, _function)


def _place(name: str, function: Reduction) -> None:
    @operator(name, layout="axis")
    def place(node: Node, x: Any) -> Any:
        axis, last = node.get("axis", 0), node.get("select_last_index", 0)
        y = function(ops.flip(x, axis=axis) if last else x, axis=axis, keepdims=True)
        if last:
            y = ops.subtract(np.asarray(x.shape[axis] - 1, dtype_of(y)), y)
        y = ops.cast(y, "int64")
        return y if node.get("keepdims", 1) else ops.squeeze(y, axis=axis)


_place("ArgMax", ops.argmax)
_place("ArgMin", ops.argmin)


@operator("TopK", reads=(1,))
def top_k(node: Node, x: Any, k: Any = None) -> Any:
    """Return the k largest, or smallest, along an axis, and where they are."""
    count = node.get("k", 1) if k is None else numbers(k)[0]
    axis, rank = node.get("axis", -1), len(x.shape)
    require(0 <= count <= (x.shape[axis] or count), node, "k is larger than the axis", k=count)
    # Equal entries come in the order of their places, which a stable sort of their ranks keeps.
    turned = ops.negative(ops.cast(x, "float64") if dtype_of(x).kind != "f" else x)
    order = ops.argsort(turned if node.get("largest", 1) else x, axis=axis)
    cut = [slice(None)] * rank
    cut[axis] = slice(0, count)
    places = ops.get_item(order, key=tuple(cut))
    return ops.take_along_axis(x, places, axis=axis), ops.cast(places, "int64")


def _running(name: str, function: Callable[..., Any], start: float) -> None:
    @operator(name, reads=(1,))
    def running(node: Node, x: Any, axis: Any) -> Any:
        (along,), rank = numbers(axis), len(x.shape)
        along %= rank
        back = node.get("reverse", 0)
        y = function(ops.flip(x, axis=along) if back else x, axis=along)
        if node.get("exclusive", 0):
            width = [(0, 0)] * rank
            width[along] = (1, 0)
            cut = [slice(None)] * rank
            cut[along] = slice(0, -1)
            y = ops.get_item(ops.pad(y, width, constant_values=start), key=tuple(cut))
        y = ops.flip(y, axis=along) if back else y
        return y if dtype_of(y) == dtype_of(x) else ops.cast(y, str(dtype_of(x)))


_running("CumSum", ops.cumsum, 0.0)
_running("CumProd", ops.cumprod, 1.0)


def _soft(name: str, function: Callable[..., Any]) -> None:
    @operator(name, layout="axis", plain=True)
    def soft(node: Node, x: Any) -> Any:
        if node.opset >= 13:
            return function(x, axis=node.get("axis", -1))
        axis = node.get("axis", 1) % max(len(x.shape), 1)  # of rows that hold all axes from there
        if axis == len(x.shape) - 1:
            return function(x, axis=-1)
        axes = tuple(range(axis, len(x.shape)))
        if function is _hardmax:
            rows = ops.reshape(x, (*x.shape[:axis], -1))
            return ops.reshape(_hardmax(rows, axis=-1), x.shape)
        largest = ops.subtract(x, ops.max(x, axis=axes, keepdims=True))
        total = ops.sum(ops.exp(largest), axis=axes, keepdims=True)
        if function is ops.softmax:
            return ops.divide(ops.exp(largest), total)
        return ops.subtract(largest, ops.log(total))


def _hardmax(x: Any, *, axis: int) -> Any:
    places = ops.argmax(x, axis=axis)
    return ops.one_hot(places, num_classes=x.shape[axis], axis=axis, dtype=str(dtype_of(x)))


_soft("Softmax", ops.softmax)
_soft("LogSoftmax", ops.log_softmax)
_soft("Hardmax", _hardmax)


@operator("LpNormalization", layout="axis")
def lp_normalization(node: Node, x: Any) -> Any:
    """Return x by its norm along an axis; 0 where that is 0."""
    axis, p = node.get("axis", -1), node.get("p", 2)
    if p not in (1, 2):
        raise unsupported(node, "it has another norm than 1 and 2", p=p)
    size = ops.sum(ops.absolute(x) if p == 1 else ops.square(x), axis=axis, keepdims=True)
    size = size if p == 1 else ops.sqrt(size)
    return ops.divide(x, ops.where(ops.equal(size, 0), ops.ones_like(size), size))


@operator("Det")
def det(node: Node, x: Any) -> Any:
    """Return the determinants of matrices."""
    effort(node, products=math.prod(x.shape) * x.shape[-1])
    return ops.det(x)
