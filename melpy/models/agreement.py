"""What processes that train one model have to have in common, and who says that they have not."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from melpy import __version__, tree
from melpy.data.loader import Loader
from melpy.data.source import ArraySource, Source
from melpy.errors import DataError, MelpyError

__all__ = ["measuring_of", "require_alike", "training_of"]

LOOKED_AT = 1 << 24  # bytes of an array whose sum is compared
NOTHING = "nothing"


def require_alike(everybody: Sequence[Mapping[str, Any]], who: str = "fit") -> None:
    """Compare what the processes have.

    Parameters
    ----------
    everybody : of each process, plain values by what they are, in words

    Raises
    ------
    DataError : a process has something else than the first one
    """
    first = everybody[0]
    for number, told in enumerate(everybody):
        for what in [*first, *(name for name in told if name not in first)]:
            expected, received = first.get(what, NOTHING), told.get(what, NOTHING)
            if expected != received:
                raise DataError(
                    who,
                    f"the processes do not do the same: they differ in {what}",
                    expected=f"as process 0 has it, {expected}",
                    received={f"process {number}": received},
                    mend="All processes run the same script, with the same arguments, on the same "
                    "files.",
                )


def training_of(
    model: Any,
    source: Source,
    validation: Source | None,
    settings: Mapping[str, Any],
    is_one_data: bool = True,
) -> dict[str, Any]:
    """Return what a training is, in plain values: of process and process the same, or refused.

    Values that are short stand for themselves, others for their digest. Of data that are each
    process's own (``is_one_data`` is False) nothing is told.
    """
    told: dict[str, Any] = {"the version of melpy": __version__, "the script": _script()}
    told |= {name: _plain(value) for name, value in settings.items()}
    told |= _model(model) | _compiled(model)
    told |= {"steps_per_epoch": source.steps, **(_data(source) if is_one_data else {})}
    if validation is None:
        return told | {"validation_data": NOTHING}
    told |= {"validation_data": "given", "validation_steps": validation.steps}
    data = _data(validation) if is_one_data else {}
    return told | {f"validation_data's {k}": value for k, value in data.items()}


def measuring_of(source: Source) -> dict[str, Any]:
    """Return what `evaluate` was given, without the data's values: it may be called often."""
    if not isinstance(source, ArraySource):
        return {}
    x = "; ".join(f"{a.dtype} {a.shape}" for a in tree.flatten(source.samples.x) if a is not None)
    return {"batch_size": source.batch_size, "x": _plain(x)}


def _script() -> str:
    path = Path(sys.argv[0]) if sys.argv and sys.argv[0] else None
    return _digest(path.read_bytes() if path is not None and path.is_file() else b"")


def _model(model: Any) -> dict[str, Any]:
    told = [type(model).__name__]
    told += [f"{w.path} {w.shape} {w.dtype} {w.requires_grad}" for w in model.weights]
    with _as_far_as_told(Exception):  # a class of the user's own may raise anything
        told.append(json.dumps(model.get_config(), sort_keys=True, default=_named))
    shapes = ", ".join(str(tuple(w.shape)) for w in model.weights)
    return {"the weights' shapes": _plain(shapes), "the model": _digest("\n".join(told).encode())}


def _compiled(model: Any) -> dict[str, Any]:
    optimizer = model.optimizer
    told = {"the optimizer": type(optimizer).__name__}
    settings = {} if optimizer is None else optimizer.get_config()
    told |= {f"the optimizer's {k}": _plain(v) for k, v in settings.items()}
    with _as_far_as_told(MelpyError, NotImplementedError):
        config = model.get_compile_config() or {}
        told |= {f"compile's {k}": _plain(v) for k, v in config.items() if k != "optimizer"}
    return told


@contextlib.contextmanager
def _as_far_as_told(*refusals: type[Exception]) -> Iterator[None]:
    """Let a configuration be refused, and warn of nothing: of a lambda, which no file can hold."""
    with contextlib.suppress(*refusals), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no file is meant
        yield


def _data(source: Source) -> dict[str, Any]:
    """Return what tells the data of one process from another's, as far as it is there."""
    if isinstance(source, ArraySource):
        samples = source.samples
        parts = samples.x, samples.y, samples.weight
        told: dict[str, Any] = {"batch_size": source.batch_size, "shuffle": source.shuffle}
    else:
        data: Any = getattr(source, "data", None)
        told = {"the data": f"{type(data).__name__} of {source.size} batches"}
        parts = data.parts if isinstance(data, Loader) else ()
    return told | {
        name: _plain("; ".join(_array(leaf) for leaf in tree.flatten(part) if leaf is not None))
        for name, part in zip(("x", "y", "sample_weight"), parts, strict=False)
    }


def _array(array: Any) -> str:
    """Return an array in words, of a long one with the digest of some of its rows."""
    if not hasattr(array, "dtype") or not hasattr(array, "shape"):  # rows of a class of its own
        told = f"{type(array).__name__} of {len(array)}"
    else:
        told = f"{array.dtype} {tuple(array.shape)}"
    if hasattr(array, "paths"):  # of shards, of images in a folder
        return f"{told} of {', '.join(Path(path).name for path in array.paths)}"
    if not isinstance(array, np.ndarray):
        return told
    step = max(1, array.nbytes // LOOKED_AT)
    return f"{told} of digest {_digest(np.ascontiguousarray(array[::step]).tobytes())}"


def _plain(value: Any) -> Any:
    """Return a value that compares, and can be read: itself where it is short."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=_named)
    return text if len(text) <= 200 else f"{text[:120]}... of digest {_digest(text.encode())}"


def _named(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return getattr(value, "__name__", type(value).__name__)  # a function, or an object


def _digest(told: bytes) -> str:
    return hashlib.sha256(told).hexdigest()[:12]
