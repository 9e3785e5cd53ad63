"""Where a command's results go, and in which form: a table for people, CSV or JSON for programs."""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

__all__ = ["FORMATS", "Output", "speaking"]

FORMATS = ("table", "csv", "json")


class Output:
    """Where results go. What is told meanwhile is said by `say`, to another place or to none.

    Parameters
    ----------
    stream : file open for text, for the results alone
    form : "table", "csv" or "json"
    """

    def __init__(self, stream: TextIO, form: str = "table") -> None:
        self.stream, self.form = stream, form

    @property
    def is_json(self) -> bool:
        """Whether results are for programs."""
        return self.form == "json"

    def say(self, text: str) -> None:
        """Tell a line that is no result."""
        print(text, flush=True)  # to where `speaking` leads it

    def write(self, text: str) -> None:
        """Write a line of results."""
        from melpy.callbacks.progress import can_write  # here: --help needs no networks

        if not can_write(self.stream, "─"):
            text = text.replace("─", "-")
        print(text, file=self.stream, flush=True)

    def json(self, value: Any) -> None:
        """Write results as JSON."""
        from melpy.experiments.journal import plain

        self.write(json.dumps(plain(value), indent=2, allow_nan=False))

    def rows(
        self, header: Sequence[str], rows: Sequence[Sequence[Any]], key: str, **about: Any
    ) -> None:
        """Write rows below a header, in the form that was asked for.

        Parameters
        ----------
        header : the columns' names
        rows : a value for each column; None where there is none
        key : str, what the rows are called in JSON
        about : what else JSON says
        """
        if self.is_json:
            named = [dict(zip(header, row, strict=True)) for row in rows]
            self.json({**about, key: named})
        elif self.form == "csv":
            writer = csv.writer(self.stream, lineterminator="\n")
            writer.writerow(header)
            writer.writerows([["" if v is None else v for v in row] for row in rows])
            self.stream.flush()
        else:
            self.write(table(header, rows))

    def values(self, about: Mapping[str, Any]) -> None:
        """Write values by name."""
        if self.is_json:
            self.json(about)
            return
        width = max(map(len, about))
        for name, value in about.items():
            self.write(f"{name:<{width}}  {_cell(value, name)}")


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows in columns of equal widths; numbers stand at the right.

    Examples
    --------
    >>> print(table(["input", "probability"], [["a.png", 0.5], ["long.png", 1.0]]))
    input     probability
    a.png           50.0%
    long.png       100.0%
    """
    cells = [[_cell(value, name) for value, name in zip(row, header, strict=True)] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    left = [any(isinstance(row[n], str) for row in rows) for n in range(len(header))]
    return "\n".join(
        "  ".join(
            f"{cell:<{width}}" if is_left else f"{cell:>{width}}"
            for cell, width, is_left in zip(line, widths, left, strict=True)
        ).rstrip()
        for line in [header, *cells]
    )


def _cell(value: Any, name: str) -> str:
    """Return a value as a table shows it; shares in per cent."""
    if value is None:
        return ""
    if isinstance(value, float) and value != value:  # 0 of 0
        return "-"
    if isinstance(value, float):
        is_share = name.startswith(("probability", "accuracy", "precision", "recall"))
        return f"{value:.1%}" if is_share else f"{value:.6g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


@contextmanager
def speaking(arguments: argparse.Namespace) -> Iterator[Output]:
    """Give where results go; lead all that is printed meanwhile to its own place.

    That is standard output too, standard error where the results are for programs, and nowhere
    with ``--quiet``.
    """
    form = "json" if getattr(arguments, "json", False) else getattr(arguments, "format", "table")
    out = Output(sys.stdout, form)
    with contextlib.ExitStack() as stack:
        if getattr(arguments, "quiet", False):
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(contextlib.redirect_stdout(nowhere))
        elif form != "table":
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield out
