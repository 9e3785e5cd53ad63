"""Models: layers that train."""

from melpy.layers.input import Input
from melpy.models.clone import clone_model
from melpy.models.feature_space import FeatureSpace
from melpy.models.function import Function
from melpy.models.model import Model
from melpy.models.sequential import Sequential
from melpy.saving import load_model, model_from_json, save_model

__all__ = [
    "FeatureSpace",
    "Function",
    "Input",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]
