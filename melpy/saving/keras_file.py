"""Whole models in Keras's own file: m.keras, a zip of a description and of weights.

    metadata.json     which version wrote it, and when
    config.json       classes and arguments of the model, its layers, the optimizer, the losses
    model.weights.h5  the arrays
    seeds.json        where the layers' random generators stand; Keras passes it over
    notes.json        what was kept beside the network, such as names of classes; likewise
    assets/           files of layers' own: vocabularies

A description names classes; only those of the library and those the caller gave are made.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from typing import Any

from melpy import budget, custom
from melpy.configurable import described
from melpy.errors import ArgumentError, DataError, MelpyError
from melpy.layers.core import Lambda
from melpy.layers.drawing import stand, standing
from melpy.layers.parts import Parts
from melpy.saving import h5_file
from melpy.saving.assets import restored_assets, written_assets
from melpy.saving.containers import DESCRIPTION, METADATA, SEEDS, WEIGHTS, Container, Zip
from melpy.saving.notes import keep_notes, written_notes
from melpy.saving.objects import deserialize_keras_object
from melpy.saving.state import Arrays, gathered, restored, states

__all__ = [
    "KERAS_VERSION", "given_back", "model_from_json", "model_of_parts", "model_of_text",
    "read_weights", "to_json", "written_parts",
]  # fmt: skip

KERAS_VERSION = "3.15.1"  # the Keras whose files these are


def written_parts(model: Any) -> dict[str, bytes]:
    """Return what a model's file holds, by name."""
    metadata = {
        "keras_version": KERAS_VERSION,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
    }
    return {
        METADATA: json.dumps(metadata).encode(),
        DESCRIPTION: to_json(model).encode(),
        WEIGHTS: h5_file.written_h5(gathered(model)),
        SEEDS: json.dumps(standing(model)).encode(),
        **written_notes(model),
        **written_assets(model),
    }


def model_of_parts(parts: Container, custom_objects: Any, compile: bool, who: str) -> Any:
    """Return the model that parts describe, with the weights that they hold."""
    weights, description, assets = parts.weights(), parts.description(), parts.assets()
    size_bytes = len(weights) + len(description) + sum(map(len, assets.values()))
    with budget.of_file(size_bytes, who):
        model = model_of_text(description, custom_objects, compile, who)
        arrays_at = h5_file.read_h5(weights, who, [path for path, _ in states(model)])
        seeds = budget.read_json(parts.seeds() or b"null", who)
        given_back(model, arrays_at, assets, seeds, parts.notes(), who)
    return model


def given_back(
    model: Any,
    arrays_at: Mapping[str, Arrays],
    assets: Mapping[str, bytes],
    seeds: Any,
    notes: bytes,
    who: str,
) -> None:
    """Give a model of a description all else that its file holds.

    Parameters
    ----------
    arrays_at : by path, each thing's arrays
    assets : the layers' own files
    seeds : where the layers' generators stood; None where that is not known
    notes : what `melpy.saving.notes` kept
    who : the function to name in messages
    """
    restored(model, arrays_at, who)
    restored_assets(model, assets, who)
    if seeds is not None:
        stand(model, seeds, who, may_lack=True)  # the loss, if it is not compiled
    keep_notes(model, notes, who)


def to_json(model: Any, **options: Any) -> str:
    """Return a model's description as text, without weights.

    Parameters
    ----------
    model : a model
    options : what `json.dumps` takes
    """
    for layer in model.layers_inside:
        if isinstance(layer, Lambda) and layer.is_code:
            raise ArgumentError(
                "save",
                f"layer {layer.name!r} is a Lambda, whose code no file may hold",
                expected="Lambdas of functions with a name, or layers that are classes",
                mend="Define the function with def, and register it with "
                "register_keras_serializable; or save the weights alone, with save_weights.",
            )
    with custom.sharing():
        return json.dumps(custom.only_shared(described(model)), **options)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return a model, with new weights, of the text that `to_json` made."""
    return model_of_text(json_string.encode(), custom_objects, True, "model_from_json")


def read_weights(content: bytes, who: str, paths: Iterable[str]) -> dict[str, Arrays]:
    """Return the arrays at some paths of a whole model's file."""
    return h5_file.read_h5(Zip(content, who).weights(), who, paths)


def model_of_text(text: bytes, custom_objects: Any, compile: bool, who: str) -> Any:
    """Return the model of a description as text, with new weights."""
    try:
        description = budget.read_json(text, who)
        if not compile:
            description.pop("compile_config", None)
        with custom.sharing():
            model = deserialize_keras_object(description, custom_objects)
        if not isinstance(model, Parts):
            raise ValueError("it describes no model")
    except MelpyError:
        raise
    except (Exception, RecursionError) as error:
        raise DataError(
            who,
            f"the model's description cannot be read ({type(error).__name__}: {error})",
            expected="the description that save wrote",
        ) from error
    return model
