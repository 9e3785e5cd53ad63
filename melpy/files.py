"""The door to files: what goes wrong with one names it, in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from melpy.errors import ArgumentError, DataError, FileError, MelpyError

__all__ = ["in_a_folder", "reading", "writable", "writing"]


@contextmanager
def reading(
    filepath: Any, who: str, expected: str = "a file that was saved here"
) -> Iterator[None]:
    """Say which file it was, in one sentence, where reading it fails in any way at all."""
    try:
        yield
    except MelpyError as error:
        error.received = {**error.received, "filepath": str(filepath)}
        raise
    except OSError as error:
        raise FileError(
            who, f"the file cannot be read ({_reason(error)})", expected=expected,
            received={"filepath": str(filepath)},
        ) from error  # fmt: skip
    except Exception as error:  # what is damaged fails in more ways than anyone can list
        raise DataError(
            who,
            f"the file is damaged, or of another kind ({type(error).__name__}: {error})",
            expected=expected,
            received={"filepath": str(filepath)},
        ) from error


@contextmanager
def writing(filepath: Any, who: str) -> Iterator[None]:
    """Say which file it was where writing it fails: a full disk, a folder that is read-only."""
    try:
        yield
    except MelpyError:
        raise
    except OSError as error:
        raise FileError(
            who,
            f"the file cannot be written ({_reason(error)})",
            received={"filepath": str(filepath)},
            mend="Give another path, or see to the disk and to the rights of its folder.",
        ) from error


def writable(filepath: Any, who: str, overwrite: bool = True) -> Path:
    """Return a path that may be written to; refuse a missing folder, or a file that must stay."""
    path = Path(filepath)
    try:
        has_folder, exists = path.parent.is_dir(), path.exists()
    except (OSError, ValueError) as error:  # a name that is too long, or has a zero in it
        raise FileError(
            who, f"no file can be called so ({error})", received={"filepath": str(path)[:200]}
        ) from error
    if not has_folder:
        raise ArgumentError(
            who,
            f"there is no folder {str(path.parent)!r}",
            received={"filepath": str(path)},
            mend="Make the folder first.",
        )
    if exists and not overwrite:
        raise ArgumentError(
            who,
            "the file exists already",
            received={"filepath": str(path)},
            mend="Pass overwrite=True, or another name.",
        )
    return path


def in_a_folder(filepath: Any, who: str) -> Path:
    """Return a path whose folder is there: it is made, with those above it, where it is missing."""
    path = Path(filepath)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        what = "a file has its name" if isinstance(error, FileExistsError) else _reason(error)
        raise FileError(
            who,
            f"the folder {str(path.parent)!r} cannot be made ({what})",
            expected="a path whose folder is there, or can be made",
            received={"filepath": str(path)},
        ) from error
    return path


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
