"""Checks of layers' arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.errors import ArgumentError

__all__ = ["fraction", "not_negative", "positive"]


def positive(value: Any, name: str, who: str) -> int:
    """Return a positive whole number, or refuse it."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ArgumentError(
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
