"""All that makes layers of nodes: the rooms that put it into the table."""

from melpy.saving.onnx_import import (
    layers_features,
    layers_images,
    layers_recurrent,
    layers_reshape,
)
from melpy.saving.onnx_import.graph import Importer

__all__ = [
    "Importer", "layers_features", "layers_images", "layers_recurrent", "layers_reshape",
]  # fmt: skip
