"""How a program's regions are walked: as a table, by the compiled driver."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from melpy import config
from melpy.kernels import threads

__all__ = ["Look", "Walk"]

NEVER = -1  # the record before which a walk pauses

Look = Callable[[int], None]


class Walk:
    """Regions in a row, as a table that the compiled driver walks.

    Parameters
    ----------
    regions : what `Program.note` wrote down
    watch : after how many of them a number is looked at, and where it is; None for never
    """

    def __init__(
        self,
        regions: Sequence[tuple[int, int, int, int]],
        watch: tuple[int, np.ndarray] | None = None,
    ) -> None:
        self.pause = NEVER if watch is None else watch[0]
        self.seen = np.zeros(1) if watch is None else watch[1]
        self.table = _table_of(regions, self.pause)
        self.last_row = _last_row(self.table)
        self.is_shared = bool((self.table["blocks"] > 1).any())
        self.counters = np.zeros(0, np.int64)
        self.made = np.zeros(2, np.int64)  # steps that were begun, and finished
        self.failed = np.zeros(1, np.int64)

    def walk(self, steps: int, look: Look | None = None) -> None:
        """Go through the table so many times; look once at a number that is not finite."""
        if not len(self.table):
            return
        made, begin = 0, 0
        while made < steps:
            finished, is_paused = self._walk(
                steps - made, begin, self.pause if look is not None else NEVER
            )
            made, begin = made + finished, 0
            if is_paused and look is not None:
                look(made)
                look, begin = None, self.pause

    def _walk(self, steps: int, begin: int, pause: int) -> tuple[int, bool]:
        """Return how many steps are finished, and whether another one is only begun."""
        from melpy.kernels.compiled import program as driver

        if self.is_shared and config.threads() > 1:
            if not len(self.counters):
                self.counters = np.zeros(len(self.table) * driver.COUNTERS, np.int64)
            # As many as were walked, whatever interrupted what came after.
            before = self._walked(self.last_row)
            threads.share(
                driver.walk, config.threads(), threads.WORTH_WAKING,
                self.table, self.counters, before, steps, begin, pause, self.seen, self.failed,
            )  # fmt: skip
            begun, finished = self._walked(0) - before, self._walked(self.last_row) - before
        else:
            self.made[:] = 0
            threads.share(
                driver.walk_alone, 1, 1,
                self.table, steps, begin, pause, self.seen, self.made, self.failed,
            )  # fmt: skip
            begun, finished = (int(n) for n in self.made)
        if self.failed[0]:
            self.failed[0] = 0
            raise MemoryError("a program has no memory for what a block of work needs")
        return finished, begun > finished

    def _walked(self, record: int) -> int:
        """Return how many steps have done a record."""
        from melpy.kernels.compiled import program as driver

        done = self.counters[driver.COUNTERS * record + driver.DONE]
        return int(done // self.table[record]["blocks"])


def _table_of(regions: Sequence[tuple[int, int, int, int]], pause: int) -> np.ndarray:
    """Return regions as the driver walks them: small ones in rows that one thread does."""
    from melpy.kernels.compiled import program as driver

    table = np.zeros(len(regions), driver.RECORD)
    for record, region in zip(table, regions, strict=True):
        record["task"], record["arguments"], record["size"], record["blocks"] = region
    table["row"] = 1
    shared = table["blocks"] > 1
    first = 0
    for n in range(1, len(table) + 1):
        if n in (len(table), pause) or shared[n] or shared[first]:
            table["row"][first] = n - first
            first = n
    return table


def _last_row(table: np.ndarray) -> int:
    """Return the record that the last row begins with."""
    last = n = 0
    while n < len(table):
        last, n = n, n + int(table[n]["row"])
    return last
