"""Systems of equations, and what matrices are good for, by their decompositions."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.errors import ShapeError
from melpy.ops.assembling import tril, triu
from melpy.ops.creation import convert_to_numpy, floating
from melpy.ops.decomposing import pinv
from melpy.ops.products import matmul
from melpy.ops.registry import composed
from melpy.ops.shaping import swapaxes
from melpy.ops.solving import inv, known_square, solve

__all__ = ["cholesky_inverse", "lstsq", "matrix_rank", "solve_triangular"]

KERAS_ROOM = "linalg"


def _require_square(who: str, x: Any) -> None:
    if len(x.shape) < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            who,
            "the matrices are not square",
            expected="shape (.., n, n)",
            received={"shape": tuple(x.shape)},
        )


@composed
def lstsq(a: Any, b: Any, *, rcond: float | None = None) -> Any:
    """Return the x with the least |b - a x|, and of those the shortest.

    Parameters
    ----------
    a : array or tensor, (m, n)
    b : array or tensor, (m,) or (m, k)
    rcond : float or None, as in `pinv`

    Returns
    -------
    array or tensor, (n,) or (n, k)

    Examples
    --------
    >>> lstsq(np.array([[1.0], [1.0]]), np.array([1.0, 3.0])).round(6)
    array([2.])
    """
    a, b = floating(a), floating(b)
    if len(a.shape) != 2 or len(b.shape) not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ShapeError(
            "lstsq",
            "the sides do not go together",
            expected="a of shape (m, n), b of shape (m,) or (m, k)",
            received={"shapes": [tuple(a.shape), tuple(b.shape)]},
        )
    return matmul(pinv(a, rcond=rcond), b)


@composed
def matrix_rank(x: Any, *, tol: float | None = None) -> Any:
    """Return how many singular values are larger than tol; None for s max(m, n) precision.

    (.., m, n) -> (..).

    Examples
    --------
    >>> int(matrix_rank(np.ones((3, 3))))
    1
    """
    values = convert_to_numpy(floating(x))
    if values.ndim < 2:
        raise ShapeError(
            "matrix_rank",
            "these are no matrices",
            expected="shape (.., m, n)",
            received={"shape": values.shape},
        )
    return np.asarray(np.linalg.matrix_rank(values, tol), np.int32)


@composed(made_of=known_square("solve_triangular"))
def solve_triangular(a: Any, b: Any, *, lower: bool = False) -> Any:
    """Return the x of a x = b, where a is triangular; its other half is not looked at.

    Parameters
    ----------
    a : array or tensor, (.., n, n)
    b : array or tensor, (.., n) or (.., n, k)
    lower : bool, whether the lower triangle counts

    Returns
    -------
    array or tensor, the shape of b

    Examples
    --------
    >>> solve_triangular(np.array([[2.0, 9.0], [1.0, 1.0]]), np.array([2.0, 3.0]), lower=True)
    array([1., 2.])
    """
    a, b = floating(a), floating(b)
    _require_square("solve_triangular", a)
    return solve(tril(a) if lower else triu(a), b)


@composed(made_of=known_square("cholesky_inverse"))
def cholesky_inverse(x: Any, *, upper: bool = False) -> Any:
    """Return the inverse of L L^T, of its Cholesky factor L, or of U^T U.

    (.., n, n) -> (.., n, n).

    Examples
    --------
    >>> cholesky_inverse(np.diag([2.0, 1.0]))
    array([[0.25, 0.  ],
           [0.  , 1.  ]])
    """
    x = floating(x)
    _require_square("cholesky_inverse", x)
    factor = swapaxes(triu(x), -1, -2) if upper else tril(x)
    return inv(matmul(factor, swapaxes(factor, -1, -2)))
