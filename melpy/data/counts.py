"""How many elements a stream has, from how many its source has: infinity, or None if unknown."""

from __future__ import annotations

import math

__all__ = ["at_most", "fewest", "in_batches", "not_known", "repeated", "together"]


def in_batches(count: float | None, size: int, drop_remainder: bool) -> float | None:
    """Return how many batches ``count`` elements make."""
    if count is None or math.isinf(count):
        return count
    return count // size if drop_remainder else -(-count // size)


def repeated(count: float | None, times: int) -> float | None:
    """Return ``count`` times over; -1 stands for without end."""
    if times == 0 or count == 0:
        return 0
    return count if count is None else count * (math.inf if times < 0 else times)


def at_most(count: float | None, most: int) -> float | None:
    """Return the smaller number."""
    return None if count is None else min(count, most)


def fewest(counts: list[float | None]) -> float | None:
    """Return the smallest number."""
    known = [n for n in counts if n is not None]
    return min(known) if len(known) == len(counts) else None


def together(first: float | None, second: float | None) -> float | None:
    """Return the sum."""
    if math.inf in (first, second):
        return math.inf
    return None if first is None or second is None else first + second


def not_known(count: float | None) -> float | None:
    """Return nothing for nothing, and no end for no end; between them only its end will tell."""
    return count if count == 0 or count == math.inf else None
