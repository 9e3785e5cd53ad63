"""CSV files: rows of cells under names, read whole; what is wrong is said of its line."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from melpy.errors import DataError, FileError, MelpyError, UnknownNameError, nearest
from melpy.experiments.cells import is_grouped, is_missing, number_of, writes_commas

__all__ = ["Table", "read_table"]

SEPARATORS = ",;\t|"
LOOKED_AT = 20  # lines, to find out what separates cells
LONGEST_CELL = 2**24  # letters
LONGEST_SHOWN = 40  # of a cell's letters
# A column of words that was meant for one of numbers has more than this share of them, and so many
# different ones that they are hardly codes.
MOSTLY, LEAST_DIFFERENT = 0.9, 20


@dataclass(frozen=True)
class Table:
    """Rows of cells, each a text, under the columns' names.

    Parameters
    ----------
    path : str, the file, for messages
    names : of the columns
    rows : lists of as many cells as there are names, as they stand in the file
    decimal : "," where a comma stands for the decimal point too
    places : of the rows in the file, from 1, for messages; empty where all rows of it are here
    """

    path: str
    names: tuple[str, ...]
    rows: list[list[str]]
    decimal: str = "."
    places: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def place(self, row: int) -> int:
        """Return which row of the file a row is, from 1: others may have been left out."""
        return self.places[row] if self.places else row + 1

    def column(self, name: str, who: str) -> list[str]:
        """Return the cells of a column."""
        if name not in self.names:
            raise UnknownNameError(
                who,
                f"{self.path} has no column {name!r}",
                expected=f"one of {', '.join(self.names)}",
                mend=nearest(name, self.names),
            )
        place = self.names.index(name)
        return [row[place] for row in self.rows]

    def number(self, cell: str) -> float:
        """Return the finite number that a cell holds, NaN if it holds none."""
        return number_of(cell, self.decimal)

    def values(self, name: str, who: str) -> np.ndarray:
        """Return a column as float64, NaN where a cell is missing or holds no number.

        Raises
        ------
        DataError : its digits stand in groups, or a comma may be the decimal point or not
        """
        cells = self.column(name, who)
        made = np.array([self.number(cell) for cell in cells], np.float64)
        words = [cells[row] for row in np.flatnonzero(np.isnan(made)) if not is_missing(cells[row])]
        if words and all(map(is_grouped, words)):
            raise DataError(
                who,
                f"the column {name!r} of {self.path} has numbers that can be read in two ways",
                expected="no sign between digits but the decimal point, as in 1234.5",
                received={"cell": words[0]},
                mend="Write them so; --ignore names a column that train is to leave out.",
            )
        return made

    def numbers(self, name: str, who: str) -> np.ndarray:
        """Return a column as float64, NaN where a value is missing."""
        cells, made = self.column(name, who), self.values(name, who)
        for row in np.flatnonzero(np.isnan(made)).tolist():
            if not is_missing(cells[row]):
                raise DataError(
                    who,
                    f"row {self.place(row)} of {self.path} has no number in the column {name!r}",
                    expected="a number, or an empty cell where it is missing",
                    received={"cell": cells[row]},
                )
        return made

    def nearly_numbers(self, name: str, who: str) -> str:
        """Return how many cells of a column are numbers, and which is none; "" if words are meant.

        Words are, or codes, where a tenth of the known cells is no number, or few numbers differ.
        """
        cells, values = self.column(name, who), self.values(name, who)
        is_number = ~np.isnan(values)
        others = [int(n) for n in np.flatnonzero(~is_number) if not is_missing(cells[n])]
        numbers = values[is_number]
        count = len(numbers) + len(others)
        is_near = len(numbers) > MOSTLY * count and len(np.unique(numbers)) >= LEAST_DIFFERENT
        if not others or not is_near:
            return ""
        cell = cells[others[0]]
        shown = cell if len(cell) <= LONGEST_SHOWN else f"{cell[:LONGEST_SHOWN]}..."
        more = ", the first of the others," if len(others) > 1 else ""
        return (
            f"{len(numbers):,} of {count:,} cells are numbers, and row {self.place(others[0])}"
            f"{more} holds {shown!r}"
        )

    def with_known(self, name: str, who: str) -> Table:
        """Return the table of the rows that have a value in a column."""
        cells = self.column(name, who)
        rows = [row for row, cell in enumerate(cells) if not is_missing(cell)]
        if not rows:
            raise DataError(
                who,
                f"the column {name!r} of {self.path} is empty",
                expected="what is to be told",
                mend="Name another column: --target.",
            )
        return self.take(rows)

    def without(self, name: str) -> Table:
        """Return the table of all other columns."""
        kept = [n for n, other in enumerate(self.names) if other != name]
        rows = [[row[n] for n in kept] for row in self.rows]
        return replace(self, names=tuple(self.names[n] for n in kept), rows=rows)

    def take(self, rows: Sequence[int]) -> Table:
        """Return the table of some rows."""
        places = [self.place(row) for row in rows]
        return replace(self, rows=[self.rows[row] for row in rows], places=places)


def read_table(path: str | Path, who: str) -> Table:
    """Read a CSV file, whose cells are separated by commas, semicolons, tabs or bars.

    The first line names the columns, unless it is all numbers: then they are called "column 1" and
    so on. A comma stands for the decimal point between semicolons, and elsewhere where some column
    of numbers has commas that can be nothing else: 1,5, but not 1,500.

    Raises
    ------
    FileError : it cannot be read
    DataError : it has no rows, rows of unequal lengths, two columns of one name, or is no text
    """
    csv.field_size_limit(LONGEST_CELL)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FileError(
            who, f"{path} cannot be read ({error.strerror})", expected="a CSV file"
        ) from error
    except ValueError as error:
        raise DataError(
            who, f"{path} is no text", expected="a CSV file in UTF-8",
            mend="Save it anew as CSV, UTF-8.",
        ) from error  # fmt: skip
    lines: list[list[str]] = []
    numbers: list[int] = []
    try:
        separator = _separator(text)
        for number, cells in _lines(text, separator):
            lines.append(cells)
            numbers.append(number)
    except csv.Error as error:
        raise DataError(
            who, f"{path} is no CSV file ({error})", expected="rows of cells"
        ) from error
    if not lines:
        raise DataError(who, f"{path} is empty", expected="a line of names, and rows")
    width = len(lines[0])
    for number, cells in zip(numbers, lines, strict=True):
        if len(cells) != width:
            raise DataError(
                who,
                f"line {number} of {path} has another number of cells than the first",
                expected=f"{width} cells, separated by {separator!r}",
                received={"cells": len(cells)},
                mend="Put a cell that holds the separator in quotation marks.",
            )
    if any(math.isnan(number_of(cell, ",")) for cell in lines[0]):
        names = [name or f"column {n}" for n, name in enumerate(lines.pop(0), 1)]
    else:
        names = [f"column {n + 1}" for n in range(width)]
    _require_rows(path, names, lines, who)
    has_commas = separator == ";" or any(map(writes_commas, zip(*lines, strict=True)))
    return Table(str(path), tuple(names), lines, "," if has_commas else ".")


def _require_rows(path: str | Path, names: list[str], rows: list[list[str]], who: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    error: MelpyError | None = None
    if twice:
        error = DataError(
            who, f"two columns of {path} have one name", expected="a name of its own for each",
            received={"name": twice[0]},
        )  # fmt: skip
    elif not rows:
        error = DataError(who, f"{path} has no rows", expected="rows below the line of names")
    if error:
        raise error


def _lines(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the cells of each line that is not empty, with its number."""
    # Not splitlines, which splits at other signs too: U+2028, form feeds.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    for cells in reader:
        found = [cell.strip() for cell in cells]
        if any(found):
            yield reader.line_num, found


def _separator(text: str) -> str:
    """Return what separates cells: what is in the first line, and in each of the next as often."""
    first = itertools.islice(io.StringIO(text), LOOKED_AT)
    lines = [line for line in first if line.strip()]

    def rank(sign: str) -> tuple[bool, bool, bool, int]:
        widths = [len(next(csv.reader([line], delimiter=sign), [])) for line in lines] or [0]
        # A comma may stand in each number; other signs in each line are there for nothing else.
        return widths[0] > 1, len(set(widths)) == 1, sign != ",", widths[0]

    return max(SEPARATORS, key=rank)
