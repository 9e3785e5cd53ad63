"""One optimizer step over flat arrays: Keras 3's formulas.

These functions write in place, into the parameters p and into the optimizer's own slots, and return
None. They are the only ones of this room that do; g is read and left as it is. All arrays have the
shape (P,), P parameters laid end to end; the other arguments are Python floats.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "average",
    "ftrl",
    "lion",
    "nadam",
    "rmsprop",
    "scale",
    "sgd",
]


def scale(p: np.ndarray, factor: float) -> None:
    """p *= factor, in place: the decay of weights.

    Examples
    --------
    >>> p = np.array([1.0, 2.0])
    >>> scale(p, 0.5)
    >>> p
    array([0.5, 1. ])
    """
    p *= factor


def average(average: np.ndarray, p: np.ndarray, momentum: float, is_onto: bool) -> None:
    """average = momentum average + (1 - momentum) p, in place; with ``is_onto``, then p = average.

    Examples
    --------
    >>> mean, p = np.array([1.0]), np.array([3.0])
    >>> average(mean, p, 0.5, False)
    >>> mean, p
    (array([2.]), array([3.]))
    """
    average *= momentum
    average += (1.0 - momentum) * p
    if is_onto:
        p[...] = average


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
    v_hat: np.ndarray | None = None,
) -> None:
    """m += (1 - b1)(g - m); v += (1 - b2)(g^2 - v); p -= step_size m / (sqrt(v) + epsilon).

    The caller gives step_size = lr sqrt(1 - b2^t) / (1 - b1^t), t = 1 at the first step, which
    undoes that m and v start from 0. Epsilon so stands beside the uncorrected sqrt(v): the paper's
    "epsilon hat", and Keras's. AMSGrad divides by the largest v so far, v_hat = max(v_hat, v).

    Parameters
    ----------
    p : ndarray (P,), written
    g : ndarray (P,), dL/dp
    m, v : ndarrays (P,), written: the running means of g and g^2
    step_size, beta_1, beta_2, epsilon : floats
    v_hat : ndarray (P,), written; None for plain Adam

    Source: D. Kingma, J. Ba 2015, algorithm 1 in the order of computation of section 2's end;
    S. Reddi et al. 2018, algorithm 2 (AMSGrad).

    Examples
    --------
    >>> p, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> adam(p, np.array([2.0]), m, v, 0.5, 0.5, 0.75, 0.0)
    >>> p, m, v
    (array([0.5]), array([1.]), array([1.]))
    """
    m += (g - m) * (1.0 - beta_1)
    v += (g * g - v) * (1.0 - beta_2)
    if v_hat is not None:
        v = np.maximum(v_hat, v, out=v_hat)
    p -= step_size * m / (np.sqrt(v) + epsilon)


def nadam(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    v: np.ndarray,
    weight_m: float,
    weight_g: float,
    correction: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """Adam's m and v; p -= (weight_m m + weight_g g) / (sqrt(v / correction) + epsilon).

    The step looks ahead, as Nesterov's does: the gradient enters it twice, through m and by itself.
    The caller gives the weights, learning rate and corrections of the start at 0 included, and
    correction = 1 - b2^t.

    Parameters
    ----------
    p : ndarray (P,), written
    g : ndarray (P,), dL/dp
    m, v : ndarrays (P,), written: the running means of g and g^2
    weight_m, weight_g, correction, beta_1, beta_2, epsilon : floats

    Source: T. Dozat 2016, algorithm 8.

    Examples
    --------
    >>> p, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> nadam(p, np.array([2.0]), m, v, 0.5, 0.25, 0.25, 0.5, 0.75, 0.0)
    >>> p, m, v
    (array([0.5]), array([1.]), array([1.]))
    """
    m += (g - m) * (1.0 - beta_1)
    v += (g * g - v) * (1.0 - beta_2)
    p -= (weight_m * m + weight_g * g) / (np.sqrt(v / correction) + epsilon)


def adamax(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    u: np.ndarray,
    step_size: float,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> None:
    """m += (1 - b1)(g - m); u = max(b2 u, |g|); p -= step_size m / (u + epsilon), in place.

    Parameters
    ----------
    p : ndarray (P,), written
    g : ndarray (P,), dL/dp
    m, u : ndarrays (P,), written: the running mean of g and the decaying maximum of |g|
    step_size : float, lr / (1 - b1^t)
    beta_1, beta_2, epsilon : floats

    Source: D. Kingma, J. Ba 2015, algorithm 2.

    Examples
    --------
    >>> p, m, u = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> adamax(p, np.array([2.0]), m, u, 1.0, 0.5, 0.75, 0.0)
    >>> p, m, u
    (array([0.5]), array([1.]), array([2.]))
    """
    m += (g - m) * (1.0 - beta_1)
    np.maximum(beta_2 * u, np.abs(g), out=u)
    p -= step_size * m / (u + epsilon)


def adagrad(
    p: np.ndarray, g: np.ndarray, v: np.ndarray, learning_rate: float, epsilon: float
) -> None:
    """v += g^2, then p -= lr g / sqrt(v + epsilon), in place.

    Parameters
    ----------
    p : ndarray (P,), written
    g : ndarray (P,), dL/dp
    v : ndarray (P,), written: the sum of g^2
    learning_rate, epsilon : floats

    Source: J. Duchi et al. 2011, figure 1, with a diagonal matrix.

    Examples
    --------
    >>> p, v = np.array([1.0]), np.zeros(1)
    >>> adagrad(p, np.array([2.0]), v, 0.5, 0.0)
    >>> p, v
    (array([0.5]), array([4.]))
    """
    v += g * g
    p -= learning_rate * g / np.sqrt(v + epsilon)


def adadelta(
    p: np.ndarray,
    g: np.ndarray,
    v: np.ndarray,
    moved: np.ndarray,
    learning_rate: float,
    rho: float,
    epsilon: float,
) -> None:
    """d = g sqrt(moved + epsilon) / sqrt(v + epsilon); p -= lr d: a step in the unit of p.

    v = rho v + (1 - rho) g^2 beforehand, moved = rho moved + (1 - rho) d^2 afterwards.

    Parameters
    ----------
    p : ndarray (P,), written
    g : ndarray (P,), dL/dp
    v, moved : ndarrays (P,), written: the running means of g^2 and d^2
    learning_rate, rho, epsilon : floats

    Source: M. Zeiler 2012, algorithm 1.

    Examples
    --------
    >>> p, v, moved = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> adadelta(p, np.array([2.0]), v, moved, 0.5, 0.75, 3.0)
    >>> p, v, moved  # d = 2 sqrt(3) / sqrt(1 + 3)
    (array([0.1339746]), array([1.]), array([0.75]))
    """
    v *= rho
    v += (1.0 - rho) * (g * g)
    d = g * np.sqrt(moved + epsilon) / np.sqrt(v + epsilon)
    moved *= rho
    moved += (1.0 - rho) * (d * d)
    p -= learning_rate * d


def lion(
    p: np.ndarray,
    g: np.ndarray,
    m: np.ndarray,
    learning_rate: float,
    beta_1: float,
    beta_2: float,
) -> None:
    """p -= lr sign(b1 m + (1 - b1) g), then m = b2 m + (1 - b2) g, in place.

    Parameters
    ----------
    p : ndarray (P,), written
    g : ndarray (P,), dL/dp
    m : ndarray (P,), written: the running mean of g
    learning_rate, beta_1, beta_2 : floats

    Source: X. Chen et al. 2023, Symbolic discovery of optimization algorithms, program 1.

    Examples
    --------
    >>> p, m = np.array([1.0]), np.zeros(1)
    >>> lion(p, np.array([2.0]), m, 0.5, 0.5, 0.75)
    >>> p, m
    (array([0.5]), array([0.5]))
    """
    p -= learning_rate * np.sign(m * beta_1 + g * (1.0 - beta_1))
    m *= beta_2
    m += g * (1.0 - beta_2)


def ftrl(
    p: np.ndarray,
    g: np.ndarray,
    n: np.ndarray,
    z: np.ndarray,
    learning_rate: float,
    power: float,
    l1: float,
    l2: float,
    shrinkage: float,
) -> None:
    """p = (clip(z, -l1, l1) - z) / (n^power / lr + 2 l2), in place: 0 where |z| <= l1.

    Beforehand z += g + 2 shrinkage p - (n'^power - n^power) p / lr, with n' = n + g^2, the new n.
    Nothing happens at a rate of 0, which weighs all gradients without end.

    Parameters
    ----------
    p : ndarray (P,), written
    g : ndarray (P,), dL/dp
    n, z : ndarrays (P,), written: the sum of g^2, and the linear term
    learning_rate, power, l1, l2, shrinkage : floats; power is 1/2 in the paper

    Source: H. McMahan et al. 2013, Ad click prediction, algorithm 1.

    Examples
    --------
    >>> p, n, z = np.array([0.0]), np.zeros(1), np.zeros(1)
    >>> ftrl(p, np.array([2.0]), n, z, 0.5, 0.5, 1.0, 0.0, 0.0)
    >>> p, n, z
    (array([-0.25]), array([4.]), array([2.]))
    """
    if learning_rate == 0:
        return
    scale = n**power
    n += g * g
    new_scale = n**power
    z += g + 2.0 * shrinkage * p - (new_scale - scale) / learning_rate * p
    p[...] = (np.clip(z, -l1, l1) - z) / (new_scale / learning_rate + 2.0 * l2)
