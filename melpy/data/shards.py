"""Shards: rows that lie in many files, as one array that is read where it is asked for."""

from __future__ import annotations

import glob
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from melpy.errors import ArgumentError, DataError, FileError, ShapeError
from melpy.files import reading

__all__ = ["Shards"]

LOCAL_HEADER = 30  # bytes of a zip member's own header, before its name


class Shards:
    """The rows of many .npy or .npz files, one after the other, of which only some are in memory.

    Parameters
    ----------
    paths : a folder, a pattern such as "train/x-*.npy", or a list of files. Those of a folder or a
        pattern come in the order of their names
    key : str, the array's name in .npz files, which `numpy.savez` wrote (`savez_compressed`'s
        cannot be read in parts)

    Attributes
    ----------
    shape : (N, ...), of all rows together
    dtype : their type

    Notes
    -----
    `Loader` makes batches of shards, in an order of its own for each epoch over all of them. Where
    processes share the batches (`melpy.distribution`), each one reads its own rows only.

    Raises
    ------
    FileError : there is no such file, or it is none of the two kinds
    DataError : a file is damaged
    ShapeError : rows of one file are of another shape or type than those of the first

    Examples
    --------
    >>> import tempfile, melpy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for n in range(3):
    ...         np.save(f"{folder}/{n}.npy", np.full((2, 4), n))
    ...     rows = Shards(folder)
    ...     rows.shape, rows[[5, 0, 2]][:, 0].tolist()
    ((6, 4), [2, 0, 1])
    """

    def __init__(self, paths: Any, key: str = "x") -> None:
        self.paths = _files(paths)
        maps = [_mapped(path, key) for path in self.paths]
        first = maps[0]
        for path, rows in zip(self.paths, maps, strict=True):
            if rows.ndim == 0 or rows.shape[1:] != first.shape[1:] or rows.dtype != first.dtype:
                raise ShapeError(
                    "Shards",
                    f"{path} has rows of another shape or type than {self.paths[0]}",
                    expected=f"(n, {', '.join(map(str, first.shape[1:]))}) of {first.dtype}",
                    received={"shape": rows.shape, "dtype": str(rows.dtype)},
                )
        self._maps = maps
        self._ends = np.cumsum([len(rows) for rows in maps])
        self.shape = (int(self._ends[-1]), *first.shape[1:])
        self.dtype = first.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Return some rows, by a number, a slice, or an array of numbers."""
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        index = np.asarray(rows)
        if index.ndim == 0:
            return self[index.reshape(1)][0]
        if index.size and not -len(self) <= index.min() <= index.max() < len(self):
            raise ArgumentError(
                "Shards", "there is no such row", expected=f"numbers below {len(self)}",
                received={"rows": index},
            )  # fmt: skip
        index = index % len(self)
        made = np.empty((len(index), *self.shape[1:]), self.dtype)
        where = np.searchsorted(self._ends, index, "right")
        for shard in np.unique(where):
            mine = where == shard
            begin = self._ends[shard] - len(self._maps[shard])
            made[mine] = self._maps[shard][index[mine] - begin]
        return made


def _files(paths: Any) -> list[Path]:
    if isinstance(paths, str | Path):
        folder = Path(paths)
        found = folder.iterdir() if folder.is_dir() else map(Path, glob.glob(str(paths)))
        files = sorted(path for path in found if path.suffix in (".npy", ".npz"))
    else:
        files = [Path(path) for path in paths] if isinstance(paths, Sequence) else []
    if not files:
        raise FileError(
            "Shards",
            f"there are no shards in {paths}",
            expected="a folder, a pattern or a list of .npy or .npz files",
        )
    return files


def _mapped(path: Path, key: str) -> np.ndarray:
    """Return the rows of one file, mapped into memory: they are read where they are looked at."""
    with reading(path, "Shards"):
        if path.suffix == ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False)
        with zipfile.ZipFile(path) as file:
            names = [name.removesuffix(".npy") for name in file.namelist()]
            if key not in names:
                raise DataError(
                    "Shards", f"{path} has no array {key!r}", expected=f"one of {names}"
                )
            member = file.getinfo(f"{key}.npy")
            if member.compress_type != zipfile.ZIP_STORED:
                raise DataError(
                    "Shards",
                    f"{path} is compressed, so that parts of it cannot be read",
                    expected="a file that numpy.savez wrote",
                    mend="Write it anew with numpy.savez, or keep arrays in .npy files.",
                )
    with reading(path, "Shards"), path.open("rb") as raw:
        raw.seek(member.header_offset)
        head = raw.read(LOCAL_HEADER)
        sizes = int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
        raw.seek(member.header_offset + LOCAL_HEADER + sizes)
        version = npy.read_magic(raw)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, is_turned, dtype = read(raw)
        begin = raw.tell()
        need = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or begin + need > member.header_offset + path.stat().st_size:
            raise DataError("Shards", f"{path} does not hold the array it tells of")
        order: Any = "F" if is_turned else "C"
        return np.memmap(path, dtype, "r", begin, shape, order)
