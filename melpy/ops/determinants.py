"""Determinants of square matrices, and their logarithms."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.ops.registry import composed, in_keras, op
from melpy.ops.solving import _checked, _turned, _well_conditioned, known_square

__all__ = ["det", "log_absolute_determinant", "logdet", "slogdet"]

KERAS_ROOM = "linalg"


@op(
    made_of=known_square("det"),
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

    (.., n, n) -> (..) and (..).

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
    """Return the logarithm of the determinants of positive definite matrices.

    (.., n, n) -> (..).
    """
    return log_absolute_determinant(x)[0]
