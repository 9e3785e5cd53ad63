"""Operators of ONNX that run along sequences, step by step: RNN, GRU and LSTM in all their forms.

Those in their usual form become layers with a sweep of their own (`layers_recurrent`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from melpy import ops
from melpy.saving.onnx_import.nodes import (
    Node,
    dtype_of,
    effort,
    operator,
    require,
    value_of,
)

__all__ = ["GATES", "activations_of", "directions_of"]

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
USUAL = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}


def directions_of(node: Node) -> int:
    """Return 2 where a node runs forwards and backwards, else 1."""
    return 2 if node.get("direction", "forward") == "bidirectional" else 1


def activations_of(node: Node) -> list[str]:
    """Return the names of a node's functions, the usual ones by default."""
    return list(node.get("activations") or USUAL[node.op] * directions_of(node))


def _functions(node: Node, direction: int) -> list[Callable[[Any], Any]]:
    """Return the functions of one direction."""
    names = activations_of(node)
    alphas, betas = (
        list(node.get("activation_alpha") or []),
        list(node.get("activation_beta") or []),
    )
    made: list[Callable[[Any], Any]] = []
    for name in names:
        kind = name.lower()
        require(kind in FUNCTIONS, node, f"its activation {name!r} is unknown")
        function, usual = FUNCTIONS[kind]
        own = [
            given.pop(0) if given and value is not None else value
            for given, value in zip((alphas, betas), usual, strict=True)
        ]
        made.append(_with(function, own))
    each = len(USUAL[node.op])
    require(len(made) == each * directions_of(node), node, "it has not its number of activations",
            activations=names)  # fmt: skip
    return made[each * direction : each * (direction + 1)]


def _with(function: Callable[..., Any], own: list[Any]) -> Callable[[Any], Any]:
    return lambda x: function(x, *own)


def _scaled_tanh(x: Any, a: float, b: float) -> Any:
    return ops.multiply(ops.tanh(ops.multiply(x, np.asarray(b, dtype_of(x)))),
                        np.asarray(a, dtype_of(x)))  # fmt: skip


def _affine(x: Any, a: float, b: float) -> Any:
    return ops.add(ops.multiply(x, np.asarray(a, dtype_of(x))), np.asarray(b, dtype_of(x)))


# By name in small letters: the function, and its usual alpha and beta, None where it has none.
FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, Any]]] = {
    "tanh": (lambda x, a, b: ops.tanh(x), (None, None)),
    "sigmoid": (lambda x, a, b: ops.sigmoid(x), (None, None)),
    "relu": (lambda x, a, b: ops.relu(x), (None, None)),
    "softsign": (lambda x, a, b: ops.softsign(x), (None, None)),
    "softplus": (lambda x, a, b: ops.softplus(x), (None, None)),
    "affine": (_affine, (1.0, 0.0)),
    "leakyrelu": (lambda x, a, b: ops.leaky_relu(x, a), (0.01, None)),
    "elu": (lambda x, a, b: ops.elu(x, a), (1.0, None)),
    "thresholdedrelu": (
        lambda x, a, b: ops.where(ops.greater(x, np.asarray(a, dtype_of(x))), x,
                                  np.asarray(0, dtype_of(x))),
        (1.0, None),
    ),
    "scaledtanh": (_scaled_tanh, (1.0, 1.0)),
    "hardsigmoid": (
        lambda x, a, b: ops.clip(_affine(x, a, b), np.asarray(0, dtype_of(x)),
                                 np.asarray(1, dtype_of(x))),
        (0.2, 0.5),
    ),
}  # fmt: skip


@operator("RNN", "GRU", "LSTM", reads=(4,))
def recurrent(
    node: Node, x: Any, w: Any, r: Any, b: Any = None, lengths: Any = None, h: Any = None,
    c: Any = None, peepholes: Any = None,
) -> Any:  # fmt: skip
    """Return the outputs of all steps, (T, directions, N, D), and the last states."""
    if node.get("layout", 0):  # the batch first
        x, h, c = (v if v is None else ops.swapaxes(v, 0, 1) for v in (x, h, c))
    T, N, D = x.shape[0], x.shape[1], r.shape[-1]
    steps = None if lengths is None else value_of(lengths).reshape(-1)  # (N,)
    count = directions_of(node)
    effort(node, steps=8 * T * count)
    ys, hs, cs = [], [], []
    for d in range(count):

        def own(v: Any, d: int = d) -> Any:
            return None if v is None else v[d]

        cell = _Cell(node, d, w[d], r[d], own(b), own(peepholes))
        zeros = np.zeros((N, D), dtype_of(x))
        states = [zeros if h is None else h[d], zeros if c is None else c[d]]
        back = d == 1 or node.get("direction", "forward") == "reverse"
        outputs: list[Any] = [None] * T
        for t in reversed(range(T)) if back else range(T):
            new = cell.step(x[t], *states)
            if steps is not None:  # a sequence that is over leaves its states as they are
                inside = (t < steps)[:, np.newaxis]
                outputs[t] = ops.where(inside, new[0], np.asarray(0, dtype_of(x)))
                new = [ops.where(inside, a, s) for a, s in zip(new, states, strict=True)]
            else:
                outputs[t] = new[0]
            states = list(new)
        ys.append(ops.stack(outputs, axis=0))
        hs.append(states[0])
        cs.append(states[1])
    y = ops.stack(ys, axis=1)
    made = [y, ops.stack(hs, axis=0)] + ([ops.stack(cs, axis=0)] if node.op == "LSTM" else [])
    if node.get("layout", 0):
        made = [ops.transpose(y, axes=(2, 0, 1, 3)), *(ops.swapaxes(v, 0, 1) for v in made[1:])]
    return made[: node.outputs] if node.outputs > 1 else made[0]


