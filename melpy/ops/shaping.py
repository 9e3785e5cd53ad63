"""The same values in another shape, another order or another type."""

from __future__ import annotations

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from melpy.errors import ArgumentError, ShapeError
from melpy.ops.registry import in_keras, op
from melpy.ops.samples import normal
from melpy.strings import data_type
from melpy.symbolic import Symbolic, any_in, like

__all__ = [
    "broadcast_to", "cast", "expand_dims", "moveaxis", "ravel", "reshape", "squeeze", "swapaxes",
    "transpose",
]  # fmt: skip


def _shaped(x, newshape):
    """Return what sizes that are not known make, which need not be tried."""
    if isinstance(newshape, Symbolic):
        ndim = int(newshape.shape[0] or 0) if newshape.ndim else 1
        return like((None,) * ndim, x.dtype)
    if isinstance(newshape, list | tuple):
        sizes = tuple(None if isinstance(n, Symbolic) or n == -1 else n for n in newshape)
        is_left_over = sizes.count(None) == 1 and None in x.shape
        if any_in(newshape) or (is_left_over and all(n is None or n > 0 for n in sizes)):
            return like(sizes, x.dtype)
    return None


@op(
    made_of=_shaped,
    sample=[normal((2, 6), newshape=(3, -1)), normal((2, 3), newshape=(-1,))],
    like=lambda torch, x, newshape: torch.reshape(x, newshape),
)
def reshape(x, *, newshape):
    """Reshape, y = x with its entries in the same (row-major) order.

    Parameters
    ----------
    x : array, any shape
    newshape : int or tuple of ints, of the same size as x; one of them may be -1. None, which a
        symbolic tensor has for a size that is not known, is the size that is left over, or where
        there are several, x's own in that place

    Returns
    -------
    array, of the new shape, the type of x

    Gradient
    --------
    g reshaped back

    Raises
    ------
    ShapeError, where the sizes differ; ArgumentError, for a size below -1, or a second -1

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.reshape([1.0, 2.0, 3.0, 4.0], (2, -1))
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """
    shape = x.shape
    return np.reshape(x, _sizes(newshape, shape)), (lambda g: g.reshape(shape),)


def _sizes(newshape, shape):
    """Return the new sizes, a number in the place of None."""
    sizes = tuple(newshape) if isinstance(newshape, list | tuple | np.ndarray) else (newshape,)
    if None in sizes:
        if sizes.count(None) == 1 and -1 not in sizes:
            return tuple(-1 if s is None else s for s in sizes)
        sizes = tuple(shape[n] if s is None and n < len(shape) else s for n, s in enumerate(sizes))
    if None in sizes or min(sizes, default=0) < -1 or sizes.count(-1) > 1:
        raise ArgumentError(
            "reshape",
            "these are no sizes",
            expected="whole numbers >= 0, and one -1 at most, for the size that is left",
            received={"newshape": newshape},
        )
    return sizes


@op(sample=normal((2, 3)), like="torch.ravel")
def ravel(x):
    """Flatten, y = x in one axis, in row-major order.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, one axis, the type of x

    Gradient
    --------
    g reshaped back

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.ravel([[1.0], [2.0]])
    array([1., 2.], dtype=float32)
    """
    shape = x.shape
    return np.reshape(x, -1), (lambda g: g.reshape(shape),)


@op(
    sample=[normal((2, 3)), normal((2, 3, 4), axes=(1, -1, 0))],
    like=lambda torch, x, axes=None: x.permute(axes or tuple(range(x.ndim))[::-1]),
)
def transpose(x, *, axes=None):
    """Reorder the axes: axis n of y is axis axes[n] of x.

    Parameters
    ----------
    x : array, any shape
    axes : tuple of ints, or None to reverse the order

    Returns
    -------
    array, the shape of x with its sizes reordered, a view of it

    Gradient
    --------
    g with its axes put back

    Raises
    ------
    ShapeError, where axes is no permutation

    Source
    ------
    Standard.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.transpose(np.zeros((2, 3, 4)), (0, 2, 1)).shape
    (2, 4, 3)
    """
    ndim = x.ndim

    def d_x(g):
        return g.transpose(None if axes is None else np.argsort([n % ndim for n in axes]))

    return np.transpose(x, axes), (d_x,)


