"""All operators: the rooms that put them into the table, each of which is loaded for that."""

from melpy.saving.onnx_import import (
    elementwise,
    indexing,
    products,
    reducing,
    resizing,
    sequences,
    shaping,
    windows,
)

__all__ = [
    "elementwise", "indexing", "products", "reducing", "resizing", "sequences", "shaping",
    "windows",
]  # fmt: skip
