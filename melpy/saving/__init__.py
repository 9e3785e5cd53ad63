"""Files of models. Reading one never runs code."""

from melpy.custom import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from melpy.saving.foreign_weights import load_foreign_weights
from melpy.saving.keras_file import model_from_json, to_json
from melpy.saving.model_files import H5, load_model, save_model
from melpy.saving.notes import note, notes_of
from melpy.saving.objects import deserialize_keras_object, serialize_keras_object
from melpy.saving.onnx_import import load_onnx
from melpy.saving.weights import WEIGHTS, load_weights, save_weights

__all__ = [
    "H5",
    "WEIGHTS",
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_foreign_weights",
    "load_model",
    "load_onnx",
    "load_weights",
    "model_from_json",
    "note",
    "notes_of",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
    "to_json",
]
