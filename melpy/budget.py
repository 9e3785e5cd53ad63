"""What may be taken of memory for what a file describes: counted before it is taken.

A file need not be trusted: a few bytes of it can ask for terabytes. While one is read, what is to
be kept may be a small multiple of its size, over a floor of some MB; and what a single step needs
for a while, such as finding a shape, may be `config.load_memory` and a multiple of the size.
Outside of reading nothing is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from melpy import config
from melpy.errors import DataError

__all__ = ["TooMuchError", "is_counted", "need", "of_file", "take"]

KEPT_TIMES, KEPT_FLOOR_BYTES = 4, 2**23  # weights, and the optimizer's arrays like them
NEEDED_TIMES = 16


class TooMuchError(DataError):
    """A step needs more memory than it may: less of the same may do."""


@dataclass
class Budget:
    """What is left of what may be kept, and the most that a single step may need, in bytes."""

    who: str
    left_bytes: int
    most_bytes: int


_current: ContextVar[Budget | None] = ContextVar("budget", default=None)


@contextmanager
def of_file(size_bytes: int, who: str) -> Iterator[None]:
    """Count what is made inside the ``with`` block of a file of so many bytes."""
    kept = KEPT_FLOOR_BYTES + KEPT_TIMES * size_bytes
    token = _current.set(Budget(who, kept, config.load_memory() + NEEDED_TIMES * size_bytes))
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
