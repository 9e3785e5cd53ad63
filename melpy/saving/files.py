"""Files written whole or not at all; what goes wrong is told by the door, `melpy.files`."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from melpy.errors import ArgumentError, FileError
from melpy.files import reading, writable, writing

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["alone_in", "reading", "writable", "write_atomically", "writing"]

LEFT_S = 10.0  # a part that nobody holds, and has not changed so long, was left by a killed run
LEFT_UNLOCKED_S = 86400.0  # where nobody can tell who holds it
NAME_BYTES = 200  # of a file's name in its part's, so that both fit into the 255 of file systems


def write_atomically(filepath: Any, content: bytes, who: str = "save") -> None:
    """Write a whole file or nothing: a part beside it, brought to disk, then a rename.

    Whoever reads meanwhile, or after a crash, finds the old file or the new one, never a part. A
    file that is there keeps its mode, and a link its target. Parts that killed runs left of this
    file are removed.

    Raises
    ------
    FileError : it cannot be written; what was there is as it was
    """
    with writing(filepath, who):
        path = Path(os.path.realpath(filepath))
        before = path.stat().st_mode if path.exists() else None
        if before is not None and not stat.S_ISREG(before):
            raise FileError(
                who, "this is a folder or a device", expected="a file, or a new name",
                received={"filepath": str(filepath)},
            )  # fmt: skip
        _remove_left(path)
        part = path.with_name(f".{_cut(path.name)}.{secrets.token_hex(4)}.part")
        try:
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
                _hold(file)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if before is not None:
                os.chmod(part, stat.S_IMODE(before))
            os.utime(part)  # just now: nobody takes it for one that was left
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
        sync_folder(path.parent)


@contextlib.contextmanager
def alone_in(folder: Path, who: str) -> Iterator[None]:
    """Keep a second training out of a folder meanwhile, or until this process has ended.

    Raises
    ------
    ArgumentError : there is one already
    """
    if fcntl is None:
        yield
        return
    with writing(folder, who):
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        _require_no_other(descriptor, folder, who)
        yield
    finally:
        os.close(descriptor)


def _require_no_other(descriptor: int, folder: Path, who: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ArgumentError(
            who,
            f"another training is at work in {folder}",
            expected="a folder of its own for each",
        ) from error
    except OSError:  # a file system without locks
        pass


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to disk: a rename is lost in a crash otherwise."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some file systems have no such thing
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hold(file: Any) -> bool:
    """Take the lock of a file, which ends with the process; return whether nobody had it."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by its writer, or a file system without locks
        return False
    return True


def _cut(name: str) -> str:
    """Return as much of a name as a part's has room for, in whole letters."""
    return os.fsencode(name)[:NAME_BYTES].decode(errors="ignore")


def _remove_left(path: Path) -> None:
    """Remove the parts of a file that runs left which were killed while they wrote it."""
    ours = re.compile(rf"\.{re.escape(_cut(path.name))}\.[0-9a-f]{{8}}\.part")
    for part in path.parent.iterdir():
        if not ours.fullmatch(part.name) or not part.is_file():
            continue
        with contextlib.suppress(OSError):  # another process was faster
            age_s = time.time() - part.stat().st_mtime
            if age_s < LEFT_S:
                continue
            with open(part, "rb") as file:
                is_left = _hold(file) or age_s > LEFT_UNLOCKED_S
            if is_left:
                part.unlink()
