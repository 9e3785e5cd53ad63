"""Weights in files: the kind of file follows from its name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from melpy.errors import ArgumentError, DataError, MissingFileError, ShapeError, warn
from melpy.layers.parts import Parts
from melpy.saving import (
    h5_file,
    keras_file,
    legacy_h5,
    npz_file,
    safetensors_file,
    sharded_file,
)
from melpy.saving.containers import Zip
from melpy.saving.files import reading, writable, write_atomically
from melpy.saving.state import every_path, gathered, restored, states, tell_not_finite

__all__ = ["WEIGHTS", "load_weights", "save_weights"]

WEIGHTS = (".weights.h5", ".safetensors", ".npz")


def save_weights(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    max_shard_size: float | None = None,
    objects_to_skip: Iterable[Any] | None = None,
) -> None:
    """Write a model's weights into a file, whole or not at all.

    Parameters
    ----------
    model : a built model
    filepath : path; its ending says which kind of file: ".weights.h5", as Keras writes it, with
        the optimizer's state; ".weights.json", the same over several files; ".safetensors", the
        same; ".npz", weights alone
    overwrite : bool, whether a file that is there may be replaced
    max_shard_size : float > 0, GiB of arrays in each of several files; None for one file
    objects_to_skip : layers, or an optimizer, whose state is not written; not with ".npz"
    """
    who = "save_weights"
    if max_shard_size is not None and str(filepath).endswith(".weights.h5"):
        filepath = Path(filepath).with_suffix(".json")
        warn(f"{who}: with max_shard_size it is {filepath.name!r}.")
    several = max_shard_size is not None
    ending = _ending(filepath, who, (sharded_file.ENDING,) if several else WEIGHTS)
    _require_built(model, who)
    path, skipped = writable(filepath, who, overwrite), list(objects_to_skip or [])
    tell_not_finite(model, who)
    if several:
        sharded_file.write_shards(gathered(model, skipped), path, max_shard_size, who)
    elif ending == ".npz":
        _require_all(skipped, who)
        write_atomically(path, npz_file.written_npz(model.weights), who)
    elif ending == ".safetensors":
        write_atomically(path, safetensors_file.written_safetensors(gathered(model, skipped)), who)
    else:
        write_atomically(path, h5_file.written_h5(gathered(model, skipped)), who)


def load_weights(
    model: Any,
    filepath: Any,
    skip_mismatch: bool = False,
    objects_to_skip: Iterable[Any] | None = None,
) -> None:
    """Read a model's weights from a file that was saved for the same layers.

    Parameters
    ----------
    model : a built model
    filepath : path of a file of weights, of the index of several (".weights.json"), or of a whole
        model, ".keras", ".h5" or ".hdf5"
    skip_mismatch : bool, whether to leave layers as they are whose arrays do not fit; not with
        ".npz"
    objects_to_skip : layers, or an optimizer, that are left as they are; with ".weights.h5",
        ".weights.json" and ".safetensors" alone
    """
    who = "load_weights"
    ending = _ending(filepath, who, (*WEIGHTS, sharded_file.ENDING, ".keras", ".h5", ".hdf5"))
    _require_built(model, who)
    skipped = list(objects_to_skip or [])
    with reading(filepath, who, "a file that save_weights wrote"):
        if not Path(filepath).is_file():
            raise MissingFileError(who, "there is no such file", expected="a file of weights")
        if ending in (".npz", ".keras", ".h5", ".hdf5"):
            _require_all(skipped, who)
        if ending == sharded_file.ENDING:
            _load(model, Path(filepath), ending, who, skip_mismatch, skipped)
        elif ending == ".npz":
            npz_file.read_npz(Path(filepath).read_bytes(), who, model.weights)
        elif ending in (".h5", ".hdf5"):
            legacy_h5.restore_weights(model, Path(filepath).read_bytes(), who, skip_mismatch)
        else:
            _load(model, Path(filepath).read_bytes(), ending, who, skip_mismatch, skipped)
    tell_not_finite(model, who)


def _require_all(skipped: list[Any], who: str) -> None:
    if skipped:
        raise ArgumentError(
            who,
            "objects_to_skip is not for this kind of file",
            expected="a name that ends in .weights.h5 or .safetensors",
            received={"objects_to_skip": [getattr(x, "name", x) for x in skipped]},
        )


def _load(
    model: Any, content: Any, ending: str, who: str, skip_mismatch: bool, skipped: Any = ()
) -> None:
    readers: dict[str, Callable[..., Any]] = {
        ".weights.h5": h5_file.read_h5,
        ".safetensors": safetensors_file.read_safetensors,
        ".keras": keras_file.read_weights,
        sharded_file.ENDING: sharded_file.read_shards,
    }
    read = functools.partial(readers[ending], content, who)
    things = list(states(model, skipped))
    arrays_at = dict(read([path for path, _ in things]))
    holders = {id(thing): path for path, thing in things if _has_weights(thing)}
    missing = {key: path for key, path in holders.items() if not arrays_at.get(path)}
    if missing:  # they may be called otherwise in the file
        ways = [(path, id(thing)) for path, thing in every_path(model) if id(thing) in missing]
        found = read([path for path, _ in ways])
        arrays_at |= {missing[key]: found[path] for path, key in ways if found.get(path)}
    if holders and not any(arrays_at.get(path) for path in holders.values()):
        raise DataError(
            who,
            "the file has no weights where the model looks for them",
            expected=f"arrays at {', '.join(path for path in holders.values() if path)[:200]}",
            received={"arrays at": _told(content, ending, who)},
        )
    restored(model, arrays_at, who, skip_mismatch, skipped)


def _told(content: Any, ending: str, who: str) -> str:
    """Return where a file has arrays, in words."""
    if ending == ".safetensors":
        paths = [*safetensors_file.read_safetensors(content, who, ())]
    elif ending == sharded_file.ENDING:
        paths = sharded_file.paths_in(content, who)
    else:
        weights = Zip(content, who).weights() if ending == ".keras" else content
        paths = h5_file.paths_in(weights, who)
    return ", ".join(paths)[:200]


def _has_weights(thing: Any) -> bool:
    return isinstance(thing, Parts) and bool(thing._own_weights())


def _require_built(model: Any, who: str) -> None:
    if not model.built:
        raise ShapeError(
            who,
            "the model has no weights yet",
            mend="Begin it with an Input, or call it once.",
        )


def _ending(filepath: Any, who: str, known: tuple[str, ...]) -> str:
    for ending in known:
        if str(filepath).endswith(ending):
            return ending
    raise ArgumentError(
        who,
        "unknown kind of file",
        expected=f"a name that ends in {', '.join(known)}",
        received={"filepath": str(filepath)},
    )
