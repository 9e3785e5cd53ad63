"""Exponentials and logarithms, entry by entry."""

from __future__ import annotations

import math

import numpy as np

from melpy.ops.registry import op
from melpy.ops.samples import normal, positive

__all__ = [
    "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "logaddexp",
]  # fmt: skip

LOG_2, LOG_10 = math.log(2.0), math.log(10.0)


@op(sample=normal((2, 3)), like="torch.exp")
def exp(x):
    """Raise e to a power: y = e^x.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g y

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.exp([0.0, 1.0]).round(3)
    array([1.   , 2.718], dtype=float32)
    """
    y = np.exp(x)
    return y, (lambda g: g * y,)


@op(sample=normal((2, 3)), like="torch.exp2")
def exp2(x):
    """Raise 2 to a power: y = 2^x.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g y log 2

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.exp2([0.0, 3.0])
    array([1., 8.], dtype=float32)
    """
    y = np.exp2(x)
    return y, (lambda g: g * y * LOG_2,)


@op(sample=normal((2, 3)), like="torch.expm1")
def expm1(x):
    """Compute y = e^x - 1, exact near x = 0.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g (y + 1)

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.expm1([0.0, 1e-8])
    array([0.e+00, 1.e-08], dtype=float32)
    """
    y = np.expm1(x)
    return y, (lambda g: g * (y + 1),)


@op(sample=positive((2, 3)), like="torch.log", poles=True)
def log(x):
    """Take the natural logarithm: y = log x.

    Parameters
    ----------
    x : array, any shape, x > 0

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g / x

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.log([1.0, 10.0]).round(3)
    array([0.   , 2.303], dtype=float32)
    """
    return np.log(x), (lambda g: g / x,)


@op(sample=positive((2, 3)), like="torch.log2", poles=True)
def log2(x):
    """Take the logarithm to base 2: y = log x / log 2.

    Parameters
    ----------
    x : array, any shape, x > 0

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g / (x log 2)

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.log2([1.0, 8.0]).round(3)
    array([0., 3.], dtype=float32)
    """
    return np.log2(x), (lambda g: g / (x * LOG_2),)


@op(sample=positive((2, 3)), like="torch.log10", poles=True)
def log10(x):
    """Take the logarithm to base 10: y = log x / log 10.

    Parameters
    ----------
    x : array, any shape, x > 0

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g / (x log 10)

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.log10([1.0, 100.0]).round(3)
    array([0., 2.], dtype=float32)
    """
    return np.log10(x), (lambda g: g / (x * LOG_10),)


@op(sample=positive((2, 3)), like="torch.log1p", poles=True)
def log1p(x):
    """Compute y = log(1 + x), exact near x = 0.

    Parameters
    ----------
    x : array, any shape, x > -1

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g / (1 + x)

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.log1p([0.0, 1e-8])
    array([0.e+00, 1.e-08], dtype=float32)
    """
    return np.log1p(x), (lambda g: g / (1 + x),)


@op(sample=normal((2, 3), (2, 3)), like="torch.logaddexp", broadcasts=True)
def logaddexp(x1, x2):
    """Add in the logarithm: y = log(e^x1 + e^x2), without overflow.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast

    Returns
    -------
    array, the broadcast shape, the common float type

    Gradient
    --------
    dL/dx1 = g / (1 + e^(x2 - x1)), dL/dx2 = g / (1 + e^(x1 - x2))

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.logaddexp([0.0, 1000.0], 0.0).round(3)
    array([6.93e-01, 1.00e+03], dtype=float32)
    """
    return np.logaddexp(x1, x2), (lambda g: g * share(x1, x2), lambda g: g * share(x2, x1))


def share(x, other, power=np.exp):
    """Return e^x / (e^x + e^other), or that of another base; 1 where both are one infinity."""
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.where(np.isinf(x) & (x == other), -np.inf, other - x)
        return 1 / (1 + power(apart))
