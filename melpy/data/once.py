"""Data that come once, as a generator's do: how much of them is gone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["Read", "comes_once", "noted", "read_of"]


@dataclass
class Read:
    """How many elements were read, by whatever call."""

    count: int = 0


_all: WeakKeyDictionary[Any, Read] = WeakKeyDictionary()  # the same data may come to several calls


def comes_once(data: Any) -> bool:
    """Return whether what is taken of data is gone; not of what can be put back to a state."""
    return isinstance(data, Iterator) and not hasattr(data, "load_state_dict")


def read_of(data: Any) -> Read:
    """Return how much was read of data, which goes on counting."""
    try:
        return _all.setdefault(data, Read()) if comes_once(data) else Read()
    except TypeError:  # such as a map: nothing can be noted beside it
        return Read()


def noted(data: Iterable[Any], read: Read) -> Iterator[Any]:
    """Yield elements, and count them."""
    for element in data:
        read.count += 1
        yield element
