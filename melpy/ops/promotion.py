"""Which types an op computes in, and which its result has: Keras's rules, all of them here.

- A Python number takes the type of the arrays around it, a wider one where that cannot hold it;
  alone it is a `config.floatx` or an int32.
- Whole numbers beside floats become floats of their type, where NumPy would widen float32.
- What NumPy makes a float of whole numbers alone is a `config.floatx`: NumPy's own choice is
  float64, or float16 for small numbers.
- Whole numbers that NumPy made or widened, such as places, counts and sums, have 32 bits, unless
  an argument has 64. So 64 bits are kept and never made.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np

from melpy import config, tape
from melpy.errors import DtypeError, GraphError

__all__ = ["alike", "as_floats", "common", "narrowed", "of_python", "settled_as", "together"]


def of_python(x: np.ndarray) -> np.dtype:
    """Return the type of an array that was made of Python's numbers.

    Examples
    --------
    >>> of_python(np.array([1.5])), of_python(np.array([1, 2])), of_python(np.array([2**40]))
    (dtype('float32'), dtype('int32'), dtype('int64'))
    """
    if x.dtype.kind == "f":
        return np.dtype(config.floatx())
    small = x.dtype.kind == "i" and np.abs(x).max(initial=0) < 2**31
    return np.dtype(np.int32) if small else x.dtype


def narrowed(dtype: np.dtype, among: Sequence[np.dtype]) -> np.dtype:
    """Return a type that NumPy chose for arrays of some types as Keras chooses it.

    Examples
    --------
    >>> narrowed(np.dtype("uint64"), [np.dtype("uint8")])
    dtype('uint32')
    >>> narrowed(np.dtype("int64"), [np.dtype("int64")])
    dtype('int64')
    """
    if dtype.kind == "f":
        return dtype if any(t.kind == "f" for t in among) else np.dtype(config.floatx())
    if dtype.kind not in "iu" or any(t.itemsize == 8 and t.kind in "iu" for t in among):
        return dtype
    if not any(t.kind in "iu" for t in among):
        return np.dtype(np.int32)
    return dtype if dtype.itemsize < 8 else np.dtype(f"{dtype.kind}4")


def common(*dtypes: Any) -> np.dtype:
    """Return the type in which arrays of some types go together.

    Examples
    --------
    >>> common("uint8", "int8"), common("int64", "float32"), common("uint32", "int8")
    (dtype('int16'), dtype('float32'), dtype('int32'))
    """
    among = [np.dtype(t) for t in dtypes]
    floats = [t for t in among if t.kind == "f"]
    return narrowed(np.result_type(*(floats or among)), among)


def settled_as(y: np.ndarray, values: Sequence[Any], options: Mapping[str, Any]) -> np.dtype | None:
    """Return the type that a result of NumPy's should have had, or None where it has it."""
    among = [x.dtype for x in values if x is not None]
    if y.dtype in among or options.get("dtype") is not None:
        return None
    dtype = narrowed(y.dtype, among)
    return None if dtype == y.dtype else dtype


def together(name: str, args: Sequence[Any], kept: Container[int] = ()) -> list[Any]:
    """Return the arguments of an op as arrays of types that go together; some keep their own."""
    values = [x.array if isinstance(x, tape.Variable) else x for x in args]
    if not all(isinstance(x, np.ndarray) for x in values):
        values = _arrays(name, values, kept)
    kinds = {x.dtype.kind for n, x in enumerate(values) if x is not None and n not in kept}
    return as_floats(values, kept, "iu") if "f" in kinds and kinds & {"i", "u"} else values


def as_floats(values: Sequence[Any], kept: Container[int] = (), kinds: str = "iub") -> list[Any]:
    """Return the arrays of some kinds in the type of the floats beside them, or in `floatx`."""
    floats = [
        x.dtype
        for n, x in enumerate(values)
        if x is not None and x.dtype.kind == "f" and n not in kept
    ]
    kind = np.result_type(*floats) if floats else np.dtype(config.floatx())
    return [
        x.astype(kind) if x is not None and x.dtype.kind in kinds and n not in kept else x
        for n, x in enumerate(values)
    ]


def alike(name: str, *args: Any) -> list[Any]:
    """Return arguments in which Python's numbers are arrays of the type of what is around them.

    For what is composed of several ops, of which the first would see a number alone.
    """
    values = [x.array if isinstance(x, tape.Variable) else x for x in args]
    return [
        x if isinstance(x, tape.Variable) else array
        for x, array in zip(args, _arrays(name, values, ()), strict=True)
    ]


def _arrays(name: str, values: list[Any], kept: Container[int]) -> list[Any]:
    """Return what is no array yet as one."""
    typed = [x for x in values if isinstance(x, np.ndarray)]
    floats = [x.dtype for x in typed if x.dtype.kind == "f"] or [
        x.dtype for x in values if isinstance(x, np.floating)
    ]
    weak = np.result_type(*floats) if floats else np.dtype(config.floatx())
    values = [x if _is_int(x) else _array(name, x, weak) for x in values]
    among = [x.dtype for n, x in enumerate(values) if isinstance(x, np.ndarray) and n not in kept]
    numbers = [t for t in among if t.kind != "b"]
    around = common(*numbers) if numbers else None
    return [
        _whole_number(x, None if n in kept else around) if _is_int(x) else x
        for n, x in enumerate(values)
    ]


def _whole_number(x: int, dtype: np.dtype | None) -> np.ndarray:
    own = np.asarray(x)
    if dtype is not None and dtype.kind != "f":
        limits = np.iinfo(dtype)
        dtype = dtype if limits.min <= x <= limits.max else None
    return own.astype(dtype or of_python(own))


def _is_int(x: Any) -> bool:
    return isinstance(x, int) and not isinstance(x, bool)


def _array(name: str, x: Any, weak: np.dtype) -> np.ndarray | None:
    if x is None or isinstance(x, np.ndarray):  # None: an optional array, such as a bias
        return x
    if isinstance(x, list | tuple) and any(isinstance(v, tape.Variable) for v in x):
        raise GraphError(
            name,
            "an argument is a list of tensors, whose history would be lost",
            expected="a tensor, an array or a number",
            mend="Make one tensor of them with ops.stack.",
        )
    y = np.asarray(x)
    if y.dtype.kind not in "fiub":
        raise DtypeError(
            name,
            "an argument is not an array of numbers",
            expected="a tensor, an array, a number or nested lists of numbers",
            received={"type": type(x).__name__, "dtype": str(y.dtype)},
        )
    # NumPy's float64 number is a Python float too; any other number of NumPy's has a type
    if y.dtype == np.float64 and (isinstance(x, float) or not _has_type(x)):
        return y.astype(weak)
    return y if _has_type(x) else y.astype(of_python(y), copy=False)


def _has_type(x: Any) -> bool:
    """Return whether an array, or a part of a list, has a type of its own."""
    parts = x if isinstance(x, list | tuple) else [x]
    return any(hasattr(v, "dtype") for v in parts)
