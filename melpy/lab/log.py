"""What a training tells of itself: events in a row, which a page that comes later reads too."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from typing import Any

__all__ = ["Log"]

MOST = 10_000  # events that are kept


class Log:
    """Events of one training, numbered from 1; who reads says up to which it knows them.

    Examples
    --------
    >>> log = Log()
    >>> log.tell("step", step=1, loss=2.0)
    >>> log.tell("step", step=2, loss=1.0)
    >>> log.take_back(1)
    >>> [(e["kind"], e["step"]) for e in log.since(0)[0]]
    [('step', 1), ('back', 1)]
    """

    def __init__(self) -> None:
        self._events: deque[tuple[int, dict[str, Any]]] = deque(maxlen=MOST)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def tell(self, kind: str, **event: Any) -> None:
        """Add an event of plain values."""
        with self._lock:
            self._events.append((next(self._numbers), {"kind": kind, **event}))

    def take_back(self, step: int) -> None:
        """Forget what was told of the steps after one, and tell that they were taken back."""
        with self._lock:
            kept = [pair for pair in self._events if pair[1].get("step", step) <= step]
            self._events = deque(kept, maxlen=MOST)
            self._events.append((next(self._numbers), {"kind": "back", "step": step}))

    def clear(self) -> None:
        """Forget all, and tell that a new training begins."""
        with self._lock:
            self._events.clear()
            self._events.append((next(self._numbers), {"kind": "new", "step": 0}))

    def since(self, number: int) -> tuple[list[dict[str, Any]], int]:
        """Return the events after one, and the number of the last."""
        with self._lock:
            new = [event for own, event in self._events if own > number]
            last = self._events[-1][0] if self._events else number
        return new, max(last, number)
