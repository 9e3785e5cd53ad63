"""Arithmetic, powers and roots, entry by entry; the tape sums what NumPy broadcast."""

from __future__ import annotations

import numpy as np

from melpy.kernels import dispatch as kernels
from melpy.ops.registry import in_keras, op
from melpy.ops.samples import away, normal, positive

__all__ = [
    "abs", "absolute", "add", "divide", "multiply", "negative", "power", "reciprocal", "rsqrt",
    "sqrt", "square", "subtract", "true_divide",
]  # fmt: skip


@op(sample=normal((2, 3), (2, 3)), like="torch.add", broadcasts=True)
def add(x1, x2):
    """Add: y = x1 + x2.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast

    Returns
    -------
    array, the broadcast shape, the common type

    Gradient
    --------
    dL/dx1 = g, dL/dx2 = g

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.add([1.0, 2.0], 3.0)
    array([4., 5.], dtype=float32)
    """
    return kernels.add(x1, x2), (lambda g: g, lambda g: g)


@op(sample=normal((2, 3), (2, 3)), like="torch.sub", broadcasts=True)
def subtract(x1, x2):
    """Subtract: y = x1 - x2.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast

    Returns
    -------
    array, the broadcast shape, the common type

    Gradient
    --------
    dL/dx1 = g, dL/dx2 = -g

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.subtract([1.0, 2.0], 3.0)
    array([-2., -1.], dtype=float32)
    """
    return np.subtract(x1, x2), (lambda g: g, lambda g: -g)


@op(sample=normal((2, 3), (2, 3)), like="torch.mul", broadcasts=True)
def multiply(x1, x2):
    """Multiply: y = x1 x2.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast

    Returns
    -------
    array, the broadcast shape, the common type

    Gradient
    --------
    dL/dx1 = g x2, dL/dx2 = g x1

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.multiply([1.0, 2.0], 3.0)
    array([3., 6.], dtype=float32)
    """
    return x1 * x2, (lambda g: g * x2, lambda g: g * x1)


@op(sample=away((2, 3), (2, 3)), like="torch.div", broadcasts=True, poles=True)
def divide(x1, x2):
    """Divide: y = x1 / x2.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast; NumPy warns where x2 = 0

    Returns
    -------
    array, the broadcast shape, the common float type

    Gradient
    --------
    dL/dx1 = g / x2, dL/dx2 = -g y / x2

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.divide([1.0, 2.0], 4.0)
    array([0.25, 0.5 ], dtype=float32)
    """
    y = x1 / x2
    return y, (lambda g: g / x2, lambda g: -g * y / x2)


@op(
    sample=[positive((2, 3), (2, 3)), lambda rng: (rng.uniform(0.5, 2.0, (2, 3)), np.array(2.0))],
    like="torch.pow",
    broadcasts=True,
    poles=True,
)
def power(x1, x2):
    """Raise to a power: y = x1^x2, with 0^0 = 1.

    Parameters
    ----------
    x1 : array or number, the base; NaN with a warning where x1 < 0 and x2 is not whole
    x2 : array or number, the exponent; the shapes broadcast

    Returns
    -------
    array, the broadcast shape, the common type

    Gradient
    --------
    dL/dx1 = g x2 x1^(x2 - 1), and 0 where x2 = 0;
    dL/dx2 = g y log x1 where x1 > 0, and 0 elsewhere

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.power([1.0, 2.0, 3.0], 2)
    array([1., 4., 9.], dtype=float32)
    """
    squares = x2.ndim == 0 and x2 == 2  # by far the most common exponent
    y = (x1 * x1).astype(np.result_type(x1, x2), copy=False) if squares else np.power(x1, x2)

    def d_x1(g):
        if squares:
            return 2 * g * x1
        return g * x2 * np.power(x1, np.where(x2 == 0, 0, x2 - 1).astype(y.dtype))

    def d_x2(g):
        return g * y * np.log(np.where(x1 > 0, x1, 1)) * (x1 > 0)

    return y, (d_x1, d_x2)


@op(sample=normal((2, 3)), like="torch.neg")
def negative(x):
    """Negate: y = -x.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    -g

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.negative([1.0, -2.0])
    array([-1.,  2.], dtype=float32)
    """
    return -x, (lambda g: -g,)


@op(sample=away((2, 3)), like="torch.abs")
def absolute(x):
    """Take the absolute value: y = |x|. Also called ``abs``.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    g sign(x), 0 at x = 0

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.absolute([1.0, -2.0])
    array([1., 2.], dtype=float32)
    """
    return np.abs(x), (lambda g: g * np.sign(x),)


@op(sample=normal((2, 3)), like="torch.square")
def square(x):
    """Square: y = x^2.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    2 g x

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.square([1.0, -2.0])
    array([1., 4.], dtype=float32)
    """
    return np.square(x), (lambda g: 2 * g * x,)


@op(sample=positive((2, 3)), like="torch.sqrt", poles=True)
def sqrt(x):
    """Take the square root: y = √x.

    Parameters
    ----------
    x : array, any shape, x >= 0

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g / 2y, infinite at x = 0 without a warning; 0 where g is 0

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.sqrt([4.0, 9.0])
    array([2., 3.], dtype=float32)
    """
    y = np.sqrt(x)

    return y, (lambda g: g / (2 * y),)


@in_keras("math")
@op(sample=positive((2, 3)), like="torch.rsqrt", poles=True)
def rsqrt(x):
    """Take the reciprocal square root: y = 1 / √x.

    Parameters
    ----------
    x : array, any shape, x > 0

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    -g y^3 / 2

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.rsqrt([4.0, 1.0])
    array([0.5, 1. ], dtype=float32)
    """
    y = 1 / np.sqrt(x)
    return y, (lambda g: -0.5 * g * y * y * y,)


@op(sample=away((2, 3)), like="torch.reciprocal", poles=True)
def reciprocal(x):
    """Take the reciprocal: y = 1 / x.

    Parameters
    ----------
    x : array, any shape, x != 0

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    -g y^2

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.reciprocal([4.0, -2.0])
    array([ 0.25, -0.5 ], dtype=float32)
    """
    y = 1 / x
    return y, (lambda g: -g * y * y,)


abs = absolute
true_divide = divide
