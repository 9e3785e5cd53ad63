"""Put data into the form that a model learns from: numbers, words, images, series.

Every class learns in ``fit`` and only there. Fit it on the training data, then ``transform``
both the training and the test data: what it knows must not come from the test data.
"""

from __future__ import annotations

from melpy.preprocessing import image, sequence, text
from melpy.preprocessing.audio_folder import audio_dataset_from_directory
from melpy.preprocessing.checks import NotFittedError
from melpy.preprocessing.encoders import OneHotEncoder, to_categorical
from melpy.preprocessing.image_folder import image_dataset_from_directory
from melpy.preprocessing.imputers import SimpleImputer
from melpy.preprocessing.scalers import MinMaxScaler, RobustScaler, StandardScaler
from melpy.preprocessing.sequence import pad_sequences, timeseries_dataset_from_array
from melpy.preprocessing.text import Tokenizer
from melpy.preprocessing.text_folder import text_dataset_from_directory

__all__ = [
    "MinMaxScaler",
    "NotFittedError",
    "OneHotEncoder",
    "RobustScaler",
    "SimpleImputer",
    "StandardScaler",
    "Tokenizer",
    "audio_dataset_from_directory",
    "image",
    "image_dataset_from_directory",
    "pad_sequences",
    "sequence",
    "text",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
]
