"""Functions that have no formula of simpler ones."""

from __future__ import annotations

import math

import numpy as np

from melpy.ops.registry import in_keras, op
from melpy.ops.samples import normal

__all__ = ["erfc", "i0"]

_erfc = np.vectorize(math.erfc, otypes=[np.float64])


@in_keras("math")
@op(sample=normal((2, 3)), like="torch.special.erfc", floats=True)
def erfc(x):
    """Compute what the error function lacks to 1: y = 1 - erf x = 2/√π ∫_x^∞ e^(-t^2) dt.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type; exact also where it is tiny

    Gradient
    --------
    -2/√π g e^(-x^2)

    Source
    ------
    Abramowitz and Stegun, Handbook of Mathematical Functions (1964), equation 7.1.2.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.erfc([0.0, 1.0]).round(3)
    array([1.   , 0.157], dtype=float32)
    """
    y = _erfc(x).astype(x.dtype) if x.size else x
    return y, (lambda g: g * (-2 / math.sqrt(math.pi)) * np.exp(-x * x),)


@op(sample=normal((2, 3)), like="torch.special.i0", floats=True)
def i0(x):
    """Bessel's modified function of order 0: y = Σ_k (x / 2)^2k / (k!)^2.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    g I_1(x) = g Σ_k (x / 2)^(2k + 1) / (k! (k + 1)!)

    Source
    ------
    M. Abramowitz, I. A. Stegun 1964, equations 9.6.10 and 9.6.27.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.i0([0.0, 1.0]).round(4)
    array([1.    , 1.2661], dtype=float32)
    """

    def d_x(g):
        term = np.asarray(x / 2, np.float64)
        total, square, k = term.copy(), term * term, 0
        while np.any(np.abs(term) > np.finfo(np.float64).eps * np.abs(total)):
            k += 1
            term = term * square / (k * (k + 1))
            total += term
        return g * total.astype(g.dtype)

    return np.i0(x).astype(x.dtype), (d_x,)
