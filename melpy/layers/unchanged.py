"""A model that is looked at while it runs, and stays as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from melpy import clock, random, tape
from melpy.layers.drawing import sources_of

__all__ = ["unchanged"]


@contextmanager
def unchanged(model: Any) -> Iterator[None]:
    """Put everything back that a call, or a loss, changes in a model and in the stream of seeds."""
    layers = [model, *model.layers_inside]
    attributes = [dict(vars(layer)) for layer in layers]
    losses = [list(layer._losses) for layer in layers]
    put_back = random.remembered(sources_of(model))
    try:
        with tape.undone():
            yield
    finally:
        for layer, own, added in zip(layers, attributes, losses, strict=True):
            vars(layer).clear()
            vars(layer).update(own)
            layer._losses[:] = added
        clock.parts_changed()
        clock.structure_changed()
        put_back()
