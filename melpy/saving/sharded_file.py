"""Weights over several files of a limited size, as Keras lays them out.

    w.weights.json        which files have the arrays of a path
    w_00000.weights.h5    the arrays, each whole in one of these files

An index is read as data: of the files that it names, only those that are called so are opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from melpy import budget
from melpy.errors import ArgumentError, DataError, MissingFileError
from melpy.saving import h5_file
from melpy.saving.containers import DESCRIPTION_LIMIT_BYTES
from melpy.saving.files import write_atomically
from melpy.saving.state import Arrays

__all__ = ["ENDING", "paths_in", "read_shards", "write_shards"]

ENDING = ".weights.json"

State = dict[str, tuple[str, dict[str, np.ndarray]]]


def write_shards(state: Mapping[str, Any], path: Path, max_shard_size: Any, who: str) -> None:
    """Write the index and its files; the index comes last.

    Parameters
    ----------
    state : by path, each thing's name and its arrays
    path : the index, which ends in ".weights.json"
    max_shard_size : float > 0, GiB of arrays in each file
    who : the function to name in messages
    """
    shards = _divided(state, _limit_bytes(max_shard_size, who), who)
    names = [f"{_base(path)}_{n:05}.weights.h5" for n in range(len(shards))]
    for name, shard in zip(names, shards, strict=True):
        write_atomically(path.with_name(name), h5_file.written_h5(shard), who)
    weight_map = {
        f"/{where}/vars".replace("//", "/"): held
        for where, (_, arrays) in state.items()
        if arrays
        and (held := [n for n, s in zip(names, shards, strict=True) if s.get(where, ("", {}))[1]])
    }
    size_bytes = sum(a.nbytes for _, arrays in state.values() for a in arrays.values())
    index = {"metadata": {"total_size": float(size_bytes)}, "weight_map": weight_map}
    write_atomically(path, json.dumps(index, indent=4).encode(), who)


def _limit_bytes(max_shard_size: Any, who: str) -> float:
    is_number = isinstance(max_shard_size, int | float) and not isinstance(max_shard_size, bool)
    if not is_number or not max_shard_size > 0:
        raise ArgumentError(
            who,
            "max_shard_size is no size",
            expected="a float > 0, in GiB",
            received={"max_shard_size": max_shard_size},
        )
    return float(max_shard_size) * 2**30


def _divided(state: Mapping[str, Any], limit_bytes: float, who: str) -> list[State]:
    """Return the arrays in their order, in groups that are no larger than a limit."""
    shards: list[State] = [{}]
    size_bytes = 0
    for where, (name, arrays) in state.items():
        shards[-1].setdefault(where, (name, {}))
        for key, array in arrays.items():
            if array.nbytes > limit_bytes:
                raise ArgumentError(
                    who,
                    f"the array {key} of {where or name!r} is larger than a file may be",
                    expected=f"a max_shard_size of {array.nbytes / 2**30:.3g} or more",
                    received={"max_shard_size": limit_bytes / 2**30},
                )
            size_bytes += array.nbytes
            if size_bytes > limit_bytes:
                shards.append({})
                size_bytes = array.nbytes
            shards[-1].setdefault(where, (name, {}))[1][key] = array
    return shards


def read_shards(path: Path, who: str, paths: Iterable[str]) -> dict[str, Arrays]:
    """Return the arrays at some paths, of all files that belong to an index."""
    found: dict[str, dict[str, np.ndarray]] = {where: {} for where in paths}
    weight_map = _weight_map(path, who)
    wanted: dict[str, list[str]] = {}
    for where in found:
        held = weight_map.get(f"/{where}/vars".replace("//", "/"), [])
        for name in [held] if isinstance(held, str) else held:
            wanted.setdefault(name, []).append(where)
    for name, inside in wanted.items():
        content = _shard(path, name, who)
        for where, arrays in h5_file.read_h5(content, who, inside).items():
            found[where] |= arrays
    return dict(found)


def paths_in(path: Path, who: str) -> list[str]:
    """Return where the files of an index have arrays."""
    return [name[1:].removesuffix("/vars") for name in _weight_map(path, who)]


def _weight_map(path: Path, who: str) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > DESCRIPTION_LIMIT_BYTES:
            raise ValueError(f"it is larger than {DESCRIPTION_LIMIT_BYTES} bytes")
        weight_map = budget.read_json(path.read_bytes(), who)["weight_map"]
        lists = [[x] if isinstance(x, str) else x for x in weight_map.values()]
        if not all(isinstance(name, str) for names in lists for name in names):
            raise ValueError("it names no files")
    except budget.TooMuchError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(
            who,
            f"the index of the weights is damaged ({error})",
            expected="a file that save_weights wrote",
        ) from error
    return weight_map


def _shard(path: Path, name: str, who: str) -> bytes:
    """Return the content of one of the index's own files."""
    file = path.with_name(f"{_base(path)}_00000.weights.h5")
    if not re.fullmatch(re.escape(_base(path)) + r"_\d{5,}\.weights\.h5", name):
        raise DataError(
            who,
            f"the index names a file that is not its own, {name!r}",
            expected=f"names as {file.name}, beside the index",
        )
    file = path.with_name(name)
    if file.is_symlink() or not file.is_file():
        raise MissingFileError(
            who, f"there is no file {name!r} beside the index", expected="all that were saved"
        )
    return file.read_bytes()


def _base(path: Path) -> str:
    return path.name.removesuffix(ENDING)
