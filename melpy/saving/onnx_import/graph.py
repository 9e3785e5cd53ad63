"""The walk through a file's nodes, from its inputs to its outputs."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import budget
from melpy.errors import DataError, MelpyError, UnsupportedError
from melpy.layers import Identity, Input
from melpy.saving.onnx_import.maker import Maker
from melpy.saving.onnx_import.nodes import OPERATORS, TYPES, Node, ValueNeededError
from melpy.saving.onnx_import.reader import Tensors, all_nodes, attributes_of, shape_of, type_of
from melpy.saving.onnx_import.scope import Scope, cleaned, op_of, versions
from melpy.saving.onnx_import.sizes import Size
from melpy.saving.onnx_import.values import Value

__all__ = ["Importer"]

WHO = "load_onnx"
MOST_DEEP = 16  # functions in functions
NODE_S, BYTE_S = 256e-6, 50e-9  # to take a node, and a byte of what it says, at each call


class Importer(Maker):
    """What makes a model of a file.

    Parameters
    ----------
    file : the file as the package onnx reads it
    tensors : Tensors
    """

    def __init__(self, file: Any, tensors: Tensors) -> None:
        super().__init__(tensors)
        self.file = file
        self.functions = {(f.domain, f.name, getattr(f, "overload", "")): f for f in file.functions}
        self.starts: list[Any] = []
        self.symbols: dict[str, Size] = {}  # the sizes that the file names

    def model(self) -> Any:
        """Return the model."""
        self._require_known()
        graph = self.file.graph
        self.scope = Scope(graph.node, [x.name for x in graph.output],
                           versions(self.file.opset_import), {})  # fmt: skip
        self.scope.declared = {
            value.name: told
            for value in (*graph.value_info, *graph.output)
            if (told := shape_of(value)) is not None
        }
        if graph.sparse_initializer:
            raise UnsupportedError(WHO, "the file has sparse tensors", expected="dense ones")
        constants = {tensor.name: self.tensors.array(tensor) for tensor in graph.initializer}
        for tensor in graph.initializer:
            self.scope.bind(tensor.name, Value(constants[tensor.name], trained=True))
        for value in graph.input:
            if value.name in constants:  # as in older files, where constants are inputs
                _require_default(value, constants[value.name])
            else:
                self._begin(value)
        if not self.starts:
            raise DataError(WHO, "the model takes no inputs, so it is a constant",
                            expected="a graph with inputs")  # fmt: skip
        self.walk(0)
        ends = [self._end(value.name) for value in graph.output]
        if not ends:
            raise DataError(WHO, "the model has no outputs", expected="a graph with outputs")
        made = importlib.import_module("melpy.models").Model  # above this floor
        inputs, outputs = (side[0] if len(side) == 1 else side for side in (self.starts, ends))
        return made(inputs, outputs, name=cleaned(graph.name or "onnx"))

    def _require_known(self) -> None:
        """Refuse operators that are not known, all at once."""
        missing: Counter[str] = Counter()
        for proto in all_nodes(self.file, self.functions.values()):
            own = (proto.domain, proto.op_type, getattr(proto, "overload", ""))
            if own not in self.functions and op_of(proto) not in OPERATORS:
                missing[op_of(proto)] += 1
        if missing:
            told = ", ".join(f"{op} ({count})" for op, count in sorted(missing.items()))
            raise UnsupportedError(
                WHO, "the file has operators that are not known here",
                expected="those of docs/doors/onnx-operators.md",
                received={"operators, and how many nodes each": told},
                mend=_without(set(missing)),
            )  # fmt: skip

    def _begin(self, value: Any) -> None:
        told = shape_of(value)
        if told is None or told[1] is None:
            raise UnsupportedError(
                WHO, f"the input {value.name!r} is no tensor of a known type, or of an unknown "
                "number of axes", expected=f"a tensor of {', '.join(TYPES.values())}",
                received={"type": type_of(value)},
            )  # fmt: skip
        kind, sizes = told
        shape = [size if isinstance(size, int) else None for size in sizes]
        name = self.name(value.name)
        x = Input(batch_shape=shape, dtype=kind, name=name)
        self.starts.append(x)
        dims = [s if isinstance(s, int) else self._symbol(s) for s in sizes]
        self.scope.bind(value.name, Value(tensor=x, dims=dims, dtype=kind))

    def _symbol(self, name: str | None) -> Size:
        """Return the size that a name stands for, a new one for none."""
        return Size() if name is None else self.symbols.setdefault(name, Size())

    def _end(self, name: str) -> Any:
        """Return the symbolic tensor of an output, made by a layer of its name."""
        if name not in self.scope.values:
            raise DataError(WHO, f"no node makes the output {name!r}", expected="nodes in order")
        value = self.scope.values[name]
        if value is None:
            raise UnsupportedError(WHO, f"the output {name!r} is left out by its node")
        called = self.name(name)
        if value.is_constant:
            node = Node("Beside", 1)
            return self.as_layer(node, [self.starts[0], value.array], [value.trained] * 2, called)
        x = value.first
        if str(x.dtype) == "float32":
            return Identity(name=called, dtype="float32")(x)
        return self.as_layer(Node("Identity", 1), [x], [False], called)

    # Names.

    # The walk.

    def walk(self, depth: int) -> None:
        """Take the nodes of the scope, one after another."""
        for number, proto in enumerate(self.scope.nodes):
            if number in self.scope.done:
                continue
            if depth > MOST_DEEP:
                raise DataError(
                    WHO, "its functions call each other too deep",
                    expected=f"at most {MOST_DEEP} in each other",
                )  # fmt: skip
            budget.spend(NODE_S + BYTE_S * proto.ByteSize(), "the walk through its nodes")
            self.proto = proto
            for name, value in zip(proto.output, self._taken(proto, depth), strict=False):
                if name:
                    self.scope.bind(name, value)

    def _taken(self, proto: Any, depth: int) -> Sequence[Value | None]:
        """Return the outputs of a node, or say which node it is that cannot be read."""
        overload = getattr(proto, "overload", "")
        function = self.functions.get((proto.domain, proto.op_type, overload))
        told = f"{proto.op_type} {proto.name!r}"
        try:
            if function is not None:
                return self.called(function, proto, depth)
            return self.of_node(self.node_of(proto), self.inputs_of(proto))
        except MelpyError as error:
            error.received = {"node": told} | error.received
            raise
        except ValueNeededError:
            raise UnsupportedError(
                WHO, "a node needs values that are known only when the model runs, and the file "
                "does not say what comes out", received={"node": told},
            ) from None  # fmt: skip
        except Exception as error:  # a damaged node fails in more ways than anyone can list
            raise DataError(
                WHO, f"the node {told} cannot be read ({type(error).__name__}: {error})",
                expected="a node as ONNX has it",
            ) from error  # fmt: skip

    def inputs_of(self, proto: Any) -> list[Value | None]:
        """Return what the names of a node's inputs stand for."""
        missing = [name for name in proto.input if name and name not in self.scope.values]
        if missing:
            raise DataError(
                WHO, f"the value {missing[0]!r} is used before any node makes it",
                expected="nodes in order, without a circle",
            )  # fmt: skip
        return [self.scope.values[name] if name else None for name in proto.input]

    def called(self, function: Any, proto: Any, depth: int) -> list[Value | None]:
        """Return what a function of the file's own makes: its nodes are walked in its place."""
        given = self.inputs_of(proto)
        budget.spend(BYTE_S * function.ByteSize(), f"the function {function.name}")
        attributes = {
            a.name: value
            for a in function.attribute_proto
            for value in attributes_of(_One(a, proto.op_type), {}, self.tensors).values()
        } | attributes_of(proto, self.scope.outer, self.tensors)
        outer = self.scope
        opsets = versions(function.opset_import) if function.opset_import else outer.opsets
        self.scope = Scope(function.node, list(function.output), opsets, attributes)
        try:
            for place, name in enumerate(function.input):
                self.scope.bind(name, given[place] if place < len(given) else None)
            self.walk(depth + 1)
            return [self.scope.values.get(name) for name in function.output]
        finally:
            self.scope, self.proto = outer, proto

    def node_of(self, proto: Any) -> Node:
        """Return a node as handlers see it."""
        domain = "" if proto.domain == "ai.onnx" else proto.domain
        if domain not in self.scope.opsets:
            raise DataError(
                WHO, f"the file does not say which version of {domain or 'ONNX'!r} it has",
                expected="an opset_import of each domain",
            )  # fmt: skip
        attributes = attributes_of(proto, self.scope.outer, self.tensors)
        outputs = max((n + 1 for n, name in enumerate(proto.output) if name), default=1)
        return Node(op_of(proto), self.scope.opsets[domain], attributes, outputs, proto.name)


