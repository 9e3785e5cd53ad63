"""Whole-number division and its remainders, careful division, and entries made fit for use."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.ops.choice import where
from melpy.ops.comparison import equal
from melpy.ops.creation import floating
from melpy.ops.elementwise import absolute, divide
from melpy.ops.promotion import alike
from melpy.ops.registry import composed, op
from melpy.ops.samples import away, distinct

__all__ = [
    "divide_no_nan", "fabs", "floor_divide", "fmax", "fmin", "fmod", "heaviside", "mod",
    "nan_to_num", "remainder", "trunc",
]  # fmt: skip


@op(
    sample=away((2, 3), (2, 3)),
    like=lambda torch, x1, x2: torch.floor(x1 / x2),
    broadcasts=True,
)
def floor_divide(x1, x2):
    """Divide and round down: y = ⌊x1 / x2⌋.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast

    Returns
    -------
    array, the broadcast shape, the common type

    Gradient
    --------
    0: y is constant between its jumps

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.floor_divide([7.0, -7.0], 2.0)
    array([ 3., -4.], dtype=float32)
    """
    return np.floor_divide(x1, x2), (np.zeros_like, np.zeros_like)


@op(sample=away((2, 3), (2, 3)), like="torch.remainder", broadcasts=True)
def mod(x1, x2):
    """Take the remainder of division rounded down, y = x1 - x2 ⌊x1 / x2⌋; its sign is that of x2.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast

    Returns
    -------
    array, the broadcast shape, the common type

    Gradient
    --------
    dL/dx1 = g, dL/dx2 = -g ⌊x1 / x2⌋

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.mod([7.0, -7.0], 4.0)
    array([3., 1.], dtype=float32)
    """
    return np.mod(x1, x2), (lambda g: g, lambda g: -g * np.floor_divide(x1, x2))


@op(sample=away((2, 3), (2, 3)), like="torch.fmod", broadcasts=True)
def fmod(x1, x2):
    """Take the remainder of division rounded to 0, y = x1 - x2 trunc(x1 / x2); its sign is x1's.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast

    Returns
    -------
    array, the broadcast shape, the common type

    Gradient
    --------
    dL/dx1 = g, dL/dx2 = -g trunc(x1 / x2)

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.fmod([7.0, -7.0], 4.0)
    array([ 3., -3.], dtype=float32)
    """
    return np.fmod(x1, x2), (lambda g: g, lambda g: -g * np.trunc(x1 / x2))


@op(sample=distinct((2, 3)), like="torch.trunc")
def trunc(x):
    """Drop the fraction: y = x rounded towards 0.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    0: y is constant between its jumps

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.trunc([2.5, -1.5])
    array([ 2., -1.], dtype=float32)
    """
    return np.trunc(x), (np.zeros_like,)


@op(
    sample=away((2, 3), (2, 3)),
    like=lambda torch, x1, x2: torch.heaviside(x1.detach(), x2.detach()),
    broadcasts=True,
    constant=True,
)
def heaviside(x1, x2):
    """Step from 0 to 1: y = 0 where x1 < 0, x2 where x1 = 0, 1 elsewhere.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast

    Returns
    -------
    array, the broadcast shape, the common type

    Gradient
    --------
    none: y is constant but at one point

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.heaviside([-1.0, 0.0, 1.0], 0.5)
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return np.heaviside(x1, x2), (None, None)


def _to_number(first, tie):
    """Return the vjps of a choice between two arrays in which a number wins over NaN."""
    return (
        lambda g: np.where(tie, g / 2, g * first),
        lambda g: np.where(tie, g / 2, g * ~first),
    )


@op(sample=distinct((2, 3), (2, 3)), like="torch.fmax", broadcasts=True)
def fmax(x1, x2):
    """Take the larger, y = max(x1, x2), or the one that is no NaN.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast

    Returns
    -------
    array, the broadcast shape, the common type

    Gradient
    --------
    g to the larger one; at a tie half to each

    Source
    ------
    Standard.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.fmax([1.0, np.nan], 3.0)
    array([3., 3.], dtype=float32)
    """
    return np.fmax(x1, x2), _to_number((x1 > x2) | np.isnan(x2), x1 == x2)


@op(sample=distinct((2, 3), (2, 3)), like="torch.fmin", broadcasts=True)
def fmin(x1, x2):
    """Take the smaller, y = min(x1, x2), or the one that is no NaN.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast

    Returns
    -------
    array, the broadcast shape, the common type

    Gradient
    --------
    g to the smaller one; at a tie half to each

    Source
    ------
    Standard.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.fmin([1.0, np.nan], 3.0)
    array([1., 3.], dtype=float32)
    """
    return np.fmin(x1, x2), _to_number((x1 < x2) | np.isnan(x2), x1 == x2)


@op(
    sample=lambda rng: (
        np.array([[1.5, np.nan, -2.0], [np.inf, -np.inf, 0.5]]),
        {"posinf": 9.0, "neginf": -9.0},
    ),
    like=lambda torch, x, **options: torch.nan_to_num(x, **options),
)
def nan_to_num(x, *, nan=0.0, posinf=None, neginf=None):
    """Replace what is no finite number, y = x elsewhere.

    Parameters
    ----------
    x : array, any shape
    nan, posinf, neginf : numbers that replace NaN, ∞ and -∞; None is the largest (the smallest)
        number of the type of x

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    g where x is finite, 0 elsewhere

    Source
    ------
    Standard.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.nan_to_num([1.0, np.nan, np.inf], posinf=5.0)
    array([1., 0., 5.], dtype=float32)
    """
    return np.nan_to_num(x, True, nan, posinf, neginf), (lambda g: g * np.isfinite(x),)


@composed
def divide_no_nan(x1, x2):
    """Return x1 / x2, and 0 where x2 = 0.

    Shapes that broadcast -> the broadcast shape.

    Examples
    --------
    >>> import numpy as np
    >>> divide_no_nan(np.array([1.0, 2.0]), np.array([0.0, 4.0]))
    array([0. , 0.5])
    """
    x1, x2 = alike("divide_no_nan", x1, x2)
    nothing = equal(x2, 0)
    return where(nothing, 0, divide(x1, where(nothing, 1, x2)))


@composed
def fabs(x: Any) -> Any:
    """Return the absolute value as a float: whole numbers become `config.floatx`.

    Any shape -> the same shape.
    """
    return absolute(floating(x))


remainder = mod
