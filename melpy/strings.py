"""Arrays of strings: what may be one, and the form in which the library holds it.

A string is a word of a vocabulary or a text, in an array of NumPy's ``str_`` or of Python's
strings. Whatever else comes, bytes, NumPy's ``StringDType``, lists, is brought into that form once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.errors import DtypeError, ShapeError

__all__ = [
    "ENCODE", "STRING", "are_strings", "as_strings", "data_type", "may_be_strings", "type_name",
    "unpadded",
]  # fmt: skip

STRING = np.dtype(str)  # of a symbolic tensor of strings, and of what stands in for one

# What mends an input of words, in the messages of those who compute with numbers.
ENCODE = (
    "Turn words into numbers first: layers.StringLookup, preprocessing.OneHotEncoder or "
    "utils.FeatureSpace."
)


def data_type(dtype: Any) -> np.dtype:
    """Return NumPy's type of a name or of another library's type; "string" is Keras's for str.

    Examples
    --------
    >>> data_type("float32"), data_type("string")
    (dtype('float32'), dtype('<U'))
    """
    if not isinstance(dtype, str | type | np.dtype | None):
        dtype = getattr(dtype, "name", None) or str(dtype).rpartition(".")[2]  # as torch.float32
    if isinstance(dtype, str) and dtype == "string":
        return STRING
    try:
        return np.dtype(dtype)
    except TypeError as error:
        raise DtypeError(
            "dtype", "there is no such type", expected='"float32", "int32", "bool" and the like',
            received={"dtype": dtype},
        ) from error  # fmt: skip


def type_name(dtype: np.dtype) -> str:
    """Return the name of a type, the inverse of `data_type`.

    Examples
    --------
    >>> type_name(np.dtype("float32")), type_name(np.asarray(["a"]).dtype)
    ('float32', 'string')
    """
    return "string" if dtype.kind in "US" else dtype.name


def may_be_strings(x: Any) -> bool:
    """Return whether an array is of a type that can hold strings."""
    return x.dtype.kind in "USOT"


def are_strings(x: np.ndarray) -> bool:
    """Return whether an array is meant to hold strings: its first entry is one."""
    first = x.flat[0] if x.dtype.kind == "O" and x.size else ""
    return may_be_strings(x) and isinstance(first, str | bytes)


def unpadded(values: Any) -> np.ndarray:
    """Return an array of values; what is none yet holds each text as long as it is."""
    values = getattr(values, "value", values)
    return np.asarray(values, None if hasattr(values, "__array__") else object)


def as_strings(values: Any, who: str, what: str = "the input", encoding: str = "utf-8") -> Any:
    """Return an array of strings, of kind "U" or of Python's own, or refuse.

    Parameters
    ----------
    values : array, tensor, nested lists of equal lengths, or one string; bytes are decoded
    who, what : str, in messages
    encoding : str, that of bytes

    Examples
    --------
    >>> as_strings([b"a", "\u00e9"], "call").tolist()
    ['a', '\u00e9']
    """
    array = unpadded(values)
    if array.dtype.kind == "U":
        return array
    if not may_be_strings(array):
        raise _no_strings(who, what, str(array.dtype))
    flat = array.astype(object).ravel().tolist()
    made = np.empty(len(flat), object)
    for place, value in enumerate(flat):
        if isinstance(value, bytes):
            value = value.decode(encoding, "surrogateescape")
        elif isinstance(value, list | tuple):
            raise _unequal_rows(who, what)
        elif not isinstance(value, str):
            index = [int(n) for n in np.unravel_index(place, array.shape)]
            is_missing = value is None or value != value
            mend = "Fill in what is missing with a word of its own, such as ''."
            raise _no_strings(
                who, what, type(value).__name__, f": at {index} it holds {value!r}",
                mend if is_missing else ENCODE,
            )  # fmt: skip
        made[place] = value
    return made.reshape(array.shape)


def _unequal_rows(who: str, what: str) -> ShapeError:
    return ShapeError(
        who,
        f"{what} has rows of unequal lengths",
        expected="strings in an array, or in lists of equal lengths",
        mend="Join the strings of a row, and let TextVectorization split them.",
    )


def _no_strings(who: str, what: str, kind: str, where: str = "", mend: str = "") -> DtypeError:
    return DtypeError(
        who,
        f"{what} is not made of strings{where}",
        expected="an array or lists of str or bytes",
        received={"dtype": kind},
        mend=mend,
    )
