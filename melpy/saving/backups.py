"""A folder of backups of a training, of which the newest whole one counts.

A backup is one file, "000012-5f3a9c0b1d2e4f67.npz": its number, and the beginning of the SHA-256 of
its content, by which a file is known that was cut or changed. In it are arrays, and under "state"
the JSON of plain values. A file is written whole or not at all; two are kept, and an older one is
deleted when a newer one lies on the disk.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from melpy import budget
from melpy.errors import DataError, warn
from melpy.saving.files import reading, write_atomically, writing
from melpy.saving.npz_file import arrays_in, written_arrays

__all__ = ["Backups"]

KEPT = 2
OLD_FILES = ("weights.npz", "optimizer.npz", "state.json")  # of the first versions
NAME = re.compile(r"(\d{6,})-([0-9a-f]{16})\.npz")
State = tuple[dict[str, Any], dict[str, np.ndarray]]  # plain values, and arrays by name


class Backups:
    """The backups in a folder.

    Parameters
    ----------
    folder : path; it is made with the first backup
    who : the class or function to name in messages
    """

    def __init__(self, folder: str | Path, who: str) -> None:
        self.folder, self.who = Path(folder), who

    def write(self, plain: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Path:
        """Write a backup, then delete those that are older than the one before it."""
        text = np.frombuffer(json.dumps(plain).encode(), np.uint8)
        content = written_arrays({"state": text, **arrays})
        before = self._files()
        number = before[-1][0] + 1 if before else 0
        path = self.folder / f"{number:06d}-{_digest(content)}.npz"
        with writing(self.folder, self.who):
            self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content, self.who)
        for _, old in before[: 1 - KEPT]:
            with contextlib.suppress(OSError):
                old.unlink()
        return path

    def newest(self) -> State | None:
        """Return the newest backup that is whole, None where there is no backup at all.

        Raises
        ------
        DataError : there are backups, and none is whole
        """
        damaged = []
        for _, path in reversed(self._files()):
            try:
                with reading(path, self.who, "a backup"):
                    state = _read(path, self.who)
            except (DataError, OSError) as error:
                damaged.append((path, error))
                continue
            if damaged:
                warn(f"{damaged[0][1]} The training goes on from {path.name}.")
            return state
        if damaged:
            raise DataError(
                self.who,
                f"no backup is whole ({damaged[0][1].__cause__ or damaged[0][1]})",
                received={"backup_dir": str(self.folder)},
                mend="Delete the folder to begin anew.",
            ) from damaged[0][1]
        return old_backup(self.folder, self.who)

    def remove(self) -> None:
        """Delete all backups, and the folder if nothing else lies in it."""
        with contextlib.suppress(OSError):
            for _, path in self._files():
                path.unlink()
            for part in self.folder.glob(".*.npz.*.part"):
                part.unlink()
            remove_old(self.folder)
            self.folder.rmdir()

    def _files(self) -> list[tuple[int, Path]]:
        """Return the backups with their numbers, the oldest first."""
        if not self.folder.is_dir():
            return []
        named = [(NAME.fullmatch(p.name), p) for p in self.folder.iterdir() if p.is_file()]
        return sorted((int(found[1]), path) for found, path in named if found)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _read(path: Path, who: str) -> State:
    content = path.read_bytes()
    found = NAME.fullmatch(path.name)
    if found is None or found[2] != _digest(content):
        raise ValueError("its content is not what its name says")
    arrays = arrays_in(content, len(content))
    return budget.read_json(arrays.pop("state").tobytes(), who), arrays


# Backups of the first versions: a folder of files, named by its number.


def old_backup(folder: Path, who: str) -> State | None:
    """Return the newest backup of the first versions, None where there is none."""
    newest = max(_old(folder), key=lambda path: int(path.name), default=None)
    if newest is None:
        return None
    with reading(newest, who, "a backup"):
        arrays: dict[str, np.ndarray] = {}
        for name in ("weights", "optimizer"):
            content = (newest / f"{name}.npz").read_bytes()
            found = arrays_in(content, len(content))
            order = sorted(found, key=lambda key: int(key.split()[0]))
            arrays |= {f"{name}/{n}": found[key] for n, key in enumerate(order)}
        plain = budget.read_json((newest / "state.json").read_bytes(), who)
        return {"epoch": plain["epoch"], "batch": 0, "generators": plain["generators"]}, arrays


def remove_old(folder: Path) -> None:
    """Delete the backups of the first versions."""
    for path in _old(folder, OLD_FILES):
        for name in OLD_FILES:
            (path / name).unlink()
        path.rmdir()


def _old(folder: Path, least: Collection[str] = OLD_FILES[:2]) -> list[Path]:
    """Return the folders that hold the files of a backup, so many at least, and nothing else."""
    if not folder.is_dir():
        return []
    named = [path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir()]
    held = [(path, {one.name for one in path.iterdir()}) for path in named]
    return [path for path, names in held if len(names) >= len(least) and names <= {*OLD_FILES}]
