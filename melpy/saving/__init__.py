"""Files of models. Reading one never runs code."""

from melpy.saving.weights import load_weights, save_weights

__all__ = ["load_weights", "save_weights"]
