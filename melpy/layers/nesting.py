"""Layers inside the configurations of other layers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from melpy.errors import lookup
from melpy.layers.base import Layer

__all__ = ["copied", "layer_of"]


def layer_of(entry: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the layer that ``{"class_name", "config"}`` describes; anything else as it is.

    Parameters
    ----------
    entry : dict, or what is no description
    custom_objects : dict of names to classes that are not the library's own; no others are made
    """
    if not isinstance(entry, Mapping) or "class_name" not in entry:
        return entry
    known = {c.__name__: c for c in _subclasses(Layer) if c.__module__.startswith("melpy.")}
    classes: dict[str, Any] = known | dict(custom_objects or {})
    made = lookup("layer", entry["class_name"], classes, "from_config")
    told = (custom_objects,) if _takes_custom_objects(made) else ()
    return made.from_config(dict(entry["config"]), *told)


def copied(layer: Layer, **changed: Any) -> Any:
    """Return an equal layer with weights of its own, some of its arguments changed."""
    own = {type(x).__name__: type(x) for x in (layer, *layer.layers_inside)}
    config = layer.get_config() | changed
    return layer_of({"class_name": type(layer).__name__, "config": config}, own)


def _takes_custom_objects(made: type) -> bool:
    return "custom_objects" in inspect.signature(made.from_config).parameters  # type: ignore[attr-defined]


def _subclasses(base: type) -> Iterator[type]:
    made: type
    for made in base.__subclasses__():
        yield made
        yield from _subclasses(made)
