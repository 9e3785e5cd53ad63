"""Notes what goes through the layers of a model while it runs, and the gradients on their way back.

Nothing that is computed changes: calls and vjps are looked at, and pass on what they were given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from melpy import activations, tape, tree
from melpy.models.trace_inside import Convolution, Inside, Pooling, is_near
from melpy.tensor import Tensor, mask_of, set_mask

__all__ = ["Watch", "arrays_of", "leaf"]


class Called(NamedTuple):
    """One call of a layer: its row of the trace, what it was given, and what it made."""

    layer: Any
    row: Any
    given: Any
    made: Any


class Watch:
    """Notes the calls of a model's layers.

    Parameters
    ----------
    model : model
    row_of : function of a call's name, its layer's class, its depth and its input, that makes a row
    looks_inside : bool, whether the insides of the layers are noted too
    """

    def __init__(self, model: Any, row_of: Callable[..., Any], looks_inside: bool = False) -> None:
        _ = model.layers  # a model of its own class names its layers when they are asked for
        self.layers = model.layers_inside
        self.row_of, self.looks_inside = row_of, looks_inside
        self.rows: list[Any] = []
        self.called: list[Called] = []
        self.open: list[str] = []  # the names of the layers that are running
        self.uses: Counter[str] = Counter()  # how often each was called
        self.found: dict[int, np.ndarray] = {}  # dL/dy by id of the tensor y
        self.shares: dict[tuple[int, int], list[np.ndarray]] = {}  # of a row, in an input's
        self.logits: dict[int, Any] = {}  # what a softmax was made of, by id of the softmax

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Put a note-taking call in front of every layer's own, inside the ``with`` block."""
        for layer in self.layers:
            layer.call = self._noting(layer, layer.call)
        try:
            yield
        finally:
            for layer in self.layers:
                del layer.call

    def _noting(self, layer: Any, call: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*args: Any, **kwargs: Any) -> Any:
            taken = {n: value for n, value in kwargs.items() if isinstance(value, Tensor)}
            given = {"inputs": args[0], **taken} if args and taken else (*args[:1], taken)[0]
            path = "/".join([*self.open, layer.name])
            self.uses[path] += 1
            name = path if self.uses[path] == 1 else f"{path} ({self.uses[path]})"
            row = self.row_of(name, type(layer).__name__, len(self.open), arrays_of(given))
            self.rows.append(row)
            self.open.append(layer.name)
            start = tape.Node("", (), (), {}).serial  # those that the call makes are numbered on
            try:
                y = call(*args, **kwargs)
            finally:
                self.open.pop()
            y = tree.map_structure(self._watched, y)
            row.output = arrays_of(y)
            self.called.append(Called(layer, row, given, y))
            if self.looks_inside:
                self._note_shares(row, given, y, start)
                row.inside = Inside(self._weights_of(layer))
                row.inside.pre = _pre(layer, call, args, kwargs, row.output)
            return y

        return noting

    def _weights_of(self, layer: Any) -> dict[str, np.ndarray]:
        """Return the weights that belong to no layer inside that was called: a cell never is."""
        called = {id(one.layer) for one in self.called}
        parts = [part for part in layer.layers_inside if id(part) in called]
        theirs = {id(w) for part in parts for w in part.weights}
        values: dict[str, np.ndarray] = {}
        for w in layer.weights:
            if id(w) not in theirs:
                values[w.path if w.name in values else w.name] = np.array(w.array)
        return values

    def _watched(self, y: Any) -> Any:
        """Return the same tensor, made to leave its gradient here when it is asked for."""
        if not (isinstance(y, Tensor) and y.dtype.kind == "f" and tape.is_recording()):
            return y
        if not y.requires_grad:
            mask, y = mask_of(y), Tensor(y.array, requires_grad=True)
            set_mask(y, mask)
        self._note_gradient(y)
        if self.looks_inside and y.node is not None and y.node.op == "softmax":
            self.logits[id(y)] = y.node.inputs[0]  # where a loss that goes around it ends
            self._note_gradient(y.node.inputs[0])
        return y

    def _note_gradient(self, y: Any) -> None:
        if y.node is not None:
            found, key = self.found, id(y)
            at = next(n for n, x in enumerate(y.node.inputs) if x is not None)
            _listen(y.node, at, before=lambda g: found.__setitem__(key, g))

    def _note_shares(self, row: Any, given: Any, made: Any, start: int) -> None:
        """Have each operation of a call leave what it brings to the gradients of its inputs."""
        wanted = {id(x) for x in tree.flatten(given) if _wants_gradient(x)}
        waiting: list[tape.Node | None] = [
            y.node for y in tree.flatten(made) if isinstance(y, Tensor)
        ]
        seen: set[int] = set()
        while waiting:
            node = waiting.pop()
            if node is None or node.serial < start or id(node) in seen:
                continue
            seen.add(id(node))
            for at, x in enumerate(node.inputs):
                if x is not None and id(x) in wanted:
                    shares = self.shares.setdefault((id(row), id(x)), [])
                    _listen(node, at, after=_adding(shares, x.array))
                elif x is not None:
                    waiting.append(x.node)

    def differentiate(self, loss: Any, x: Any, more: Sequence[Any] = ()) -> Any:
        """Find all gradients, those of ``more`` weights too, and return dL/dx."""
        starts = [t for t in tree.flatten(x) if isinstance(t, Tensor) and t.requires_grad]
        leaves = [
            y for one in self.called for y in tree.flatten(one.made)
            if isinstance(y, Tensor) and y.requires_grad and y.node is None
        ]  # fmt: skip
        weights = [*(w for one in self.called for w in one.layer.trainable_weights), *more]
        sources = list({id(t): t for t in (*starts, *leaves, *weights)}.values())
        found = tape.gradients(loss, sources)
        self.found |= {id(t): g for t, g in zip(sources, found, strict=True)}
        rows = {id(one.layer) for one in self.called}
        for layer, row, _, _ in self.called:
            inside = {
                id(w) for part in layer.layers_inside if id(part) in rows for w in part.weights
            }
            for w in layer.trainable_weights:
                if id(w) not in inside:
                    name = w.name if w.name not in row.d_weights else w.path
                    row.d_weights[name] = self.found[id(w)]
        return tree.map_structure(lambda t: self.found.get(id(t)), x)

    def settle(self, outputs: Any, loss_of: Callable[[Any], Any]) -> None:
        """Write the gradients into the rows.

        A loss that goes around the model's last activation, as the cross-entropy of a softmax
        does, leaves no gradient there: it is found from the outputs alone.
        """
        gone_around = {
            id(y) for one in self.called for y in tree.flatten(one.made) if id(y) not in self.found
        }
        alone = tree.map_structure(lambda y: leaf(y, y.dtype), outputs)
        pairs = zip(tree.flatten(outputs), tree.flatten(alone), strict=True)
        missed = [(y, own) for y, own in pairs if id(y) not in self.found and own.requires_grad]
        loss = loss_of(alone) if missed else None
        if loss is not None and loss.requires_grad:
            gradients = tape.gradients(loss, [own for _, own in missed])
            self.found |= {id(y): g for (y, _), g in zip(missed, gradients, strict=True)}
        for one in self.called:
            gradients = tree.map_structure(lambda y: self.found.get(id(y)), one.made)
            if any(g is not None for g in tree.flatten(gradients)):
                one.row.d_output = gradients
            if self.looks_inside:
                self._settle_inputs(one, gone_around)

    def _settle_inputs(self, one: Called, gone_around: set[int]) -> None:
        """Write dL/dinput, and dL/dpre, into a row."""
        handed_on = set(map(id, tree.flatten(one.made)))
        logits = self.logits.get(id(one.made)) if id(one.made) in gone_around else None

        def of_input(x: Any) -> Any:
            shares = self.shares.get((id(one.row), id(x)))
            if shares:
                return sum(shares[1:], start=shares[0])
            if id(x) in handed_on or (logits is not None and x is logits):
                return self.found.get(id(x))
            return np.zeros_like(x.array) if _wants_gradient(x) and self.found else None

        gradients = tree.map_structure(of_input, one.given)
        if any(g is not None for g in tree.flatten(gradients)):
            one.row.d_input = gradients
        pre, g = one.row.inside.pre, one.row.d_output
        if pre is not None and g is not None:
            known = None if logits is None else self.found.get(id(logits))
            one.row.inside.d_pre = _d_pre(one.layer, pre, g) if known is None else known

    def look_inside(self) -> None:
        """Write what the layers did inside into the rows, once all gradients are there."""
        for layer, row, given, made in self.called:
            if isinstance(given, Tensor) and isinstance(made, Tensor):
                _describe(layer, row)