@op(
    sample=normal((2, 3, 4), axis1=0, axis2=-1),
    like=lambda torch, x, axis1, axis2: torch.swapaxes(x, axis1, axis2),
)
def swapaxes(x, *, axis1, axis2):
    """Swap two axes: y[.., i, .., j, ..] = x[.., j, .., i, ..].

    Parameters
    ----------
    x : array, any shape
    axis1, axis2 : ints, the axes

    Returns
    -------
    array, the shape of x with two sizes swapped, a view of it

    Gradient
    --------
    g with the axes swapped back

    Source
    ------
    Standard.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.swapaxes(np.zeros((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    return np.swapaxes(x, axis1, axis2), (lambda g: g.swapaxes(axis1, axis2),)


@op(
    sample=normal((2, 3, 4), source=0, destination=-1),
    like=lambda torch, x, source, destination: torch.moveaxis(x, source, destination),
)
def moveaxis(x, *, source, destination):
    """Move axes: axis destination[n] of y is axis source[n] of x, the others keep their order.

    Parameters
    ----------
    x : array, any shape
    source, destination : ints or tuples of ints, from where to where

    Returns
    -------
    array, the shape of x with its sizes moved, a view of it

    Gradient
    --------
    g with the axes moved back

    Source
    ------
    Standard.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.moveaxis(np.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    y = np.moveaxis(x, source, destination)
    return y, (lambda g: np.moveaxis(g, destination, source),)


def _refuse_unknown(x, axis=None):
    """Refuse to drop an axis whose size is not known: it is the batch's, more often than 1."""
    if axis is None or not isinstance(x, Symbolic):
        return
    for n in normalize_axis_tuple(axis, x.ndim, "axis"):
        if x.shape[n] is None:
            raise ShapeError(
                "squeeze",
                f"the size of axis {n} is not known",
                expected="axes of size 1",
                received={"x.shape": x.shape, "axis": axis},
            )


@op(
    made_of=_refuse_unknown,
    sample=[normal((2, 1, 3, 1)), normal((1, 2, 1), axis=-1), normal((1, 2, 1), axis=(0, 2))],
    like=lambda torch, x, axis=None: torch.squeeze(x) if axis is None else torch.squeeze(x, axis),
)
def squeeze(x, *, axis=None):
    """Drop axes of size 1, y = x without them.

    Parameters
    ----------
    x : array, any shape
    axis : int or tuple of ints, axes of size 1; None for all of those

    Returns
    -------
    array, the shape of x without these axes, a view of it

    Gradient
    --------
    g reshaped back

    Raises
    ------
    ShapeError, where an axis has another size than 1

    Source
    ------
    Standard.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.squeeze(np.zeros((1, 3, 1)), 0).shape
    (3, 1)
    """
    shape = x.shape
    return np.squeeze(x, axis), (lambda g: g.reshape(shape),)


@op(
    sample=[normal((2, 3), axis=-1), normal((), axis=0)],
    like=lambda torch, x, axis: torch.unsqueeze(x, axis),
)
def expand_dims(x, *, axis):
    """Add axes of size 1, y = x with them.

    Parameters
    ----------
    x : array, any shape
    axis : int or tuple of ints, where the new axes shall be in y

    Returns
    -------
    array, the shape of x with the new axes, a view of it

    Gradient
    --------
    g reshaped back

    Source
    ------
    Standard.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.expand_dims(np.zeros((2, 3)), -1).shape
    (2, 3, 1)
    """
    shape = x.shape
    return np.expand_dims(x, axis), (lambda g: g.reshape(shape),)


@op(
    sample=[normal((2, 1), shape=(4, 2, 3)), normal((), shape=(2,))],
    like=lambda torch, x, shape: torch.broadcast_to(x, shape),
)
def broadcast_to(x, *, shape):
    """Repeat x to a shape: y = x along every axis that x lacks or has with size 1.

    Parameters
    ----------
    x : array, any shape
    shape : tuple of ints, that of the result; None is the size of x, counted from the last axis

    Returns
    -------
    array, of that shape, the type of x; a view that cannot be written to

    Gradient
    --------
    g, summed over the repeated axes

    Raises
    ------
    ShapeError, where x does not broadcast to the shape

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.broadcast_to([1.0, 2.0], (2, 2))
    array([[1., 2.],
           [1., 2.]], dtype=float32)
    """
    if None in shape:
        own = (1,) * (len(shape) - x.ndim) + x.shape
        shape = tuple(n if s is None else s for s, n in zip(shape, own, strict=True))
    return np.broadcast_to(x, shape), (lambda g: g,)  # the tape sums


@in_keras("core")
@op(
    sample=normal((2, 3), dtype="int32"),
    like=lambda torch, x, dtype: x.to(getattr(torch, dtype)),
)
def cast(x, *, dtype):
    """Convert to another type, y = x; a float becomes whole by dropping its fraction.

    Parameters
    ----------
    x : array, any shape
    dtype : str or NumPy type

    Returns
    -------
    array, the shape of x, of that type

    Gradient
    --------
    g, in the type of x, between float types; none to or from whole numbers

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.cast([1.5, 2.0], "int32")
    array([1, 2], dtype=int32)
    """
    y = x.astype(data_type(dtype))
    return y, ((lambda g: g) if y.dtype.kind == "f" else None,)  # the tape converts g
