"""What makes a written graph small: axes that are turned twice, names for nothing, dead nodes.

Images have the channels last here and first in ONNX, so each convolution stands between two
transposes. They are moved towards the outputs, past what works on single entries, along named axes
or on constants, and vanish where they meet their inverse: those at the ends stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy.saving.onnx_export.graph import Graph, Node

__all__ = ["made_small"]

EACH = {
    "Abs", "Acos", "Acosh", "Add", "And", "Asin", "Asinh", "Atan", "Atanh", "Cast", "Ceil", "Clip",
    "Cos", "Cosh", "Div", "Elu", "Equal", "Erf", "Exp", "Floor", "Gelu", "Greater",
    "GreaterOrEqual", "HardSigmoid", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Less",
    "LessOrEqual", "Log", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or", "Pow", "Reciprocal",
    "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign",
    "Sqrt", "Sub", "Tan", "Tanh", "Where", "Xor",
}  # fmt: skip
REDUCED = {"ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "ReduceProd", "ReduceL2"}
ALONG = {"Softmax", "LogSoftmax", "Concat", "ArgMax", "ArgMin"}

Turned = tuple[str, list[int]]  # what a name is a transpose of, and the order


def made_small(graph: Graph, outputs: Sequence[str]) -> list[str]:
    """Take away what changes nothing, in place; return the outputs' names, which may be others."""
    outputs = _Turner(graph).turned(outputs)
    outputs = _without_identities(graph, outputs)
    _drop_unused(graph, outputs)
    _join_scales(graph, outputs)
    _drop_unused(graph, outputs)
    return outputs


