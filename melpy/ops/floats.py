"""Numbers as a machine holds them: powers of two, neighbours, saturation, bits; and real parts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from melpy import config
from melpy.errors import DtypeError, ShapeError
from melpy.ops.choice import where
from melpy.ops.comparison import greater, greater_equal, isnan, logical_or
from melpy.ops.creation import array, convert_to_numpy, dtype, ones_like, zeros_like
from melpy.ops.elementwise import multiply
from melpy.ops.exponential import exp2
from melpy.ops.registry import composed, in_keras, op
from melpy.ops.samples import normal
from melpy.ops.shaping import cast

__all__ = [
    "angle", "conj", "conjugate", "imag", "isreal", "ldexp", "nextafter", "real", "saturate_cast",
    "view",
]  # fmt: skip


@composed
def ldexp(x1: Any, x2: Any) -> Any:
    """Scale by powers of two: y = x1 2^x2.

    Parameters
    ----------
    x1 : array or tensor, of a shape that broadcasts with that of x2
    x2 : array or tensor of whole numbers

    Returns
    -------
    array or tensor, the broadcast shape

    Raises
    ------
    DtypeError : x2 are no whole numbers

    Examples
    --------
    >>> ldexp(np.array([1.0, 3.0]), np.array([3, -1]))
    array([8. , 1.5])
    """
    x1, x2 = array(x1), array(x2)
    if np.dtype(dtype(x2)).kind not in "iu":
        raise DtypeError(
            "ldexp", "the exponents are no whole numbers", received={"x2.dtype": dtype(x2)}
        )
    kind = dtype(x1) if np.dtype(dtype(x1)).kind == "f" else "float32"
    return multiply(cast(x1, kind), exp2(cast(x2, kind)))


@op(
    sample=normal((2, 3), (2, 3)),
    like=lambda torch, x1, x2: torch.nextafter(x1.detach(), x2.detach()),
    broadcasts=True,
    floats=True,
    constant=True,
)
def nextafter(x1, x2):
    """Find the number nearest to x1 in the direction of x2.

    Parameters
    ----------
    x1, x2 : arrays, of shapes that broadcast

    Returns
    -------
    array, the broadcast shape, their float type

    Gradient
    --------
    none: it is a step of the type, not of the value

    Source
    ------
    IEEE 754-2019, section 5.3.1.

    Examples
    --------
    >>> from melpy import ops
    >>> float(ops.nextafter(1.0, 2.0)) - 1 == 2**-23
    True
    """
    return np.nextafter(x1, x2), (None, None)


@in_keras("core")
@composed
def saturate_cast(x: Any, *, dtype: Any) -> Any:
    """Change the type; what it cannot hold becomes the nearest that it can. NaN becomes 0.

    Parameters
    ----------
    x : array or tensor, any shape
    dtype : type of the result; None for `config.floatx`

    Returns
    -------
    array or tensor, the shape of x

    Examples
    --------
    >>> saturate_cast(np.array([-1.0, 256.0, 7.5]), "uint8")
    array([  0, 255,   7], dtype=uint8)
    """
    x, kind = array(x), np.dtype(dtype or config.floatx())
    if kind.kind == "b":
        return cast(where(greater(0, x), zeros_like(x), x), "bool")  # what is below is false
    limits: Any = np.finfo(kind) if kind.kind == "f" else np.iinfo(kind)
    is_float = np.dtype(x.dtype).kind == "f"
    low, high = (float(n) if is_float else int(n) for n in (limits.min, limits.max))
    if is_float and kind.kind != "f":
        x = where(isnan(x), 0.0, x)  # it has no place among whole numbers
    is_low, is_high = greater_equal(low, x), greater_equal(x, high)
    y = cast(where(logical_or(is_low, is_high), zeros_like(x), x), str(kind))
    return where(is_high, kind.type(limits.max), where(is_low, kind.type(limits.min), y))


@composed
def view(x: Any, *, dtype: Any = None) -> Any:
    """Read the same bytes as another type; the last axis grows or shrinks with the type's size.

    Parameters
    ----------
    x : array or tensor, (.., n); no gradient passes
    dtype : type of the result; None for that of x

    Returns
    -------
    array or tensor, (.., n times the size of the type of x / that of dtype)

    Examples
    --------
    >>> view(np.array([1.0], "float32"), "int32")
    array([1065353216], dtype=int32)
    """
    values = convert_to_numpy(array(x))
    if dtype is None:
        return values
    try:  # NumPy's own ascontiguousarray would give a number an axis
        return np.asarray(values, order="C").view(dtype)
    except ValueError as error:
        raise ShapeError(
            "view", str(error).rstrip("."), received={"shape": values.shape, "dtype": dtype}
        ) from error


# Of real numbers: arrays here have no imaginary parts.


@composed
def real(x: Any) -> Any:
    """Return the real part, of real numbers themselves.

    Any shape -> the same shape.
    """
    return array(x)


@composed
def imag(x: Any) -> Any:
    """Return the imaginary part, of real numbers 0.

    Any shape -> the same shape.
    """
    return zeros_like(x)


@composed
def conj(x: Any) -> Any:
    """Return the complex conjugate, of real numbers themselves.

    Any shape -> the same shape.
    """
    return array(x)


conjugate = conj


@composed
def angle(x: Any) -> Any:
    """Return the angle from the positive axis: 0, and π of numbers below it.

    Any shape -> the same shape.

    Examples
    --------
    >>> angle(np.array([2.0, -2.0])).round(4)
    array([0.    , 3.1416])
    """
    x = array(x)
    kind = dtype(x) if np.dtype(dtype(x)).kind == "f" else "float32"
    x = cast(x, kind)
    return where(isnan(x), x, where(greater(0, x), math.pi, zeros_like(x)))


@composed
def isreal(x: Any) -> Any:
    """Ask whether the imaginary part is 0: it always is, of real numbers.

    Any shape -> the same shape.

    Examples
    --------
    >>> isreal(np.array([1.0]))
    array([ True])
    """
    return ones_like(x, dtype="bool")
