"""A kernel made ready: an output, and what fills it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["ready"]


def ready(kernel: Callable[..., np.ndarray], *args: Any) -> tuple[np.ndarray, Callable[[], None]]:
    """Return y = kernel(*args), and a function that fills y from the values that args have then.

    Examples
    --------
    >>> x = np.ones(2)
    >>> y, fill = ready(np.exp, x)
    >>> x[:] = 0.0
    >>> fill()
    >>> y
    array([1., 1.])
    """
    y = kernel(*args)

    def fill() -> None:
        y[...] = kernel(*args)

    return y, fill
