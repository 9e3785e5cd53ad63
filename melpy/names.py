"""Names of which each is given away once."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["FreeNames"]


class FreeNames:
    """Names that are given away once each: with a number where one is taken already.

    Parameters
    ----------
    taken : names that are not free

    Examples
    --------
    >>> names = FreeNames({"dense"})
    >>> names.give("dense"), names.give("dense"), names.give("conv")
    ('dense_1', 'dense_2', 'conv')
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = set(taken)
        self._last: dict[str, int] = {}  # numbers up to here are taken: none is tried twice

    def give(self, wish: str) -> str:
        """Return a name that nobody has yet."""
        name, number = wish, 0
        if wish in self.taken:
            number = self._last.get(wish, 0) + 1
            while (name := f"{wish}_{number}") in self.taken:
                number += 1
            self._last[wish] = number
        self.taken.add(name)
        return name
