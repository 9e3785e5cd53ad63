"""Ctrl-C that is never lost."""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["never_lost"]

LATER_S = 0.01


@contextmanager
def never_lost() -> Iterator[None]:
    """Interrupt again, a little later, where Python prints a Ctrl-C and goes on.

    It does so with whatever is raised while it cleans up: where an object goes, or at the end of
    each import, of which a command makes hundreds.
    """
    before = sys.unraisablehook

    def again(ignored: Any) -> None:
        if ignored.exc_type is not KeyboardInterrupt:
            before(ignored)
            return
        timer = threading.Timer(LATER_S, _thread.interrupt_main)
        timer.daemon = True
        timer.start()

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before
