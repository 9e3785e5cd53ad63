"""Softmax and cross-entropy in one step, where their gradients cancel to a difference."""

from __future__ import annotations

import numpy as np

__all__ = ["softmax_cross_entropy", "softmax_cross_entropy_d_logits"]


def softmax_cross_entropy(
    logits: np.ndarray, target: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
    """loss[n] = -sum_c t[n,c] log(clip(p[n,c], eps, 1 - eps)), with p = softmax(logits).

    p_c = exp(z_c - max z) / sum_k exp(z_k - max z): a shift cancels in the quotient, and with this
    one no exponent is positive, so nothing overflows. With epsilon = 0 nothing is clipped and log p
    is taken before the quotient is, so that no log(0) can occur:

        log p_c = (z_c - max z) - log sum_k exp(z_k - max z)

    A class that cannot be, z_c = -inf, has p_c = 0 and adds 0 to the loss where t_c = 0.

    Parameters
    ----------
    logits : ndarray (N,C), finite or -inf, not all of a row
    target : ndarray (N,C), each row a distribution: one-hot or smoothed
    epsilon : float in [0, 0.5); Keras clips by 1e-7 where a model ends in a softmax, and by nothing
        where it returns logits

    Returns
    -------
    loss : ndarray (N,), the dtype of logits
    p : ndarray (N,C), not clipped

    Examples
    --------
    >>> loss, p = softmax_cross_entropy(np.zeros((1, 2)), np.array([[0.0, 1.0]]), 0.0)
    >>> p
    array([[0.5, 0.5]])
    >>> bool(np.isclose(loss[0], np.log(2.0)))
    True
    """
    epsilon = float(epsilon)
    shifted = logits - logits.max(axis=1, keepdims=True)  # (N,C) - (N,1)
    exps = np.exp(shifted)
    total = exps.sum(axis=1, keepdims=True)  # (N,C) -> (N,1)
    p = exps / total
    if epsilon == 0.0:
        log_p = shifted - np.log(total)
    else:
        log_p = np.log(np.clip(p, epsilon, 1.0 - epsilon))
    with np.errstate(invalid="ignore"):
        terms = np.where(target == 0, 0, target * log_p)  # 0 log 0 = 0
    return -terms.sum(axis=1), p  # (N,C) -> (N,)


def softmax_cross_entropy_d_logits(
    g: np.ndarray, p: np.ndarray, target: np.ndarray, epsilon: float
) -> np.ndarray:
    """d_logits[n,k] = g[n] (p[n,k] sum_c t[n,c] m[n,c] - t[n,k] m[n,k]).

    m = 1 where p was not clipped (epsilon < p < 1 - epsilon), else 0; all 1 with epsilon = 0.
    Leaving out n:

        dL/dp_c   = -t_c m_c / p_c                    clip passes nothing on where it clips
        dp_c/dz_k = p_c ([c = k] - p_k)               the softmax
        dL/dz_k   = sum_c dL/dp_c dp_c/dz_k
                  = -sum_c t_c m_c ([c = k] - p_k)    p_c cancels
                  = p_k sum_c t_c m_c - t_k m_k

    Without clipping, and with a target that sums to 1, this is p - t.

    Parameters
    ----------
    g : ndarray (N,), dL/dloss
    p : ndarray (N,C), what `softmax_cross_entropy` returned
    target, epsilon : as in `softmax_cross_entropy`

    Returns
    -------
    ndarray (N,C), the dtype of p

    Examples
    --------
    >>> p, target = np.array([[0.25, 0.75]]), np.array([[0.0, 1.0]])
    >>> softmax_cross_entropy_d_logits(np.ones(1), p, target, 0.0)
    array([[ 0.25, -0.25]])
    """
    epsilon = float(epsilon)
    if epsilon == 0.0:
        kept = target
    else:
        kept = np.where((epsilon < p) & (p < 1.0 - epsilon), target, 0)  # t m
    return g[:, None] * (p * kept.sum(axis=1, keepdims=True) - kept)  # (N,1) * (N,C)
