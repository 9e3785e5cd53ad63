"""Inverse hyperbolic functions, the error function and other smooth curves, entry by entry."""

from __future__ import annotations

import math

import numpy as np

from melpy.kernels.spec.activation import erf as erf_of
from melpy.ops.exponential import share
from melpy.ops.registry import in_keras, op
from melpy.ops.samples import away, normal

__all__ = [
    "arccosh", "arcsinh", "arctanh", "cbrt", "deg2rad", "erf", "erfinv", "hypot", "logaddexp2",
    "rad2deg", "sinc",
]  # fmt: skip

LOG_2 = math.log(2.0)


@op(sample=normal((2, 3)), like="torch.arcsinh")
def arcsinh(x):
    """Invert the hyperbolic sine: x = sinh y.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g / √(1 + x^2)

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.arcsinh([0.0, 1.0]).round(3)
    array([0.   , 0.881], dtype=float32)
    """
    return np.arcsinh(x), (lambda g: g / np.hypot(x, x.dtype.type(1)),)


@op(sample=lambda rng: (rng.uniform(1.5, 4.0, (2, 3)),), like="torch.arccosh", poles=True)
def arccosh(x):
    """Invert the hyperbolic cosine: x = cosh y, y >= 0.

    Parameters
    ----------
    x : array, any shape, x >= 1

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g / √(x^2 - 1)

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.arccosh([1.0, 2.0]).round(3)
    array([0.   , 1.317], dtype=float32)
    """
    return np.arccosh(x), (lambda g: g / (np.sqrt(x - 1) * np.sqrt(x + 1)),)


@op(sample=lambda rng: (rng.uniform(-0.9, 0.9, (2, 3)),), like="torch.arctanh", poles=True)
def arctanh(x):
    """Invert the hyperbolic tangent: x = tanh y.

    Parameters
    ----------
    x : array, any shape, -1 < x < 1

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g / (1 - x^2)

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.arctanh([0.0, 0.5]).round(3)
    array([0.   , 0.549], dtype=float32)
    """
    return np.arctanh(x), (lambda g: g / ((1 - x) * (1 + x)),)


@op(sample=away((2, 3)), like=lambda torch, x: torch.sign(x) * torch.abs(x) ** (1 / 3), poles=True)
def cbrt(x):
    """Take the cube root: y^3 = x.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g / 3y^2

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.cbrt([-8.0, 27.0]).round(3)
    array([-2.,  3.], dtype=float32)
    """
    y = np.cbrt(x)
    return y, (lambda g: g / (3 * y * y),)


@op(sample=away((2, 3), (2, 3)), like="torch.hypot", broadcasts=True)
def hypot(x1, x2):
    """Measure a right triangle's long side: y = √(x1^2 + x2^2), without overflow.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast

    Returns
    -------
    array, the broadcast shape, the common float type

    Gradient
    --------
    dL/dx1 = g x1 / y, dL/dx2 = g x2 / y, and 0 where y = 0

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.hypot([3.0, 5.0], [4.0, 12.0])
    array([ 5., 13.], dtype=float32)
    """
    y = np.hypot(x1, x2)
    long = np.where(y == 0, 1, y)
    return y, (lambda g: g * x1 / long, lambda g: g * x2 / long)


@op(
    sample=normal((2, 3), (2, 3)),
    like=lambda torch, x1, x2: torch.logaddexp2(x1, x2),
    broadcasts=True,
)
def logaddexp2(x1, x2):
    """Add in the logarithm to base 2: y = log2(2^x1 + 2^x2), without overflow.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast

    Returns
    -------
    array, the broadcast shape, the common float type

    Gradient
    --------
    dL/dx1 = g 2^(x1 - y), dL/dx2 = g 2^(x2 - y)

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.logaddexp2([0.0, 3.0], [0.0, 3.0])
    array([1., 4.], dtype=float32)
    """
    return np.logaddexp2(x1, x2), (
        lambda g: g * share(x1, x2, np.exp2),
        lambda g: g * share(x2, x1, np.exp2),
    )


