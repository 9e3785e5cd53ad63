"""Recurrent sweeps: LSTM, GRU and RNN nodes, with any mask.

ONNX leaves out the steps behind a length; a mask may leave out any. So the steps that count are
brought to the front, the node runs over as many, and each step is then given what the last one
that counts before it left. Where padding is at the end, that changes no order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy.saving.onnx_export.observer import Ref
from melpy.saving.onnx_export.rules.registry import Call, Size, rule

__all__ = ["part_of"]

RNN = {"tanh": "Tanh", "relu": "Relu", "sigmoid": "Sigmoid", "linear": "Affine"}


@rule("lstm")
def lstm(c: Call) -> str:
    order = [0, 3, 1, 2]  # input, output, forget, cell: here i f g o
    bias = None if not c.given(2) else [_gates(c, c.x(2), order, -1), None]
    h, cell = _swept(c, "LSTM", order, bias, states=2)
    both = c.add("Concat", h, c.transpose(cell, [1, 0, 2]), axis=1)
    c.graph.joined[both] = {"call": c, "h": h, "cell": cell}
    return both


def _last_cell(known: dict[str, Any]) -> str:
    """Return the last cell (1, N, D) of an LSTM: a mask's by a node of its own.

    Not every engine stops the cell at a length. So the steps that do not count, behind the others,
    are given a closed input gate and an open forget gate, which keeps it.
    """
    c: Call = known["call"]
    if c["mask"] is None:
        return known["cell"]
    D = c.shape(1)[0]
    kept = np.repeat(np.array([-KEPT, KEPT, 0, 0], c.out.dtype), D)
    x, length = _to_the_front(c, c.x(0), c.ref(c["mask"], bool))
    steps = c.add("Range", np.array(0), c.graph.scalar(c.shape()[1]), np.array(1))
    length = c.add("Unsqueeze", c.cast(length, np.int32, np.int64), [1])
    left_out = c.cast(c.add("GreaterOrEqual", steps, length), bool)  # (N, T)
    pushed = c.add("Mul", c.add("Unsqueeze", left_out, [2]), kept)
    order = [0, 3, 1, 2]
    gates = _gates(c, c.add("Add", x, pushed), order, -1)
    bias = _gates(c, c.x(2), order, -1) if c.given(2) else ""
    gates = c.add("Add", gates, bias) if bias else gates
    u = c.transpose(_gates(c, c.x(1), order, -1), [1, 0])
    whole = np.eye(4 * D, dtype=c.out.dtype)
    starts = [c.add("Unsqueeze", c.x(n), [0]) for n in (3, 4)]
    ends = c.add_all(
        "LSTM", 3, c.transpose(gates, [1, 0, 2]), c.add("Unsqueeze", c.graph.constant(whole), [0]),
        c.add("Unsqueeze", u, [0]), "", "", *starts, hidden_size=D,
    )  # fmt: skip
    return ends[-1]


KEPT = 1e4  # a gate that far from 0 is closed, or open


@rule("gru")
def gru(c: Call) -> str:
    order, both = [0, 1, 2], c["reset_after"]  # z r h, as here
    bias = None
    if c.given(2):
        rows: list[Any] = [c.add("Gather", c.x(2), np.array(n), axis=0) for n in (0, 1)]
        bias = rows if both else [c.x(2), None]
    return _swept(c, "GRU", order, bias, linear_before_reset=int(both))[0]


@rule("simple_rnn")
def simple_rnn(c: Call) -> str:
    if c["activation"] == "linear" and isinstance(c.shape()[1], int):
        return _step_by_step(c)
    name = RNN[c["activation"]]
    more: dict[str, Any] = (
        {"activation_alpha": [1.0], "activation_beta": [0.0]} if name == "Affine" else {}
    )
    bias = None if not c.given(2) else [c.x(2), None]
    return _swept(c, "RNN", [0], bias, activations=[name], **more)[0]


def _step_by_step(c: Call) -> str:
    """Return the outputs of a linear network, which not every engine's RNN node knows."""
    x, u, h = c.x(0), c.x(1), c.x(3)
    x = c.add("Add", x, c.x(2)) if c.given(2) else x
    seen = c.ref(c["mask"], bool) if c["mask"] is not None else None
    made = []
    for t in range(c.shape()[1]):
        new = c.add("Add", c.add("Gather", x, np.array(t), axis=1), c.add("MatMul", h, u))
        if seen is not None:
            new = c.add("Where", c.slice(seen, 1, t, t + 1), new, h)
        h = new
        made.append(c.add("Unsqueeze", h, [1]))
    return c.add("Concat", *made, axis=1)


