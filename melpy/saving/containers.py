"""What a whole model's parts stand in: a zip, or a folder. Only parts of known names are read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from melpy.errors import DataError
from melpy.saving.assets import FOLDER

__all__ = ["Container", "Folder", "Zip", "zipped"]

DESCRIPTION_LIMIT_BYTES = 64 * 2**20
DESCRIPTION, WEIGHTS, METADATA = "config.json", "model.weights.h5", "metadata.json"


class Container(Protocol):
    """Where the parts of a model are read from."""

    def description(self) -> bytes:
        """Return what describes the model."""
        ...

    def weights(self) -> bytes:
        """Return the arrays, as HDF5."""
        ...

    def assets(self) -> dict[str, bytes]:
        """Return the layers' own files by name."""
        ...


def zipped(parts: Mapping[str, bytes]) -> bytes:
    """Return the bytes of a zip of some parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return buffer.getvalue()


class Zip:
    """Parts in a zip, whose sizes are known before memory is taken.

    Parameters
    ----------
    content : bytes, the whole file
    who : the function to name in messages
    """

    def __init__(self, content: bytes, who: str) -> None:
        self.content, self.who = content, who

    def description(self) -> bytes:
        """Return what describes the model."""
        return self._member(DESCRIPTION, DESCRIPTION_LIMIT_BYTES)

    def weights(self) -> bytes:
        """Return the arrays: a file packed by hand is not much smaller than they are."""
        return self._member(WEIGHTS, 16 * len(self.content))

    def assets(self) -> dict[str, bytes]:
        """Return the layers' own files, none of them larger than a description may be."""
        with zipfile.ZipFile(io.BytesIO(self.content)) as file:
            names = [name for name in file.namelist() if name.startswith(f"{FOLDER}/")]
        files = (name for name in names if not name.endswith("/"))
        return {name: self._member(name, DESCRIPTION_LIMIT_BYTES) for name in files}

    def _member(self, name: str, limit_bytes: int) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(self.content)) as file:
                size_bytes = file.getinfo(name).file_size
                if size_bytes > limit_bytes:
                    raise ValueError(f"{name} unpacks to {size_bytes} bytes, over {limit_bytes}")
                with file.open(name) as part:
                    return part.read(size_bytes)
        except (KeyError, ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
            raise DataError(
                self.who,
                f"the file is damaged or no .keras file ({error})",
                expected="a file that save wrote, here or in Keras 3",
            ) from error
        except Exception as error:  # zlib.error, lzma.LZMAError, NotImplementedError
            raise DataError(self.who, f"{name} cannot be unpacked ({error})") from error


class Folder:
    """Parts in a folder: files of it, never what a link leads to.

    Parameters
    ----------
    path : the folder
    who : the function to name in messages
    """

    def __init__(self, path: Path, who: str) -> None:
        self.path, self.who = path, who

    def description(self) -> bytes:
        """Return what describes the model."""
        return self._file(self.path / DESCRIPTION)

    def weights(self) -> bytes:
        """Return the arrays."""
        return self._file(self.path / WEIGHTS, limit_bytes=None)

    def assets(self) -> dict[str, bytes]:
        """Return the layers' own files."""
        files = [file for file in (self.path / FOLDER).rglob("*") if not file.is_dir()]
        return {file.relative_to(self.path).as_posix(): self._file(file) for file in files}

    def _file(self, path: Path, limit_bytes: int | None = DESCRIPTION_LIMIT_BYTES) -> bytes:
        inside = [path, *(p for p in path.parents if p.is_relative_to(self.path))][:-1]
        wrong: Any = None
        if any(part.is_symlink() for part in inside):
            wrong = f"{path.name} is a link to elsewhere"
        elif not path.is_file():
            wrong = f"there is no {path.name}"
        elif limit_bytes is not None and path.stat().st_size > limit_bytes:
            wrong = f"{path.name} is larger than {limit_bytes} bytes"
        if wrong:
            raise DataError(self.who, wrong, expected="a folder that save(..., zipped=False) wrote")
        return path.read_bytes()
