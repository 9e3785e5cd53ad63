"""What each op is in ONNX, in rooms by the ops' own names."""

from melpy.saving.onnx_export.rules import (
    activations,
    comparison,
    conv,
    elementwise,
    fourier,
    indexing,
    products,
    recurrent,
    reduction,
    resizing,
    shaping,
)
from melpy.saving.onnx_export.rules.registry import RULES, Call

__all__ = [
    "RULES", "Call", "activations", "comparison", "conv", "elementwise", "fourier", "indexing",
    "products", "recurrent", "reduction", "resizing", "shaping",
]  # fmt: skip
