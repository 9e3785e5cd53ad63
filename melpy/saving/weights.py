"""Weights in files: the kind of file follows from its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from melpy.errors import ArgumentError, DataError, ShapeError
from melpy.saving import h5_file, keras_file, npz_file, safetensors_file
from melpy.saving.files import naming, writable, write_atomically
from melpy.saving.state import gathered, restored, states

__all__ = ["WEIGHTS", "load_weights", "save_weights"]

WEIGHTS = (".weights.h5", ".safetensors", ".npz")


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Write a model's weights into a file, whole or not at all.

    Parameters
    ----------
    model : a built model
    filepath : path; its ending says which kind of file: ".weights.h5", as Keras writes it, with
        the optimizer's state; ".safetensors", the same; ".npz", weights alone
    overwrite : bool, whether a file that is there may be replaced
    """
    who = "save_weights"
    ending = _ending(filepath, who, WEIGHTS)
    _require_built(model, who)
    path = writable(filepath, who, overwrite)
    if ending == ".npz":
        write_atomically(path, npz_file.written_npz(model.weights))
    elif ending == ".safetensors":
        write_atomically(path, safetensors_file.written_safetensors(gathered(model)))
    else:
        write_atomically(path, h5_file.written_h5(gathered(model)))


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False) -> None:
    """Read a model's weights from a file that was saved for the same layers.

    Parameters
    ----------
    model : a built model
    filepath : path of a file of weights, or of a whole model, ".keras"
    skip_mismatch : bool, whether to leave layers as they are whose arrays do not fit; not with
        ".npz"
    """
    who = "load_weights"
    ending = _ending(filepath, who, (*WEIGHTS, ".keras"))
    _require_built(model, who)
    with naming(filepath):
        _load(model, Path(filepath).read_bytes(), ending, who, skip_mismatch)


def _load(model: Any, content: bytes, ending: str, who: str, skip_mismatch: bool) -> None:
    if ending == ".npz":
        npz_file.read_npz(content, who, model.weights)
        return
    paths = [path for path, _ in states(model)]
    readers: dict[str, Callable[..., Any]] = {
        ".weights.h5": h5_file.read_h5,
        ".safetensors": safetensors_file.read_safetensors,
        ".keras": keras_file.read_weights,
    }
    arrays_at = readers[ending](content, who, paths)
    if model.weights and not any(arrays_at.values()):
        raise DataError(
            who,
            "the file has no weights where the model looks for them",
            expected=f"arrays at {', '.join(path for path in paths if path)[:200]}",
        )
    restored(model, arrays_at, who, skip_mismatch)


def _require_built(model: Any, who: str) -> None:
    if not model.built:
        raise ShapeError(
            who,
            "the model has no weights yet",
            mend="Begin it with an Input, or call it once.",
        )


def _ending(filepath: Any, who: str, known: tuple[str, ...]) -> str:
    for ending in known:
        if str(filepath).endswith(ending):
            return ending
    raise ArgumentError(
        who,
        "unknown kind of file",
        expected=f"a name that ends in {', '.join(known)}",
        received={"filepath": str(filepath)},
    )
