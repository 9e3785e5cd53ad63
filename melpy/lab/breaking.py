"""What can be broken in a training, to see how it fails, or fails to be noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from melpy import ops, tree
from melpy.lab.layers import layers_by_path
from melpy.layers.recurrent import Recurrent
from melpy.tensor import Tensor, mask_of, set_mask

__all__ = ["all_alike", "cut_behind", "owners_of", "zeroed"]


@contextmanager
def cut_behind(layers: Iterable[Any]) -> Iterator[None]:
    """Let no gradient come back through the outputs of some layers, inside the ``with`` block.

    Forward nothing changes. Backward neither they nor what is before them hears of the loss.
    """
    layers = list(layers)
    for layer in layers:
        layer.call = _deaf(layer.call)
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


def _deaf(call: Callable[..., Any]) -> Callable[..., Any]:
    def deaf(*args: Any, **kwargs: Any) -> Any:
        return tree.map_structure(_constant, call(*args, **kwargs))

    return deaf


def _constant(y: Any) -> Any:
    if not isinstance(y, Tensor):
        return y
    made = ops.stop_gradient(y)
    if mask_of(y) is not None:
        set_mask(made, mask_of(y))
    return made


def zeroed(weights: Iterable[Any]) -> None:
    """Set weights to 0."""
    for weight in weights:
        weight.assign(np.zeros(weight.shape, weight.dtype))


def all_alike(weights: Iterable[Any], is_last: bool = False) -> None:
    """Give all units of a layer the same weights, and the same weight to all units before it.

    Units that begin alike get the same gradients for ever, and stay one unit. The outputs of the
    last layer stay apart: were they alike too, nothing would come back from them.
    """
    for weight in weights:
        among = (-2,) if is_last else (-2, -1)
        axes = tuple(axis for axis in among if -axis <= weight.array.ndim)
        mean = weight.array.mean(axis=axes, keepdims=True)
        if weight.array.ndim > 1 or not is_last:
            weight.assign(np.broadcast_to(mean, weight.shape).astype(weight.dtype))


def owners_of(model: Any) -> dict[str, list[Any]]:
    """Return the trained weights by the path of the layer that they are of: "block/dense".

    A weight that several paths lead to is told under the first one; those of a recurrent layer's
    cell are the layer's, which computes all steps at once without calling it. Weights that are of
    no layer inside are the model's own.
    """
    layers = layers_by_path(model)
    held = {path: set(map(id, layer.trainable_weights)) for path, layer in layers.items()}
    owned: dict[str, list[Any]] = {}
    for weight in model.trainable_weights:
        path = _owner([path for path, ids in held.items() if id(weight) in ids])
        while isinstance(layers.get(path.rpartition("/")[0]), Recurrent):
            path = path.rpartition("/")[0]
        owned.setdefault(path or model.name, []).append(weight)
    return owned


def _owner(paths: list[str]) -> str:
    """Return the first of some paths that leads to none of the others; "" where there is none."""
    inner = (one for one in paths if not any(other.startswith(f"{one}/") for other in paths))
    return next(inner, "")
