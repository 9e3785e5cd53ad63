"""What callbacks and data remember, as plain as JSON is, and the same again.

What is taken comes back as it was, type and bits; anything else is refused before it is written.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

import numpy as np

from melpy import random
from melpy.errors import DataError
from melpy.layers.drawing import SOURCES, source_at
from melpy.metrics.base import Number
from melpy.tensor import Tensor

__all__ = ["PLAIN", "as_plain", "can_be_plain", "from_plain"]

Arrays = dict[str, np.ndarray]
PLAIN = (type(None), bool, int, float, str)
MOST_BITS = 2**12  # of a whole number: Python writes no more digits than so
FACTORIES = {kind.__name__: kind for kind in (int, float, str, bool, list, dict, set)}
NUMBERS, OTHERS = "fiub", "cmMSU"  # kinds of arrays: for a file of numbers, and those as bits


def _bits(array: Any) -> list[Any]:
    return [array.dtype.str, list(array.shape), array.tobytes().hex()]


def _of_bits(parts: list[Any]) -> np.ndarray:
    dtype, shape, bits = parts
    return np.ndarray(shape, dtype, bytes.fromhex(bits)).copy()


def _pairs(value: Any) -> list[list[Any]]:
    return [[key, held] for key, held in list(value.items())]  # at once: a thread may fill it


# What JSON does not know is a dict of one key: what it is, and what it is made from.
MADE: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "tuple": (tuple, list, tuple),
    "set": (set, list, set),
    "frozenset": (frozenset, list, frozenset),
    "dict": (dict, _pairs, dict),
    "OrderedDict": (OrderedDict, _pairs, OrderedDict),
    "defaultdict": (
        defaultdict,
        lambda d: [d.default_factory.__name__, _pairs(d)],
        lambda parts: defaultdict(FACTORIES[parts[0]], parts[1]),
    ),
    "Counter": (Counter, _pairs, lambda pairs: Counter(dict(pairs))),
    "deque": (deque, lambda d: [list(d), d.maxlen], lambda parts: deque(*parts)),
    "bytes": (bytes, bytes.hex, bytes.fromhex),
    "complex": (complex, lambda z: [z.real, z.imag], lambda parts: complex(*parts)),
    "number": (Number, float, Number),
    "bits": (np.ndarray, _bits, _of_bits),
    "scalar": (np.generic, _bits, lambda parts: _of_bits(parts)[()]),
    "tensor": (Tensor, np.asarray, Tensor),
    **{kind.__name__: (kind, random.state_of, source_at) for kind in SOURCES},
}
ENTRIES = list, tuple, set, frozenset, dict, OrderedDict, Counter, defaultdict, deque
KINDS = {kind: name for name, (kind, _, _) in MADE.items()}


def can_be_plain(value: Any, most_bytes: int, around: tuple[int, ...] = ()) -> bool:
    """Return whether `as_plain` takes a value, of arrays no larger than so, and no generators."""
    kind = type(value)
    if kind in PLAIN or kind in (bytes, complex, Number):
        return kind is not int or value.bit_length() < MOST_BITS
    if kind is Tensor:
        value = value.array
    if isinstance(value, np.generic) or type(value) is np.ndarray:
        return value.dtype.kind in NUMBERS + OTHERS and value.nbytes <= most_bytes
    if kind not in ENTRIES or id(value) in around:
        return False
    if kind is defaultdict and value.default_factory not in FACTORIES.values():
        return False
    entries = [*value, *value.values()] if issubclass(kind, dict) else list(value)
    if set(map(type, entries)) <= set(PLAIN) - {int}:
        return True
    return all(can_be_plain(entry, most_bytes, (*around, id(value))) for entry in entries)


def as_plain(value: Any, name: str, arrays: Arrays) -> Any:
    """Return a value as plain as JSON is; arrays of numbers in it go among the others, by a name.

    Arrays of other kinds and libraries come back as NumPy's own.

    Raises
    ------
    DataError : it could not come back as it is
    """
    kind: type = type(value)
    if kind in PLAIN:
        return value
    if kind is list:
        if set(map(type, value)) <= set(PLAIN):
            return value
        return [as_plain(held, f"{name}/{n}", arrays) for n, held in enumerate(value)]
    if isinstance(value, np.generic):
        kind = np.generic
    elif hasattr(value, "__array__") and not isinstance(value, np.ma.MaskedArray | Tensor):
        value, kind = np.asarray(value), np.ndarray
    is_array = kind in (np.generic, np.ndarray)
    if kind is np.ndarray and value.dtype.kind in NUMBERS:
        arrays[name] = value
        return {"array": name}
    is_unknown = kind is defaultdict and value.default_factory not in FACTORIES.values()
    if kind not in KINDS or is_unknown or (is_array and value.dtype.kind not in NUMBERS + OTHERS):
        raise DataError(
            "BackupAndRestore",
            f"{name} is what a backup cannot keep",
            expected="numbers, texts, bytes, arrays, and lists, tuples, sets and dicts of them",
            received={"type": kind.__name__ if not is_array else f"array of {value.dtype}"},
            mend="Let get_state() return it as one of these, and set_state() make it again.",
        )
    return {KINDS[kind]: as_plain(MADE[KINDS[kind]][1](value), name, arrays)}


def from_plain(value: Any, arrays: Arrays) -> Any:
    """Return what `as_plain` was given."""
    if isinstance(value, list):
        return [from_plain(held, arrays) for held in value]
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    return arrays[held] if kind == "array" else MADE[kind][2](from_plain(held, arrays))
