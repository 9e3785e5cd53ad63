"""Weights in NumPy's own .npz: one array a weight, read without pickle; needs no other package."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping, Sequence
from typing import IO

import numpy as np

from melpy.errors import DataError, ShapeError
from melpy.layers.variable import Variable
from melpy.saving.containers import require_bounded

__all__ = ["arrays_in", "read_npz", "written_arrays", "written_npz"]


def written_npz(weights: Sequence[Variable]) -> bytes:
    """Return the bytes of a file, the weights under keys ``000 layer.name``, in order."""
    return written_arrays(
        {f"{n:03d} {w.path.replace('/', '.')}": w.array for n, w in enumerate(weights)}
    )


def written_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the bytes of a file of arrays of numbers by name: what `arrays_in` reads."""
    buffer = io.BytesIO()
    np.savez(buffer, **{n: _numbers(a) for n, a in arrays.items()})  # type: ignore[arg-type]
    return buffer.getvalue()


def arrays_in(content: bytes, most_bytes: int) -> dict[str, np.ndarray]:
    """Return the arrays of numbers of a file, which unpack to no more than so many bytes.

    Raises
    ------
    Exception : of many kinds, where the file is damaged
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        _require_room(file.zip, most_bytes)
        return {key: _numbers(file[key]) for key in file.files}


def _place(key: str) -> int:
    """Return the number that a key begins with: its weight's place in the model."""
    return int(key.split()[0])


def _numbers(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "fiub":
        raise ValueError(f"an array of type {array.dtype} holds other things than numbers")
    return array


def read_npz(content: bytes, who: str, weights: Sequence[Variable]) -> None:
    """Read weights back; number, order and shapes must be those of the model."""
    try:
        found = arrays_in(content, sum(w.size * 8 + 1024 for w in weights) + 65536)
        arrays = [found[key] for key in sorted(found, key=_place)]
    except Exception as error:  # zip, zlib and NumPy have many ways to say that it is damaged
        raise DataError(
            who,
            f"the file is damaged or no .npz file of weights ({type(error).__name__}: {error})",
            expected="a file that save_weights wrote",
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


def _require_room(file: zipfile.ZipFile, most_bytes: int) -> None:
    """Refuse, before memory is taken, a file that unpacks to far more than it may."""
    members = file.infolist()
    size_bytes = sum(member.file_size for member in members)
    if size_bytes > most_bytes:
        raise ValueError(f"it unpacks to {size_bytes} bytes, and may to {most_bytes}")
    for member in members:
        require_bounded(member)
        with file.open(member) as part:
            claimed_bytes = _claimed_bytes(part)
        if claimed_bytes > member.file_size:
            raise ValueError(f"{member.filename} claims {claimed_bytes} bytes, more than it has")


def _claimed_bytes(part: IO[bytes]) -> int:
    """Return how much memory the head of an array asks for."""
    version = np.lib.format.read_magic(part)
    old = version == (1, 0)
    read = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(part)
    return math.prod(shape) * dtype.itemsize
