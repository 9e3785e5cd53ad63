"""Building: whoever calls ``build``, the layer is built after it, once, and then its state is all.

A layer's ``build`` is called by its first call, by the block around it, by a user or by a file. So
it is not the caller that notes it: each class's own ``build`` is wrapped where the class is made.
A layer whose ``__init__`` was left out says so at the first use.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from melpy.configurable import signature_of
from melpy.errors import ArgumentError, InitError, MelpyError
from melpy.layers.scope import within

__all__ = ["MadeByInit", "late_state", "noting"]


class MadeByInit:
    """An attribute that ``Layer.__init__`` makes; read before that, it says what was forgotten."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, owner: type) -> Any:
        if layer is None:
            return self
        error = InitError(
            type(layer).__name__,
            f"it has no {self.name} yet, since its __init__ has not called super().__init__()",
            expected="super().__init__() as the first statement of __init__",
        )
        error.is_nobodys = True  # the layer has no name to add
        raise error


def noting(build: Callable[..., None]) -> Callable[..., None]:
    """Return a ``build`` that notes its shapes and that the layer is built.

    One that runs inside another of the same layer, by ``super().build``, is a part of that one.
    Where it fails, the weights that it has made are dropped: the next one makes them anew.
    """

    @functools.wraps(build)
    def noted(self: Any, *args: Any, **kwargs: Any) -> None:
        if self._is_building:
            build(self, *args, **kwargs)
            return
        before = len(self._weights)
        self._is_building = True
        try:
            with within(self):
                build(self, *args, **kwargs)
        except Exception as error:
            self._drop_weights(before)
            if isinstance(error, MelpyError):
                raise self._located(error)  # noqa: B904  the same error, with this layer's name
            raise
        finally:
            self._is_building = False
        shapes = signature_of(build).bind(self, *args, **kwargs).arguments
        self._note_build(dict(list(shapes.items())[1:]))

    return noted


def late_state(layer: Any, what: str) -> ArgumentError:
    """Return the refusal of state that a layer gets after it was built."""
    return ArgumentError(
        f"{type(layer).__name__} {layer.name!r}",
        f"{what} comes after the layer was built, so neither files nor optimizers would know it",
        expected="all weights and layers inside made in __init__ or in build",
        mend="Make it there, and change it later.",
    )
