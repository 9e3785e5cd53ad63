"""What makes a constant, a layer or an operation of each node."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy import budget
from melpy.errors import MelpyError, ShapeError
from melpy.names import FreeNames
from melpy.saving.onnx_import.dims import dims_of
from melpy.saving.onnx_import.layer import OnnxNode, plain_array
from melpy.saving.onnx_import.layout import arranged
from melpy.saving.onnx_import.nodes import OPERATORS, Node, effort, require, room
from melpy.saving.onnx_import.outlines import outline
from melpy.saving.onnx_import.reader import Tensors
from melpy.saving.onnx_import.scope import Scope, cleaned, op_of
from melpy.saving.onnx_import.sizes import Size, known_of
from melpy.saving.onnx_import.values import Value, from_last
from melpy.symbolic import Symbolic

__all__ = ["BUILDERS", "Maker", "builder"]

Builder = Callable[..., Any]
BUILDERS: dict[str, Builder] = {}  # by operator: what makes a layer of a node, or returns None
SMALL = 64  # entries of a constant that a description holds; larger ones are weights
PASSES = 4  # over what a node is given, and over what it makes
MOST_CALLS = 3  # ops that stand in a model for one node; more are a layer


def builder(*names: str) -> Callable[[Builder], Builder]:
    """Put a function into the table of what makes layers."""

    def put(function: Builder) -> Builder:
        BUILDERS.update(dict.fromkeys(names, function))
        return function

    return put


class Maker:
    """What makes values of nodes, and knows which layers and names there are already.

    Parameters
    ----------
    tensors : Tensors
    """

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = tensors
        self.layers: dict[Any, Any] = {}  # those with weights, which several nodes may share
        self.names = FreeNames()
        self.scope: Scope
        self.proto: Any = None  # the node at hand

    def name(self, wish: str) -> str:
        """Return a name that no layer has yet."""
        return self.names.give(cleaned(wish))

    def layer_name(self) -> str:
        """Return a name for the layer of the node at hand: its module's, if its weights tell it."""
        proto = self.proto
        for name in proto.input[1:]:
            value = self.scope.values.get(name)
            module, dot, kind = name.rpartition(".")
            if (
                dot
                and kind in ("weight", "bias", "gamma", "running_mean")
                and (value is not None and value.trained)
            ):
                return self.name(module)
        return self.name(proto.name or f"{proto.op_type}_{proto.output[0]}")

    # Nodes.

    def of_node(self, node: Node, inputs: list[Value | None]) -> Sequence[Value | None]:
        """Return the outputs of the node at hand."""
        while inputs and inputs[-1] is None:
            inputs.pop()
        self._require_sound(node, inputs)
        if all(v is None or v.is_constant for v in inputs):
            return self._folded(node, inputs)
        sizes = self._sizes(node, inputs)
        if sizes is not None:
            return [sizes]
        if node.op in BUILDERS:
            built = BUILDERS[node.op](self, node, *inputs)
            if built is not None:
                return built if isinstance(built, list | tuple) else [built]
        return self.generic(node, inputs)

    @staticmethod
    def _require_sound(node: Node, inputs: Sequence[Value | None]) -> None:
        """Refuse what is too large, and axes that are not there."""
        layout, axis = OPERATORS[node.op].layout, node.get("axis", 0)
        if layout == "same":
            require_room(node, [v.shape for v in inputs if v is not None])
        if layout == "axis" and inputs and inputs[0] is not None:
            rank = max(inputs[0].rank, 1)
            require(-rank <= axis < rank, node, "an axis is out of range", axis=axis, rank=rank)

    def _folded(self, node: Node, inputs: Sequence[Value | None]) -> list[Value]:
        """Return what a node makes of constants, computed now."""
        arrays = [None if v is None else v.array for v in inputs]
        given = sum(array.nbytes for array in arrays if array is not None)
        effort(node, entries=PASSES * sum(array.size for array in arrays if array is not None))
        with np.errstate(all="ignore"):
            made = OPERATORS[node.op].function(node, *arrays)
        made = made if isinstance(made, list | tuple) else [made]
        trained = any(v is not None and v.trained and v.array.dtype.kind == "f" for v in inputs)
        folded = []
        for x in made:
            array = np.asarray(getattr(x, "value", x))
            effort(node, entries=PASSES * array.size)
            if array.base is None or array.nbytes > given:  # no view of what is counted
                budget.take(array.nbytes, f"what the node {node.who} makes")
            folded.append(Value(array, trained=trained))
        return folded

    def _sizes(self, node: Node, inputs: Sequence[Value | None]) -> Value | None:
        """Return what a node makes of shapes: a constant, or a value that is known in part."""
        kind: np.dtype[Any] = np.dtype(np.int64)
        known: Any
        if node.op in ("Shape", "Size"):
            (x,) = inputs
            known = np.empty(x.rank, object)  # type: ignore[union-attr]
            known[:] = x.dims  # type: ignore[union-attr]
            if node.op == "Shape":
                known = known[node.get("start", 0) : node.get("end")]
            else:
                known = np.asarray(_product(known), object)
        else:
            if any(v is not None and v.known is None for v in inputs):
                return None
            known = known_of(node, [None if v is None else v.known for v in inputs])
            first = next(v for v in inputs if v is not None)
            kind = np.dtype(bool) if node.op == "Equal" else first.dtype
            kind = inputs[1].dtype if node.op == "Where" and inputs[1] else kind
            if node.op == "Cast":
                kind = np.dtype(str(np.asarray(OPERATORS["Cast"].function(
                    node, np.zeros(1, first.dtype))).dtype))  # fmt: skip
        if known is None or kind.kind not in "ib":
            return None
        if not any(isinstance(n, Size) for n in known.reshape(-1)):
            return Value(known.astype(kind))
        return Value(
            make=lambda: self.generic(node, inputs)[0].first, dims=known.shape, dtype=kind,
            known=known,
        )  # fmt: skip

    def generic(self, node: Node, inputs: Sequence[Value | None]) -> list[Value]:
        """Return the outputs of a node as operations of Keras's, or as a layer `OnnxNode`."""
        operator = OPERATORS[node.op]
        own, given, last = arranged(node, inputs)
        trained = [v is not None and v.trained for v in inputs]
        trained += [False] * (len(given) - len(trained))
        unread = any(
            place < len(given) and isinstance(given[place], Symbolic) for place in operator.reads
        )
        made = told = None
        if unread:
            told = outline(node, inputs, self._declared())
        elif operator.plain and not _weights(given, trained):
            try:
                made = self._plainly(own, given)
            except ShapeError:  # it runs for no sizes that were tried: as a layer it may be told
                told = None if last else outline(node, inputs, self._declared())
        if made is None:
            made = self.as_layer(own, given, trained, None, told)
        made = list(made) if isinstance(made, list | tuple) else [made]
        return [self.value(node, inputs, x, last, n) for n, x in enumerate(made)]

    def value(
        self, node: Node, inputs: Sequence[Value | None], x: Any, last: bool = False, place: int = 0
    ) -> Value:
        """Return an output of a node as a value, with what is known of its sizes."""
        shape = tuple(x.shape)
        last = last and len(shape) > 2
        if last:
            shape = tuple(shape[n] for n in from_last(len(shape)))
        dims = [Size() if s is None else s for s in shape]
        if place == 0 or node.op in ("TopK", "Split", "Dropout", "Attention"):
            dims = dims_of(node, inputs, shape)
        made = Value(tensor=x, last=last, dims=dims, dtype=x.dtype, fill=filled(node, inputs))
        made.origin = node, inputs
        return made

    def _declared(self) -> list[Any]:
        """Return what the file says of the outputs of the node at hand."""
        return [self.scope.declared.get(name) for name in self.proto.output]

    def _plainly(self, node: Node, given: Sequence[Any]) -> Any:
        """Return a node's outputs as a few operations, or None where a file cannot name them."""
        made = OPERATORS[node.op].function(node, *given)
        begun = {id(x) for x in given}
        described = importlib.import_module("melpy.models.operations").described_operation
        calls: dict[int, Any] = {}
        waiting = list(made) if isinstance(made, list | tuple) else [made]
        while waiting:
            x = waiting.pop()
            if id(x) in begun or id(x.call) in calls:
                continue
            calls[id(x.call)] = x.call
            waiting += x.call.inputs
        if len(calls) > MOST_CALLS:
            return None
        try:
            for call in calls.values():
                described(call.function, call.args, call.kwargs, "x")
        except MelpyError:
            return None
        return made

    def as_layer(
        self, node: Node, given: Sequence[Any], trained: Sequence[bool], name: str | None = None,
        made: Any = None,
    ) -> Any:  # fmt: skip
        """Return a node's outputs as a layer `OnnxNode`'s, its large constants as weights."""
        told: list[Any] = []
        arrays = []
        reads = OPERATORS[node.op].reads  # what a shape follows from stands in the description
        for place, (x, learnt) in enumerate(zip(given, trained, strict=True)):
            if x is None or isinstance(x, Symbolic):
                told.append("absent" if x is None else "tensor")
            elif place not in reads and _is_weight(x, learnt):
                finite = x.dtype.kind == "f" and bool(np.isfinite(x).all())
                told.append({"dtype": str(x.dtype), "shape": list(x.shape),
                             "trainable": learnt and finite})  # fmt: skip
                arrays.append(x)
            else:
                told.append(plain_array(x))
        plain = {k: plain_array(v) if isinstance(v, np.ndarray) else v
                 for k, v in node.attributes.items()}  # fmt: skip
        layer = OnnxNode(
            node.op, node.opset, plain, told, node.outputs, made,
            name=name or self.layer_name(), dtype="float32",
        )  # fmt: skip
        tensors = [x for x in given if isinstance(x, Symbolic)]
        layer.ensure_built(tuple(tensors[0].shape))
        layer.put(arrays)
        return layer(tensors[0] if len(tensors) == 1 else tensors)

    # What builders use.

    def layer(
        self, made: type, x: Any, arrays: Sequence[Any] = (), shared: Any = (), **options: Any
    ) -> Any:
        """Return a layer of Keras's called on symbolic tensors, with its weights.

        A layer that another node has made of the same constants, ``shared``, is called once more.
        """
        key = made, repr(sorted(options.items(), key=str)), tuple(map(id, shared))
        layer = self.layers.get(key) if shared else None
        if layer is None:
            first = x[0] if isinstance(x, list | tuple) else x
            options = {"dtype": str(first.dtype), **options}
            layer = made(name=self.layer_name(), **options)
            if arrays:
                layer.ensure_built(first.shape)
                layer.set_weights(list(arrays))
            if shared:
                self.layers[key] = layer
        return layer(x)

    def row(self, *ops: str) -> list[Any]:
        """Return the nodes of such operators that follow, each alone in need of the one before."""
        found: list[Any] = []
        proto = self.proto
        for op in ops:
            number = self.scope.only_user(proto.output[0])
            if number is None or op_of(self.scope.nodes[number]) != op:
                break
            proto = self.scope.nodes[number]
            found.append(proto)
        return found

    def beside(self, proto: Any, before: Any) -> Value | None:
        """Return the constant that a node of two inputs takes beside what another node made."""
        others = [name for name in proto.input if name != before.output[0]]
        value = self.scope.values.get(others[0]) if len(others) == 1 else None
        return value if value is not None and value.is_constant else None

    def take_along(self, protos: Sequence[Any], value: Value) -> None:
        """Let a value stand for what following nodes make, which are not looked at any more."""
        self.scope.done |= {self.scope.numbers[id(proto)] for proto in protos}
        self.scope.bind(protos[-1].output[0], value)


