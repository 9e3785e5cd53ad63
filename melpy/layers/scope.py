"""Where a name stands: the layers that are being built around it, "net/block/kernel"."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["path_here", "within"]

# The path of the layer that is being built or called for the first time, and the layer.
_here: ContextVar[tuple[str, Any]] = ContextVar("here", default=("", None))


def path_here(name: str, owner: Any = None) -> str:
    """Return the path of a name: behind the layers around it, the last of which is ``owner``."""
    path, layer = _here.get()
    if owner is not None and owner is not layer:
        path = f"{path}/{owner.name}" if path else owner.name
    return f"{path}/{name}" if path else name


@contextmanager
def within(layer: Any) -> Iterator[None]:
    """Let what is made inside stand behind this layer's name."""
    path, around = _here.get()
    if around is layer:
        yield
        return
    if layer._path is None:
        layer._path = f"{path}/{layer.name}" if path else layer.name
    token = _here.set((layer._path, layer))
    try:
        yield
    finally:
        _here.reset(token)
