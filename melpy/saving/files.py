"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from melpy.errors import ArgumentError, MelpyError

__all__ = ["naming", "writable", "write_atomically"]


@contextmanager
def naming(filepath: Any) -> Iterator[None]:
    """Say which file it was, where reading it fails."""
    try:
        yield
    except MelpyError as error:
        error.received = {**error.received, "filepath": str(filepath)}
        raise


def writable(filepath: Any, who: str, overwrite: bool = True) -> Path:
    """Return a path that may be written to; refuse a missing folder, or a file that must stay."""
    path = Path(filepath)
    if not path.parent.is_dir():
        raise ArgumentError(
            who,
            f"there is no folder {str(path.parent)!r}",
            received={"filepath": str(path)},
            mend="Make the folder first.",
        )
    if path.exists() and not overwrite:
        raise ArgumentError(
            who,
            "the file exists already",
            received={"filepath": str(path)},
            mend="Pass overwrite=True, or another name.",
        )
    return path


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file or nothing: a temporary file beside it, brought to disk, then a rename.

    Whoever reads meanwhile, or after a crash, finds the old file or the new one, never a part.
    """
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o666 & ~_umask())  # mkstemp's files are its owner's alone
        os.replace(part, path)
    finally:
        Path(part).unlink(missing_ok=True)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
