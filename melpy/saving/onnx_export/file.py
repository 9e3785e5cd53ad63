"""The file: a graph with its inputs and outputs as ONNX's own bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from melpy.errors import UnsupportedError
from melpy.saving.onnx_export.graph import Graph, Node
from melpy.saving.onnx_export.inputs import Place
from melpy.saving.onnx_export.story import Size, Story

__all__ = ["MOST_BYTES", "as_bytes"]

MOST_BYTES = 2**31 - 2**24  # of a protobuf message, with room for what is not weights


def as_bytes(
    graph: Graph,
    story: Story,
    places: Sequence[Place],
    outputs: Sequence[tuple[str, str]],
    who: str,
    metadata: Mapping[str, str],
) -> bytes:
    """Return the bytes of an ONNX file.

    ``outputs`` are names in the graph, each with what it is called outside. ``metadata`` are texts
    that runtimes hand through.
    """
    from onnx import helper, numpy_helper

    from melpy import __version__

    size = sum(x.nbytes for x in graph.constants.values())
    if size > MOST_BYTES:
        raise UnsupportedError(
            who,
            f"its weights take {size / 1e9:.1f} GB, and one ONNX file holds 2",
            expected="a smaller model",
            received={"size_bytes": size},
            mend="Save it as .keras, or export its parts one by one.",
        )
    axes = _axis_names(places)
    inputs = [
        helper.make_tensor_value_info(
            p.name, helper.np_dtype_to_tensor_dtype(p.dtype),
            [axes.get((n, k), s) for k, s in enumerate(p.shape)],
        )
        for n, p in enumerate(places)
    ]  # fmt: skip
    known = {runs: axes[at] for at, runs in _runs_of_axes(story, axes).items()}
    named = _named_outputs(graph, outputs)
    values = [story.values[n] for n in story.outputs]
    ends = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(value.dtype),
            [known.get(s.runs, f"{name}_{k}") if isinstance(s, Size) else s
             for k, s in enumerate(value.shape)],
        )
        for name, value in zip(named, values, strict=True)
    ]  # fmt: skip
    nodes = [
        helper.make_node(n.kind, n.inputs, n.outputs, name=f"{n.outputs[0]}", **n.attributes)
        for n in graph.nodes
    ]
    tensors = [numpy_helper.from_array(x, name) for name, x in graph.constants.items()]
    made = helper.make_graph(nodes, "melpy", inputs, ends, tensors)
    opsets = [helper.make_opsetid("", graph.opset)]
    proto = helper.make_model(
        made, opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="melpy", producer_version=__version__,
    )  # fmt: skip
    helper.set_model_props(proto, dict(metadata))
    return proto.SerializeToString()


def _axis_names(places: Sequence[Place]) -> dict[tuple[int, int], str]:
    """Return the names of the axes whose size is not known: one for the batch."""
    names = {}
    for n, place in enumerate(places):
        for axis, size in enumerate(place.shape):
            if size is None:
                names[n, axis] = "batch" if axis == 0 else f"{place.name}_{axis}"
    return names


def _runs_of_axes(story: Story, axes: dict[tuple[int, int], str]) -> dict[Any, tuple[int, ...]]:
    found = {}
    for n, axis in axes:
        size = story.values[story.inputs[n]].shape[axis]
        if isinstance(size, Size):
            found[n, axis] = size.runs
    return found


def _named_outputs(graph: Graph, outputs: Sequence[tuple[str, str]]) -> list[str]:
    """Give the outputs the model's names; what is an input or a constant too is handed through."""
    made: dict[str, str] = {}
    producers = {name: node for node in graph.nodes for name in node.outputs}
    named = []
    for own, name in outputs:
        if own in producers and own not in made:
            made[own] = name
        else:
            graph.nodes.append(Node("Identity", [made.get(own, own)], [name], {}))
        named.append(name)
    for node in graph.nodes:
        node.inputs = [made.get(x, x) for x in node.inputs]
        node.outputs = [made.get(x, x) for x in node.outputs]
    return named
