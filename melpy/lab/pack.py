"""Arrays as a page takes them: raw little-endian bytes, and a directory of what lies where."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np

from melpy.lab.said import sentence

__all__ = ["MOST_BYTES", "Kept", "Pack"]

MOST_BYTES = 2**25  # of one body


class Pack:
    """Arrays, one after the other: floats as float32, all else as int32.

    Parameters
    ----------
    most_bytes : int, the size of the body; what has no room is left out, and named
    shares : bool, whether arrays of the same memory lie there once, under the first one's key

    Attributes
    ----------
    directory : dict of a key to {"dtype", "shape", "offset"}, the offset in bytes
    left_out : list of sentences, one for each array that had no room
    size : int, of the body, in bytes

    Examples
    --------
    >>> pack = Pack()
    >>> pack.add("x", np.ones((2, 3))), pack.add("i", np.arange(2)), pack.add("none", None)
    ('x', 'i', None)
    >>> pack.directory["i"], len(pack.body())
    ({'dtype': 'int32', 'shape': [2], 'offset': 24}, 32)
    """

    def __init__(self, most_bytes: int = MOST_BYTES, shares: bool = False) -> None:
        self.most_bytes, self.shares = most_bytes, shares
        self.directory: dict[str, dict[str, Any]] = {}
        self.left_out: list[dict[str, Any]] = []
        self._parts: list[np.ndarray] = []
        self._keys: dict[Any, str] = {}  # by what tells the memory of those in `_held`
        self._held: list[np.ndarray] = []
        self.size = 0

    def add(self, key: str, array: Any) -> str | None:
        """Add an array and return its key: that under which it lies already, if it does.

        None for None, and for what has no room.
        """
        if array is None:
            return None
        array = np.asarray(array)
        place = array.ctypes.data, array.shape, array.strides, array.dtype.str
        if self.shares and array.size and place in self._keys:
            return self._keys[place]
        if self.size + 4 * array.size > self.most_bytes:
            self.left_out.append(sentence("left.array", name=key, count=array.size))
            return None
        dtype = np.dtype("<f4" if array.dtype.kind == "f" else "<i4")
        with np.errstate(over="ignore"):  # what is too large for float32 is shown as infinite
            self._parts.append(np.ascontiguousarray(array, dtype))
        self.directory[key] = {
            "dtype": dtype.name, "shape": list(array.shape), "offset": self.size
        }  # fmt: skip
        self.size += 4 * array.size
        self._keys[place] = key
        self._held.append(array)
        return key

    def body(self) -> bytes:
        """Return all arrays' bytes."""
        return b"".join(part.tobytes() for part in self._parts)


class Kept:
    """The latest values by key, as many as there is room for, and always the last one.

    Parameters
    ----------
    most : int, how many
    most_bytes : int, how large all are together

    Examples
    --------
    >>> kept = Kept(2, 100)
    >>> for key, size in (("a", 30), ("b", 30), ("c", 90)):
    ...     kept.put(key, key.upper(), size)
    >>> kept.get("b"), kept.get("c")
    (None, 'C')
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self.most, self.most_bytes = most, most_bytes
        self._values: OrderedDict[str, tuple[Any, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def put(self, key: str, value: Any, size: int) -> None:
        """Keep a value of so many bytes, and drop the oldest ones that have no room any more."""
        self._values[key] = value, size
        while len(self._values) > 1 and (
            len(self._values) > self.most
            or sum(size for _, size in self._values.values()) > self.most_bytes
        ):
            self._values.popitem(last=False)

    def get(self, key: str) -> Any:
        """Return a value, None where it is not kept."""
        return self._values.get(key, (None, 0))[0]
