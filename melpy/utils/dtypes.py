"""Types by Keras's names, and which type comes of several."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import config
from melpy.errors import ArgumentError
from melpy.ops.promotion import common

__all__ = ["is_float_dtype", "is_int_dtype", "result_type", "standardize_dtype"]

FLOATS = ("float16", "bfloat16", "float32", "float64")
WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
COMPLEX = ("complex64", "complex128")
NAMES = {*FLOATS, *WHOLE, *COMPLEX, "bool", "string", "float8_e4m3fn", "float8_e5m2"}
OF_PYTHON: dict[Any, str] = {
    bool: "bool", int: "int32", "int": "int32", float: "float32", complex: "complex64",
    str: "string",
}  # fmt: skip


def standardize_dtype(dtype: Any) -> str:
    """Return a type's name; the setting's for None.

    Parameters
    ----------
    dtype : str, a type of NumPy, PyTorch or Python, or None

    Raises
    ------
    ArgumentError : no type of that name

    Source
    ------
    Keras 3, ``keras.utils.standardize_dtype``.

    Examples
    --------
    >>> standardize_dtype(np.float64), standardize_dtype(None), standardize_dtype(int)
    ('float64', 'float32', 'int32')
    """
    if dtype is None:
        return config.floatx()
    try:
        name = OF_PYTHON.get(dtype, dtype)
    except TypeError:  # a list, say
        name = dtype
    if isinstance(name, type) and issubclass(name, np.generic):
        name = np.dtype(name)
    if isinstance(name, np.dtype):
        name = "string" if name.kind in "UO" else name.name  # objects are texts
    if not isinstance(name, str):  # torch.float32, jax.numpy.float32, a DTypePolicy
        name = getattr(name, "name", None) or getattr(name, "__name__", str(name).split(".")[-1])
    if name not in NAMES:
        raise ArgumentError(
            "standardize_dtype",
            "unknown type",
            expected=f"one of {', '.join(sorted(NAMES))}",
            received={"dtype": dtype},
        )
    return name


def is_float_dtype(dtype: Any) -> bool:
    """Return whether a type, as `standardize_dtype` takes it, is of floats.

    Examples
    --------
    >>> is_float_dtype("bfloat16"), is_float_dtype(int)
    (True, False)
    """
    return standardize_dtype(dtype).startswith(("float", "bfloat"))


def is_int_dtype(dtype: Any) -> bool:
    """Return whether a type, as `standardize_dtype` takes it, is of whole numbers, not bool.

    Examples
    --------
    >>> is_int_dtype("uint8"), is_int_dtype(bool)
    (True, False)
    """
    return standardize_dtype(dtype).startswith(("int", "uint"))


def result_type(*dtypes: Any) -> str:
    """Return the type that values of several types have together.

    Floats win over whole numbers, whatever their sizes, and these over bool. Python's ``int`` and
    ``float`` take the type of what stands beside them, if it can hold them at all.

    Parameters
    ----------
    dtypes : types as `standardize_dtype` takes them

    Raises
    ------
    ArgumentError : an unknown type, or types that do not go together

    Source
    ------
    JAX, "Type promotion semantics"; Keras 3, ``keras.backend.result_type``. 64 bits are kept,
    and never made of fewer.

    Examples
    --------
    >>> result_type("int32", "float16"), result_type("uint8", "int8"), result_type("uint8", float)
    ('float16', 'int16', 'float32')
    """
    if not dtypes:
        return config.floatx()
    weak = [dtype is int or dtype is float for dtype in dtypes]
    names = {standardize_dtype(dtype) for dtype in dtypes}
    if len(names) == 1 and not all(weak):
        return names.pop()
    if odd := names - {*FLOATS, *WHOLE, *COMPLEX, "bool"}:
        raise ArgumentError(
            "result_type",
            "a type goes with no other",
            expected="numbers, cast to one type before",
            received={"dtype": min(odd)},
        )
    strong = {standardize_dtype(d) for d, is_weak in zip(dtypes, weak, strict=True) if not is_weak}
    if found := strong & {*COMPLEX}:
        return "complex128" if "complex128" in found or "float64" in strong else "complex64"
    if floats := strong & {*FLOATS}:
        together = floats == {"float16", "bfloat16"}
        return "float32" if together else max(floats, key=FLOATS.index)
    if float in dtypes:
        return config.floatx()
    if whole := strong & {*WHOLE}:
        return common(*whole).name
    return "int64" if config.floatx() == "float64" else "int32"
