"""The part of a batch that this process has, where several processes train one model together.

What one process computes of its samples is to be what a single process would compute of all: its
gradients begin with the part's weight, so that the processes' gradients add up to the whole batch's
(`melpy.tape`), and what it draws is drawn by the sample's place in the whole batch
(`melpy.kernels.spec.philox`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

__all__ = ["Part", "at_work", "first_sample", "weight", "working_on"]


@dataclass(frozen=True)
class Part:
    """Some samples of a batch, one after the other.

    Parameters
    ----------
    first : int, the place of the first of them in the whole batch
    rows : int >= 0, how many there are
    total : int > 0, how many the whole batch has
    """

    first: int
    rows: int
    total: int

    @property
    def weight(self) -> float:
        """The part's share of the batch, which its mean counts in the batch's mean."""
        return self.rows / self.total

    def of_rows(self, rows: Any) -> Any:
        """Return the part's rows of those of a whole batch, a slice or an array of numbers.

        Who has none gets the first one, which stands in: the others wait for his sums.
        """
        first, last = (self.first, self.first + self.rows) if self.rows else (0, 1)
        if isinstance(rows, slice):
            return slice(rows.start + first, rows.start + last)
        return rows[first:last]

    @classmethod
    def of(cls, total: int, number: int, count: int) -> Part:
        """Return one of ``count`` parts of nearly equal size, by its number.

        Examples
        --------
        >>> [Part.of(10, number, 4).rows for number in range(4)]
        [2, 3, 2, 3]
        """
        first, last = (total * n // count for n in (number, number + 1))
        return cls(first, last - first, total)


at_work: ContextVar[Part | None] = ContextVar("part", default=None)


@contextmanager
def working_on(part: Part | None) -> Iterator[None]:
    """Compute of a part, inside the ``with`` block."""
    token = at_work.set(part)
    try:
        yield
    finally:
        at_work.reset(token)


def weight() -> float:
    """Return the share of the batch at work that this process has: 1 where it has all of it."""
    part = at_work.get()
    return 1.0 if part is None else part.weight


def first_sample(rows: int) -> int:
    """Return the place in the whole batch of the first of ``rows`` samples.

    0 for what is not as long as the part: that is not the samples' axis.
    """
    part = at_work.get()
    return part.first if part is not None and rows == max(part.rows, 1) else 0
