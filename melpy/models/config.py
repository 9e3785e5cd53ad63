"""Models as plain values and back: the form that Keras's files have."""

from __future__ import annotations

import inspect
from typing import Any

from melpy import tree
from melpy.errors import ArgumentError, DtypeError, lookup, nearest
from melpy.layers.base import Layer
from melpy.symbolic import Symbolic

__all__ = ["deserialized", "graph_config", "known_classes", "model_of_graph", "serialized"]


def known_classes() -> dict[str, type[Layer]]:
    """Return every layer and model class that a config may name."""
    from melpy import layers, models

    found = {**vars(layers), **vars(models)}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, type) and issubclass(value, Layer)
    } | {"Functional": models.Model}


def serialized(layer: Layer) -> dict[str, Any]:
    """Return a layer as its class's name and its config."""
    name = type(layer).__name__
    if name == "Model":
        name = "Functional"
    return {"class_name": name, "config": layer.get_config()}


def deserialized(entry: dict[str, Any], custom_objects: Any = None) -> Layer:
    """Make a layer of `serialized`'s result; only known class names are."""
    if not isinstance(entry, dict) or "class_name" not in entry:
        raise DtypeError(
            "from_config",
            "this is no layer's config",
            expected='a dict with "class_name" and "config"',
            received={"type": type(entry).__name__},
        )
    classes = known_classes() | dict(custom_objects or {})
    made = lookup("layer", entry["class_name"], classes, "from_config")
    config = dict(entry.get("config") or {})
    try:
        takes = "custom_objects" in inspect.signature(made.from_config).parameters
        return made.from_config(config, **({"custom_objects": custom_objects} if takes else {}))
    except TypeError as error:
        unknown = str(error).rpartition("argument ")[2].strip("'")
        raise ArgumentError(
            "from_config",
            f"{entry['class_name']} does not take its config ({error})",
            mend=nearest(unknown, list(config)),
        ) from error


def graph_config(model: Any) -> dict[str, Any]:
    """Return a functional model as plain values: its layers, and how each is used."""
    graph = model._graph
    uses: dict[int, list[Any]] = {}  # the uses of each layer inside this graph, in order
    for x in graph.starts:
        uses.setdefault(id(x.call.function), []).append(x.call)
    for call in graph.calls:
        uses.setdefault(id(call.function), []).append(call)
    where = {
        id(x): (call.function, number, place)
        for calls in uses.values()
        for number, call in enumerate(calls)
        for place, x in enumerate(tree.flatten(call.outputs))
    }

    def history(x: Symbolic) -> list[Any]:
        layer, number, place = where[id(x)]
        if not isinstance(layer, Layer):
            raise ArgumentError(
                "get_config",
                f"the model computes {layer.__name__} outside of layers",
                expected="a graph of layers alone, which can be written down",
                mend="Use a layer for it, such as Add or Rescaling.",
            )
        return [layer.name, number, place]

    def plain(x: Any) -> Any:
        if not isinstance(x, Symbolic):
            return x
        return {
            "class_name": "__keras_tensor__",
            "config": {
                "shape": list(x.shape),
                "dtype": str(x.dtype),
                "keras_history": history(x),
            },
        }

    for call in graph.calls:
        for x in call.inputs:
            history(x)
    layers = []
    for layer in graph.layers:
        nodes = [
            {
                "args": tree.map_structure(plain, list(call.args)),
                "kwargs": tree.map_structure(plain, call.kwargs),
            }
            for call in uses.get(id(layer), [])
            if call.inputs
        ]
        layers.append({**serialized(layer), "name": layer.name, "inbound_nodes": nodes})
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": tree.map_structure(history, graph.inputs),
        "output_layers": tree.map_structure(history, graph.outputs),
    }


def model_of_graph(cls: Any, config: dict[str, Any], custom_objects: Any = None) -> Any:
    """Make a functional model of `graph_config`'s result."""
    from melpy.layers.input import InputLayer, beginning

    made: dict[str, Layer] = {}
    outputs: dict[str, list[list[Symbolic]]] = {}  # by layer: the outputs of each use
    waiting: list[tuple[str, dict[str, Any]]] = []
    for entry in config["layers"]:
        layer = deserialized(entry, custom_objects)
        name = entry.get("name") or layer.name
        made[name], outputs[name] = layer, []
        if isinstance(layer, InputLayer):
            outputs[name].append([beginning(layer)])
        waiting += [(name, node) for node in entry.get("inbound_nodes", [])]

    def tensor(history: Any) -> Any:
        name, number, place = history
        return outputs[name][number][place]

    def filled(x: Any) -> Any:
        if isinstance(x, dict):
            if x.get("class_name") == "__keras_tensor__":
                return tensor(x["config"]["keras_history"])
            return {key: filled(value) for key, value in x.items()}
        return [filled(value) for value in x] if isinstance(x, list | tuple) else x

    while waiting:
        later: list[tuple[str, dict[str, Any]]] = []
        for name, node in waiting:
            if any(other == name for other, _ in later):
                later.append((name, node))  # the uses of one layer keep their order
                continue
            try:
                args, kwargs = filled(node["args"]), filled(node.get("kwargs", {}))
            except (KeyError, IndexError):  # what it needs is not made yet
                later.append((name, node))
                continue
            outputs[name].append(tree.flatten(made[name](*args, **kwargs)))
        if len(later) == len(waiting):
            raise ArgumentError(
                "from_config",
                f"layer {waiting[0][0]!r} needs the output of a layer that is not in the config",
            )
        waiting = later

    def side(histories: Any) -> Any:
        if isinstance(histories, dict):
            return {key: side(value) for key, value in histories.items()}
        if len(histories) == 3 and isinstance(histories[0], str):
            return tensor(histories)
        return [side(value) for value in histories]

    return cls(
        side(config["input_layers"]),
        side(config["output_layers"]),
        name=config.get("name"),
        trainable=config.get("trainable", True),
    )
