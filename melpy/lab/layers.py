"""What a page needs to know of a model's layers: their paths, kinds, shapes and settings."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from melpy import tree

__all__ = ["described", "kind_of", "layer_of", "layers_by_path"]

ACTIVATIONS = ("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax")
SHAPES = ("Flatten", "Reshape", "Permute")
MOST_TEXT = 200
CALL = re.compile(r" \(\d+\)$")  # after a layer's path, from its second call on


def layers_by_path(model: Any) -> dict[str, Any]:
    """Return all layers by the paths that a trace knows them by: "block/dense"."""
    found: dict[str, Any] = {}

    def walk(whole: Any, before: str) -> None:
        for layer in getattr(whole, "layers", None) or whole._children():
            path = f"{before}{layer.name}"
            if path not in found:
                found[path] = layer
                walk(layer, f"{path}/")

    walk(model, "")
    return found


def layer_of(layers: Mapping[str, Any], name: str) -> Any:
    """Return the layer of a row of a trace, whichever call of it the row is; None for no layer.

    Parameters
    ----------
    layers : as `layers_by_path` returns them
    name : str, the row's: "block/dense", from the second call on "block/dense (2)"

    Examples
    --------
    >>> layer_of({"dense (b)": 1, "block/dense": 2}, "dense (b)")
    1
    >>> layer_of({"dense (b)": 1, "block/dense": 2}, "block/dense (2)")
    2
    """
    path = name if name in layers else CALL.sub("", name)
    if path in layers:
        return layers[path]
    last = path.rsplit("/", 1)[-1]  # called by another layer than the one that holds it
    return next((layer for layer in layers.values() if layer.name == last), None)


def kind_of(row: Any) -> str:
    """Return what a row of a trace is drawn as: "conv", "pool", "dense", ..."""
    name = row.class_name
    if row.inside is not None and row.inside.convolution is not None:
        return "conv"
    if row.inside is not None and row.inside.pooling is not None:
        return "pool"
    if name in ACTIVATIONS:
        return "activation"
    if name == "Dense":
        return "dense"
    if name in SHAPES:
        return "flatten"
    return "normalization" if name.endswith("Normalization") else "other"


def described(row: Any, layer: Any) -> dict[str, Any]:
    """Return what is said of a layer, of a row of a trace of one sample."""
    shapes = [list(np.shape(y)[1:]) for y in tree.flatten(row.output)]
    weights = row.inside.weights if row.inside is not None else {}
    config = layer.get_config() if layer is not None else {}
    return {
        "path": row.name,
        "class_name": row.class_name,
        "kind": kind_of(row),
        "depth": row.depth,
        "output_shape": shapes[0] if len(shapes) == 1 else shapes,
        "weights": [{"name": n, "shape": list(w.shape)} for n, w in weights.items()],
        "config": {name: value for name, value in config.items() if _is_plain(value)},
    }


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return len(value) <= 8 and all(map(_is_plain, value))
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return len(value) <= MOST_TEXT
    return value is None or isinstance(value, bool | int)
