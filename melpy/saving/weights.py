"""Weights in files: the kind of file follows from its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from melpy.errors import ArgumentError, ShapeError
from melpy.saving import npz_file

__all__ = ["load_weights", "save_weights"]


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write a model's weights into a file, whole or not at all."""
    path = _known_kind(filepath, "save_weights")
    if not overwrite and Path(path).exists():
        raise ArgumentError(
            "save_weights",
            "the file exists already",
            received={"filepath": path},
            mend="Pass overwrite=True, or another name.",
        )
    npz_file.save_weights(path, model.weights)


def load_weights(model: Any, filepath: Any) -> None:
    """Read a model's weights from a file that `save_weights` wrote for the same layers."""
    if not model.built:
        raise ShapeError(
            "load_weights",
            "the model has no weights yet",
            mend="Begin it with an Input, or call it once.",
        )
    npz_file.load_weights(_known_kind(filepath, "load_weights"), model.weights)


def _known_kind(filepath: Any, who: str) -> str:
    text = str(filepath)
    if not text.endswith(".npz"):
        raise ArgumentError(
            who,
            "unknown kind of file",
            expected="a name that ends in .npz",
            received={"filepath": text},
        )
    return text
