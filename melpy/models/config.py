"""Functional models as plain values and back: the form that Keras's files have."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from melpy import tree
from melpy.configurable import plain
from melpy.errors import ArgumentError, DataError
from melpy.layers import deserialize, serialize
from melpy.layers.arguments import taken_arguments
from melpy.layers.base import Layer
from melpy.layers.input import InputLayer, beginning
from melpy.models.operations import described_operation, operation_of
from melpy.models.steps import Steps
from melpy.names import FreeNames
from melpy.operation import Operation
from melpy.saving import deserialize_keras_object
from melpy.strings import type_name
from melpy.symbolic import Call, Symbolic
from melpy.tensor import Tensor

__all__ = ["graph_config", "model_of_graph"]


def graph_config(model: Any) -> dict[str, Any]:
    """Return a functional model as plain values: layers, operations, and how each is used."""
    graph = model._graph
    names = _names(graph)
    uses: dict[int, list[Call]] = {}  # the uses of each layer inside this graph, in order
    for call in [x.call for x in graph.starts if x.call] + graph.calls:
        owner = call.function if isinstance(call.function, Layer) else call
        uses.setdefault(id(owner), []).append(call)
    where = {
        id(x): (names[owner], number, place)
        for owner, calls in uses.items()
        for number, call in enumerate(calls)
        for place, x in enumerate(tree.flatten(call.outputs))
    }

    def described(x: Any) -> Any:
        if isinstance(x, Symbolic):
            history = list(where[id(x)])
            told = {"shape": list(x.shape), "dtype": type_name(x.dtype), "keras_history": history}
            return {"class_name": "__keras_tensor__", "config": told}
        if isinstance(x, np.ndarray | Tensor):
            array = np.asarray(x)
            told = {"value": array.tolist(), "dtype": str(array.dtype)}
            return {"class_name": "__tensor__", "config": told}
        return plain(x)

    def node(args: Any, kwargs: Any) -> dict[str, Any]:
        return {
            "args": tree.map_structure(described, list(args)),
            "kwargs": tree.map_structure(described, kwargs),
        }

    layers = [
        {
            **serialize(layer),
            "name": layer.name,
            "inbound_nodes": [node(c.args, c.kwargs) for c in uses.get(id(layer), []) if c.inputs],
        }
        for layer in graph.layers
    ]
    for call in graph.calls:
        if not isinstance(call.function, Layer):
            name, arguments = names[id(call)], [call.args, call.kwargs]
            if isinstance(call.function, Operation):
                entry = {**serialize(call.function), "name": name}
            else:
                entry, *arguments = described_operation(call.function, call.args, call.kwargs, name)
                entry["config"] = plain(entry["config"])
            layers.append({**entry, "inbound_nodes": [node(*arguments)]})

    def side(x: Symbolic) -> list[Any]:
        name, number, place = where[id(x)]
        return [name, number + _nodes_before(x.call and x.call.function), place]

    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": tree.map_structure(side, graph.inputs),
        "output_layers": tree.map_structure(side, graph.outputs),
    }


def _names(graph: Any) -> dict[int, str]:
    """Return the names of layers, and of operations, which are numbered, by id."""
    names = {id(layer): layer.name for layer in graph.layers}
    free = FreeNames(names.values())
    for call in graph.calls:
        if not isinstance(call.function, Layer):
            names[id(call)] = free.give(call.name)
    return names


def _nodes_before(made: Any) -> int:
    """Return by how much Keras's count of a use is higher at the model's ends.

    A functional model that is used inside another one has a use of its own, by which it was made.
    """
    return int(getattr(made, "_graph", None) is not None and type(made).__name__ != "Sequential")


def model_of_graph(cls: Any, config: dict[str, Any], custom_objects: Any = None) -> Any:
    """Make a functional model of `graph_config`'s result."""
    made: dict[str, Any] = {}
    outputs: dict[str, list[list[Symbolic]]] = {}  # by layer: the outputs of each use
    uses: dict[str, deque[Any]] = {}  # by layer: those that are not made yet
    for entry in config["layers"]:
        layer = operation_of(entry) or deserialize(entry, custom_objects)
        name = entry.get("name") or layer.name
        made[name], outputs[name] = layer, []
        if isinstance(layer, InputLayer):
            outputs[name].append([beginning(layer)])
        uses[name] = deque(entry.get("inbound_nodes", []))

    def tensor(history: Any) -> Any:
        name, number, place = history
        made_so_far = outputs.get(name, [])
        if number >= len(made_so_far):
            raise _NotMadeError(name, number)
        if number < 0 or not 0 <= place < len(made_so_far[number]):
            raise DataError("from_config", f"there is no output {history} in the config")
        return made_so_far[number][place]

    def filled(x: Any) -> Any:
        if isinstance(x, dict):
            if x.get("class_name") == "__keras_tensor__":
                return tensor(x["config"]["keras_history"])
            if "class_name" in x:
                return deserialize_keras_object(x, custom_objects)
            return {key: filled(value) for key, value in x.items()}
        return [filled(value) for value in x] if isinstance(x, list | tuple) else x

    # Each layer goes on until it needs what is not made yet, and is woken up when that is.
    ready, waiting = deque(uses), dict[tuple[str, int], list[str]]()
    while ready:
        name = ready.popleft()
        while uses[name]:
            try:
                args, kwargs = _arguments_of(uses[name][0], filled)
            except _NotMadeError as missing:
                waiting.setdefault(missing.key, []).append(name)
                break
            uses[name].popleft()
            kwargs = _without_defaults(made[name], kwargs)
            ready += waiting.pop((name, len(outputs[name])), [])
            outputs[name].append(tree.flatten(made[name](*args, **kwargs)))
    if waiting:
        raise ArgumentError(
            "from_config",
            f"layer {next(iter(waiting.values()))[0]!r} needs the output of a layer that is not in "
            "the config",
        )

    def side(histories: Any) -> Any:
        if isinstance(histories, dict):
            return {key: side(value) for key, value in histories.items()}
        if isinstance(histories, tuple):
            return tuple(side(value) for value in histories)
        if len(histories) == 3 and isinstance(histories[0], str):
            name, number, place = histories
            return tensor([name, number - _nodes_before(made[name]), place])
        return [side(value) for value in histories]

    graph = {"layers", "input_layers", "output_layers"}  # the rest is the class's own
    return cls(
        inputs=side(config["input_layers"]),
        outputs=side(config["output_layers"]),
        **{key: value for key, value in config.items() if key not in graph},
    )


class _NotMadeError(Exception):
    """The output of a layer's use is not there yet."""

    def __init__(self, name: str, number: int) -> None:
        super().__init__(f"there is no use {number} of a layer {name!r} in the config")
        self.key = name, number


def _arguments_of(node: Any, filled: Any) -> tuple[Any, Any]:
    """Return the arguments of one use of a layer; Keras 2 wrote a list of tensors instead."""
    if isinstance(node, dict):
        return filled(node["args"]), filled(node.get("kwargs", {}))
    told = [{"class_name": "__keras_tensor__", "config": {"keras_history": x[:3]}} for x in node]
    tensors = filled(told)
    options = filled(next((x[3] for x in node if len(x) > 3), {}))
    return [tensors[0] if len(tensors) == 1 else tensors], options


def _without_defaults(layer: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Leave out what Keras writes down of every call although nobody passed it.

    A dropout whose call was described with training=False would never drop anything again.
    """
    default = taken_arguments(type(layer)).training_default if isinstance(layer, Layer) else None
    usual = {"mask": [None], "training": [None] if isinstance(layer, Steps) else [None, default]}
    return {
        key: value
        for key, value in kwargs.items()
        if not any(value is common for common in usual.get(key, []))
    }
