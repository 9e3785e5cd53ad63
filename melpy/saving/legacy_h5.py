"""Whole models in HDF5, the file of Keras 2, which Keras 3 still reads and writes.

    attributes        model_config, training_config: what describes the model, as JSON
    model_weights     a group for each layer, the names of its arrays in their order beside them
    optimizer_weights

A file is data, as `h5_file` has it: no link is followed, and known classes alone are made.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from melpy import budget, custom, losses, metrics, optimizers
from melpy.configurable import is_ours, snake_case
from melpy.errors import DataError, MelpyError, ShapeError, warn
from melpy.saving.h5_file import Reader, h5py, opened
from melpy.saving.keras_file import KERAS_VERSION, model_of_text, to_json
from melpy.saving.objects import deserialize_keras_object
from melpy.saving.state import restored_optimizer

__all__ = ["model_of", "restore_weights", "written_model"]

Named = list[tuple[str, Any]]  # weights, or arrays, by name

AS_THEY_ARE = ("accuracy", "acc", "crossentropy", "ce")  # which one is seen by the shapes
MAKERS: dict[str, Callable[..., Any]] = {
    "loss": losses.get, "metrics": metrics.get, "weighted_metrics": metrics.get,
}  # fmt: skip


def written_model(model: Any, include_optimizer: bool = True) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    model : a model
    include_optimizer : bool, whether the file says how to train, and has the optimizer's state
    """
    description = json.loads(to_json(model))
    compiled = description.get("compile_config")
    buffer = io.BytesIO()
    with h5py().File(buffer, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = KERAS_VERSION, "jax"
        head = {key: description[key] for key in ("class_name", "config")}
        file.attrs["model_config"] = json.dumps(head)
        weights = file.create_group("model_weights")
        weights.attrs["keras_version"], weights.attrs["backend"] = KERAS_VERSION, "jax"
        _note_names(weights, "layer_names", [layer.name for layer in model.layers])
        for layer in model.layers:
            _write(weights.create_group(layer.name), _in_order(layer))
        _write(weights.create_group("top_level_model_weights"), _own(model))
        if include_optimizer and compiled:
            training = {key: _spelt_out(compiled.get(key), get) for key, get in MAKERS.items()}
            training["loss_weights"] = compiled.get("loss_weights")
            training["optimizer_config"] = compiled["optimizer"]
            file.attrs["training_config"] = json.dumps(training)
            state: dict[str, np.ndarray] = {}
            model.optimizer.save_own_variables(state)
            if model.optimizer.built:
                arrays = [(f"optimizer/{n}", state[str(n)]) for n in range(len(state))]
                _write(file.create_group("optimizer_weights"), arrays)
    return buffer.getvalue()


def model_of(content: bytes, custom_objects: Any, compile: bool, who: str) -> Any:
    """Return the model of a file that this library or Keras wrote.

    Parameters
    ----------
    content : bytes, the whole file
    custom_objects : dict of names to classes and functions that are not the library's own
    compile : bool, whether to bring back optimizer, losses and metrics too
    who : the function to name in messages
    """
    with opened(content, who) as (file, reader), budget.of_file(len(content), who):
        text = "".join(reader.texts(file, "model_config") or ())
        if not text:
            raise _damaged(who, "it describes no model")
        # Keras 2 named no modules.
        told = json.dumps({"module": "keras.models", **budget.read_json(text, who)})
        model = model_of_text(told.encode(), custom_objects, False, who)
        _restore(model, file, reader)
        training = "".join(reader.texts(file, "training_config") or ())
        if compile and training and is_ours(type(model).compile):
            with custom.CustomObjectScope(custom_objects):
                model.compile(**_compiled(budget.read_json(training, who)))
            group = reader.child(file, "optimizer_weights")
            arrays = _arrays(group, reader) if group is not None else []
            if arrays:
                state = {str(n): array for n, array in enumerate(arrays)}
                restored_optimizer(model.optimizer, model, state)
        elif compile:
            warn(
                f"{who}: the file does not say how to train, or the model has a compile of its "
                "own; call compile().",
            )
    return model


def restore_weights(model: Any, content: bytes, who: str, skip_mismatch: bool = False) -> None:
    """Give a model the weights of a file, layer by layer in their order."""
    with opened(content, who) as (file, reader):
        _restore(model, file, reader, skip_mismatch)


def _compiled(training: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of compile that a file describes, with or without Keras's modules."""
    makers: dict[str, Callable[..., Any]] = {
        "loss": losses.get, "metrics": metrics.get, "weighted_metrics": metrics.get,
    }  # fmt: skip
    made = {key: _revived(training.get(key), maker) for key, maker in makers.items()}
    rule = training.get("optimizer_config")
    made["optimizer"] = _revived(rule, optimizers.get) if rule else "rmsprop"
    return made | {"loss_weights": training.get("loss_weights")}


def _spelt_out(value: Any, maker: Callable[..., Any]) -> Any:
    """Return a structure with "mean_squared_error" for "mse", which Keras does not read here."""
    if isinstance(value, list):
        return [_spelt_out(entry, maker) for entry in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {key: _spelt_out(entry, maker) for key, entry in value.items()}
    if not isinstance(value, str) or value in AS_THEY_ARE:
        return value
    made = maker(value)
    return getattr(made, "__name__", None) or snake_case(type(made).__name__)


def _revived(value: Any, maker: Callable[..., Any]) -> Any:
    """Return a structure with objects in the place of their descriptions."""
    if isinstance(value, list):
        return [_revived(entry, maker) for entry in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {key: _revived(entry, maker) for key, entry in value.items()}
    return deserialize_keras_object(value) if "module" in value else maker(value)


def _restore(model: Any, file: Any, reader: Reader, skip_mismatch: bool = False) -> None:
    """Give a model the weights of a file; all of them, or the model stays as it was."""
    group = file if "layer_names" in file.attrs else reader.child(file, "model_weights")
    if group is None:
        raise _damaged(reader.who, "it has no weights")
    before, layers = model.get_weights(), [layer for layer in model.layers if layer.weights]
    groups = [(name, reader.child(group, name)) for name in _names(group, "layer_names", reader)]
    saved = [(name, _arrays(inside, reader)) for name, inside in groups if inside is not None]
    saved = [(name, arrays) for name, arrays in saved if arrays]
    if len(saved) != len(layers):
        raise ShapeError(
            reader.who,
            "the file has another number of layers with weights",
            expected=f"{len(layers)} layers",
            received={"layers": [name for name, _ in saved]},
        )
    try:
        for layer, (_, arrays) in zip(layers, saved, strict=True):
            _set(layer.name, _in_order(layer), arrays, reader.who, skip_mismatch)
        top = reader.child(group, "top_level_model_weights")
        if top is not None:
            _set(model.name, _own(model), _arrays(top, reader), reader.who, skip_mismatch)
    except MelpyError:
        model.set_weights(before)
        raise


def _set(name: str, named: Named, arrays: list[np.ndarray], who: str, skip: bool) -> None:
    """Give weights arrays of the same shapes."""
    wanted, given = [tuple(w.shape) for _, w in named], [a.shape for a in arrays]
    if wanted != given:
        what = f"the arrays of {name!r} are those of another layer"
        error = ShapeError(who, what, expected=f"shapes {wanted}", received={"shapes": given})
        if not skip or len(wanted) != len(given):
            raise error
        warn(f"{who}, skipped: {error}")
    for (_, weight), array in zip(named, arrays, strict=True):
        if tuple(weight.shape) == array.shape:
            weight.assign(array)


def _in_order(layer: Any) -> Named:
    """Return a layer's weights by name in the order of these files: what trains comes first."""
    return [(w.path, w) for w in (*layer.trainable_weights, *layer.non_trainable_weights)]


def _own(model: Any) -> Named:
    return [(w.path, w) for w in model._own_weights()]


def _write(group: Any, named: Named) -> None:
    """Write arrays under their names, which are made different where they are not."""
    names: list[str] = []
    for name, _ in named:
        names.append(name if name not in names else f"{name}_{len(names)}")
    _note_names(group, "weight_names", names)
    for name, (_, array) in zip(names, named, strict=True):
        group[name] = np.asarray(array)


def _note_names(group: Any, key: str, names: list[str]) -> None:
    group.attrs[key] = names if names else np.array([])


def _arrays(group: Any, reader: Reader) -> list[np.ndarray]:
    """Return a group's arrays in the order of their names."""
    made = []
    for name in _names(group, "weight_names", reader):
        inside = group
        for part in name.split("/"):
            inside = reader.child(inside, part) if hasattr(inside, "keys") else None
        made.append(reader.array(inside, name))
    return made


def _names(group: Any, key: str, reader: Reader) -> list[str]:
    """Return the names that a group notes; where they are many, in "layer_names0" and so on."""
    names = reader.texts(group, key)
    if names is not None:
        return names
    names, number = [], 0
    while (part := reader.texts(group, f"{key}{number}")) is not None:
        names += part
        number += 1
    return names


def _damaged(who: str, what: str) -> DataError:
    return DataError(
        who,
        f"the file is damaged or no model's ({what})",
        expected="a file that save wrote",
        mend="Weights alone are loaded by load_weights.",
    )
