"""Weights in NumPy's own .npz: one array a weight, read without pickle, written atomically."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from melpy.errors import DataError, ShapeError
from melpy.layers.parts import Weight

__all__ = ["load_weights", "save_weights", "write_atomically"]


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file or nothing: a temporary file beside it, then a rename."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def save_weights(path: str | Path, weights: Sequence[Weight]) -> None:
    """Write weights under keys ``000 layer/name``, in order."""
    path = Path(path)
    part = path.with_name(path.name + ".part")
    arrays = {f"{n:03d} {w.path.replace('/', '.')}": w.value for n, w in enumerate(weights)}
    try:
        with open(part, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


_DAMAGE = (
    zipfile.BadZipFile, zlib.error, ValueError, TypeError, EOFError, KeyError, OSError,
    NotImplementedError, RuntimeError, AttributeError,
)  # fmt: skip


def _place(key: str) -> int:
    """Return the number that a key begins with: its weight's place in the model."""
    return int(key.split()[0])


def _numbers(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
        raise ValueError(f"an array of type {array.dtype} holds other things than finite numbers")
    return array


def load_weights(path: str | Path, weights: Sequence[Weight]) -> None:
    """Read weights back; number, order and shapes must be those of the model."""
    who = "load_weights"
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = [_numbers(file[key]) for key in sorted(file.files, key=_place)]
    except _DAMAGE as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise DataError(
            who,
            f"{Path(path).name} is damaged or no .npz file of weights ({error})",
            expected="a file that save_weights wrote",
            received={"path": str(path)},
        ) from error
    if [a.shape for a in arrays] != [w.shape for w in weights]:
        raise ShapeError(
            who,
            "the file belongs to another model",
            expected=f"shapes {[w.shape for w in weights]}",
            received={"shapes": [a.shape for a in arrays]},
        )
    for weight, array in zip(weights, arrays, strict=True):
        weight.assign(array)
