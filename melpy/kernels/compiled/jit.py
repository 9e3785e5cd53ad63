"""How every kernel is compiled: without the GIL, cached on disk, with fused multiply-add only."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import cfunc, njit

from melpy.kernels import threads, tracing
from melpy.kernels.compiled.numba_private import (
    PartCompiler,
    folder_of,
    renew_when_any_source_changes,
)

# "contract" fuses a*b+c; it reorders no sum, so results do not depend on vector width.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}}

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile as a part of the kernels that call it; called from Python, it ends the process.

    Tests compile its ``py_func`` by `compiled_for_python`.
    """
    alone: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return njit(function, pipeline_class=PartCompiler, **alone, **OPTIONS)


def compiled_for_python(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile at the first call; later processes load the result from Numba's cache on disk."""
    return cached(lambda **more: njit(function, nogil=True, **OPTIONS, **more))


def compiled_for_c(function: Callable[..., Any], signature: Any) -> Any:
    """Compile now, as a function of C's calling convention, whose ``address`` kernels can call."""
    return cached(lambda **more: cfunc(signature, **OPTIONS, **more)(function))


def cached(compile_: Callable[..., Any]) -> Any:
    try:
        kernel = compile_(cache=True)
    except RuntimeError:
        _say_that_nothing_is_kept()
        return compile_()
    renew_when_any_source_changes(kernel)
    if not _folders:
        _folders.append(folder_of(kernel))
    return kernel


_folders: list[str] = []


def kept_in() -> str | None:
    """Return the folder in which compiled kernels are kept, None where no folder can be written.

    It is known once a room of kernels is loaded.
    """
    return _folders[0] if _folders else None


def is_nothing_kept() -> bool:
    """Return whether no folder for compiled kernels could be written, as far as is known."""
    return bool(_say_that_nothing_is_kept.cache_info().currsize)


@cache
def _say_that_nothing_is_kept() -> None:
    warnings.warn(
        "melpy: no folder for compiled kernels can be written, so each process compiles its own. "
        "Set NUMBA_CACHE_DIR to a folder that can be.",
        RuntimeWarning,
        stacklevel=2,
    )


_preparing = threading.Lock()
_awaited: dict[np.dtype, Callable[[], None]] = {}


def before_first_use(dtype: Any, function: Callable[[], None]) -> None:
    """Have a function called when a kernel is about to get its first arrays of a float type."""
    _awaited[np.dtype(dtype)] = function


def prepare(dtype: np.dtype) -> None:
    """Do what waits for the first use of a float type."""
    if dtype not in _awaited:
        return
    with _preparing:
        if dtype in _awaited:
            _awaited[dtype]()
            del _awaited[dtype]  # not before: other threads would go on without it


def contiguous(*arrays: np.ndarray) -> list[np.ndarray] | None:
    """Return the arrays as the kernels take them, C-contiguous and of one float type, or None.

    None says that the compiled loops are not made for these, and the specification serves.
    """
    if any(x.dtype not in FLOATS or x.dtype != arrays[0].dtype for x in arrays):
        threads.missed("a kernel has no compiled twin for these types")
        return None
    if _awaited:
        prepare(arrays[0].dtype)
    return [laid(x) for x in arrays]


def laid(x: np.ndarray) -> np.ndarray:
    """Return an array as kernels take it: contiguous, and writeable.

    Numba would compile every kernel once more for the type of a read-only one.
    """
    if x.flags.c_contiguous and x.flags.writeable:
        return x
    return copied(x)


def copied(x: np.ndarray) -> np.ndarray:
    """Return a copy, C-contiguous, which a program makes anew."""
    return tracing.computed(lambda x: x.copy(), x)


def writeable(x: np.ndarray) -> np.ndarray:
    """Copy a read-only array: Numba would compile every kernel once more for its type."""
    return x if x.flags.writeable else copied(x)
