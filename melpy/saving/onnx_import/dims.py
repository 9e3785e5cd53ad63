"""Which sizes an operator's output has of its inputs': so a batch stays known as the batch.

Numbers come from the symbolic tensors themselves, whose shapes are found by running. Here only
that is told which of the unknown sizes are the same; what no rule tells is a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from melpy.saving.onnx_import.nodes import OPERATORS, Node, numbers
from melpy.saving.onnx_import.reducing import axes_of
from melpy.saving.onnx_import.shaping import cut_of
from melpy.saving.onnx_import.sizes import Size
from melpy.saving.onnx_import.values import Value

__all__ = ["broadcast", "dims_of"]

Dims = list[Any]


def broadcast(inputs: Sequence[Value]) -> Dims:
    """Return the sizes that arrays broadcast to, None where it is not known."""
    rank, made = max(v.rank for v in inputs), []
    for axis in range(-rank, 0):
        sizes = [v.dims[axis] for v in inputs if v.rank >= -axis]
        numbers = [s for s in sizes if not isinstance(s, Size) and s != 1]
        unknown = {id(s): s for s in sizes if isinstance(s, Size)}
        if numbers or not unknown:
            made.append(numbers[0] if numbers else 1)
        else:
            made.append(next(iter(unknown.values())) if len(unknown) == 1 else None)
    return made


def _axis(node: Node, value: Value, usual: int = 0) -> int:
    axis = node.get("axis", usual)
    return axis + value.rank if axis < 0 else axis


def _gather(node: Node, x: Value, indices: Value) -> Dims:
    axis = _axis(node, x)
    return [*x.dims[:axis], *indices.dims, *x.dims[axis + 1 :]]


def _matmul(node: Node, a: Value, b: Value) -> Dims | None:
    if a.rank < 2 or b.rank < 2:
        return None
    stacks = [Value(dims=v.dims[:-2], dtype=v.dtype) for v in (a, b)]
    before = broadcast(stacks) if max(a.rank, b.rank) > 2 else []
    return [*before, a.dims[-2], b.dims[-1]]


def _but(value: Value, axes: Sequence[int]) -> Dims:
    return [None if n in axes else d for n, d in enumerate(value.dims)]


def _reduced(node: Node, x: Value, axes: Value | None = None) -> Dims:
    told = axes_of(node, x.rank, None if axes is None else axes.array)
    gone = range(x.rank) if told is None else told
    kept = node.get("keepdims", 1)
    return [1 if n in gone else d for n, d in enumerate(x.dims) if kept or n not in gone]


def _squeezed(node: Node, x: Value, axes: Value | None = None) -> Dims | None:
    told = axes_of(node, x.rank, None if axes is None else axes.array)
    return None if told is None else [d for n, d in enumerate(x.dims) if n not in told]


def _unsqueezed(node: Node, x: Value, axes: Value | None = None) -> Dims:
    named = node.get("axes") if axes is None else numbers(axes.array)
    told = axes_of(node, x.rank + len(named or ()), None if axes is None else axes.array) or ()
    rest = iter(x.dims)
    return [1 if n in told else next(rest) for n in range(x.rank + len(told))]


def _einsum(node: Node, *xs: Value) -> Dims | None:
    terms, _, output = node.get("equation", "").replace(" ", "").partition("->")
    if "." in terms or not output:
        return None
    pairs = (zip(t, x.dims, strict=False) for t, x in zip(terms.split(","), xs, strict=False))
    sizes = {letter: size for rows in pairs for letter, size in rows}
    return [sizes.get(letter) for letter in output]


def _sequences(node: Node, x: Value, w: Value, *rest: Any) -> Dims:
    if node.get("layout", 0):
        return [x.dims[0], x.dims[1], None, None]
    return [x.dims[0], None, x.dims[1], None]


def _target(node: Node, x: Value, shape: Value | None = None) -> Dims | None:
    if shape is None or shape.known is None:
        return None
    return [None if not isinstance(n, Size) and n < 1 else n for n in shape.known.reshape(-1)]


def _sliced(node: Node, x: Value, *given: Value | None) -> Dims:
    cut = cut_of(node, x.shape, [None if g is None else g.array for g in given])
    return [d if part == slice(None) else None for d, part in zip(x.dims, cut, strict=True)]


def _padded(node: Node, x: Value, pads: Value | None = None, *rest: Value | None) -> Dims:
    told = node.get("pads") if pads is None else numbers(pads.array)
    if len(told) != 2 * x.rank:
        return [None] * x.rank
    ends = zip(told[: x.rank], told[x.rank :], strict=True)
    return [None if any(pair) else d for d, pair in zip(x.dims, ends, strict=True)]


def _flat(node: Node, x: Value) -> Dims:
    axis = _axis(node, x, 1)
    before, after = x.dims[:axis], x.dims[axis:]
    return [side[0] if len(side) == 1 else None for side in (before, after)]


RULES: dict[str, Callable[..., Dims | None]] = {
    "Transpose": lambda node, x: [x.dims[n] for n in node.get("perm") or range(x.rank)[::-1]],
    "MatMul": _matmul,
    "Gemm": lambda node, a, *_: [a.dims[1 if node.get("transA", 0) else 0], None],
    "Gather": _gather,
    "GatherElements": lambda node, x, indices: list(indices.dims),
    "Concat": lambda node, *xs: _but(xs[0], [_axis(node, xs[0], 1)]),
    "Split": lambda node, x, *_: _but(x, [_axis(node, x)]),
    "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed,
    "Flatten": _flat,
    "Slice": _sliced,
    "Pad": _padded,
    "Reshape": _target,
    "Expand": _target,
    "ConstantOfShape": lambda node, shape: _target(node, shape, shape),
    "Einsum": _einsum,
    "Softmax": lambda node, x: list(x.dims),
    "LogSoftmax": lambda node, x: list(x.dims),
    "Hardmax": lambda node, x: list(x.dims),
    "LpNormalization": lambda node, x: list(x.dims),
    "CumSum": lambda node, x, axis: list(x.dims),
    "Trilu": lambda node, x, *_: list(x.dims),
    "BatchNormalization": lambda node, x, *_: list(x.dims),
    "LayerNormalization": lambda node, x, *_: list(x.dims),
    "RMSNormalization": lambda node, x, *_: list(x.dims),
    "InstanceNormalization": lambda node, x, *_: list(x.dims),
    "GroupNormalization": lambda node, x, *_: list(x.dims),
    "RotaryEmbedding": lambda node, x, *_: list(x.dims),
    "ScatterND": lambda node, x, *_: list(x.dims),
    "ScatterElements": lambda node, x, *_: list(x.dims),
    "ArgMax": lambda node, x: _reduced(_of_axis(node), x),
    "ArgMin": lambda node, x: _reduced(_of_axis(node), x),
    "Attention": lambda node, q, *_: [*q.dims[:-1], None],
    "RNN": _sequences,
    "GRU": _sequences,
    "LSTM": _sequences,
}
BATCHED = (
    "Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool",
    "GlobalMaxPool", "GlobalLpPool", "LRN", "DepthToSpace", "SpaceToDepth", "Resize", "Upsample",
)  # fmt: skip


def _of_axis(node: Node) -> Node:
    return Node(node.op, node.opset, {"axes": [node.get("axis", 0)],
                                      "keepdims": node.get("keepdims", 1)})  # fmt: skip


def dims_of(node: Node, inputs: Sequence[Value | None], shape: Sequence[int | None]) -> Dims:
    """Return the sizes of a node's first output, which has such a shape in ONNX's order."""
    given = [v for v in inputs if v is not None]
    guess: Dims | None = None
    try:
        if node.op in RULES:
            guess = RULES[node.op](node, *inputs)
        elif node.op.startswith("Reduce"):
            guess = _reduced(node, *inputs)  # type: ignore[arg-type]
        elif node.op in BATCHED:
            guess = [given[0].dims[0], *[None] * (len(shape) - 1)]
        elif OPERATORS[node.op].layout == "same":
            guess = broadcast(given)
    except Exception:  # a rule that does not hold of this node; the node itself says what is wrong
        guess = None
    if guess is None or len(guess) != len(shape):
        guess = [None] * len(shape)
    return [
        size if size is not None else told if isinstance(told, Size) else Size()
        for size, told in zip(shape, guess, strict=True)
    ]
