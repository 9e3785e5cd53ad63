"""Operators on images whose channels stand last: what their axes are then, and whether they can.

Each rule returns the node and its inputs for channels that stand last, and whether those of its
output do; or None where they have to be put back first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy.saving.onnx_import.nodes import OPERATORS, Node, numbers
from melpy.saving.onnx_import.reducing import axes_of
from melpy.saving.onnx_import.values import Value, to_last

__all__ = ["arranged"]

Values = Sequence[Value | None]
Arranged = tuple[Node, list[Any], bool]


def arranged(node: Node, inputs: Values) -> Arranged:
    """Return a node, its inputs and whether its output's channels stand last, as it will run."""
    layout = OPERATORS[node.op].layout
    lying = [v for v in inputs if v is not None and not v.is_constant and v.last]
    if lying and layout != "first":
        found = RULES[layout](node, inputs, lying[0].rank)
        if found is not None:
            return found
    return node, [None if v is None else v.first for v in inputs], False


def _place(axis: int, rank: int) -> int:
    """Return where an axis of ONNX's stands when the channels are last."""
    return to_last(rank).index(axis % rank)


def _same(node: Node, inputs: Values, rank: int) -> Arranged | None:
    """Entry by entry: all arrays have one rank, or are constants that are brought to it."""
    made: list[Any] = []
    for v in inputs:
        if v is None:
            made.append(None)
        elif v.array is not None:
            if v.rank > rank:
                return None
            whole = v.array.reshape((1,) * (rank - v.rank) + v.array.shape)
            made.append(v.array if v.array.size == 1 else np.transpose(whole, to_last(rank)))
        elif v.rank != rank:
            return None
        else:
            made.append(v.turned(True))
    return node, made, True


USUAL_AXIS = {"Concat": 1, "LpNormalization": -1, "Softmax": -1, "LogSoftmax": -1, "Hardmax": -1}


def _axis(node: Node, inputs: Values, rank: int) -> Arranged | None:
    """Along one axis, which stays."""
    soft = node.op in ("Softmax", "LogSoftmax", "Hardmax")
    if (soft and node.opset < 13) or not node.get("keepdims", 1):
        return None
    data = inputs if node.op == "Concat" else inputs[:1]
    if any(v is None or v.rank != rank for v in data):
        return None
    axis = _place(node.get("axis", USUAL_AXIS.get(node.op, 0)), rank)
    rest = [None if v is None else v.first for v in inputs[len(data) :]]
    return node.having(axis=axis), [v.turned(True) for v in data if v is not None] + rest, True


def _axes(node: Node, inputs: Values, rank: int) -> Arranged | None:
    """Along axes that constants name."""
    x, *rest = inputs
    if x is None or any(v is not None and not v.is_constant for v in rest):
        return None
    arrays = [None if v is None else v.array for v in rest]
    rule = _reduced if node.op.startswith("Reduce") else BY_NAME[node.op]
    found = rule(node, arrays, rank)
    return None if found is None else (found[0], [x.turned(True), *found[1]], found[2])


Turned = tuple[Node, list[Any], bool] | None


def _reduced(node: Node, arrays: list[Any], rank: int) -> Turned:
    told = axes_of(node, rank, arrays[0] if arrays else None)
    if told is None:
        return node, arrays, bool(node.get("keepdims", 1))
    keeps, kept = node.get("keepdims", 1), [n for n in range(rank) if n not in told]
    if not keeps and 1 in kept and len(kept) > 2:
        return None  # channels between others: the order would be another one
    axes = [_place(n, rank) for n in told]
    if arrays and arrays[0] is not None:
        return node, [np.array(axes, np.int64)], bool(keeps)
    return node.having(axes=axes), [], bool(keeps)


def _slice(node: Node, arrays: list[Any], rank: int) -> Turned:
    if node.opset < 10:
        axes = node.get("axes") or list(range(len(node.get("starts", ()))))
        return node.having(axes=[_place(n, rank) for n in axes]), [], True
    given: list[Any] = arrays + [None] * (4 - len(arrays))
    starts, ends, axes, steps = given
    named = range(len(starts)) if axes is None else numbers(axes)
    places = np.array([_place(n, rank) for n in named], np.int64)
    return node, [starts, ends, places, steps], True


def _pad(node: Node, arrays: list[Any], rank: int) -> Turned:
    order = to_last(rank)
    told = node.get("pads") if not arrays or arrays[0] is None else numbers(arrays[0])
    if len(arrays) > 2 and arrays[2] is not None:
        axes = np.array([_place(n, rank) for n in numbers(arrays[2])], np.int64)
        return node, [*arrays[:2], axes], True
    if told is None or len(told) != 2 * rank:
        return None
    turned = [told[n] for n in order] + [told[rank + n] for n in order]
    if not arrays or arrays[0] is None:
        return node.having(pads=turned), arrays, True
    return node, [np.array(turned, np.int64), *arrays[1:]], True


def _resize(node: Node, arrays: list[Any], rank: int) -> Turned:
    order = list(to_last(rank))
    if node.get("axes"):
        return node.having(axes=[_place(n, rank) for n in node.get("axes")]), arrays, True
    if node.get("scales"):  # Upsample's, in old files
        return node.having(scales=[node.get("scales")[n] for n in order]), arrays, True
    made = []
    for array in arrays:
        if array is not None and array.size == 2 * rank:  # a region: starts, then ends
            array = array[order + [rank + n for n in order]]
        elif array is not None and array.size:
            array = array[order]
        made.append(array)
    return node, made, True


BY_NAME: dict[str, Callable[[Node, list[Any], int], Turned]] = {
    "Slice": _slice, "Pad": _pad, "Resize": _resize, "Upsample": _resize,
}  # fmt: skip
RULES: dict[str, Callable[[Node, Values, int], Arranged | None]] = {
    "same": _same, "axis": _axis, "axes": _axes,
}  # fmt: skip
