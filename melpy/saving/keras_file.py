"""Whole models in Keras's own file: m.keras, a zip of a description and of weights.

    metadata.json     which version wrote it, and when
    config.json       classes and arguments of the model, its layers, the optimizer, the losses
    model.weights.h5  the arrays
    assets/           files of layers' own: vocabularies

A description names classes; only those of the library and those the caller gave are made.
"""

from __future__ import annotations

import datetime
import io
import json
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from melpy import custom
from melpy.configurable import described
from melpy.errors import ArgumentError, DataError, MelpyError
from melpy.layers.core import Lambda
from melpy.layers.parts import Parts
from melpy.layers.variable import limited_weights
from melpy.saving import h5_file
from melpy.saving.assets import FOLDER, restored_assets, written_assets
from melpy.saving.files import naming, writable, write_atomically
from melpy.saving.objects import deserialize_keras_object
from melpy.saving.state import Arrays, gathered, restored, states

__all__ = ["load_model", "model_from_json", "read_weights", "save_model", "to_json"]

KERAS_VERSION = "3.15.1"  # the Keras whose files these are
DESCRIPTION_LIMIT_BYTES = 64 * 2**20


def save_model(model: Any, filepath: Any, overwrite: bool = True, zipped: bool | None = None):
    """Write a whole model into a file: description, weights, optimizer, losses and metrics.

    Parameters
    ----------
    model : a model
    filepath : path, ending in ".keras"
    overwrite : bool, whether a file that is there may be replaced
    zipped : bool or None, as in Keras; folders in the place of a file are not written

    Raises
    ------
    ArgumentError : a `Lambda` layer, whose code no file may hold; another kind of file; a missing
        folder
    """
    who = "save"
    if not str(filepath).endswith(".keras") or zipped is False:
        raise ArgumentError(
            who,
            "unknown kind of file",
            expected="a name that ends in .keras, for a zipped file",
            received={"filepath": str(filepath), "zipped": zipped},
            mend="Weights alone are saved by save_weights.",
        )
    path = writable(filepath, who, overwrite)
    if not model.built:
        warnings.warn("save: the model has no weights yet; call it once first.", stacklevel=3)
    metadata = {
        "keras_version": KERAS_VERSION,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("metadata.json", json.dumps(metadata))
        file.writestr("config.json", to_json(model))
        file.writestr("model.weights.h5", h5_file.written_h5(gathered(model)))
        for name, content in written_assets(model).items():
            file.writestr(name, content)
    write_atomically(path, buffer.getvalue())


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Return the model of a file that `save_model` or Keras 3 wrote. Runs no code of the file.

    Parameters
    ----------
    filepath : path, ending in ".keras"
    custom_objects : dict of names to classes and functions that are not the library's own
    compile : bool, whether to bring back optimizer, losses and metrics too
    safe_mode : accepted as in Keras; a file with a lambda is refused either way

    Raises
    ------
    DataError : a damaged file, or one that would take far more memory than its own size
    ArgumentError : a class that is not known, by its name; a `Lambda`
    """
    who = "load_model"
    if not str(filepath).endswith(".keras"):
        raise ArgumentError(
            who,
            "unknown kind of file",
            expected="a name that ends in .keras",
            received={"filepath": str(filepath)},
            mend="Weights alone are loaded by load_weights.",
        )
    with naming(filepath):
        content = Path(filepath).read_bytes()
        text = _member(content, "config.json", who, DESCRIPTION_LIMIT_BYTES)
        weights = _member(content, "model.weights.h5", who, _weights_limit_bytes(content))
        with limited_weights(4 * len(weights) + 2**20):
            model = _model_of(text, custom_objects, compile, who)
        arrays_at = h5_file.read_h5(weights, who, [path for path, _ in states(model)])
        restored(model, arrays_at, who)
        restored_assets(model, _assets(content, who), who)
    return model


def to_json(model: Any, **options: Any) -> str:
    """Return a model's description as text, without weights.

    Parameters
    ----------
    model : a model
    options : what `json.dumps` takes
    """
    for layer in model.layers_inside:
        if isinstance(layer, Lambda):
            raise ArgumentError(
                "save",
                f"layer {layer.name!r} is a Lambda, whose code no file may hold",
                expected="layers that are classes",
                mend="Write it as a class of its own with get_config, and register that.",
            )
    with custom.sharing():
        return json.dumps(custom.only_shared(described(model)), **options)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return a model, with new weights, of the text that `to_json` made."""
    return _model_of(json_string.encode(), custom_objects, True, "model_from_json")


def read_weights(content: bytes, who: str, paths: Iterable[str]) -> dict[str, Arrays]:
    """Return the arrays at some paths of a whole model's file."""
    weights = _member(content, "model.weights.h5", who, _weights_limit_bytes(content))
    return h5_file.read_h5(weights, who, paths)


def _weights_limit_bytes(content: bytes) -> int:
    """Return how large the weights may unpack: a file packed by hand is not much smaller."""
    return 16 * len(content)


def _member(content: bytes, name: str, who: str, limit_bytes: int) -> bytes:
    """Return one part of the zip, whose size is known before memory is taken."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            size_bytes = file.getinfo(name).file_size
            if size_bytes > limit_bytes:
                raise ValueError(f"{name} unpacks to {size_bytes} bytes, over {limit_bytes}")
            with file.open(name) as part:
                return part.read(size_bytes)
    except (KeyError, ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
        raise DataError(
            who,
            f"the file is damaged or no .keras file ({error})",
            expected="a file that save wrote, here or in Keras 3",
        ) from error
    except Exception as error:  # zlib.error, lzma.LZMAError, NotImplementedError
        raise DataError(who, f"{name} cannot be unpacked ({error})") from error


def _assets(content: bytes, who: str) -> dict[str, bytes]:
    """Return the layers' own files, none of them larger than a description may be."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        names = [name for name in file.namelist() if name.startswith(f"{FOLDER}/")]
    files = (name for name in names if not name.endswith("/"))
    return {name: _member(content, name, who, DESCRIPTION_LIMIT_BYTES) for name in files}


def _model_of(text: bytes, custom_objects: Any, compile: bool, who: str) -> Any:
    try:
        description = json.loads(text)
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
