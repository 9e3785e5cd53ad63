"""Files of layers' own inside a model's file: vocabularies, under the layers' paths.

A layer writes and reads its files in a folder, as in Keras; here that folder is a passing one, in
which there is what the model's file has for this layer and nothing else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from melpy.errors import DataError, MelpyError
from melpy.files import writing
from melpy.saving.state import states

__all__ = ["FOLDER", "restored_assets", "written_assets"]

FOLDER = "assets"


def written_assets(model: Any) -> dict[str, bytes]:
    """Return the contents of all layers' files, by their names in a model's file."""
    made = {}
    for path, layer in _holders(model, "save_assets"):
        with tempfile.TemporaryDirectory() as folder:
            with writing(folder, "save"):
                layer.save_assets(folder)
            for file in sorted(Path(folder).rglob("*")):
                if file.is_file():
                    inner = file.relative_to(folder).as_posix()
                    made[str(PurePosixPath(FOLDER, path, inner))] = file.read_bytes()
    return made


def restored_assets(model: Any, contents: Mapping[str, bytes], who: str) -> None:
    """Let each layer read its files.

    Parameters
    ----------
    contents : of the files in the model's file, by their names there
    who : the function to name in messages
    """
    for path, layer in _holders(model, "load_assets"):
        with tempfile.TemporaryDirectory() as folder:
            for name, content in contents.items():
                inner = _inside(name, PurePosixPath(FOLDER, path))
                if inner is not None:
                    file = Path(folder, inner)
                    with writing(file, who):
                        file.parent.mkdir(parents=True, exist_ok=True)
                        file.write_bytes(content)
            try:
                layer.load_assets(folder)
            except MelpyError:
                raise
            except Exception as error:  # no such file, or not what the layer wrote
                raise DataError(
                    who,
                    f"the files of {path or type(model).__name__} cannot be read ({error})",
                    expected="a file that save wrote",
                ) from error


def _holders(model: Any, method: str) -> Iterator[tuple[str, Any]]:
    return ((path, thing) for path, thing in states(model) if hasattr(thing, method))


def _inside(name: str, folder: PurePosixPath) -> PurePosixPath | None:
    """Return a name from a folder on; None if it is not in it, or leads out of it."""
    path = PurePosixPath(name)
    if ".." in path.parts or not path.is_relative_to(folder) or name.endswith("/"):
        return None
    return path.relative_to(folder)
