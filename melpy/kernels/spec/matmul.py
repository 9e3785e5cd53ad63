"""The product of two matrices, as NumPy computes it; the paper's table 1 compares it with loops."""

from __future__ import annotations

import numpy as np

__all__ = ["matmul", "matmul_batch"]


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """y[p,q] = sum_k a[p,k] b[k,q].

    Parameters
    ----------
    a : ndarray (P,K)
    b : ndarray (K,Q)

    Returns
    -------
    ndarray (P,Q), their common dtype

    Examples
    --------
    >>> matmul(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    array([[11.]])
    """
    return a @ b  # (P,K) (K,Q) -> (P,Q)


def matmul_batch(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply the matrices of the last two axes; the leading axes broadcast.

    Examples
    --------
    >>> matmul_batch(np.ones((2, 1, 3)), np.ones((2, 3, 1))).ravel()
    array([3., 3.])
    """
    return a @ b  # (...,P,K) @ (...,K,Q) -> (...,P,Q)