class _Cell:
    """One step of one direction: x (N,C), h (N,D), c (N,D) -> h, c."""

    def __init__(self, node: Node, direction: int, w: Any, r: Any, b: Any, peepholes: Any) -> None:
        self.node, self.functions = node, _functions(node, direction)
        self.w, self.r, self.D = ops.transpose(w), ops.transpose(r), r.shape[-1]
        gates = GATES[node.op] * self.D
        self.b_x: Any = None if b is None else b[:gates]
        self.b_h: Any = None if b is None else b[gates:]
        self.p = None if peepholes is None else [
            peepholes[n * self.D : (n + 1) * self.D] for n in range(3)
        ]  # fmt: skip

    def step(self, x: Any, h: Any, c: Any) -> list[Any]:
        """Return the new states; c is left alone where there is none."""
        from_x = ops.matmul(x, self.w)
        from_x = from_x if self.b_x is None else ops.add(from_x, self.b_x)
        return getattr(self, self.node.op.lower())(from_x, h, c)

    def _of_state(self, h: Any, start: int = 0, stop: int | None = None) -> Any:
        """Return h R + b for some of the gates, whose weights stand side by side."""
        gates = slice(start * self.D, None if stop is None else stop * self.D)
        y = ops.matmul(h, self.r[:, gates])
        return y if self.b_h is None else ops.add(y, self.b_h[gates])

    def _limited(self, x: Any) -> Any:
        limit = self.node.get("clip")
        if limit is None:
            return x
        return ops.clip(x, np.asarray(-limit, dtype_of(x)), np.asarray(limit, dtype_of(x)))

    def _gates(self, x: Any) -> list[Any]:
        return [x[:, n * self.D : (n + 1) * self.D] for n in range(GATES[self.node.op])]

    def rnn(self, x: Any, h: Any, c: Any) -> list[Any]:
        """h' = f(x W + h R + b)."""
        return [self.functions[0](self._limited(ops.add(x, self._of_state(h)))), c]

    def gru(self, x: Any, h: Any, c: Any) -> list[Any]:
        """h' = (1 - z) n + z h."""
        f, g = self.functions
        x_z, x_r, x_n = self._gates(x)
        h_zr = self._of_state(h, 0, 2)
        z = f(self._limited(ops.add(x_z, h_zr[:, : self.D])))
        r = f(self._limited(ops.add(x_r, h_zr[:, self.D :])))
        if self.node.get("linear_before_reset", 0):
            n = ops.multiply(r, self._of_state(h, 2))
        else:
            n = self._of_state(ops.multiply(r, h), 2)
        n = g(self._limited(ops.add(x_n, n)))
        one = np.asarray(1, dtype_of(h))
        return [ops.add(ops.multiply(ops.subtract(one, z), n), ops.multiply(z, h)), c]

    def lstm(self, x: Any, h: Any, c: Any) -> list[Any]:
        """c' = f c + i g, h' = o act(c'); the gates in ONNX's order, i o f g."""
        act, inner, outer = self.functions
        i, o, f, g = self._gates(ops.add(x, self._of_state(h)))
        if self.p is not None:
            i, f = ops.add(i, ops.multiply(self.p[0], c)), ops.add(f, ops.multiply(self.p[2], c))
        i, f, g = act(self._limited(i)), act(self._limited(f)), inner(self._limited(g))
        if self.node.get("input_forget", 0):
            f = ops.subtract(np.asarray(1, dtype_of(i)), i)
        c = ops.add(ops.multiply(f, c), ops.multiply(i, g))
        o = o if self.p is None else ops.add(o, ops.multiply(self.p[1], c))
        return [ops.multiply(act(self._limited(o)), outer(c)), c]
