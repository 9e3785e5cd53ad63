"""Square matrices: inverses, systems of equations, Cholesky's factor."""

from __future__ import annotations

import numpy as np

from melpy.errors import ArgumentError, ShapeError
from melpy.ops.registry import op
from melpy.symbolic import Symbolic

__all__ = ["cholesky", "inv", "lu_factor", "solve"]

KERAS_ROOM = "linalg"


def _well_conditioned(*shape):
    """Matrices far from singular: noise on a large diagonal."""
    return lambda rng: (rng.normal(size=shape) + 3 * np.eye(shape[-1]),)


def _turned(x):
    return x.swapaxes(-1, -2)


def _checked(who, function, *matrices):
    """Call a function of NumPy's, and refuse by name where a matrix is singular or no square."""
    try:
        return function(*matrices)
    except np.linalg.LinAlgError as error:
        raise ArgumentError(
            who,
            str(error).rstrip(".").lower(),
            received={"shapes": [x.shape for x in matrices]},
        ) from error


def known_square(who):
    """Return what refuses symbolic matrices that are not known to be square.

    Of a system of equations it also refuses right sides that are not known to fit.
    """

    def refuse(*given, **named):
        x, *others = given + tuple(named[key] for key in ("x", "a", "b") if key in named)
        if isinstance(x, Symbolic) and (x.ndim < 2 or x.shape[-1] != x.shape[-2]):
            raise ShapeError(
                who,
                "the matrices are not known to be square",
                expected="shape (.., n, n)",
                received={"shape": x.shape},
            )
        for b in others:
            if isinstance(x, Symbolic) and isinstance(b, Symbolic):
                rows = b.shape[-1 if 1 <= b.ndim < x.ndim else -2 :][:1]
                if rows != x.shape[-1:]:
                    raise ShapeError(
                        who,
                        "the right side is not known to have as many rows as the matrices",
                        expected="shape (.., n) or (.., n, m)",
                        received={"shapes": [x.shape, b.shape]},
                    )

    return refuse


