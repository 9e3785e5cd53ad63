"""Where a name stands: the layers that are being built around it, "net/block/kernel"."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any

from melpy.errors import ArgumentError

__all__ = ["name_scope", "path_here", "within"]

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


class name_scope:  # noqa: N801  Keras's name
    """Let what is made inside a ``with`` block stand behind a name: "block/dense/kernel".

    Parameters
    ----------
    name : str without "/"
    caller : who opens it; one that opens the same name again, right inside, adds nothing
    deduplicate : bool, whether that is so
    override_parent : str or None, the path to stand behind in the place of the one around

    Examples
    --------
    >>> import melpy
    >>> with melpy.name_scope("encoder"):
    ...     melpy.Variable([1.0], name="scale").path
    'encoder/scale'
    """

    def __init__(
        self,
        name: str,
        caller: Any = None,
        deduplicate: bool = True,
        override_parent: str | None = None,
    ) -> None:
        if not isinstance(name, str) or "/" in name:
            raise ArgumentError(
                "name_scope",
                "this is no name",
                expected="a string without '/', which separates the names in a path",
                received={"name": name},
            )
        self.name, self.caller, self.deduplicate = name, caller, deduplicate
        self.override_parent = override_parent
        self._tokens: list[Token[tuple[str, Any]]] = []

    def __enter__(self) -> name_scope:
        around, caller = _here.get()
        again = caller is not None and caller is self.caller and self.deduplicate
        if self.override_parent is not None:
            around = self.override_parent.strip("/")
        elif again and around.rpartition("/")[2] == self.name:
            around = around.rpartition("/")[0]
        path = f"{around}/{self.name}" if around else self.name
        self._tokens.append(_here.set((path, self.caller)))
        return self

    def __exit__(self, *_: Any) -> None:
        _here.reset(self._tokens.pop())
