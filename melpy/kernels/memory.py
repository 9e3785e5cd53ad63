"""Big arrays, used again: a fresh 12 MB array costs more in page faults than in arithmetic.

A training step makes the same arrays as the step before. `empty` hands out views of buffers that
it keeps; a buffer is free again when nothing but this room refers to it, which Python's reference
count tells, since every view of an array keeps its owner alive.
"""

from __future__ import annotations

import math
import os
import sys
import threading

import numpy as np

__all__ = ["empty", "forget"]

LEAST_BYTES = 1 << 18  # smaller arrays come from malloc's own free lists
MOST_FREE_BYTES = 1 << 28  # free buffers kept in all, those used last first
LINE_BYTES = 64  # of the cache, where buffers begin: a vector that lies in two lines is slow

_buffers: dict[int, list[np.ndarray]] = {}  # by size in bytes; the sizes used last stand last
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
        kept = _buffers.pop(size_bytes, [])
        _buffers[size_bytes] = kept
        for n in range(len(kept)):
            if sys.getrefcount(kept[n]) == _UNUSED:
                return np.ndarray(shape, dtype, kept[n])
        _trim()
        kept.append(_buffer(size_bytes))
        _buffers[size_bytes] = kept
        return np.ndarray(shape, dtype, kept[-1])


def _buffer(size_bytes: int) -> np.ndarray:
    """Return new memory that begins with a line of the cache."""
    memory = np.empty(size_bytes + LINE_BYTES, np.uint8)
    start = -memory.ctypes.data % LINE_BYTES
    return np.frombuffer(memory.data, np.uint8, size_bytes, start)  # its views refer to it itself


def _trim() -> None:
    """Let go of free buffers beyond the limit, of the sizes that were used longest ago."""
    free_bytes = 0
    for size_bytes in reversed(list(_buffers)):
        kept = _buffers[size_bytes]
        for n in reversed(range(len(kept))):
            if sys.getrefcount(kept[n]) == _UNUSED:
                free_bytes += size_bytes
                if free_bytes > MOST_FREE_BYTES:
                    del kept[n]
        if not kept:
            del _buffers[size_bytes]


def forget() -> None:
    """Give the free buffers back to the system."""
    with _lock:
        _buffers.clear()


def _references_of_a_free_one() -> int:
    """Return what getrefcount says of an array that only a list holds; it varies with Python."""
    kept = [_buffer(1)]
    counts = [sys.getrefcount(kept[n]) for n in range(len(kept))]  # as it is asked everywhere here
    return counts[0]


_UNUSED = _references_of_a_free_one()


def _after_fork() -> None:
    """Start with a lock that no thread of the parent holds."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
