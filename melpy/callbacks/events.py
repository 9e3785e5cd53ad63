"""What TensorBoard's files hold, as its own messages: numbers, histograms, pictures, graphs.

The package ``tensorboard`` is imported when something is written; TensorFlow is not needed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from melpy import tree
from melpy.heatmap import png

__all__ = [
    "end_of_trial", "graph", "histogram", "hyperparameters", "image", "picture", "scalar",
]  # fmt: skip

BINS = 30
MOST_TILES = 256  # of a weight's picture, along a side
MOST_PIXELS = 1024


def scalar(tag: str, value: float) -> Any:
    """Return a number's entry in a summary."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary.Value(tag=tag, simple_value=value)


def histogram(tag: str, values: np.ndarray) -> Any:
    """Return a histogram of those values that are finite."""
    from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary

    values = np.asarray(values, np.float64).ravel()
    values = values[np.isfinite(values)]
    least, most = values.min(initial=0.0), values.max(initial=0.0)
    room = 1e-6 * max(abs(least), abs(most))  # so that floats part as many bins as there are
    span = (least - room, most + room) if most - least < room else None
    counts, edges = np.histogram(values, bins=BINS, range=span)
    return Summary.Value(
        tag=tag,
        histo=HistogramProto(
            min=float(values.min(initial=np.inf)) if values.size else 0.0,
            max=float(values.max(initial=-np.inf)) if values.size else 0.0,
            num=float(values.size),
            sum=float(values.sum()),
            sum_squares=float(np.square(values).sum()),
            bucket_limit=edges[1:].tolist(),
            bucket=counts.astype(float).tolist(),
        ),
    )


def image(tag: str, pixels: np.ndarray) -> Any:
    """Return a grey picture's entry in a summary: bytes (H, W)."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    H, W = pixels.shape
    shown = Summary.Image(height=H, width=W, colorspace=1, encoded_image_string=png(pixels))
    return Summary.Value(tag=tag, image=shown)


def picture(values: np.ndarray) -> np.ndarray:
    """Return a weight as a picture: its least value black, its greatest white.

    A kernel of a convolution becomes a table of windows, a row for each channel that comes in and
    a column for each filter; a matrix is itself, wider than it is high; a vector is one row.

    Parameters
    ----------
    values : array of numbers, of any rank above 0

    Returns
    -------
    uint8 array (H, W), of at most 1024 pixels a side

    Examples
    --------
    >>> picture(np.array([[0.0, 1.0, 2.0]]))
    array([[  0, 127, 255]], dtype=uint8)
    >>> picture(np.zeros((3, 3, 2, 4))).shape  # two rows and four columns of windows
    (7, 15)
    """
    values = np.nan_to_num(np.asarray(values, np.float64), posinf=0.0, neginf=0.0)
    if values.ndim > 2:
        *_, kW, C, D = (1, *values.shape) if values.ndim == 3 else values.shape
        tiles = values.reshape(-1, kW, C, D)[:, :, :MOST_TILES, :MOST_TILES]  # (kH,kW,C,D)
        gaps = ((0, 1), (0, 1), (0, 0), (0, 0))
        tiles = np.pad(tiles, gaps, constant_values=float(values.min(initial=0.0)))
        kH, kW, C, D = tiles.shape
        values = tiles.transpose(2, 0, 3, 1).reshape(C * kH, D * kW)[:-1, :-1]
    elif values.ndim < 2:
        values = values.reshape(1, -1)
    elif values.shape[0] > values.shape[1]:
        values = values.T
    values = values[:MOST_PIXELS, :MOST_PIXELS]
    low, high = values.min(initial=np.inf), values.max(initial=-np.inf)
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    return (scaled * 255).astype(np.uint8)


def graph(model: Any) -> bytes:
    """Return a model's graph as TensorBoard shows it: a node a call, models inside as groups."""
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorboard.compat.proto.versions_pb2 import VersionDef

    made = GraphDef(node=list(_nodes(model, "", None, {})), versions=VersionDef(producer=22))
    return made.SerializeToString()


def _nodes(model: Any, scope: str, given: list[str] | None, ends: dict[int, str]) -> Iterator[Any]:
    """Yield the nodes of a model, whose inputs are the nodes ``given``, or begin here.

    The names of what its outputs are go into ``ends``, by the place of the output.
    """
    whole = getattr(model, "_graph", None)
    if whole is None:  # only a row of layers is known to be one
        name = "".join(given[:1]) if given else ""
        for layer in model.layers if hasattr(model, "add") else [model]:
            before, name = name, f"{scope}{layer.name}"
            yield _node(name, type(layer).__name__, [before] if before else [], ())
        ends[0] = name
        return
    names: dict[int, str] = {}
    for place, x in enumerate(whole.starts):
        names[id(x)] = given[place] if given else f"{scope}{x.name}"
        if not given:
            yield _node(names[id(x)], "Input", [], [x])
    taken: dict[str, int] = {}
    for call in whole.calls:
        number = taken[call.name] = taken.get(call.name, -1) + 1
        name = f"{scope}{call.name}" + (f"_call_{number}" if number else "")
        outputs = tree.flatten(call.outputs)
        inputs = list(dict.fromkeys(names[id(x)] for x in call.inputs))
        function = call.function
        if getattr(function, "_graph", None) is not None and len(inputs) == len(call.inputs):
            inner: dict[int, str] = {}
            yield from _nodes(function, f"{name}/", inputs, inner)
            names |= {id(x): inner[place] for place, x in enumerate(outputs)}
            continue
        is_layer = hasattr(function, "trainable_weights")
        kind = type(function).__name__ if is_layer else getattr(function, "__name__", "op")
        yield _node(name, kind, inputs, outputs, function.count_params() if is_layer else 0)
        names |= {id(x): name for x in outputs}
    ends |= {place: names[id(x)] for place, x in enumerate(whole.ends)}


def _node(name: str, kind: str, inputs: list[str], outputs: Any, parameters: int = 0) -> Any:
    """Return a node with the shapes of what it gives, and how many numbers it has learnt."""
    from tensorboard.compat.proto.attr_value_pb2 import AttrValue
    from tensorboard.compat.proto.node_def_pb2 import NodeDef
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

    attributes: dict[str, Any] = {}
    if outputs:
        shapes = [
            TensorShapeProto(dim=[TensorShapeProto.Dim(size=-1 if n is None else n) for n in shape])
            for shape in (x.shape for x in outputs)
        ]
        attributes["_output_shapes"] = AttrValue(list=AttrValue.ListValue(shape=shapes))
    if parameters:
        attributes["parameters"] = AttrValue(i=parameters)
    return NodeDef(name=name, op=kind, input=inputs, attr=attributes)


def hyperparameters(given: Mapping[str, Any], trial: str) -> Any:
    """Return the summary that says what a trial was made with; other things are their texts."""
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb

    taken = bool | int | float | str
    values = {str(k): v.item() if isinstance(v, np.generic) else v for k, v in given.items()}
    plain = {k: v if isinstance(v, taken) else str(v) for k, v in values.items()}
    return hparams_pb(plain, trial_id=trial)


def end_of_trial() -> Any:
    """Return the summary that says that a trial came to its end."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=time.time())
    told = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(session_end_info=end))
    tag = metadata.SESSION_END_INFO_TAG
    return Summary(value=[Summary.Value(tag=tag, metadata=told, tensor=metadata.NULL_TENSOR)])
