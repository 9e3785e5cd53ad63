"""How every kernel is compiled: without the GIL, cached on disk, with fused multiply-add only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

# "contract" fuses a*b+c; it reorders no sum, so results do not depend on vector width.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile at the first call; later processes load the result from Numba's cache on disk."""
    try:
        return njit(function, cache=True, **OPTIONS)
    except RuntimeError:  # no folder to cache in can be written: compile in each process
        return njit(function, **OPTIONS)


def contiguous(*arrays: np.ndarray) -> list[np.ndarray] | None:
    """Return the arrays as the kernels take them, C-contiguous and of one float type, or None.

    None says that the compiled loops are not made for these, and the specification serves.
    """
    if any(x.dtype not in FLOATS or x.dtype != arrays[0].dtype for x in arrays):
        return None
    return [writeable(np.ascontiguousarray(x)) for x in arrays]


def writeable(x: np.ndarray) -> np.ndarray:
    """Copy a read-only array: Numba would compile every kernel once more for its type."""
    return x if x.flags.writeable else x.copy()
