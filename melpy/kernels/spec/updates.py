"""One optimizer step over flat arrays: Keras 3's formulas.

These functions write in place, into the parameters p and into the optimizer's own slots, and return
None. They are the only ones of this room that do; g is read and left as it is. All arrays have the
shape (P,), P parameters laid end to end; the other arguments are Python floats.
"""

from __future__ import annotations

import numpy as np

__all__ = ["adam", "rmsprop", "sgd"]


def sgd(
    p: np.ndarray,
    g: np.ndarray,
    velocity: np.ndarray | None,
    learning_rate: float,
    momentum: float,
    nesterov: bool,
) -> None:
    """p -= lr g; with momentum: u = momentum u - lr g, then p += u, in place.

    With Nesterov's momentum p += momentum u - lr g, with the new u: the step is taken as if u had
    been applied once more.

    Parameters
    ----------
    p : ndarray (P,), written
    g : ndarray (P,), dL/dp
    velocity : ndarray (P,), u, written; None for no momentum
    learning_rate : float >= 0
    momentum : float in [0, 1]
    nesterov : bool

    Source: B. Polyak 1964 (momentum); I. Sutskever et al. 2013, eq. 3 and 4 (Nesterov's).

    Examples
    --------
    >>> p = np.array([1.0])
    >>> sgd(p, np.array([2.0]), None, 0.25, 0.0, False)
    >>> p
    array([0.5])
    """
    step = learning_rate * g
    if velocity is None:
        p -= step
        return
    velocity *= momentum
    velocity -= step
    if nesterov:
        p += momentum * velocity - step
    else:
        p += velocity


def rmsprop(
    p: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    buffer: np.ndarray | None,
    mean_g: np.ndarray | None,
    learning_rate: float,
    rho: float,
    momentum: float,
    epsilon: float,
) -> None:
    """v = rho v + (1 - rho) g^2, then p -= lr g / sqrt(v + epsilon), in place.

    Centered, v - mean_g^2 stands for v in the root, a variance instead of a second moment, where
    mean_g = rho mean_g + (1 - rho) g. With momentum, buffer = momentum buffer + the step, and p
    moves by the buffer.

    Parameters
    ----------
    p : ndarray (P,), written
    g : ndarray (P,), dL/dp
    v : ndarray (P,), written
    buffer : ndarray (P,), written; None for no momentum
    mean_g : ndarray (P,), written; None for not centered
    learning_rate, rho, momentum, epsilon : floats

    Source: T. Tieleman, G. Hinton 2012, lecture 6.5; A. Graves 2013, eq. 38 to 41 (centered).

    Examples
    --------
    >>> p, v = np.array([1.0]), np.zeros(1)
    >>> rmsprop(p, np.array([2.0]), v, None, None, 0.5, 0.75, 0.0, 0.0)
    >>> p, v
    (array([0.]), array([1.]))
    """
    v *= rho
    v += (1.0 - rho) * (g * g)
    denominator = v + epsilon
    if mean_g is not None:
        mean_g *= rho
        mean_g += (1.0 - rho) * g
        denominator = np.maximum(v - mean_g * mean_g, 0) + epsilon  # rounding may give < 0
    increment = learning_rate * g / np.sqrt(denominator)
    if buffer is None:
        p -= increment
        return
    buffer *= momentum
    buffer += increment
    p -= buffer


def adam(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    step_size: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """m += (1 - b1)(g - m); v += (1 - b2)(g^2 - v); p -= step_size m / (sqrt(v) + epsilon).

    The caller gives step_size = lr sqrt(1 - b2^t) / (1 - b1^t), t = 1 at the first step, which
    undoes that m and v start from 0. Epsilon so stands beside the uncorrected sqrt(v): the paper's
    "epsilon hat", and Keras's.

    Parameters
    ----------
    p : ndarray (P,), written
    g : ndarray (P,), dL/dp
    m, v : ndarrays (P,), written: the running means of g and g^2
    step_size, beta_1, beta_2, epsilon : floats

    Source: D. Kingma, J. Ba 2015, algorithm 1 in the order of computation of section 2's end.

    Examples
    --------
    >>> p, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> adam(p, np.array([2.0]), m, v, 0.5, 0.5, 0.75, 0.0)
    >>> p, m, v
    (array([0.5]), array([1.]), array([1.]))
    """
    m += (g - m) * (1.0 - beta_1)
    v += (g * g - v) * (1.0 - beta_2)
    p -= step_size * m / (np.sqrt(v) + epsilon)