def _describe(layer: Any, row: Any) -> None:
    """Write kinks, and the inside of a convolution or a pooling, into a row."""
    inside, x = row.inside, layer.channels_last(np.asarray(row.input))
    inside.kinks = is_near(row.input if inside.pre is None else inside.pre, layer.kinks())
    pooling = layer.pooling_geometry(x.shape)
    if pooling is not None:
        kind, *geometry = pooling
        inside.pooling = Pooling(kind, x, *geometry)
        if kind == "max":
            kinks, y = inside.pooling.kinks, np.asarray(row.output)
            inside.kinks = (np.moveaxis(kinks, -1, 1) if layer.channels_first else kinks).reshape(
                y.shape
            )
    found = layer.convolution_geometry(x.shape) if "kernel" in inside.weights else None
    if found is not None:
        strides, pads, dilation, groups = found
        w = inside.weights["kernel"]
        g = row.d_output if inside.pre is None else inside.d_pre
        inside.convolution = Convolution(
            x, w[np.newaxis] if w.ndim == 3 else w, inside.weights.get("bias"), strides, pads,
            dilation, groups, None if g is None else layer.channels_last(g),
        )  # fmt: skip


def _pre(
    layer: Any, call: Callable[..., Any], args: Any, kwargs: Any, output: Any
) -> np.ndarray | None:
    """Return what a layer's own activation was given; None where it has none."""
    own = vars(layer).get("activation")
    if not layer.activates_last or own in (None, activations.linear):
        return None
    vars(layer)["activation"] = activations.linear  # past the layer, which would call it a change
    try:
        with tape.no_grad():
            pre = arrays_of(call(*args, **kwargs))
            made = np.asarray(own(pre))
    finally:
        vars(layer)["activation"] = own
    return pre if np.allclose(made, output, rtol=1e-4, atol=1e-5, equal_nan=True) else None


