"""Checks of layers' arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.activations import linear
from melpy.errors import ArgumentError, DtypeError

__all__ = ["NO_ACTIVATION", "fraction", "not_negative", "positive", "whole_numbers_of"]

NO_ACTIVATION = {"activation": linear, "recurrent_activation": linear}  # what None means there


def positive(value: Any, name: str, who: str) -> int:
    """Return a positive whole number, or refuse it."""
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or value < 1:
        kind = ArgumentError if is_whole else DtypeError
        raise kind(
            who,
            f"{name} must be a positive whole number",
            expected="an int > 0",
            received={name: value},
        )
    return int(value)


def not_negative(value: Any, name: str, who: str) -> float:
    """Return a number that is at least 0, or refuse it."""
    if not isinstance(value, int | float | np.number) or not value >= 0:
        raise ArgumentError(
            who, f"{name} must be at least 0", expected="a float >= 0", received={name: value}
        )
    return float(value)


def fraction(value: Any, name: str, who: str) -> float:
    """Return a number in [0, 1], or refuse it."""
    if not isinstance(value, int | float | np.number) or not 0 <= value <= 1:
        raise ArgumentError(
            who,
            f"{name} is out of range",
            expected="a float in [0, 1]",
            received={name: value},
        )
    return float(value)


def whole_numbers_of(value: Any, name: str, who: str) -> tuple[int, ...] | None:
    """Return an int or a sequence of ints as a tuple, None as it is, or refuse it."""
    numbers = (value,) if isinstance(value, int | np.integer) else value
    if numbers is None:
        return None
    is_list = isinstance(numbers, list | tuple)
    if not is_list or not all(isinstance(n, int | np.integer) for n in numbers):
        raise DtypeError(
            who,
            f"{name} is made of whole numbers",
            expected="an int, or a list or tuple of ints",
            received={name: value},
        )
    return tuple(int(n) for n in numbers)