# What skl2onnx puts behind a classifier, and what it makes of decision trees.
ZIP_MAP = "ai.onnx.ml.ZipMap"
TREES = {f"ai.onnx.ml.TreeEnsemble{kind}" for kind in ("", "Classifier", "Regressor")}


def _without(missing: set[str]) -> str:
    """Say how a file is made that has no such operators."""
    if missing & TREES:
        return "Decision trees are no network: run them by another runtime."
    if missing == {ZIP_MAP}:
        return "Give skl2onnx options={'zipmap': False}: the file then gives arrays."
    return "Export it without them, or for inference."


def _require_default(value: Any, array: np.ndarray) -> None:
    """Refuse a constant that is no value of the input whose name it has."""
    kind, sizes = shape_of(value) or (str(array.dtype), None)
    shape = array.shape if sizes is None else sizes
    fits = len(shape) == array.ndim and all(
        size == own for size, own in zip(shape, array.shape, strict=True) if isinstance(size, int)
    )
    if kind != str(array.dtype) or not fits:
        raise DataError(
            WHO, f"the input {value.name!r} and the constant of that name are not alike",
            expected=f"a constant of {kind} and shape {tuple(shape)}",
            received={"dtype": str(array.dtype), "shape": array.shape},
        )  # fmt: skip


class _One:
    """An attribute by itself, as if a node had it alone."""

    def __init__(self, attribute: Any, op_type: str) -> None:
        self.attribute, self.op_type = [attribute], op_type
