"""What the methods of datasets ask of their arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.errors import ArgumentError, DtypeError

__all__ = ["a_function", "whole"]


def whole(who: str, name: str, value: Any, least: int) -> int:
    """Return a whole number that is not below ``least``, or refuse it."""
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or value < least:
        raise ArgumentError(
            who, f"{name} is out of range", expected=f"an int >= {least}", received={name: value}
        )
    return int(value)


def a_function(who: str, name: str, function: Any) -> None:
    """Refuse what cannot be called."""
    if not callable(function):
        raise DtypeError(
            who,
            f"{name} is no function",
            expected="a function of an element",
            received={name: type(function).__name__},
        )
