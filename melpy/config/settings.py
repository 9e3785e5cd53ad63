"""How the library computes: types, kernels, threads, and where it keeps its files."""

from __future__ import annotations

import math
import numbers
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from melpy import clock
from melpy.config.cpus import usable_cpus
from melpy.errors import ArgumentError, DtypeError, MelpyError, UnknownNameError, lookup

__all__ = [
    "assume_finite",
    "conv_path",
    "epsilon",
    "floatx",
    "home",
    "image_data_format",
    "kernels",
    "load_memory",
    "set_assume_finite",
    "set_conv_path",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_kernels",
    "set_load_memory",
    "set_threads",
    "threads",
    "using_kernels",
]

KERNELS = {name: name for name in ("loops", "im2col", "numpy", "compiled")}
FLOATS = {name: name for name in ("float32", "float64")}
CONV_PATHS = {name: name for name in ("direct", "winograd")}
DATA_FORMATS = {name: name for name in ("channels_last", "channels_first")}

MOST_THREADS = 63  # of a team: who joined is noted in the bits of a number


class Settings(dict[str, object]):
    """What was set, by name; the clock is told of it, but not of a default (``setdefault``)."""

    def __setitem__(self, name: str, value: object) -> None:
        super().__setitem__(name, value)
        clock.structure_changed()

    def clear(self) -> None:
        """Go back to the defaults."""
        super().clear()
        clock.structure_changed()


_settings: dict[str, object] = Settings()  # a reader falls back on its default
_kernels_here: ContextVar[str | None] = ContextVar("kernels_here", default=None)


def floatx() -> str:
    """Return the float type of new weights and of data that has none: float32 by default."""
    return str(_settings.get("floatx", "float32"))


def set_floatx(value: str) -> None:
    """Set the default float type, ``"float32"`` or ``"float64"``."""
    _settings["floatx"] = checked_float(value, "set_floatx")


def checked_float(name: object, who: str) -> str:
    """Return the name of a float type that is computed in, or refuse it."""
    if isinstance(name, str) and name.removeprefix("mixed_") in ("float16", "bfloat16"):
        raise ArgumentError(
            who,
            f"{name!r}: half precision is slower on processors, and is not here",
            expected="one of float32, float64",
            mend="Drop the line: float32 is the default.",
        )
    return lookup("float type", name, FLOATS, who)


def epsilon() -> float:
    """Return the small number that keeps divisions and logarithms finite: 1e-7 by default."""
    return float(_settings.get("epsilon", 1e-7))  # type: ignore[arg-type]


def set_epsilon(value: float) -> None:
    """Set `epsilon`, a positive float."""
    if not isinstance(value, numbers.Real) or not 0 < value < math.inf:
        raise ArgumentError(
            "set_epsilon",
            "epsilon must be positive and finite",
            expected="a float > 0",
            received={"value": value},
        )
    _settings["epsilon"] = float(value)


def assume_finite() -> bool:
    """Return whether data goes unsearched for NaN and infinity: False unless it was set."""
    return bool(_settings.get("assume_finite", False))


def set_assume_finite(value: bool) -> None:
    """Let NaN and infinity pass in the data of ``fit``, ``evaluate`` and ``predict``.

    For models that mean them, as labels that a loss leaves out; also saves the search.
    """
    _settings["assume_finite"] = bool(value)


def load_memory() -> int:
    """Return how many bytes a step of loading a file may need for a while: 2^28 by default.

    Sixteen times the file's own size are added.
    """
    return int(_settings.get("load_memory", 2**28))  # type: ignore[call-overload]


def set_load_memory(size_bytes: int) -> None:
    """Set `load_memory`, for a file of large shapes that is to be trusted."""
    if not isinstance(size_bytes, numbers.Integral) or size_bytes < 0:
        raise ArgumentError(
            "set_load_memory",
            "this is no number of bytes",
            expected="an int >= 0",
            received={"size_bytes": size_bytes},
        )
    _settings["load_memory"] = int(size_bytes)


def image_data_format() -> str:
    """Return the default place of the channels, ``"channels_last"`` unless it was set."""
    return str(_settings.get("image_data_format", "channels_last"))


def set_image_data_format(data_format: str) -> None:
    """Set the default of the layers' ``data_format``."""
    name = data_format.lower() if isinstance(data_format, str) else data_format
    _settings["image_data_format"] = lookup(
        "data format", name, DATA_FORMATS, "set_image_data_format"
    )


