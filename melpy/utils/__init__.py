"""Small things that Keras keeps in ``keras.utils``."""

from __future__ import annotations

from melpy.callbacks.progbar import Progbar
from melpy.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from melpy.data import PyDataset
from melpy.datasets.get_file import get_file
from melpy.models import FeatureSpace
from melpy.preprocessing import (
    audio_dataset_from_directory,
    image_dataset_from_directory,
    pad_sequences,
    text_dataset_from_directory,
    timeseries_dataset_from_array,
    to_categorical,
)
from melpy.preprocessing.image import array_to_img, img_to_array, load_img, save_img
from melpy.saving import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from melpy.utils import bounding_boxes
from melpy.utils.arrays import normalize, pack_x_y_sample_weight, unpack_x_y_sample_weight
from melpy.utils.config import Config
from melpy.utils.dtypes import is_float_dtype, is_int_dtype, result_type, standardize_dtype
from melpy.utils.session import (
    clear_session,
    get_source_inputs,
    get_uid,
    is_keras_tensor,
    set_random_seed,
)
from melpy.utils.split import split_dataset
from melpy.viz import model_to_dot, plot_model

__all__ = [
    "Config",
    "CustomObjectScope",
    "FeatureSpace",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "get_uid",
    "image_dataset_from_directory",
    "img_to_array",
    "is_float_dtype",
    "is_int_dtype",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "result_type",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

Sequence = PyDataset  # Keras's older name
