"""A dense layer in one step: y = act(x W + b), and its gradients from x, W and y."""

from __future__ import annotations

import numpy as np

from melpy.kernels.spec.bias_activation import bias_activation, bias_activation_d_x, sum_rows
from melpy.kernels.spec.matmul import matmul

__all__ = ["dense", "dense_back"]


def dense(x: np.ndarray, w: np.ndarray, b: np.ndarray, name: str, slope: float) -> np.ndarray:
    """y = act(x W + b).

    Parameters
    ----------
    x : ndarray (P,C)
    w : ndarray (C,D)
    b : ndarray (D,)
    name, slope : as in `melpy.kernels.spec.bias_activation`

    Returns
    -------
    ndarray (P,D)

    Examples
    --------
    >>> dense(np.ones((1, 2)), np.ones((2, 1)), np.array([-3.0]), "relu", 0.0)
    array([[0.]])
    """
    return bias_activation(matmul(x, w), b, name, slope)  # (P,C) (C,D) + (D,) -> (P,D)


def dense_back(
    g: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    y: np.ndarray,
    name: str,
    slope: float,
    wanted: tuple[bool, bool, bool],
) -> list[np.ndarray | None]:
    """Return d_x (P,C), d_W (C,D) and d_b (D,), or None for what is not ``wanted``.

    With u = x W + b and d_u = g act'(u):  d_x = d_u W^T,  d_W = x^T d_u,  d_b = sum of d_u's rows.

    Examples
    --------
    >>> x, w = np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]])
    >>> dense_back(np.ones((1, 1)), x, w, x @ w, "linear", 0.0, (True, True, False))
    [array([[3., 4.]]), array([[1.],
           [2.]]), None]
    """
    d_u = bias_activation_d_x(g, y, name, slope)
    return [
        matmul(d_u, w.T) if wanted[0] else None,  # (P,D) (D,C) -> (P,C)
        matmul(x.T, d_u) if wanted[1] else None,  # (C,P) (P,D) -> (C,D)
        sum_rows(d_u) if wanted[2] else None,
    ]