def kernels() -> str:
    """Return the set of kernels in use: ``"compiled"`` unless it was set."""
    here = _kernels_here.get()
    if here is not None:
        return here
    if "kernels" not in _settings:
        text = os.environ.get("MELPY_KERNELS", "compiled")
        _settings.setdefault(
            "kernels", _of_the_environment(_checked_kernels, text, "MELPY_KERNELS")
        )
    return str(_settings["kernels"])


def set_kernels(name: str) -> None:
    """Choose the kernels: ``"loops"``, ``"im2col"``, ``"numpy"`` or ``"compiled"``.

    All four compute the same. The first three are the specification, to be read: ``"im2col"`` is
    ``"numpy"`` but for convolutions, which it lays out as columns, as the paper does;
    ``"compiled"`` is its twin in Numba, and falls back on ``"numpy"``, with one warning, where
    Numba cannot be imported.
    """
    _settings["kernels"] = _checked_kernels(name, "set_kernels")


@contextmanager
def using_kernels(name: str) -> Iterator[None]:
    """Compute with a set of kernels inside the ``with`` block, in this thread alone.

    It stands above `set_kernels`, whose setting stays as it is for all others.

    Parameters
    ----------
    name : as in `set_kernels`

    Examples
    --------
    >>> with using_kernels("im2col"):
    ...     kernels()
    'im2col'
    """
    token = _kernels_here.set(_checked_kernels(name, "using_kernels"))
    try:
        yield
    finally:
        _kernels_here.reset(token)


def _checked_kernels(name: Any, who: str) -> str:
    return lookup("set of kernels", name, KERNELS, who)


def _of_the_environment(check: Callable[[Any, str], Any], value: Any, variable: str) -> Any:
    """Return a variable's value, checked; an error speaks of the variable and of no layer.

    It is read at its first use, which may be deep inside a model.
    """
    try:
        return check(value, variable)
    except MelpyError as error:
        error.is_nobodys = True
        raise


def conv_path() -> str | None:
    """Return the way that all compiled convolutions are forced to take; None for each its own."""
    path = _settings.get("conv_path")
    return None if path is None else str(path)


def set_conv_path(name: str | None) -> None:
    """Force a way upon the compiled convolutions: ``"direct"``, ``"winograd"``, or None.

    To measure and to test: None, the default, lets each shape take the way that is faster. A
    convolution that the forced way does not fit raises an `ArgumentError`.
    """
    try:
        _settings["conv_path"] = (
            None if name is None else lookup("convolution path", name, CONV_PATHS, "set_conv_path")
        )
    except UnknownNameError as error:
        error.expected += ", or None for each shape's own"
        raise


def threads() -> int:
    """Return how many threads the compiled kernels use: by default, every usable CPU."""
    if "threads" not in _settings:
        text = (os.environ.get("MELPY_NUM_THREADS") or "").strip()
        number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,9}", text) else text
        _settings.setdefault(
            "threads",
            usable_cpus()
            if not text
            else _of_the_environment(_checked_threads, number, "MELPY_NUM_THREADS"),
        )
    return int(_settings["threads"])  # type: ignore[call-overload]


def set_threads(count: int) -> None:
    """Set the number of threads of the compiled kernels.

    Any number makes the same bits. More threads than CPUs work, with a warning: they take turns, so
    that it is slower than as many threads as CPUs.
    """
    _settings["threads"] = _checked_threads(count, "set_threads")


def _checked_threads(count: Any, who: str) -> int:
    cpus = usable_cpus()
    expected = f"a whole number from 1 to {MOST_THREADS}"
    received = {"count": count}
    if not isinstance(count, numbers.Integral) or isinstance(count, bool):
        what = "the number of threads must be a whole number"
        raise DtypeError(who, what, expected=expected, received=received)
    if not 1 <= int(count) <= MOST_THREADS:
        what = "the number of threads is out of range"
        raise ArgumentError(who, what, expected=expected, received=received)
    if int(count) > cpus:
        warnings.warn(
            f"{who}: {count} threads take turns on the {cpus} CPUs that this process may use, "
            f"which is slower than {cpus}.",
            RuntimeWarning,
            stacklevel=3,
        )
    return int(count)


def home() -> Path:
    """Return melpy's own folder, ``$MELPY_HOME`` or ``~/.cache/melpy``; data sets live there."""
    return Path(os.environ.get("MELPY_HOME") or "~/.cache/melpy").expanduser()
