"""A bias and an activation in one step: y = act(x + b), and its gradient from y alone.

Each activation here can be undone far enough that its slope is a function of its result, so a
layer keeps y, which it returns anyway, and forgets x:

    name        act(z)                          d act/dz, from y
    linear      z                               1
    relu        max(z, 0)                       1 where y > 0, else 0
    leaky_relu  z where z > 0, else slope z     1 where y > 0, else slope
    elu         z where z > 0, else             1 where y > 0, else y + slope
                slope (exp(z) - 1)                  (slope exp(z) = y + slope)
    sigmoid     1 / (1 + exp(-z))               y (1 - y)
    tanh        tanh(z)                         1 - y^2

``slope`` is leaky_relu's slope and elu's alpha, >= 0 so that y > 0 exactly where z > 0; the others
ignore it. At z = 0 the slope is the one from the left.

Sources: relu, V. Nair, G. Hinton 2010; leaky_relu, A. Maas et al. 2013; elu, D.-A. Clevert et al.
2015, eq. 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from melpy.errors import lookup

__all__ = ["ACTIVATIONS", "bias_activation", "bias_activation_d_x", "sum_rows"]

Function = Callable[[np.ndarray, float], np.ndarray]


def sigmoid(z: np.ndarray, slope: float) -> np.ndarray:
    """1 / (1 + exp(-z)); only exp of numbers <= 0 is taken, so nothing overflows."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, e) / (1.0 + e)  # exp(z) / (exp(z) + 1) where z < 0


def elu(z: np.ndarray, slope: float) -> np.ndarray:
    """z where z > 0, else slope (exp(z) - 1)."""
    return np.where(z > 0, z, slope * np.expm1(np.minimum(z, 0.0)))


# name: (act(z, slope), its derivative from y (y, slope))
ACTIVATIONS: dict[str, tuple[Function, Function]] = {
    "linear": (lambda z, slope: z, lambda y, slope: np.ones_like(y)),
    "relu": (lambda z, slope: np.maximum(z, 0), lambda y, slope: y > 0),
    "leaky_relu": (
        lambda z, slope: np.where(z > 0, z, slope * z),
        lambda y, slope: np.where(y > 0, np.ones_like(y), slope),
    ),
    "elu": (elu, lambda y, slope: np.where(y > 0, 1.0, y + slope)),
    "sigmoid": (sigmoid, lambda y, slope: y * (1.0 - y)),
    "tanh": (lambda z, slope: np.tanh(z), lambda y, slope: 1.0 - y * y),
}


def bias_activation(x: np.ndarray, b: np.ndarray, name: str, slope: float) -> np.ndarray:
    """y = act(x + b).

    Parameters
    ----------
    x : ndarray (...,C)
    b : ndarray (C,), added along the last axis
    name : a key of `ACTIVATIONS`
    slope : float >= 0, used by leaky_relu (its slope) and elu (its alpha)

    Returns
    -------
    ndarray (...,C), the dtype of x

    Raises
    ------
    UnknownNameError : name is not in the table

    Examples
    --------
    >>> bias_activation(np.array([[-2.0, 2.0]]), np.array([1.0, 1.0]), "relu", 0.0)
    array([[0., 3.]])
    """
    act, _ = lookup("activation", name, ACTIVATIONS, "bias_activation")
    return act(x + b, float(slope))  # (...,C) + (C,) -> (...,C)


def bias_activation_d_x(g: np.ndarray, y: np.ndarray, name: str, slope: float) -> np.ndarray:
    """d_x = g * act'(x + b), with act' taken from y. The bias's gradient is d_x summed to (C,).

    Parameters
    ----------
    g : ndarray (...,C), dL/dy
    y : ndarray (...,C), what `bias_activation` returned
    name, slope : as in `bias_activation`

    Returns
    -------
    ndarray (...,C), the dtype of g

    Raises
    ------
    UnknownNameError : name is not in the table

    Examples
    --------
    >>> bias_activation_d_x(np.array([5.0, 5.0]), np.array([0.0, 3.0]), "relu", 0.0)
    array([0., 5.])
    """
    _, derivative = lookup("activation", name, ACTIVATIONS, "bias_activation_d_x")
    return g * derivative(y, float(slope))


def sum_rows(x: np.ndarray) -> np.ndarray:
    """s_c = sum of x over all axes but the last: the gradient of a bias.

    Parameters
    ----------
    x : ndarray (...,C)

    Returns
    -------
    ndarray (C,), the dtype of x

    Examples
    --------
    >>> sum_rows(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([4., 6.])
    """
    return x.sum(axis=tuple(range(x.ndim - 1)))  # (...,C) -> (C,)