class _Turner:
    """Moves transposes towards the outputs."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[Node] = []
        self.of: dict[str, Turned] = {}
        self.same: dict[str, str] = {}  # names of which another is the same

    def turned(self, outputs: Sequence[str]) -> list[str]:
        for node in self.graph.nodes:
            node.inputs = [self.same.get(name, name) for name in node.inputs]
            self._pass(node)
        self.graph.nodes = self.nodes
        return [self.same.get(name, name) for name in outputs]

    def _pass(self, node: Node) -> None:
        if node.kind == "Transpose":
            self._transpose(node)
            return
        turn = self._rule(node)
        if turn is None or not turn(node):
            self.nodes.append(node)

    def _rule(self, node: Node) -> Callable[[Node], bool] | None:
        if node.kind in EACH:
            return self._each
        if node.kind in REDUCED:
            return self._reduce
        if node.kind in ALONG:
            return self._along
        return {"Pad": self._pad, "Slice": self._slice}.get(node.kind)

    def _transpose(self, node: Node) -> None:
        x, order, y = node.inputs[0], node.attributes["perm"], node.outputs[0]
        if x in self.of:
            x, before = self.of[x]
            order = [before[n] for n in order]
        if order == sorted(order):
            self.same[y] = x
            return
        self._write_transpose(x, order, y)

    def _write_transpose(self, x: str, order: list[int], y: str) -> None:
        self.of[y] = x, order
        self.graph.ranks[y] = len(order)
        self.nodes.append(Node("Transpose", [x], [y], {"perm": order}))

    def _before(self, name: str, order: list[int]) -> str | None:
        """Return what gives ``name`` when its axes are put into an order; None if that costs."""
        if name in self.of and self.of[name][1] == order:
            return self.of[name][0]
        back = np.argsort(order).tolist()
        if name in self.graph.constants:
            array = self.graph.constants[name]
            if array.ndim == 0:
                return name
            wide = array.reshape((1,) * (len(order) - array.ndim) + array.shape)
            return self.graph.constant(wide.transpose(back))
        if self.graph.ranks.get(name) == 0:
            return name
        if self.graph.ranks.get(name) != len(order):
            return None
        x, own = self.of.get(name, (name, list(range(len(order)))))
        y = self.graph.fresh("turned")
        self._write_transpose(x, [own[n] for n in back], y)
        return y

    def _each(self, node: Node) -> bool:
        orders = [self.of[x][1] for x in node.inputs if x in self.of]
        if not orders:
            return False
        order = max(orders, key=orders.count)
        rank = len(order)
        if any(x and self._rank(x) > rank for x in node.inputs):
            return False
        kept = len(self.nodes)
        inputs = [self._before(x, order) if x else x for x in node.inputs]
        if any(x is None for x in inputs):
            del self.nodes[kept:]
            return False
        self._behind(node, inputs, order)  # type: ignore[arg-type]
        return True

    def _rank(self, name: str) -> int:
        """Return how many axes a name has; many where nobody knows."""
        if name in self.graph.constants:
            return self.graph.constants[name].ndim
        return self.graph.ranks.get(name, 99)

    def _behind(self, node: Node, inputs: list[str], order: list[int], **changed: Any) -> None:
        """Write a node on what was not turned, and turn its output."""
        y = node.outputs[0]
        if order == sorted(order):
            self.nodes.append(Node(node.kind, inputs, [y], node.attributes | changed))
            return
        straight = self.graph.fresh(node.kind.lower())
        self.graph.ranks[straight] = len(order)
        self.nodes.append(Node(node.kind, inputs, [straight], node.attributes | changed))
        self._write_transpose(straight, order, y)

    def _reduce(self, node: Node) -> bool:
        x = node.inputs[0]
        if x not in self.of or len(node.inputs) < 2 or node.inputs[1] not in self.graph.constants:
            return False
        x, order = self.of[x]
        rank = len(order)
        axes = [int(a) % rank for a in self.graph.constants[node.inputs[1]]]
        before = self.graph.constant(np.array(sorted(order[a] for a in axes)))
        if not node.attributes.get("keepdims", 1):
            rest = [order[n] for n in range(rank) if n not in axes]
            order = [sorted(rest).index(n) for n in rest]
        self._behind(node, [x, before], order)
        return True

    def _along(self, node: Node) -> bool:
        found = [self.of.get(x) for x in node.inputs]
        if not found[0] or any(f is None or f[1] != found[0][1] for f in found):
            return False
        order = found[0][1]
        axis = order[node.attributes.get("axis", -1) % len(order)]
        if node.kind in ("ArgMax", "ArgMin") and not node.attributes.get("keepdims", 1):
            rest = [n for n in order if n != axis]
            order = [sorted(rest).index(n) for n in rest]
        self._behind(node, [f[0] for f in found if f], order, axis=axis)
        return True

    def _pad(self, node: Node) -> bool:
        x, ends = node.inputs[0], self.graph.constants.get(node.inputs[1])
        if x not in self.of or ends is None or len(node.inputs) > 3:
            return False
        x, order = self.of[x]
        back = np.argsort(order)
        both = self.graph.constant(ends.reshape(2, -1)[:, back].reshape(-1))
        self._behind(node, [x, both, *node.inputs[2:]], order)
        return True

    def _slice(self, node: Node) -> bool:
        x, axes = node.inputs[0], self.graph.constants.get((node.inputs + [""] * 4)[3])
        if x not in self.of or axes is None:
            return False
        x, order = self.of[x]
        moved = self.graph.constant(np.array([order[int(a) % len(order)] for a in axes]))
        self._behind(node, [x, *node.inputs[1:3], moved, *node.inputs[4:]], order)
        return True


def _without_identities(graph: Graph, outputs: Sequence[str]) -> list[str]:
    """Take away nodes that give what they take."""
    same: dict[str, str] = {}
    nodes = []
    for node in graph.nodes:
        node.inputs = [same.get(name, name) for name in node.inputs]
        if node.kind == "Identity":
            same[node.outputs[0]] = node.inputs[0]
        else:
            nodes.append(node)
    graph.nodes = nodes
    return [same.get(name, name) for name in outputs]


def _join_scales(graph: Graph, outputs: Sequence[str]) -> None:
    """Multiply a scale of channels behind a convolution into its weights; add its offset."""
    users: dict[str, int] = dict.fromkeys(outputs, 2)
    for node in graph.nodes:
        for name in node.inputs:
            users[name] = users.get(name, 0) + 1
    convs: dict[str, Node] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        conv = convs.get(node.inputs[0]) if node.inputs and node.kind in ("Mul", "Add") else None
        if conv is not None and users.get(node.inputs[0]) == 1 and _joined(graph, conv, node):
            conv.outputs = node.outputs
            convs[node.outputs[0]] = conv
            continue
        if node.kind == "Conv" and node.inputs[1] in graph.constants:
            convs[node.outputs[0]] = node
        nodes.append(node)
    graph.nodes = nodes


def _joined(graph: Graph, conv: Node, node: Node) -> bool:
    """Put a constant for each channel into a convolution; return whether it is one."""
    row = graph.constants.get(node.inputs[1])
    w = graph.constants[conv.inputs[1]]
    rank, D = w.ndim, len(w)
    if row is None or row.ndim not in (0, rank) or row.dtype != w.dtype:
        return False
    if row.size not in (1, D) or (row.size == D and row.ndim and row.shape[1] != D):
        return False
    row = np.broadcast_to(row.reshape(-1), D)
    bias = graph.constants.get(conv.inputs[2]) if len(conv.inputs) > 2 else np.zeros(D, w.dtype)
    if bias is None:
        return False
    if node.kind == "Mul":
        conv.inputs[1] = graph.constant(w * row.reshape(-1, *[1] * (rank - 1)), _own(conv, 1))
        bias = bias * row
    else:
        bias = bias + row
    conv.inputs[2:] = [graph.constant(bias, _own(conv, 2))] if bias.any() else []
    return True


def _own(conv: Node, n: int) -> str:
    """Return the name that a constant of a convolution keeps, or one for it."""
    if n < len(conv.inputs):
        return conv.inputs[n]
    return f"{conv.inputs[1]}/offset"


def _drop_unused(graph: Graph, outputs: Sequence[str]) -> None:
    """Take away what no output needs."""
    needed, kept = set(outputs), []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            kept.append(node)
            needed.update(node.inputs)
    graph.nodes = kept[::-1]
    graph.constants = {name: x for name, x in graph.constants.items() if name in needed}