@op(
    made_of=known_square("inv"),
    sample=[_well_conditioned(3, 3), _well_conditioned(2, 2, 2)],
    like="torch.linalg.inv",
    floats=True,
)
def inv(x):
    """Invert matrices: x y = 1.

    Parameters
    ----------
    x : array, (.., n, n)

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    -y^T g y^T

    Raises
    ------
    ArgumentError, where a matrix is singular or not square

    Source
    ------
    Standard.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.inv(np.array([[2.0, 0.0], [0.0, 4.0]]))
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    y = _checked("inv", np.linalg.inv, x)
    return y, (lambda g: -_turned(y) @ g @ _turned(y),)


def _solve_like(torch, a, b):
    if b.shape == a.shape[:-1]:
        return torch.linalg.solve(a, b[..., None])[..., 0]
    return torch.linalg.solve(a, b)


@op(
    made_of=known_square("solve"),
    sample=[
        lambda rng: (*_well_conditioned(3, 3)(rng), rng.normal(size=(3, 2))),
        lambda rng: (*_well_conditioned(3, 3)(rng), rng.normal(size=3)),
        lambda rng: (*_well_conditioned(2, 3, 3)(rng), rng.normal(size=(2, 3, 1))),
        lambda rng: (*_well_conditioned(2, 3, 3)(rng), rng.normal(size=(2, 3))),
    ],
    like=_solve_like,
    floats=True,
)
def solve(a, b):
    """Solve linear equations: a y = b.

    Parameters
    ----------
    a : array, (.., n, n)
    b : array, (n,) or (.., n, m); or (.., n), a vector for each matrix, where the number of
        matrices is not n too: then b is one matrix for all of them

    Returns
    -------
    array, the shape of b, the common type

    Gradient
    --------
    dL/db = a^-T g, dL/da = -dL/db y^T

    Raises
    ------
    ArgumentError, where a matrix is singular or not square

    Source
    ------
    Standard.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([2.0, 2.0]))
    array([1. , 0.5])
    """
    is_vector = b.ndim == 1 or (b.shape == a.shape[:-1] and b.shape[-2] != a.shape[-1])

    def solution(matrices, sides):
        if is_vector:
            return np.linalg.solve(matrices, sides[..., np.newaxis])[..., 0]
        return np.linalg.solve(matrices, sides)

    y = _checked("solve", solution, a, b)

    def d_b(g):
        return solution(_turned(a), g)

    def d_a(g):
        d = d_b(g)
        if is_vector:
            return -d[..., np.newaxis] * y[..., np.newaxis, :]
        return -d @ _turned(y)

    return y, (d_a, d_b)


def _positive_definite(*shape):
    def sample(rng):
        x = rng.normal(size=shape)
        return (x @ _turned(x) + np.eye(shape[-1]),)

    return sample


def _cholesky_like(torch, x, upper=False):
    symmetric = (x + x.mT) / 2
    return torch.linalg.cholesky(symmetric, upper=upper)


@op(
    made_of=known_square("cholesky"),
    sample=[
        _positive_definite(3, 3),
        lambda rng: (*_positive_definite(2, 2, 2)(rng), {"upper": True}),
    ],
    like=_cholesky_like,
    floats=True,
)
def cholesky(x, *, upper=False):
    """Factor positive definite matrices: y y^T = (x + x^T) / 2, y lower triangular.

    Parameters
    ----------
    x : array, (.., n, n), symmetric; where it is not, its symmetric part is factored
    upper : bool, whether to return y^T

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    y^-T Φ(y^T g) y^-1, symmetrized; Φ takes the lower triangle and half of the diagonal

    Raises
    ------
    ArgumentError, where a matrix is not positive definite

    Source
    ------
    Murray (2016), Differentiation of the Cholesky decomposition, equation 10.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.cholesky(np.array([[4.0, 0.0], [0.0, 9.0]]))
    array([[2., 0.],
           [0., 3.]])
    """
    y = _checked("cholesky", np.linalg.cholesky, (x + _turned(x)) / 2)

    def d_x(g):
        lower = np.tril(_turned(y) @ (_turned(g) if upper else g))
        lower *= 1 - np.eye(y.shape[-1], dtype=y.dtype) / 2
        inner = np.linalg.solve(_turned(y), _turned(np.linalg.solve(_turned(y), _turned(lower))))
        return (inner + _turned(inner)) / 2

    return _turned(y) if upper else y, (d_x,)


def _lu_like(torch, x):
    return torch.linalg.lu_factor(x)[0]


@op(
    sample=[_well_conditioned(3, 3), _well_conditioned(2, 4, 4)],
    like=_lu_like,
)
def lu_factor(x):
    """Find triangles: P x = L U, the rows reordered so that each pivot is its column's largest.

    Parameters
    ----------
    x : array, (.., m, n); k is the smaller of m and n

    Returns
    -------
    array, (.., m, n), the type of x: U, and below its diagonal L, whose diagonal is 1; and an
    array of whole numbers, (.., k): with which row row n was exchanged

    Gradient
    --------
    d_x = P^T L^-T (tril(L^T g_L, -1) + triu(g_U U^T)) U^-T, of square matrices

    Raises
    ------
    ArgumentError : the gradient is asked for, and the matrices are not square or are singular

    Source
    ------
    G. Golub, C. Van Loan, Matrix Computations, algorithm 3.4.1; M. Giles 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> lu, pivots = ops.lu_factor(np.array([[0.0, 2.0], [4.0, 1.0]]))
    >>> lu, pivots
    (array([[4., 1.],
           [0., 2.]]), array([1, 1], dtype=int32))
    """
    if x.ndim < 2:
        raise ShapeError(
            "lu_factor", "these are no matrices", expected="(.., m, n)", received={"shape": x.shape}
        )
    m, n = x.shape[-2:]
    y = x.reshape(int(np.prod(x.shape[:-2])), m, n).copy()  # (B, m, n)
    k, each = min(m, n), np.arange(len(y))
    order = np.tile(np.arange(m), (len(y), 1))  # which row of x each row of y is
    pivots = np.zeros((len(y), k), np.int32)
    for c in range(k):
        largest = c + np.abs(y[:, c:, c]).argmax(axis=1)
        pivots[:, c] = largest
        for rows in (y, order):
            rows[each, c], rows[each, largest] = rows[each, largest], rows[each, c].copy()
        pivot = y[:, c, c, np.newaxis]
        y[:, c + 1 :, c] /= np.where(pivot == 0, 1, pivot)  # of a singular matrix: 0 / 1
        y[:, c + 1 :, c + 1 :] -= y[:, c + 1 :, c, np.newaxis] * y[:, c, np.newaxis, c + 1 :]

    def d_x(g):
        if m != n:
            raise ArgumentError(
                "lu_factor",
                "only square matrices have a gradient here",
                expected="shape (.., n, n)",
                received={"shape": x.shape},
            )
        g = g.reshape(y.shape)
        lower, upper = np.tril(y, -1) + np.eye(n, dtype=y.dtype), np.triu(y)
        inner = np.tril(_turned(lower) @ np.tril(g, -1), -1)
        inner = inner + np.triu(np.triu(g) @ _turned(upper))
        left = _checked("lu_factor", np.linalg.solve, _turned(lower), inner)
        d = _turned(_checked("lu_factor", np.linalg.solve, upper, _turned(left)))
        placed = np.empty_like(d)
        placed[each[:, np.newaxis], order] = d
        return placed.reshape(x.shape)

    return (y.reshape(x.shape), pivots.reshape(*x.shape[:-2], k)), (d_x,)
