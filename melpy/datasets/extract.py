"""Archives unpacked into a folder, and nowhere else: no links, no paths that lead out of it."""

from __future__ import annotations

import functools
import gzip
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from melpy.errors import DataError, lookup, warn
from melpy.files import writing

__all__ = ["FORMATS", "extract"]

# A file of an archive: its name, and how to open it; None for a folder, which has nothing in it.
Opener = Callable[[], Any]
Entry = tuple[str, Opener | None]


def _of_tar(path: Path) -> Iterator[Entry | str]:
    with tarfile.open(path, "r:*") as archive:
        for entry in archive:
            if entry.isreg():
                yield entry.name, functools.partial(archive.extractfile, entry)
            else:
                yield (entry.name, None) if entry.isdir() else entry.name


def _of_zip(path: Path) -> Iterator[Entry | str]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if stat.S_ISLNK(entry.external_attr >> 16):
                yield entry.filename
            elif entry.is_dir():
                yield entry.filename, None
            else:
                yield entry.filename, functools.partial(archive.open, entry)


def _of_gzip(path: Path) -> Iterator[Entry | str]:
    name = path.name.removesuffix("_archive").removesuffix(".gz")
    yield name, functools.partial(gzip.open, path)


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


FORMATS: dict[str, tuple[Callable[[Any], bool], Callable[[Path], Iterator[Entry | str]]]] = {
    "tar": (tarfile.is_tarfile, _of_tar),  # also .tar.gz, .tar.bz2, .tar.xz
    "zip": (zipfile.is_zipfile, _of_zip),
    "gz": (_is_gzip, _of_gzip),
}


def extract(path: Path, folder: Path, formats: Sequence[str], who: str) -> bool:
    """Unpack an archive into a folder.

    Parameters
    ----------
    path : the archive
    folder : where to, made if it is not there; what is there under the same names is replaced
    formats : keys of ``FORMATS``, tried in this order
    who : str, in messages

    Returns
    -------
    bool, whether it is an archive of one of the formats

    Raises
    ------
    DataError : an entry's path leads out of the folder, or the archive is damaged. Nothing of it
        is left in the folder then

    Notes
    -----
    Links and devices are left out, with a warning: files behind them are not the archive's.
    """
    readers = [lookup("archive format", name, FORMATS, who) for name in formats]
    entries = next((read for fits, read in readers if fits(path)), None)
    if entries is None:
        return False
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        with writing(folder, who), _damage_told(path, who):
            part.mkdir(parents=True)
            _unpack(entries(path), part, path, who)
            shutil.copytree(part, folder, dirs_exist_ok=True) if folder.exists() else os.replace(
                part, folder
            )
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return True


@contextmanager
def _damage_told(path: Path, who: str) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, gzip.BadGzipFile) as error:
        raise DataError(
            who, f"{path} is damaged ({error})", mend="Delete it and download it again."
        ) from error


def _unpack(entries: Iterator[Entry | str], folder: Path, archive: Path, who: str) -> None:
    left_out = []
    for entry in entries:
        if isinstance(entry, str):
            left_out.append(entry)
            continue
        name, opened = entry
        path = folder / _inside(name, archive, who)
        if opened is None:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with opened() as source, path.open("wb") as file:
            shutil.copyfileobj(source, file)
    if left_out:
        warn(
            f"{who}: {len(left_out)} links or devices in {archive} were left out, such as "
            f"{left_out[0]!r}.",
        )


def _inside(name: str, archive: Path, who: str) -> PurePosixPath:
    """Return an entry's path below the folder, or refuse one that leads out of it."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name or "\0" in name:
        raise DataError(
            who,
            f"{archive} holds a path that leads out of its folder",
            expected="paths below the folder",
            received={"path": name},
            mend="Do not trust this file.",
        )
    return path
