"""Diagonals of matrices, and the product that is made of blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.errors import ShapeError
from melpy.ops.creation import ndim, shape
from melpy.ops.elementwise import multiply
from melpy.ops.promotion import alike
from melpy.ops.reduction import sum as total
from melpy.ops.registry import composed, op
from melpy.ops.samples import normal
from melpy.ops.shaping import reshape

__all__ = ["diag", "diagflat", "diagonal", "kron", "trace"]


@composed
def kron(x1: Any, x2: Any) -> Any:
    """Return Kronecker's product: a block x1_ij x2 for every entry of x1.

    (n, m), (k, l) -> (n k, m l); likewise for any number of axes.

    Examples
    --------
    >>> kron(np.array([1.0, 10.0]), np.array([1.0, 2.0]))
    array([ 1.,  2., 10., 20.])
    """
    x1, x2 = alike("kron", x1, x2)
    count = max(ndim(x1), ndim(x2))
    shapes = [(1,) * (count - ndim(x)) + tuple(shape(x)) for x in (x1, x2)]
    (wide, narrow), product = shapes, [a * b for a, b in zip(*shapes, strict=True)]
    # (a, 1, b, 1, ..) times (1, c, 1, d, ..) -> (a, c, b, d, ..)
    first = reshape(x1, tuple(n for size in wide for n in (size, 1)))
    second = reshape(x2, tuple(n for size in narrow for n in (1, size)))
    return reshape(multiply(first, second), tuple(product))


@op(
    sample=[
        normal((3, 4)),
        normal((2, 3, 3), offset=1, axis1=1, axis2=2),
        normal((3, 2), offset=-1),
    ],
    like=lambda torch, x, offset=0, axis1=0, axis2=1: torch.diagonal(x, offset, axis1, axis2),
)
def diagonal(x, *, offset=0, axis1=0, axis2=1):
    """Take a diagonal: y_i = x_{i, i + offset} over two axes.

    Parameters
    ----------
    x : array, at least two axes
    offset : int, how far above the main diagonal
    axis1, axis2 : ints, the axes, which go; the diagonal is the last axis of y

    Returns
    -------
    array, the shape of x without both axes, then the diagonal's size; the type of x

    Gradient
    --------
    g on the diagonal, 0 elsewhere

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.diagonal([[1.0, 2.0], [3.0, 4.0]])
    array([1., 4.], dtype=float32)
    """
    y = np.diagonal(x, offset, axis1, axis2)

    def d_x(g):
        d = np.zeros(x.shape, g.dtype)
        rows = np.arange(y.shape[-1])
        moved = np.moveaxis(d, (axis1, axis2), (-2, -1))
        moved[..., rows - min(offset, 0), rows + max(offset, 0)] = g
        return d

    return y, (d_x,)


@composed
def trace(x: Any, *, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return the sum of a `diagonal`: y = Σ_i x_{i, i + offset}.

    (n, m, ..) -> (..), the shape of x without both axes.
    """
    return total(diagonal(x, offset, axis1, axis2), -1)


@op(
    sample=[normal((3,)), normal((2,), k=-1)],
    like=lambda torch, x, k=0: torch.diagflat(x, k),
)
def diagflat(x, *, k=0):
    """Write the entries of x on a diagonal: y_{i, i + k} = x_i, 0 elsewhere.

    Parameters
    ----------
    x : array, any shape, flattened
    k : int, how far above the main diagonal

    Returns
    -------
    array, (n + |k|, n + |k|) of n entries, the type of x

    Gradient
    --------
    g on the diagonal

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.diagflat([1.0, 2.0])
    array([[1., 0.],
           [0., 2.]], dtype=float32)
    """
    return np.diagflat(x, k), (lambda g: np.diagonal(g, k).reshape(x.shape),)


@composed
def diag(x: Any, *, k: int = 0) -> Any:
    """Return a matrix with the vector x on its k-th diagonal, or the diagonal of a matrix x.

    (n,) -> (n + |k|, n + |k|); (n, m) -> (d,), as many as the diagonal has.

    Examples
    --------
    >>> diag(diag(np.array([1.0, 2.0])))
    array([1., 2.])
    """
    if ndim(x) not in (1, 2):
        raise ShapeError(
            "diag",
            "this is neither a vector nor a matrix",
            expected="one or two axes",
            received={"x.shape": shape(x)},
            mend="Call ops.diagonal for the diagonals of several matrices.",
        )
    return diagflat(x, k) if ndim(x) == 1 else diagonal(x, k)
