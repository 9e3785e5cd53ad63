"""Layers from their descriptions, at any depth: in files, and in the configs of other layers."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from melpy import custom
from melpy.configurable import Configurable, described, signature_of
from melpy.errors import (
    DtypeError,
    MelpyError,
    SignatureError,
    UnknownClassError,
    nearest,
)
from melpy.layers.base import OURS, Layer
from melpy.operation import Operation

__all__ = ["copied", "deserialize", "layer_of", "nested", "serialize"]


def serialize(layer: Operation) -> dict[str, Any]:
    """Return a layer as plain values, which `deserialize` reads, in the form of Keras's files."""
    return described(layer)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the layer, with new weights, of a `serialize` result.

    Parameters
    ----------
    config : dict with "class_name" and "config"
    custom_objects : dict of names to classes and functions that are not the library's own
    """
    if not isinstance(config, Mapping) or not isinstance(config.get("class_name"), str):
        raise DtypeError(
            "deserialize",
            "this is no layer's config",
            expected='a dict with "class_name" and "config"',
            received={"type": type(config).__name__},
        )
    with custom.CustomObjectScope(custom_objects), custom.reading():
        return custom.share_read(config, lambda: _made(config))


def layer_of(entry: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the layer that ``{"class_name", "config"}`` describes; anything else as it is.

    Parameters
    ----------
    entry : dict, or what is no description
    custom_objects : dict of names to classes that are not the library's own; no others are made
    """
    if not isinstance(entry, Mapping) or "class_name" not in entry:
        return entry
    return deserialize(entry, custom_objects)


def _made(entry: Mapping[str, Any]) -> Any:
    name = entry["class_name"]
    made = custom.found(entry)
    if made is None:
        module = str(entry.get("module") or "keras")
        own = module.partition(".")[0] != "keras"  # a class of someone else's, by whatever name
        made = None if own else _by_name(name)
        if made is None:
            raise UnknownClassError(
                "from_config",
                f"unknown layer {name!r}" + (f" of {module}" if own else ""),
                expected="a layer of the library, or one that custom_objects names",
                mend=f"{nearest(name, [*OURS, *OTHER_NAMES])} A class of your own is found by "
                f'custom_objects={{"{name}": {name}}}, or by the decorator '
                "saving.register_keras_serializable().",
            )
    config = custom.config_of(entry)
    if not issubclass(made, Layer):
        layer = made.from_config(config)
    else:
        if _is_plain(made):
            config = {key: nested(value) for key, value in config.items()}
        scope = () if not _takes_custom_objects(made) else (None,)
        try:
            layer = made.from_config(config, *scope)
        except MelpyError:
            raise
        except TypeError as error:
            unknown = str(error).rpartition("argument ")[2].strip("'")
            raise SignatureError(
                "from_config",
                f"{name} does not take its config ({error})",
                mend=nearest(unknown, list(config)),
            ) from error
    built = entry.get("build_config")
    if isinstance(built, Mapping) and not getattr(layer, "built", True):
        layer.build_from_config(built)
    if entry.get("compile_config") and hasattr(layer, "compile_from_config"):
        layer.compile_from_config(entry["compile_config"])
    return layer


# What Keras's files call some classes: a model of a graph, those of a FeatureSpace, and one of
# another public name.
OTHER_NAMES = {
    "Functional": "Model",
    "TFDIdentity": "Identity",
    "TFDConcat": "Concatenate",
    "GroupQueryAttention": "GroupedQueryAttention",
}


LATER = {"OnnxNode": "saving.onnx_import.layer"}  # where layers are that few files name


def _by_name(name: str) -> type[Layer] | None:
    """Return one of the library's own layers by its name in files, None for an unknown one."""
    if name in LATER:
        importlib.import_module(f"melpy.{LATER[name]}")
    for room in ("models", "distillation"):  # what nobody asked for yet is not there yet
        importlib.import_module(f"melpy.{room}")
    return OURS.get(OTHER_NAMES.get(name, name))


def _is_plain(made: Any) -> bool:
    """Return whether a class leaves it to the library to make what its config describes."""
    return made.from_config.__func__ is Configurable.from_config.__func__  # type: ignore[attr-defined]


def nested(value: Any) -> Any:
    """Return a config's value with layers in the place of their descriptions."""
    if isinstance(value, list | tuple):
        return type(value)(nested(entry) for entry in value)
    if isinstance(value, Mapping) and isinstance(value.get("class_name"), str):
        rooms = set(str(value.get("module")).split("."))
        if rooms & {"initializers", "regularizers", "constraints"}:  # Identity is one, and a layer
            return value
        own = custom.found(value)
        known = own if isinstance(own, type) else _by_name(value["class_name"])
        if known is not None and issubclass(known, Layer) and "config" in value:
            return layer_of(value)
    return value


def copied(layer: Layer, **changed: Any) -> Any:
    """Return an equal layer with weights of its own, some of its arguments changed."""
    own = {type(x).__name__: type(x) for x in (layer, *layer.layers_inside)}
    config = layer.get_config() | changed
    return layer_of({"class_name": type(layer).__name__, "config": config}, own)


def _takes_custom_objects(made: type) -> bool:
    return "custom_objects" in signature_of(made.from_config).parameters  # type: ignore[attr-defined]
