"""What may be taken of memory and time for what a file describes: counted before it is taken.

A file need not be trusted: a few bytes of it can ask for terabytes. While one is read, what is to
be kept may be a small multiple of its size, over a floor of some MB; and what a single step needs
for a while, such as finding a shape, may be `config.load_memory` and a multiple of the size.
Outside of reading nothing is counted. JSON is made for some steps only, and counted as such.
Time is an estimate, no clock's: the same files are refused everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from melpy import config
from melpy.errors import DataError

__all__ = [
    "TooLongError", "TooMuchError", "is_counted", "need", "of_file", "read_json", "spend", "take",
]  # fmt: skip

KEPT_TIMES, KEPT_FLOOR_BYTES = 4, 2**23  # weights, and the optimizer's arrays like them
NEEDED_TIMES = 16
TIME_FLOOR_S, TIME_OF_A_BYTE_S = 4.0, 4e-6  # of what a few bytes can ask for again and again
# JSON as Python's objects: each begins with, or follows, one of these signs, and is made once more
# by who goes through them; a letter takes up to four bytes, in the text and in what is made of it.
SIGNS, OBJECT_BYTES, LETTER_BYTES = "[{,:", 2 * 72, 2 * 4


class TooMuchError(DataError):
    """A step needs more memory than it may: less of the same may do."""


class TooLongError(DataError):
    """The steps need more time than they may, whatever else is tried."""


@dataclass
class Budget:
    """What may be kept yet and what a step may need, in bytes; the time left, and all of it."""

    who: str
    left_bytes: int
    most_bytes: int
    left_s: float
    most_s: float


_current: ContextVar[Budget | None] = ContextVar("budget", default=None)


@contextmanager
def of_file(size_bytes: int, who: str) -> Iterator[None]:
    """Count what is made inside the ``with`` block of a file of so many bytes."""
    kept = KEPT_FLOOR_BYTES + KEPT_TIMES * size_bytes
    most = config.load_memory() + NEEDED_TIMES * size_bytes
    time_s = TIME_FLOOR_S + TIME_OF_A_BYTE_S * size_bytes
    token = _current.set(Budget(who, kept, most, time_s, time_s))
    try:
        yield
    finally:
        _current.reset(token)


def is_counted() -> bool:
    """Return whether a file is being read."""
    return _current.get() is not None


def take(size_bytes: float, what: str) -> None:
    """Count what will be kept; refuse it before it is there, if the file is too small for it."""
    budget = _current.get()
    if budget is None:
        return
    if size_bytes > budget.left_bytes:
        raise DataError(
            budget.who,
            f"it asks for {what}, for which the file is too small",
            expected="what is described to be in the file",
            received={"bytes": int(size_bytes), "bytes left": budget.left_bytes},
        )
    budget.left_bytes -= int(size_bytes)


def need(size_bytes: float, what: str) -> None:
    """Refuse what a step would need for a while, if it is more than any step may."""
    budget = _current.get()
    if budget is not None and size_bytes > budget.most_bytes:
        raise TooMuchError(
            budget.who,
            f"{what} needs more memory than a file may ask for",
            expected=f"at most {budget.most_bytes} bytes",
            received={"bytes": int(size_bytes)},
            mend="If the file is to be trusted, allow it: config.set_load_memory(bytes).",
        )


def read_json(text: bytes | str, who: str) -> Any:
    """Return what JSON says, as `json.loads` does; refuse it before it is made, if it is too much.

    What is no part of a file that is being read counts as a file of its own.
    """
    with nullcontext() if is_counted() else of_file(len(text), who):
        signs: Any = SIGNS if isinstance(text, str) else SIGNS.encode()
        objects = sum(map(text.count, signs))
        need(OBJECT_BYTES * objects + LETTER_BYTES * len(text), "its JSON")
    return json.loads(text)


def spend(time_s: float, what: str) -> None:
    """Count time that a step is about to take; refuse it if the file is too small for so much."""
    budget = _current.get()
    if budget is None:
        return
    budget.left_s -= time_s
    if budget.left_s < 0:
        raise TooLongError(
            budget.who,
            f"{what} needs more time than a file of this size may ask for",
            expected=f"at most {budget.most_s:.1f} seconds, as they are estimated",
            received={"seconds": round(budget.most_s - budget.left_s, 1)},
        )
