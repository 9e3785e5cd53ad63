"""What a page may ask: JSON that is looked at, entry by entry, before anything is computed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from melpy.lab.said import SaidError

__all__ = [
    "WHO", "NotHereError", "flag", "json_of", "numbers", "pair", "refused", "shortened", "text",
    "whole", "wholes",
]  # fmt: skip

WHO = "melpy lab"
MOST = 1e30  # a number's size


class NotHereError(SaidError):
    """What is asked about is not there, or no longer."""


def refused(name: str, value: Any, what: str, expected: str = "", who: str = WHO) -> SaidError:
    """Return the refusal of one entry of a question, which our own page does not send."""
    shown = shortened(value)
    return SaidError(
        "error.question", who, what, expected=expected, received={name: shown},
        values={"name": name, "value": json.dumps(shown, ensure_ascii=False, default=str)},
    )  # fmt: skip


async def json_of(request: Any) -> dict[str, Any]:
    """Return what a request asks, a JSON object; how long it may be is the gate's affair.

    Raises
    ------
    SaidError : it is anything else
    """
    body = await request.body()
    try:
        asked = json.loads(body or b"{}", parse_constant=_refused_constant)
    except (ValueError, RecursionError):
        asked = None
    if not isinstance(asked, dict):
        raise refused("question", asked, "the question is no JSON object", 'such as {"sample": 0}')
    return asked


def _refused_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def whole(
    asked: Mapping[str, Any], name: str, least: int, most: int, default: int | None = None
) -> int:
    """Return a whole number of a range.

    Examples
    --------
    >>> whole({"filter": 3}, "filter", 0, 5)
    3
    """
    value = asked.get(name)
    if value is None and default is not None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise _out_of_range(name, value, f"a whole number from {least} to {most}")
    return value


def pair(
    asked: Mapping[str, Any], name: str, most: int, default: tuple[int, int]
) -> tuple[int, int]:
    """Return two whole numbers from 1 on, of a list of two or of one for both."""
    value = asked.get(name)
    if value is None:
        return default
    both = value if isinstance(value, list) else [value, value]
    if len(both) != 2 or not all(type(n) is int and 1 <= n <= most for n in both):
        raise _out_of_range(name, value, f"two whole numbers from 1 to {most}")
    return both[0], both[1]


def wholes(
    asked: Mapping[str, Any], name: str, most: int, count: int | None = None
) -> list[int] | None:
    """Return a list of whole numbers from 0 to ``most``, or None where there is none.

    Parameters
    ----------
    count : int, how many there have to be; None for one or more
    """
    value = asked.get(name)
    if value is None:
        return None
    is_list = isinstance(value, list) and 0 < len(value) <= 4096
    fits = is_list and all(type(n) is int and 0 <= n <= most for n in value)
    if not fits or (count is not None and len(value) != count):
        number = "some" if count is None else str(count)
        raise _out_of_range(name, value, f"{number} whole numbers from 0 to {most}")
    return value


def _out_of_range(name: str, value: Any, expected: str) -> SaidError:
    return refused(name, value, f"{name} is out of range", expected)


def flag(asked: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """Return true or false."""
    value = asked.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise refused(name, value, f"{name} is neither true nor false")
    return value


def text(asked: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """Return a text."""
    value = asked.get(name, default)
    value = default if value is None else value
    if not isinstance(value, str):
        raise refused(name, value, f"{name} is no text", f"{name} as /api/lab names it")
    return value


def numbers(
    asked: Mapping[str, Any], name: str, fits: Callable[[tuple[int, ...]], bool], expected: str
) -> np.ndarray | None:
    """Return nested lists of numbers as an array, float64; None where there are none.

    Parameters
    ----------
    fits : function of a shape, whether it is a right one
    expected : str, the right ones in words
    """
    value, array = asked.get(name), None
    if value is None:
        return None
    if isinstance(value, list) and _is_of_numbers(value):
        try:
            array = np.array(value, np.float64)
        except (ValueError, OverflowError):  # lists of several lengths
            array = None
    if array is None or not fits(array.shape) or not np.all(np.abs(array) <= MOST):
        raise refused(
            name, value, f"{name} is not made of numbers", f"{expected} from -{MOST:g} to {MOST:g}"
        )
    return array


def _is_of_numbers(value: Any, depth: int = 3) -> bool:
    if isinstance(value, list):
        return depth > 0 and all(_is_of_numbers(part, depth - 1) for part in value)
    return type(value) is int or (type(value) is float and math.isfinite(value))


def shortened(value: Any) -> Any:
    """Return a value as a message may show it."""
    if isinstance(value, list | dict):
        return f"{type(value).__name__} of {len(value)}"
    text = repr(value)
    return value if len(text) <= 60 else f"{type(value).__name__} of {len(text)} bytes"