@op(sample=away((2, 3)), like="torch.sinc")
def sinc(x):
    """Compute y = sin(πx) / πx, with y = 1 at x = 0.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g (cos(πx) - y) / x, and 0 at x = 0

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.sinc([0.0, 0.5]).round(3)
    array([1.   , 0.637], dtype=float32)
    """
    y = np.sinc(x)
    return y, (lambda g: g * (np.cos(math.pi * x) - y) / np.where(x == 0, 1, x),)


@op(sample=normal((2, 3)), like="torch.deg2rad")
def deg2rad(x):
    """Convert an angle from degrees to radians: y = π x / 180.

    Parameters
    ----------
    x : array, any shape, in degrees

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    π g / 180

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.deg2rad([0.0, 180.0]).round(3)
    array([0.   , 3.142], dtype=float32)
    """
    return np.deg2rad(x), (lambda g: g * (math.pi / 180),)


@op(sample=normal((2, 3)), like="torch.rad2deg")
def rad2deg(x):
    """Convert an angle from radians to degrees: y = 180 x / π.

    Parameters
    ----------
    x : array, any shape, in radians

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    180 g / π

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.rad2deg([0.0, 1.0]).round(3)
    array([ 0.   , 57.296], dtype=float32)
    """
    return np.rad2deg(x), (lambda g: g * (180 / math.pi),)


@in_keras("math")
@op(sample=normal((2, 3)), like="torch.erf")
def erf(x):
    """Compute the error function: y = 2/√π ∫_0^x e^(-t^2) dt.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    2/√π g e^(-x^2)

    Source
    ------
    Abramowitz and Stegun, Handbook of Mathematical Functions (1964), equation 7.1.1.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.erf([0.0, 1.0]).round(3)
    array([0.   , 0.843], dtype=float32)
    """
    return erf_of(x), (lambda g: g * (2 / math.sqrt(math.pi)) * np.exp(-x * x),)


@in_keras("math")
@op(sample=lambda rng: (rng.uniform(-0.95, 0.95, (2, 3)),), like="torch.erfinv")
def erfinv(x):
    """Invert the error function: x = erf y.

    Parameters
    ----------
    x : array, any shape, -1 <= x <= 1; infinite at both ends, NaN beyond

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    √π/2 g e^(y^2)

    Source
    ------
    Winitzki (2008), A handy approximation for the error function and its inverse, as the start of
    Halley's iteration.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.erfinv([0.0, 0.5]).round(3)
    array([0.   , 0.477], dtype=float32)
    """
    wide = np.asarray(x, np.float64)
    inside = np.abs(wide) < 1
    z = np.where(inside, wide, 0.0)
    # the closed form is right to 2 in 1000; each of Halley's steps triples the digits
    log = np.log1p(-z * z)
    half = 2 / (math.pi * 0.147) + log / 2
    y = np.sign(z) * np.sqrt(np.sqrt(half * half - log / 0.147) - half)
    for _ in range(3):
        miss = np.where(z < 0, -1.0, 1.0) * _miss(np.abs(y), np.abs(z))
        step = miss * (math.sqrt(math.pi) / 2) * np.exp(y * y)
        y = y - step / (1 + y * step)
    limits = np.where(np.abs(wide) == 1, np.copysign(np.inf, wide), np.nan)
    y = np.where(inside, y, limits).astype(x.dtype if x.dtype.kind == "f" else np.float64)
    return y, (lambda g: g * (math.sqrt(math.pi) / 2) * np.exp(y * y),)


def _miss(y, z):
    """Return erf(y) - z for y, z >= 0; near 1 as (1 - z) - erfc(y), which keeps the digits."""
    misses = (
        math.erf(a) - b if b < 0.5 else (1 - b) - math.erfc(a)
        for a, b in zip(y.ravel().tolist(), z.ravel().tolist(), strict=True)
    )
    return np.fromiter(misses, np.float64, y.size).reshape(y.shape)
