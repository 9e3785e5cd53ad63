"""Big arrays, used again: a fresh 12 MB array costs more in page faults than in arithmetic.

A training step makes the same arrays as the step before. `empty` hands out views of buffers that
it keeps, of the size that is asked for or somewhat larger. A buffer is free again when nothing but
this room refers to it, which Python's reference count tells, since every view of an array keeps its
owner alive.
"""

from __future__ import annotations

import math
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

__all__ = ["Pool", "empty", "forget", "from_pool"]

LEAST_BYTES = 1 << 18  # smaller arrays come from malloc's own free lists
MOST_FREE_BYTES = 1 << 28  # free buffers kept in all, those used last first
TIMES = 4  # as large as asked for a free buffer may be: a network's layers make less and less
LINE_BYTES = 64  # of the cache, where buffers begin: a vector that lies in two lines is slow


class Pool:
    """Buffers by their sizes, of which free ones are handed out again.

    Parameters
    ----------
    least_bytes : int, smaller arrays come from malloc's own free lists
    most_free_bytes : free buffers kept in all, those used last first
    most_bytes : buffers in all; what would be more comes from everyone's memory

    Attributes
    ----------
    is_full : bool, whether more than ``most_bytes`` was asked for
    """

    def __init__(
        self, least_bytes: int, most_free_bytes: float, most_bytes: float = math.inf
    ) -> None:
        self.least_bytes, self.most_free_bytes = least_bytes, most_free_bytes
        self.most_bytes, self.is_full = most_bytes, False
        self.buffers: dict[int, list[np.ndarray]] = {}  # the sizes used last stand last
        self.lock = threading.Lock()

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Return an array whose values are not set, in used memory if there is any."""
        size_bytes = math.prod(shape) * dtype.itemsize
        if size_bytes < self.least_bytes:
            return np.empty(shape, dtype)
        with self.lock:
            for size in self._serving(size_bytes):
                free = self._free(size)
                if free is not None:
                    self.buffers[size] = self.buffers.pop(size)  # now it stands last
                    return np.ndarray(shape, dtype, free)
            if not self._is_beyond(size_bytes):
                self._trim()
                kept = self.buffers.pop(size_bytes, [])
                kept.append(_buffer(size_bytes))
                self.buffers[size_bytes] = kept
                return np.ndarray(shape, dtype, kept[-1])
            self.is_full = True
        return everyones.empty(shape, dtype)

    def _free(self, size_bytes: int) -> np.ndarray | None:
        """Return a buffer of a size that nobody holds, if there is one."""
        kept = self.buffers[size_bytes]
        for n in range(len(kept)):
            if sys.getrefcount(kept[n]) == _UNUSED:
                return kept[n]
        return None

    def _serving(self, size_bytes: int) -> Iterator[int]:
        """Yield the sizes of buffers that serve for so many bytes: these, then the next larger."""
        if size_bytes in self.buffers:
            yield size_bytes
        yield from sorted(n for n in self.buffers if size_bytes < n <= TIMES * size_bytes)

    def _is_beyond(self, more_bytes: int) -> bool:
        if math.isinf(self.most_bytes):
            return False
        return self.size_bytes + more_bytes > self.most_bytes

    @property
    def size_bytes(self) -> int:
        """How much memory its buffers take."""
        return sum(size * len(kept) for size, kept in self.buffers.items())

    def owns(self, x: object) -> bool:
        """Return whether an array lies in one of the buffers."""
        while isinstance(x, np.ndarray):
            if any(x is buffer for buffer in self.buffers.get(x.nbytes, ())):
                return True
            x = x.base
        return False

    def _trim(self) -> None:
        """Let go of free buffers beyond the limit, of the sizes that were used longest ago."""
        free_bytes = 0
        for size_bytes in reversed(list(self.buffers)):
            kept = self.buffers[size_bytes]
            for n in reversed(range(len(kept))):
                if sys.getrefcount(kept[n]) == _UNUSED:
                    free_bytes += size_bytes
                    if free_bytes > self.most_free_bytes:
                        del kept[n]
            if not kept:
                del self.buffers[size_bytes]

    def forget(self) -> None:
        """Give the free buffers back to the system."""
        with self.lock:
            self.buffers.clear()


everyones = Pool(LEAST_BYTES, MOST_FREE_BYTES)
_pool: ContextVar[Pool] = ContextVar("pool", default=everyones)


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array whose values are not set, as np.empty does, in used memory if there is any.

    Parameters
    ----------
    shape : tuple of ints
    dtype : NumPy dtype
    """
    return _pool.get().empty(shape, dtype)


def forget() -> None:
    """Give the free buffers back to the system."""
    everyones.forget()


@contextmanager
def from_pool(pool: Pool) -> Iterator[None]:
    """Take all memory inside the ``with`` block from a pool of its own."""
    token = _pool.set(pool)
    try:
        yield
    finally:
        _pool.reset(token)


def _buffer(size_bytes: int) -> np.ndarray:
    """Return new memory that begins with a line of the cache."""
    memory = np.empty(size_bytes + LINE_BYTES, np.uint8)
    start = -memory.ctypes.data % LINE_BYTES
    return np.frombuffer(memory.data, np.uint8, size_bytes, start)  # its views refer to it itself


def _references_of_a_free_one() -> int:
    """Return what getrefcount says of an array that only a list holds; it varies with Python."""
    kept = [_buffer(1)]
    counts = [sys.getrefcount(kept[n]) for n in range(len(kept))]  # as it is asked everywhere here
    return counts[0]


_UNUSED = _references_of_a_free_one()


def _after_fork() -> None:
    """Start with a lock that no thread of the parent holds."""
    everyones.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
