"""Whether layers learn: what a call tells those that are called inside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from melpy.tape import is_training, phase

__all__ = ["inferring", "is_training", "phase"]


@contextmanager
def inferring() -> Iterator[None]:
    """Let the layers called inside know that nothing learns."""
    token = phase.set(False)
    try:
        yield
    finally:
        phase.reset(token)
