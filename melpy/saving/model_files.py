"""save and load_model: which kind of file a whole model goes into, and comes from.

m.keras             a zip; also any open file
a folder            the same parts as files of their own, written with zipped=False
m.h5, m.hdf5        HDF5, as Keras 2 wrote it and Keras 3 still does
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from melpy.errors import ArgumentError, MissingFileError, warn
from melpy.saving import legacy_h5
from melpy.saving.containers import DESCRIPTION, Folder, Zip
from melpy.saving.containers import zipped as zipped_parts
from melpy.saving.files import reading, writable, write_atomically, writing
from melpy.saving.keras_file import model_of_parts, written_parts
from melpy.saving.state import tell_not_finite

__all__ = ["H5", "load_model", "save_model"]

H5 = (".h5", ".hdf5")


def save_model(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    zipped: bool | None = None,
    **kwargs: Any,
) -> None:
    """Write a whole model into a file: description, weights, optimizer, losses and metrics.

    Parameters
    ----------
    model : a model
    filepath : path that ends in ".keras", ".h5" or ".hdf5", or a file open for writing bytes; with
        ``zipped=False`` the path of a folder
    overwrite : bool, whether a file that is there may be replaced
    zipped : bool or None; False writes a folder of files in the place of one file
    kwargs : include_optimizer, bool, for ".h5"; save_format, from older scripts, changes nothing

    Raises
    ------
    ArgumentError : a `Lambda` layer of a lambda, whose code no file may hold; another kind of file;
        a missing folder
    """
    who = "save"
    include_optimizer = kwargs.pop("include_optimizer", True)
    _note_format(filepath, kwargs.pop("save_format", None))
    if kwargs:
        raise ArgumentError(
            who,
            "an argument is not known",
            expected="overwrite, zipped, include_optimizer or save_format",
            received=kwargs,
        )
    if not model.built:
        warn("save: the model has no weights yet; call it once first.")
    tell_not_finite(model, who)
    if hasattr(filepath, "write"):
        filepath.write(zipped_parts(written_parts(model)))
        return
    name = str(filepath)
    if zipped is False and not name.endswith(".keras"):
        folder = writable(filepath, who, overwrite)
        parts = written_parts(model)
        for part, content in parts.items():
            with writing(folder, who):
                (folder / part).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / part, content, who)
    elif zipped is not False and name.endswith(".keras"):
        path = writable(filepath, who, overwrite)
        write_atomically(path, zipped_parts(written_parts(model)), who)
    elif zipped is not False and name.endswith(H5):
        path = writable(filepath, who, overwrite)
        write_atomically(path, legacy_h5.written_model(model, include_optimizer), who)
    else:
        raise ArgumentError(
            who,
            "unknown kind of file",
            expected="a name that ends in .keras or .h5, or, with zipped=False, a folder's name",
            received={"filepath": name, "zipped": zipped},
            mend="Weights alone are saved by save_weights.",
        )


def _note_format(filepath: Any, save_format: Any) -> None:
    """Take the argument of older scripts: the file's name says the same."""
    if not save_format:
        return
    if not str(filepath).endswith((".keras", *H5)):
        raise ArgumentError(
            "save",
            "the file's name says which format it has, not save_format",
            expected="a name that ends in .keras or .h5",
            received={"filepath": str(filepath), "save_format": save_format},
        )
    warn(
        "save: save_format is an argument of Keras 2; the file's name says the same. Leave it out.",
    )


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Return the model of a file that `save_model` or Keras wrote. Runs no code of the file.

    Parameters
    ----------
    filepath : path of a ".keras" or an ".h5" file, or of a folder; or a file open for reading bytes
    custom_objects : dict of names to classes and functions that are not the library's own
    compile : bool, whether to bring back optimizer, losses and metrics too
    safe_mode : accepted as in Keras; a file with a lambda is refused either way

    Raises
    ------
    MissingFileError : there is no such file
    DataError : a damaged file, or one that would take far more memory than its own size
    ArgumentError : a class or a function that is not known, by its name; a lambda
    """
    who = "load_model"
    name = getattr(filepath, "name", "an open file") if hasattr(filepath, "read") else filepath
    with reading(name, who):
        model = _loaded(filepath, custom_objects, compile, who)
    tell_not_finite(model, who)
    return model


def _loaded(filepath: Any, custom_objects: Any, compile: bool, who: str) -> Any:
    if hasattr(filepath, "read"):
        return model_of_parts(Zip(filepath.read(), who), custom_objects, compile, who)
    path = Path(filepath)
    if path.is_dir() and (path / DESCRIPTION).exists():
        return model_of_parts(Folder(path, who), custom_objects, compile, who)
    if not path.name.endswith((".keras", *H5)):
        raise ArgumentError(
            who,
            "unknown kind of file",
            expected="a name that ends in .keras or .h5, or a folder that save wrote",
            mend="Weights alone are loaded by load_weights.",
        )
    if not path.is_file():
        raise MissingFileError(who, "there is no such file", expected="a file that save wrote")
    content = path.read_bytes()
    if path.name.endswith(H5):
        return legacy_h5.model_of(content, custom_objects, compile, who)
    return model_of_parts(Zip(content, who), custom_objects, compile, who)
