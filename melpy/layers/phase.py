"""Whether layers learn: what a call tells those that are called inside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["inferring", "is_training", "phase"]

phase: ContextVar[bool | None] = ContextVar("training", default=None)  # None: no call is running


def is_training() -> bool:
    """Return whether the call that is running is one of training."""
    return bool(phase.get())


@contextmanager
def inferring() -> Iterator[None]:
    """Let the layers called inside know that nothing learns."""
    token = phase.set(False)
    try:
        yield
    finally:
        phase.reset(token)
