"""Elements of datasets: arrays and texts, in tuples, lists and dicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy import ops, tree
from melpy.tape import Variable

__all__ = ["Text", "Values", "as_element", "joined", "rows_of", "with_numpy"]


class Text(str):
    """A text of a dataset's element, with what other libraries' tensors of one text have."""

    shape = ()

    def numpy(self) -> str:
        """Return the same text."""
        return str(self)


class Values(np.ndarray):
    """An array of a dataset's element, with the method that other libraries' tensors have."""

    def __repr__(self) -> str:
        return repr(np.asarray(self))

    def numpy(self) -> np.ndarray:
        """Return the same values as a plain array."""
        return np.asarray(self)


def with_numpy(element: Any) -> Any:
    """Return an element whose arrays and texts have the method ``numpy``."""

    def shown(x: Any) -> Any:
        if isinstance(x, str):
            return Text(x)
        return np.asarray(x).view(Values) if isinstance(x, np.ndarray | np.generic) else x

    return tree.map_structure(shown, element)


def as_element(values: Any) -> Any:
    """Return what a user's function gave as arrays, Python's numbers in Keras's types."""
    return tree.map_structure(_as_array, values)


def _as_array(x: Any) -> Any:
    if x is None or isinstance(x, np.ndarray | str):
        return x
    if isinstance(x, Variable):
        return x.array
    if isinstance(x, bytes):
        return np.array(x, dtype=object)
    return np.asarray(x) if hasattr(x, "__array__") else ops.array(x)


def joined(elements: Sequence[Any], join: Callable[[Sequence[Any]], Any]) -> Any:
    """Return one element: ``join`` of all the elements' first arrays, of all their second, .."""

    def together(*arrays: Any) -> Any:
        if isinstance(arrays[0], str):  # of any length, unlike NumPy's strings
            return np.array(arrays, dtype=object)
        return None if arrays[0] is None else join(arrays)

    return tree.map_structure(together, *elements)


def rows_of(element: Any, rows: Any) -> Any:
    """Return some rows of every array of an element."""

    def taken(x: Any) -> Any:
        if x is None:
            return None
        found = x[rows]
        return found if isinstance(found, str) else np.asarray(found)

    return tree.map_structure(taken, element)
