"""What can be broken in a training, to see how it fails, or fails to be noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from melpy import ops, tree
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

    Weights that are of no layer inside are the model's own.
    """
    layers = model.layers_inside  # each before its own parts
    held = [{id(w) for w in layer.trainable_weights} for layer in layers]
    owned: dict[str, list[Any]] = {}
    for weight in model.trainable_weights:
        names = [layer.name for layer, ids in zip(layers, held, strict=True) if id(weight) in ids]
        owned.setdefault("/".join(names) or model.name, []).append(weight)
    return owned
