"""The settings of the whole library. Nothing else is global.

Each setting has a reader and a ``set_`` twin, named as in ``keras.config`` where Keras has it.
Environment variables give the starting values of three: ``MELPY_KERNELS``,
``MELPY_NUM_THREADS`` and ``MELPY_HOME``.
"""

from __future__ import annotations

import functools
import math
import numbers
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from melpy.errors import ArgumentError, DtypeError, MelpyError, UnknownNameError, lookup

__all__ = [
    "assume_finite",
    "conv_path",
    "epsilon",
    "floatx",
    "home",
    "image_data_format",
    "kernels",
    "set_assume_finite",
    "set_conv_path",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_kernels",
    "set_threads",
    "threads",
]

KERNELS = {name: name for name in ("loops", "numpy", "compiled")}
FLOATS = {name: name for name in ("float32", "float64")}
CONV_PATHS = {name: name for name in ("direct", "winograd")}
DATA_FORMATS = {name: name for name in ("channels_last", "channels_first")}

_settings: dict[str, object] = {}  # what was set; a reader falls back on its default


def floatx() -> str:
    """Return the float type of new weights and of data that has none: float32 by default."""
    return str(_settings.get("floatx", "float32"))


def set_floatx(value: str) -> None:
    """Set the default float type, ``"float32"`` or ``"float64"``."""
    _settings["floatx"] = lookup("float type", value, FLOATS, "set_floatx")


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


def image_data_format() -> str:
    """Return the default place of the channels, ``"channels_last"`` unless it was set."""
    return str(_settings.get("image_data_format", "channels_last"))


def set_image_data_format(data_format: str) -> None:
    """Set the default of the layers' ``data_format``."""
    _settings["image_data_format"] = lookup(
        "data format", data_format, DATA_FORMATS, "set_image_data_format"
    )


def kernels() -> str:
    """Return the set of kernels in use: ``"compiled"`` unless it was set."""
    if "kernels" not in _settings:
        text = os.environ.get("MELPY_KERNELS", "compiled")
        _settings["kernels"] = _of_the_environment(_checked_kernels, text, "MELPY_KERNELS")
    return str(_settings["kernels"])


def set_kernels(name: str) -> None:
    """Choose the kernels: ``"loops"``, ``"numpy"`` or ``"compiled"``.

    All three compute the same. ``"loops"`` and ``"numpy"`` are the specification, to be read;
    ``"compiled"`` is its twin in Numba, and falls back on ``"numpy"``, with one warning, where
    Numba cannot be imported.
    """
    _settings["kernels"] = _checked_kernels(name, "set_kernels")


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


def usable_cpus() -> int:
    """Return how many CPUs this process may use: its affinity, and its control groups' limits."""
    if hasattr(os, "process_cpu_count"):  # from Python 3.13 on; knows PYTHON_CPU_COUNT too
        count = os.process_cpu_count() or 1
    elif hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return max(1, min(count, group_cpus()))


@functools.cache
def group_cpus(root: Path = Path("/")) -> int:
    """Return the CPUs that Linux's control groups leave a process, as containers set them.

    The least over the process's group and those above it, a part of a CPU counting as one;
    a large number where there is no limit or none can be read.
    """
    limits = [10**6]
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return limits[0]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        for folder in (Path(path), *Path(path).parents):
            limits.append(_quota(mount / folder.relative_to("/"), bool(controllers)))
    return min(limits)


def _quota(folder: Path, is_first_version: bool) -> int:
    try:
        if is_first_version:
            texts = [(folder / f"cpu.cfs_{n}_us").read_text() for n in ("quota", "period")]
        else:
            texts = (folder / "cpu.max").read_text().split()
        quota, period = int(texts[0]), int(texts[1])
    except (OSError, ValueError, IndexError):  # no such file, or "max"
        return 10**6
    return -(-quota // period) if quota > 0 and period > 0 else 10**6


def threads() -> int:
    """Return how many threads the compiled kernels use: by default, every usable CPU."""
    if "threads" not in _settings:
        text = os.environ.get("MELPY_NUM_THREADS")
        number = int(text) if text and re.fullmatch(r"[+-]?[0-9]{1,9}", text.strip()) else text
        _settings["threads"] = (
            usable_cpus()
            if text is None
            else _of_the_environment(_checked_threads, number, "MELPY_NUM_THREADS")
        )
    return int(_settings["threads"])  # type: ignore[call-overload]


def set_threads(count: int) -> None:
    """Set the number of threads of the compiled kernels, 1 to the number of usable CPUs."""
    _settings["threads"] = _checked_threads(count, "set_threads")


def _checked_threads(count: Any, who: str) -> int:
    most = usable_cpus()
    expected = f"a whole number from 1 to {most}, the CPUs that this process may use"
    received = {"count": count}
    if not isinstance(count, numbers.Integral) or isinstance(count, bool):
        what = "the number of threads must be a whole number"
        raise DtypeError(who, what, expected=expected, received=received)
    if not 1 <= int(count) <= most:
        what = "the number of threads is out of range"
        raise ArgumentError(who, what, expected=expected, received=received)
    return int(count)


def home() -> Path:
    """Return melpy's own folder, ``$MELPY_HOME`` or ``~/.cache/melpy``; data sets live there."""
    return Path(os.environ.get("MELPY_HOME") or "~/.cache/melpy").expanduser()
