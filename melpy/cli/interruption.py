"""Ctrl-C, and SIGTERM where it raises as Ctrl-C does, that is never lost."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["never_lost", "number_of"]

LATER_S = 0.01


def number_of(error: BaseException | None) -> int:
    """Return the signal that a `KeyboardInterrupt` came by."""
    return int(error.args[0]) if error is not None and error.args else int(signal.SIGINT)


@contextmanager
def never_lost() -> Iterator[None]:
    """Interrupt again, a little later, where Python prints a Ctrl-C and goes on.

    It does so with whatever is raised while it cleans up: where an object goes, or at the end of
    each import, of which a command makes hundreds.
    """
    before = sys.unraisablehook

    def again(ignored: Any) -> None:
        if not issubclass(ignored.exc_type, KeyboardInterrupt):
            before(ignored)
            return
        timer = threading.Timer(LATER_S, _thread.interrupt_main, [number_of(ignored.exc_value)])
        timer.daemon = True
        timer.start()

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before
