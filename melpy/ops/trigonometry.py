"""Circular and hyperbolic functions and their inverses, entry by entry."""

from __future__ import annotations

import numpy as np

from melpy.ops.registry import op
from melpy.ops.samples import away, normal

__all__ = [
    "arccos", "arcsin", "arctan", "arctan2", "cos", "cosh", "sin", "sinh", "tan",
]  # fmt: skip


@op(sample=normal((2, 3)), like="torch.sin")
def sin(x):
    """Take the sine: y = sin x.

    Parameters
    ----------
    x : array, any shape, in radians

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g cos x

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.sin([0.0, 1.0]).round(3)
    array([0.   , 0.841], dtype=float32)
    """
    return np.sin(x), (lambda g: g * np.cos(x),)


@op(sample=normal((2, 3)), like="torch.cos")
def cos(x):
    """Take the cosine: y = cos x.

    Parameters
    ----------
    x : array, any shape, in radians

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    -g sin x

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.cos([0.0, 1.0]).round(3)
    array([1.  , 0.54], dtype=float32)
    """
    return np.cos(x), (lambda g: -g * np.sin(x),)


@op(sample=lambda rng: (rng.uniform(-1, 1, (2, 3)),), like="torch.tan")
def tan(x):
    """Take the tangent: y = sin x / cos x.

    Parameters
    ----------
    x : array, any shape, in radians

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g (1 + y^2)

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.tan([0.0, 1.0]).round(3)
    array([0.   , 1.557], dtype=float32)
    """
    y = np.tan(x)
    return y, (lambda g: g * (1 + y * y),)


@op(sample=lambda rng: (rng.uniform(-0.9, 0.9, (2, 3)),), like="torch.arcsin", poles=True)
def arcsin(x):
    """Invert the sine: x = sin y, y in [-π/2, π/2].

    Parameters
    ----------
    x : array, any shape, -1 <= x <= 1

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g / √(1 - x^2)

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.arcsin([0.0, 1.0]).round(3)
    array([0.   , 1.571], dtype=float32)
    """
    return np.arcsin(x), (lambda g: g / np.sqrt((1 - x) * (1 + x)),)


@op(sample=lambda rng: (rng.uniform(-0.9, 0.9, (2, 3)),), like="torch.arccos", poles=True)
def arccos(x):
    """Invert the cosine: x = cos y, y in [0, π].

    Parameters
    ----------
    x : array, any shape, -1 <= x <= 1

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    -g / √(1 - x^2)

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.arccos([0.0, 1.0]).round(3)
    array([1.571, 0.   ], dtype=float32)
    """
    return np.arccos(x), (lambda g: -g / np.sqrt((1 - x) * (1 + x)),)


@op(sample=normal((2, 3)), like="torch.arctan")
def arctan(x):
    """Invert the tangent: x = tan y, y in (-π/2, π/2).

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g / (1 + x^2)

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.arctan([0.0, 1.0]).round(3)
    array([0.   , 0.785], dtype=float32)
    """
    return np.arctan(x), (lambda g: g / (1 + x * x),)


@op(sample=away((2, 3), (2, 3)), like="torch.arctan2", broadcasts=True, poles=True)
def arctan2(x1, x2):
    """Return the angle of the point (x2, x1): y = arctan(x1 / x2), its quadrant kept.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast

    Returns
    -------
    array, the broadcast shape, the common float type

    Gradient
    --------
    dL/dx1 = g x2 / (x1^2 + x2^2), dL/dx2 = -g x1 / (x1^2 + x2^2)

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.arctan2([1.0, 1.0], [1.0, -1.0]).round(3)
    array([0.785, 2.356], dtype=float32)
    """

    def d_x1(g):
        length = np.hypot(x1, x2)
        return g * (x2 / length) / length

    def d_x2(g):
        length = np.hypot(x1, x2)
        return -g * (x1 / length) / length

    return np.arctan2(x1, x2), (d_x1, d_x2)


@op(sample=normal((2, 3)), like="torch.sinh")
def sinh(x):
    """Take the hyperbolic sine: y = (e^x - e^-x) / 2.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g cosh x

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.sinh([0.0, 1.0]).round(3)
    array([0.   , 1.175], dtype=float32)
    """
    return np.sinh(x), (lambda g: g * np.cosh(x),)


@op(sample=normal((2, 3)), like="torch.cosh")
def cosh(x):
    """Take the hyperbolic cosine: y = (e^x + e^-x) / 2.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g sinh x

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.cosh([0.0, 1.0]).round(3)
    array([1.   , 1.543], dtype=float32)
    """
    return np.cosh(x), (lambda g: g * np.sinh(x),)
