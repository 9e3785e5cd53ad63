"""What a table's cells say: a number, a word, or that nothing is known."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

__all__ = ["MISSING", "is_grouped", "is_missing", "number_of", "writes_commas"]

# How people write that a value is missing; compared without regard to case.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "#n/a", "missing"})
# Digits by threes between signs that group them; with one comma they may be a fraction's too.
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([,.'\u00a0\u202f]\d{3})+([.,]\d*)?")


def is_missing(cell: str) -> bool:
    """Return whether a cell says that there is no value.

    Examples
    --------
    >>> is_missing("N/A"), is_missing("0")
    (True, False)
    """
    return cell.lower() in MISSING


def number_of(cell: str, decimal: str = ".") -> float:
    """Return the finite number that a cell holds, NaN if it holds none.

    Parameters
    ----------
    cell : str
    decimal : "," where a comma stands for the decimal point too

    Examples
    --------
    >>> number_of("1e3"), number_of("one"), number_of("inf")
    (1000.0, nan, nan)
    >>> number_of("1,5"), number_of("1,5", ",")
    (nan, 1.5)
    """
    if decimal == "," and cell.count(",") == 1:
        cell = cell.replace(",", ".")
    try:
        value = float(cell)
    except ValueError:
        return math.nan
    # Python reads 1_000 as a thousand, which is a name more often than a number.
    return value if math.isfinite(value) and "_" not in cell else math.nan


def is_grouped(cell: str) -> bool:
    """Return whether signs group the digits of a number; a comma among them may begin a fraction.

    Examples
    --------
    >>> is_grouped("1,500"), is_grouped("1.234,5"), is_grouped("1,5"), is_grouped("1500")
    (True, True, False, False)
    """
    return bool(GROUPED.fullmatch(cell))


def writes_commas(cells: Sequence[str]) -> bool:
    """Return whether a column is of numbers whose decimal commas can be nothing else.

    Examples
    --------
    >>> writes_commas(["1,5", "2"]), writes_commas(["1,5", "a"]), writes_commas(["1,500", "2"])
    (True, False, False)
    """
    if not any("," in cell and not is_grouped(cell) for cell in cells):
        return False
    return all(is_missing(cell) or math.isfinite(number_of(cell, ",")) for cell in cells)
