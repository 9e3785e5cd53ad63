"""What a whole model's parts stand in: a zip, or a folder. Only parts of known names are read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from melpy.errors import DataError
from melpy.saving.assets import FOLDER

__all__ = ["Container", "Folder", "Zip", "require_bounded", "zipped"]

DESCRIPTION_LIMIT_BYTES = 64 * 2**20
# What a small file's parts may unpack to, and how often its size: what was packed by hand, of
# weights or words, is not much smaller than they are.
UNPACKED_BYTES, UNPACKED_TIMES = 2**20, 16
DESCRIPTION, WEIGHTS, METADATA = "config.json", "model.weights.h5", "metadata.json"
SEEDS = "seeds.json"  # where the layers' random generators stand: not in Keras's own files
NOTES = "notes.json"  # what is kept beside the network: not in Keras's own files either


class Container(Protocol):
    """Where the parts of a model are read from."""

    def description(self) -> bytes:
        """Return what describes the model."""
        ...

    def weights(self) -> bytes:
        """Return the arrays, as HDF5."""
        ...

    def seeds(self) -> bytes:
        """Return where the layers' random generators stood; nothing in files of Keras's."""
        ...

    def notes(self) -> bytes:
        """Return what `melpy.saving.notes` kept; nothing in files without it."""
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
        with self._opened() as file:
            limit_bytes = min(self._limit_bytes, DESCRIPTION_LIMIT_BYTES)
            return self._read(file, [DESCRIPTION], limit_bytes)[0]

    def weights(self) -> bytes:
        """Return the arrays."""
        with self._opened() as file:
            return self._read(file, [WEIGHTS], self._limit_bytes)[0]

    def seeds(self) -> bytes:
        """Return where the layers' random generators stood; nothing in files of Keras's."""
        return self._small(SEEDS)

    def notes(self) -> bytes:
        """Return what `melpy.saving.notes` kept; nothing in files without it."""
        return self._small(NOTES)

    def _small(self, name: str) -> bytes:
        """Return a small part that need not be there."""
        with self._opened() as file:
            names = [name] if name in file.namelist() else []
            return b"".join(self._read(file, names, UNPACKED_BYTES))

    def assets(self) -> dict[str, bytes]:
        """Return the layers' own files, all of them together no larger than a part may be."""
        with self._opened() as file:
            names = [n for n in file.namelist() if n.startswith(f"{FOLDER}/") and n[-1] != "/"]
            return dict(zip(names, self._read(file, names, self._limit_bytes), strict=True))

    @property
    def _limit_bytes(self) -> int:
        return UNPACKED_BYTES + UNPACKED_TIMES * len(self.content)

    def _read(self, file: zipfile.ZipFile, names: Sequence[str], limit_bytes: int) -> list[bytes]:
        """Return parts, whose sizes and packing are looked at before anything is unpacked."""
        parts = [file.getinfo(name) for name in names]
        size_bytes = sum(part.file_size for part in parts)
        if size_bytes > limit_bytes:
            what = f"{names[0]} unpacks" if len(names) == 1 else f"{FOLDER} unpack"
            raise ValueError(f"{what} to {size_bytes} bytes, over {limit_bytes}")
        for part in parts:
            require_bounded(part)
        return [file.read(part) for part in parts]

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(io.BytesIO(self.content)) as file:
                yield file
        except Exception as error:  # zipfile and zlib have many ways to say that it is damaged
            raise DataError(
                self.who,
                f"the file is damaged or no .keras file ({error})",
                expected="a file that save wrote, here or in Keras 3",
            ) from error


def require_bounded(part: zipfile.ZipInfo) -> None:
    """Refuse a part that is packed in a way whose unpacking does not stop at the part's size."""
    if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{part.filename} is packed by another method than stored or deflated")


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

    def seeds(self) -> bytes:
        """Return where the layers' random generators stood; nothing in folders without it."""
        return self._small(SEEDS)

    def notes(self) -> bytes:
        """Return what `melpy.saving.notes` kept; nothing in folders without it."""
        return self._small(NOTES)

    def _small(self, name: str) -> bytes:
        path = self.path / name
        return self._file(path, UNPACKED_BYTES) if path.exists() else b""

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