def require_room(node: Node, shapes: Sequence[Sequence[int | None]]) -> None:
    """Refuse arrays that broadcast to one which is larger than any step may make."""
    few = [[1 if s is None else s for s in shape] for shape in shapes]
    room(node, np.broadcast_shapes(*map(tuple, few)))


KEEPS_FILL = (
    "Expand", "Slice", "Squeeze", "Unsqueeze", "Split", "Identity", "Reshape", "Gather",
    "Transpose",
)  # fmt: skip


def filled(node: Node, inputs: Sequence[Value | None]) -> float | None:
    """Return what all entries of a node's output are, None where they differ or are not known."""
    first = inputs[0]
    if node.op == "ConstantOfShape":
        return float(np.asarray(node.get("value", 0.0)).reshape(-1)[0])
    if node.op not in KEEPS_FILL or first is None:
        return None
    if first.array is None:
        return first.fill
    same = first.array.size > 0 and bool((first.array == first.array.flat[0]).all())
    return float(first.array.flat[0]) if same else None


def _product(dims: Any) -> Any:
    total: Any = 1
    for size in dims:
        total = size * total
    return total


def _is_weight(x: np.ndarray, learnt: bool) -> bool:
    """Return whether a constant is kept as a weight, and not in the description."""
    return x.size > SMALL or (learnt and x.size > 1 and x.dtype.kind == "f")


def _weights(given: Sequence[Any], trained: Sequence[bool]) -> bool:
    pairs = zip(given, trained, strict=True)
    return any(isinstance(x, np.ndarray) and _is_weight(x, learnt) for x, learnt in pairs)
