"""RNN, GRU and LSTM in their usual form as layers, whose sweep is one operation.

ONNX has the steps first, (T,N,C), a further axis of directions, and its gates in another order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import layers, ops
from melpy.saving.onnx_import.layers_images import are_learnt
from melpy.saving.onnx_import.maker import Maker, builder
from melpy.saving.onnx_import.nodes import Node
from melpy.saving.onnx_import.sequences import GATES, USUAL, activations_of, directions_of
from melpy.saving.onnx_import.values import Value

__all__: list[str] = []

CLASSES = {"RNN": layers.SimpleRNN, "GRU": layers.GRU, "LSTM": layers.LSTM}
# Where Keras's gates are among ONNX's: i o f g -> i f g o; z r n are the same.
ORDER = {"RNN": [0], "GRU": [0, 1, 2], "LSTM": [0, 2, 3, 1]}


def _is_usual(node: Node) -> bool:
    names = [name.lower() for name in activations_of(node)]
    known = [name.lower() for name in USUAL[node.op] * directions_of(node)]
    if node.op == "RNN" and set(names) == {"relu"}:
        names = known
    return names == known and not any(
        node.get(name) for name in ("clip", "input_forget", "activation_alpha", "activation_beta")
    )


def _arrays(node: Node, w: Any, r: Any, b: Any) -> list[np.ndarray]:
    """Return one direction's weights as Keras has them: kernel, recurrent kernel, bias."""
    D, order = r.shape[-1], ORDER[node.op]

    def turned(rows: Any) -> Any:  # (gates D, ...) in Keras's order
        return np.concatenate([rows[n * D : (n + 1) * D] for n in order], axis=0)

    arrays = [turned(w).T, turned(r).T]
    if b is not None:
        half = GATES[node.op] * D
        of_x, of_h = turned(b[:half]), turned(b[half:])
        resets = node.op == "GRU" and node.get("linear_before_reset", 0)
        arrays.append(np.stack([of_x, of_h]) if resets else of_x + of_h)
    return arrays


@builder("RNN", "GRU", "LSTM")
def recurrent(
    maker: Maker, node: Node, x: Value, w: Value, r: Value, b: Value | None = None,
    lengths: Value | None = None, h: Value | None = None, c: Value | None = None,
    peepholes: Value | None = None,
) -> Any:  # fmt: skip
    """Make a recurrent layer, or one that runs both ways."""
    if not are_learnt(x, w, r, b) or not _is_usual(node) or x.rank != 3 or not x.shape[2]:
        return None
    if lengths is not None and not _is_whole(lengths, x, node):
        return None
    if peepholes is not None and not (peepholes.is_constant and not peepholes.array.any()):
        return None
    states = [_start(v, node) for v in (h, c) if not _is_zero(v)]
    if states and node.op == "LSTM" and len(states) == 1:
        return None  # one state of two: rare
    D, both = r.shape[-1], directions_of(node) == 2
    options: dict[str, Any] = {
        "units": D, "return_sequences": True, "return_state": True, "use_bias": b is not None,
        "dtype": str(x.dtype), "go_backwards": node.get("direction") == "reverse",
    }  # fmt: skip
    if node.op == "GRU":
        options["reset_after"] = bool(node.get("linear_before_reset", 0))
    if node.op == "RNN":
        options["activation"] = activations_of(node)[0].lower()
        if len({name.lower() for name in activations_of(node)}) > 1:
            return None
    first = bool(node.get("layout", 0))  # whether the batch comes first
    tensor = x.first if first else ops.transpose(x.first, axes=(1, 0, 2))  # (T,N,C) -> (N,T,C)
    arrays = [
        array
        for d in range(1 + both)
        for array in _arrays(node, w.array[d], r.array[d], None if b is None else b.array[d])
    ]
    layer = _layer(maker, node, both, options)
    layer.ensure_built(tuple(tensor.shape))
    layer.set_weights(arrays)
    starts = [s for d in range(1 + both) for s in (state[d] for state in states)]
    y, *after = layer(tensor, initial_state=starts) if starts else layer(tensor)
    return _as_onnx(maker, node, [x, w], y, after, D)


def _layer(maker: Maker, node: Node, both: bool, options: dict[str, Any]) -> Any:
    name = maker.layer_name()
    if not both:
        return CLASSES[node.op](name=name, **options)
    inner = CLASSES[node.op](name=f"{name}_of", **options)
    return layers.Bidirectional(inner, name=name, dtype=options["dtype"])


def _is_whole(lengths: Value, x: Value, node: Node) -> bool:
    """Return whether all sequences are as long as the longest may be."""
    T = x.shape[1 if node.get("layout", 0) else 0]
    return lengths.is_constant and T is not None and bool((lengths.array == T).all())


def _is_zero(v: Value | None) -> bool:
    return v is None or v.fill == 0 or (v.is_constant and not v.array.any())


def _start(v: Any, node: Node) -> list[Any]:
    """Return the states before the first step, (N,D), of each direction."""
    if v.is_constant:
        raise_to = v.array if not node.get("layout", 0) else np.swapaxes(v.array, 0, 1)
        return list(raise_to)
    key = (slice(None),) if node.get("layout", 0) else ()
    return [ops.get_item(v.first, key=(*key, d)) for d in range(directions_of(node))]


def _as_onnx(maker: Maker, node: Node, given: Any, y: Any, after: list[Any], D: int) -> Any:
    """Return outputs (T,directions,N,D) and states (directions,N,D) of Keras's (N,T,..D), (N,D)."""
    first, both = node.get("layout", 0), directions_of(node) == 2
    if node.get("direction") == "reverse":  # they come in the order of the work
        y = ops.flip(y, axis=1)
    split = ops.reshape(y, (-1, y.shape[1] or -1, 2, D)) if both and y.shape[1] else None
    if both and split is None:
        parts = [ops.get_item(y, key=(..., slice(n * D, (n + 1) * D))) for n in range(2)]
        split = ops.stack(parts, axis=2)
    if split is None:
        split = ops.expand_dims(y, axis=2)  # (N,T,1,D)
    y = split if first else ops.transpose(split, axes=(1, 2, 0, 3))
    count = 2 if node.op == "LSTM" else 1
    states = []
    for n in range(count):
        own = after[n::count]
        axis = 1 if first else 0
        states.append(ops.stack(own, axis=axis) if both else ops.expand_dims(own[0], axis=axis))
    made = [maker.value(node, given, y)]
    made += [maker.value(node, given, s, place=1) for s in states]
    return made[: max(node.outputs, 1)]
