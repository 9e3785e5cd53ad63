"""What comes out of a node whose result has sizes that values say, which only a run knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy.saving.onnx_import.nodes import Node, ValueNeededError
from melpy.saving.onnx_import.sizes import Size
from melpy.saving.onnx_import.values import Value

__all__ = ["outline"]

Sizes = list[int | None]
Outline = list[list[Any]]


def _target(node: Node, x: Value, shape: Value) -> Sizes:
    """Return the sizes that an input lists, as far as they are known."""
    (count,) = shape.shape
    if shape.known is None:
        if count is None:
            raise ValueNeededError
        return [None] * count
    return [None if isinstance(n, Size) or n < 0 else int(n) for n in shape.known]


def _reshape(node: Node, x: Value, shape: Value) -> Sizes:
    sizes = _target(node, x, shape)
    if node.get("allowzero", 0):
        return sizes
    return [x.shape[n] if s == 0 and n < x.rank else s for n, s in enumerate(sizes)]


def _expand(node: Node, x: Value, shape: Value) -> Sizes:
    sizes = _target(node, x, shape)
    rank = max(len(sizes), x.rank)
    wide = [*[1] * (rank - len(sizes)), *sizes]
    own = [1] * (rank - x.rank) + list(x.shape)
    return [_broadcast(*pair) for pair in zip(own, wide, strict=True)]


def _broadcast(a: int | None, b: int | None) -> int | None:
    """Return what two sizes broadcast to, None where it is not known."""
    if a == 1:
        return b
    return a if a is not None or b == 1 else b


def _slice(node: Node, x: Value, starts: Value, ends: Value, axes: Any = None, *rest: Any) -> Sizes:
    if axes is not None and axes.array is None:
        return [None] * x.rank
    named = range(starts.shape[0] or 0) if axes is None else axes.array.reshape(-1).tolist()
    cut = {n % x.rank for n in named}
    return [None if n in cut else s for n, s in enumerate(x.shape)]


def _as_many(node: Node, x: Value, *rest: Any) -> Sizes:
    return [None] * x.rank


def _resized(
    node: Node, x: Value, roi: Value | None = None, scales: Value | None = None,
    sizes: Value | None = None,
) -> Sizes:  # fmt: skip
    if sizes is None or sizes.known is None or node.get("axes") or node.opset < 11:
        return [None] * x.rank
    return [None if isinstance(n, Size) else int(n) for n in sizes.known]


def _same(node: Node, x: Value, *rest: Any) -> Sizes:
    return list(x.shape)


def _squeezed(node: Node, x: Value, axes: Value | None = None) -> Sizes:
    count = len(node.get("axes") or ()) if axes is None else axes.shape[0]
    if count is None:
        raise ValueNeededError
    return [None] * (x.rank + (count if node.op == "Unsqueeze" else -count))


def _reduced(node: Node, x: Value, axes: Value | None = None) -> Sizes:
    if not node.get("keepdims", 1):
        if axes is None or axes.shape[0] is None:
            raise ValueNeededError
        return [None] * (x.rank - axes.shape[0])
    return [None] * x.rank


def _one_hot(node: Node, x: Value, depth: Value, values: Value) -> Sizes:
    axis = node.get("axis", -1)
    sizes = list(x.shape)
    sizes.insert(axis + x.rank + 1 if axis < 0 else axis, None)
    return sizes


# By operator: the sizes of the first output, and the place of the input whose type it has.
RULES: dict[str, tuple[Callable[..., Sizes], int]] = {
    "Reshape": (_reshape, 0), "Expand": (_expand, 0), "Slice": (_slice, 0), "Tile": (_as_many, 0),
    "Pad": (_as_many, 0), "Resize": (_resized, 0), "Upsample": (_as_many, 0),
    "CumSum": (_same, 0), "CumProd": (_same, 0), "Trilu": (_same, 0), "Squeeze": (_squeezed, 0),
    "Unsqueeze": (_squeezed, 0), "ReverseSequence": (_same, 0), "CenterCropPad": (_as_many, 0),
    "TensorScatter": (_same, 0), "OneHot": (_one_hot, 2), "TopK": (_as_many, 0),
    "Compress": (lambda node, x, *_: [None] * (1 if node.get("axis") is None else x.rank), 0),
    "Range": (lambda node, *_: [None], 0), "Dropout": (_same, 0),
}  # fmt: skip
WHOLE_NUMBERS = np.dtype(np.int64)


def outline(node: Node, inputs: Sequence[Value | None], declared: Sequence[Any]) -> Outline | None:
    """Return [shape, type] of each output: by what the file declares, or by a rule.

    None says that running the node finds it out.
    """
    told = declared[: node.outputs]
    if len(told) == node.outputs and all(d is not None and d[1] is not None for d in told):
        return [[[s if isinstance(s, int) else None for s in sizes], kind] for kind, sizes in told]
    if node.op == "ConstantOfShape":
        kind = np.asarray(node.get("value", np.zeros(1, np.float32))).dtype
        return [[_target(node, inputs[0], inputs[0]), str(kind)]]  # type: ignore[arg-type]
    if node.op in ("NonZero", "NonMaxSuppression"):
        return [[[inputs[0].rank, None] if node.op == "NonZero" else [None, 3],  # type: ignore[union-attr]
                 "int64"]]  # fmt: skip
    if node.op.startswith("Reduce"):
        rule: tuple[Callable[..., Sizes], int] | None = (_reduced, 0)
    else:
        rule = RULES.get(node.op)
    if rule is None:
        return None
    find, place = rule
    made = [[find(node, *inputs), str(inputs[place].dtype)]]  # type: ignore[union-attr]
    if node.op == "TopK" and node.outputs > 1:
        made.append([made[0][0], "int64"])
    if node.op == "Dropout" and node.outputs > 1:
        made.append([made[0][0], "bool"])
    return made
