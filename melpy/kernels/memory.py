"""Big arrays, used again: a fresh 12 MB array costs more in page faults than in arithmetic.

A training step makes the same arrays as the step before. `empty` hands out views of buffers that
it keeps; a buffer is free again when nothing but this room refers to it, which Python's reference
count tells, since every view of an array keeps its owner alive.
"""

from __future__ import annotations

import math
import sys
import threading

import numpy as np

__all__ = ["empty", "forget"]

LEAST_BYTES = 1 << 18  # smaller arrays come from malloc's own free lists
MOST_FREE = 8  # free buffers kept of one size

_buffers: dict[int, list[np.ndarray]] = {}
_lock = threading.Lock()


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array whose values are not set, as np.empty does, in used memory if there is any.

    Parameters
    ----------
    shape : tuple of ints
    dtype : NumPy dtype
    """
    size_bytes = math.prod(shape) * dtype.itemsize
    if size_bytes < LEAST_BYTES:
        return np.empty(shape, dtype)
    with _lock:
        kept = _buffers.setdefault(size_bytes, [])
        free = [n for n in range(len(kept)) if sys.getrefcount(kept[n]) == _UNUSED]
        if not free:
            free = [len(kept)]
            kept.append(np.empty(size_bytes, np.uint8))
        view = kept[free[0]].view(dtype).reshape(shape)
        for n in reversed(free[MOST_FREE:]):
            del kept[n]
        return view


def forget() -> None:
    """Give the free buffers back to the system."""
    with _lock:
        _buffers.clear()


def _unused() -> int:
    """Return what getrefcount says of an array that only a list holds; it varies with Python."""
    kept = [np.empty(1)]
    counts = [sys.getrefcount(kept[n]) for n in range(len(kept))]  # as `empty` asks
    return counts[0]


_UNUSED = _unused()
