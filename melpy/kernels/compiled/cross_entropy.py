"""Softmax and cross-entropy, and their joint gradient, in one sweep each, compiled."""

from __future__ import annotations

import numpy as np

from melpy.kernels import threads
from melpy.kernels.compiled.jit import contiguous
from melpy.kernels.compiled.team import for_team
from melpy.kernels.spec import cross_entropy as spec


def softmax_cross_entropy(
    logits: np.ndarray, target: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
    """See `melpy.kernels.spec.cross_entropy.softmax_cross_entropy`."""
    arrays = contiguous(logits, target)
    if arrays is None or 0 in logits.shape:
        return spec.softmax_cross_entropy(logits, target, epsilon)
    z, t = arrays
    loss, p = np.empty(len(z), z.dtype), np.empty_like(z)
    limit = z.dtype.type(epsilon)
    threads.share(_forward, len(z), 16 * z.size, z, t, loss, p, limit)
    return loss, p


def softmax_cross_entropy_d_logits(
    g: np.ndarray, p: np.ndarray, target: np.ndarray, epsilon: float
) -> np.ndarray:
    """See `melpy.kernels.spec.cross_entropy.softmax_cross_entropy_d_logits`."""
    arrays = contiguous(g, p, target)
    if arrays is None:
        return spec.softmax_cross_entropy_d_logits(g, p, target, epsilon)
    g, p, target = arrays
    d_logits = np.empty_like(p)
    limit = p.dtype.type(epsilon)
    threads.share(_backward, len(p), p.size, g, p, target, d_logits, limit)
    return d_logits


@for_team
def _forward(logits, target, loss, p, epsilon, part, first, last):
    C, one = logits.shape[1], logits.dtype.type(1)
    for n in range(first, last):
        z, t, q = logits[n], target[n], p[n]
        largest = z[0]
        for c in range(C):
            largest = z[c] if (z[c] > largest) | (z[c] != z[c]) else largest
        total = logits.dtype.type(0)
        for c in range(C):
            q[c] = np.exp(z[c] - largest)
            total += q[c]
        log_total, sum_ = np.log(total), one - one
        for c in range(C):
            q[c] /= total
            if t[c] != 0:
                if epsilon > 0:
                    log_p = np.log(min(max(q[c], epsilon), one - epsilon))
                else:
                    log_p = z[c] - largest - log_total
                sum_ -= t[c] * log_p
        loss[n] = sum_


@for_team
def _backward(g, p, target, d_logits, epsilon, part, first, last):
    C, one = p.shape[1], p.dtype.type(1)
    for n in range(first, last):
        q, t, d = p[n], target[n], d_logits[n]
        total = one - one
        for c in range(C):
            inside = (epsilon == 0) | ((q[c] > epsilon) & (q[c] < one - epsilon))
            d[c] = t[c] if inside else one - one
            total += d[c]
        for c in range(C):
            d[c] = g[n] * (q[c] * total - d[c])