def _d_pre(layer: Any, pre: np.ndarray, g: np.ndarray) -> np.ndarray:
    z = Tensor(pre, requires_grad=True)
    y = layer.activation(z)
    return tape.gradients(y, [z], g)[0]


def _listen(
    node: Any, at: int, before: Callable[[Any], None] | None = None,
    after: Callable[[Any], None] | None = None,
) -> None:  # fmt: skip
    """Have one of a node's vjps tell what it is given, or what it gives."""
    vjp = node.vjps[at]

    def noting(g: np.ndarray) -> np.ndarray:
        if before is not None:
            before(g)
        d_x = vjp(g)
        if after is not None:
            after(d_x)
        return d_x

    node.vjps = (*node.vjps[:at], noting, *node.vjps[at + 1 :])


def _adding(shares: list[np.ndarray], x: np.ndarray) -> Callable[[Any], None]:
    return lambda d_x: shares.append(tape.fitted(d_x, x.shape, x.dtype))


def _wants_gradient(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad


def leaf(x: Any, dtype: Any) -> Any:
    """Return a tensor, whose gradient can be asked for if it is a float; None as it is."""
    if x is None:
        return None
    array = np.asarray(x)
    is_float = array.dtype.kind == "f"
    return Tensor(array.astype(dtype) if is_float else array, requires_grad=is_float)


def arrays_of(structure: Any) -> Any:
    """Return the values of tensors, in the same nesting."""
    return tree.map_structure(lambda x: x.array if isinstance(x, Tensor) else x, structure)