def _gates(c: Call, x: str, order: Sequence[int], axis: int) -> str:
    """Return the gates along an axis in ONNX's order."""
    if list(order) == list(range(len(order))):
        return x
    if x in c.graph.constants:
        pieces = np.split(c.graph.constants[x], len(order), axis)
        return c.graph.constant(np.concatenate([pieces[n] for n in order], axis))
    parts = c.add_all("Split", len(order), x, axis=axis, num_outputs=len(order))
    return c.add("Concat", *(parts[n] for n in order), axis=axis)


def _swept(
    c: Call, kind: str, order: Sequence[int], bias: list[Any] | None, states: int = 1, **more: Any
) -> tuple[str, str]:
    """Return the outputs (N, T, D), and the last state (1, N, D)."""
    D, gates = c.shape(1)[0], len(order)
    x, kernel = _inputs(c, gates * D)
    w = c.transpose(_gates(c, kernel, order, -1), [1, 0])
    u = c.transpose(_gates(c, c.x(1), order, -1), [1, 0])
    zeros = np.zeros(gates * D, c.out.dtype)
    b: Any = ""
    if bias is not None:
        b = [c.graph.constant(zeros) if part is None else part for part in bias]
        b = c.add("Unsqueeze", c.add("Concat", *b, axis=0), [0])
    starts = [c.add("Unsqueeze", c.x(3 + n), [0]) for n in range(states)]
    lengths: Any = ""
    mask = c["mask"]
    seen = c.ref(mask, bool) if mask is not None else None
    if seen is not None:
        x, lengths = _to_the_front(c, x, seen)
    outputs = c.add_all(
        kind, 1 + states,
        c.transpose(x, [1, 0, 2]), c.add("Unsqueeze", w, [0]), c.add("Unsqueeze", u, [0]),
        b, lengths, *starts, hidden_size=D, **more,
    )  # fmt: skip
    h = c.transpose(c.add("Squeeze", outputs[0], [1]), [1, 0, 2])
    if seen is not None:
        h = _spread(c, h, c.x(3), seen)
    return h, outputs[-1]


def _inputs(c: Call, size: int) -> tuple[str, str]:
    """Return what the node multiplies by what: the inputs by their kernel, if that is known."""
    maker = c.value(0).maker
    if maker is not None and maker.op == "matmul":
        left, right = maker.inputs
        if isinstance(left, Ref) and isinstance(right, Ref):
            x, kernel = c.value_of(left.number), c.value_of(right.number)
            if len(x.shape) == 3 and len(kernel.shape) == 2 and x.dtype == c.out.dtype:
                return c.name_of(left.number), c.name_of(right.number)
    return c.x(0), c.graph.constant(np.eye(size, dtype=c.out.dtype))


def _to_the_front(c: Call, x: str, seen: str) -> tuple[str, str]:
    """Return the steps that count, brought to the front in order, and how many they are."""
    steps = c.shape()[1]
    count = c.cast(seen, bool, np.int64)
    length = c.cast(c.add("ReduceSum", count, [1], keepdims=0), np.int64, np.int32)
    ahead = c.add("Range", c.graph.scalar(steps), np.array(0), np.array(-1))
    rank = c.cast(c.add("Mul", count, ahead), np.int64, np.float32)  # larger where earlier
    _, places = c.add_all("TopK", 2, rank, c.graph.sizes([steps]), axis=1)
    return c.add("GatherND", x, c.add("Unsqueeze", places, [2]), batch_dims=1), length


def _spread(c: Call, h: str, start: str, seen: str) -> str:
    """Return for each step what the last one that counts left; before it, the start."""
    whole = c.add("Concat", c.add("Unsqueeze", start, [1]), h, axis=1)
    before = c.add("CumSum", c.cast(seen, bool, np.int64), np.array(1))
    return c.add("GatherND", whole, c.add("Unsqueeze", before, [2]), batch_dims=1)


def part_of(c: Call, parts: list[Any]) -> str | None:
    """Return a part of an LSTM's output (N, T + 1, D) as it was before it was joined."""
    known = c.graph.joined.get(c.raw()) if c.rank() == 3 else None
    if known is None or len(parts) != 2 or parts[0] != slice(None):
        return None
    steps, part = known["call"].shape()[1], parts[1]
    if part == slice(None, -1):
        return known["h"]
    if part == steps or part == -1:
        return c.add("Squeeze", _last_cell(known), [0])
    before = Size(tuple(n - 1 for n in steps.runs)) if isinstance(steps, Size) else steps - 1
    if part == before:
        return c.add("Gather", known["h"], np.array(-1), axis=1)
    return None
