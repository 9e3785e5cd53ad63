"""Tables on their way to arrays; and of what is no array of numbers, where it is and what mends it.

Tables are known by their ``columns`` and ``dtypes``, sparse matrices by their ``tocoo``: neither
pandas nor SciPy is imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Number
from typing import Any

import numpy as np

from melpy.errors import DataError, DtypeError
from melpy.strings import ENCODE, are_strings

__all__ = ["as_numbers", "dense", "is_sparse", "is_table", "no_numbers", "of_table", "plain"]

NUMBERS = "fiub"  # the kinds of NumPy's types that are numbers here
NUMBER_CLASSES = "Number them: classes, y = np.unique(y, return_inverse=True)."
FILL_IN = "Fill in or drop what is missing, then use .astype('float32')."
COUNT_DAYS = "Make numbers of dates first, such as days: (d - d.min()) / np.timedelta64(1, 'D')."
MOST_TOLD = 5  # columns in a message


def is_sparse(values: Any) -> bool:
    """Return whether this is a sparse matrix or array of SciPy's."""
    return hasattr(values, "tocoo") and hasattr(values, "toarray")


def is_table(values: Any) -> bool:
    """Return whether this is a DataFrame."""
    return hasattr(values, "columns") and hasattr(values, "dtypes") and hasattr(values, "__array__")


def plain(values: Any, name: str, who: str) -> Any:
    """Return a table or a sparse matrix as an array; anything else as it is.

    Parameters
    ----------
    values : whatever came
    name, who : str, what it is and who asks, in messages; words in a "y" are names of classes

    Raises
    ------
    DtypeError : a table has columns that hold no numbers
    DataError : a sparse matrix would be too large
    """
    if is_sparse(values):
        return dense(values, name, who)
    return of_table(values, name, who) if is_table(values) else values


def dense(values: Any, name: str, who: str) -> np.ndarray:
    """Return a sparse matrix as an array, or refuse one that memory has no room for.

    Raises
    ------
    DataError : it would be too large
    """
    try:
        return values.toarray()
    except (MemoryError, ValueError, OverflowError) as error:
        size_bytes = int(np.prod(values.shape, dtype=object)) * values.dtype.itemsize
        raise DataError(
            who,
            f"{name} is sparse, and there is no memory for it as an array",
            expected="what fits into memory: every entry is computed with here",
            received={f"{name}.shape": values.shape, "gigabytes": round(size_bytes / 1e9, 1)},
            mend="Give batches, each made dense: a PyDataset or a generator of "
            "(x[i:j].toarray(), y[i:j]); or take fewer columns.",
        ) from error


def of_table(table: Any, name: str, who: str) -> np.ndarray:
    """Return a table of numbers as an array (N, columns), one of texts as an array of objects.

    Whole numbers with gaps, such as pandas' "Int64", become floats with NaN in the gaps.

    Raises
    ------
    DtypeError : some columns hold no numbers; they are named
    """
    array = np.asarray(table)
    if array.dtype.kind in NUMBERS:
        return array
    columns = [(label, as_numbers(column)) for label, column in _columns(table)]
    others = {label: column for label, column in columns if column.dtype.kind not in NUMBERS}
    if not others:
        return np.stack([column for _, column in columns], axis=1)
    if len(others) == len(columns) and all(map(are_strings, others.values())):
        return array.astype(object)  # inputs of layers that take texts
    label, column = next(iter(others.items()))
    entry, mend = _wrong(column, name)
    raise DtypeError(
        who,
        f"{name} is not an array of numbers: column {label!r} holds {entry}",
        expected="numbers in every column",
        received={"columns": list(others)[:MOST_TOLD], "dtype": str(column.dtype)},
        mend=mend,
    )


def _columns(table: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the name of each column and the column."""
    for place, label in enumerate(table.columns):
        yield label, table.iloc[:, place] if hasattr(table, "iloc") else table[label]


def as_numbers(values: Any) -> np.ndarray:
    """Return an array of whatever is one; of a Series of numbers with gaps, NaN in the gaps."""
    array = np.asarray(values)
    is_series = hasattr(values, "to_numpy") and hasattr(values, "dtype")
    if is_series and array.dtype.kind == "O" and getattr(values.dtype, "kind", "O") in NUMBERS:
        return values.to_numpy("float64", na_value=np.nan)
    return array


def no_numbers(
    array: np.ndarray,
    values: Any,
    name: str,
    who: str,
    expected: str = "an array, or nested lists of equal lengths",
) -> DtypeError:
    """Return the refusal of what is no array of numbers: the first place that is none, the mend."""
    where, mend = "", ""
    if array.ndim and array.size:
        place, (entry, mend) = _first_wrong(array), _wrong(array, name)
        row = f"row {place[0]}" if place else ""
        column = f", column {place[-1]}," if len(place) > 1 else ""
        where = f": {row}{column} holds {entry}" if place else ""
    return DtypeError(
        who,
        f"{name} is not an array of numbers{where}",
        expected=expected,
        received={"type": type(values).__name__, "dtype": str(array.dtype)},
        mend=mend,
    )


def _first_wrong(array: np.ndarray) -> tuple[int, ...]:
    """Return the place of the first entry that is no number; () where all of them are."""
    if array.dtype.kind != "O":
        return (0,) * array.ndim
    for place, entry in enumerate(array.flat):
        if not isinstance(entry, Number | np.bool_):
            return tuple(int(n) for n in np.unravel_index(place, array.shape))
    return ()


def _wrong(array: np.ndarray, name: str) -> tuple[str, str]:
    """Return the first entry that is no number, as text, and what to do with such ones."""
    place = _first_wrong(array)
    if not place:
        return "numbers as objects", "Use .astype('float32')."
    entry = array[place]
    if array.dtype.kind in "mM":
        return str(entry), COUNT_DAYS
    if isinstance(entry, str | bytes):
        word = entry.item() if isinstance(entry, np.generic) else entry
        return repr(word), NUMBER_CLASSES if name.startswith("y") else ENCODE
    is_missing = entry is None or "NA" in type(entry).__name__ or entry != entry
    return repr(entry), FILL_IN if is_missing else ""
