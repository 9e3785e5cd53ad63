"""Square matrices: determinants, inverses, systems of equations, Cholesky's factor."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.errors import ArgumentError, ShapeError
from melpy.ops.registry import composed, in_keras, op

__all__ = [
    "cholesky", "det", "inv", "log_absolute_determinant", "logdet", "lu_factor", "slogdet", "solve",
]  # fmt: skip

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


@op(
    sample=[_well_conditioned(3, 3), _well_conditioned(2, 2, 2)],
    like="torch.linalg.det",
    floats=True,
)
def det(x):
    """Compute determinants: y = det x.

    Parameters
    ----------
    x : array, (.., n, n)

    Returns
    -------
    array, (..), the type of x

    Gradient
    --------
    g times the cofactors of x, which are y x^-T where x is not singular

    Raises
    ------
    ArgumentError, where the matrices are not square

    Source
    ------
    Jacobi's formula.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> float(ops.det(np.array([[2.0, 0.0], [1.0, 3.0]])))
    6.0
    """
    y = np.asarray(_checked("det", np.linalg.det, x))

    def d_x(g):
        # of x = u diag(s) v^T the cofactors are det(u v^T) u diag(Π of all other s) v^T
        u, s, vt = np.linalg.svd(x)
        others = np.where(np.eye(s.shape[-1], dtype=bool), 1, s[..., np.newaxis, :]).prod(-1)
        scale = g * np.linalg.det(u) * np.linalg.det(vt)
        return scale[..., np.newaxis, np.newaxis] * ((u * others[..., np.newaxis, :]) @ vt)

    return y, (d_x,)


@op(
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


@op(
    sample=[
        lambda rng: (*_well_conditioned(3, 3)(rng), rng.normal(size=(3, 2))),
        lambda rng: (*_well_conditioned(3, 3)(rng), rng.normal(size=3)),
        lambda rng: (*_well_conditioned(2, 3, 3)(rng), rng.normal(size=(2, 3, 1))),
    ],
    like="torch.linalg.solve",
    floats=True,
)
def solve(a, b):
    """Solve linear equations: a y = b.

    Parameters
    ----------
    a : array, (.., n, n)
    b : array, (n,) or (.., n, m)

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
    y = _checked("solve", np.linalg.solve, a, b)

    def d_b(g):
        return np.linalg.solve(_turned(a), g)

    def d_a(g):
        d = d_b(g)
        if b.ndim == 1:
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


@in_keras(None)
@op(
    sample=_well_conditioned(3, 3),
    like=lambda torch, x: torch.linalg.slogdet(x)[1],
)
def log_absolute_determinant(x):
    """Take the logarithm of a determinant's size, without overflow: y = log |det x|.

    Parameters
    ----------
    x : array, (.., n, n)

    Returns
    -------
    (y, sign) : array (..), -∞ for a singular matrix; and its sign, -1, 0 or 1, a constant

    Gradient
    --------
    g x^-T

    Raises
    ------
    ArgumentError, where the matrices are not square

    Source
    ------
    Jacobi's formula.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.log_absolute_determinant(-np.eye(3))[0].item()
    0.0
    """
    sign, y = _checked("slogdet", np.linalg.slogdet, x)

    def d_x(g):
        return g[..., np.newaxis, np.newaxis] * _turned(_checked("slogdet", np.linalg.inv, x))

    return (np.asarray(y), np.asarray(sign)), (d_x,)


@in_keras("numpy")
@composed
def slogdet(x: Any) -> tuple[Any, Any]:
    """Return the sign of the determinant and the logarithm of its size.

    Examples
    --------
    >>> sign, size = slogdet(2 * np.eye(2))
    >>> sign.item(), round(size.item(), 4)
    (1.0, 1.3863)
    """
    size, sign = log_absolute_determinant(x)
    return sign, size


@in_keras("math")
@composed
def logdet(x: Any) -> Any:
    """Return the logarithm of the determinants of positive definite matrices."""
    return log_absolute_determinant(x)[0]


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
