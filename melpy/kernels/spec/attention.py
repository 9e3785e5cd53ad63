"""Scaled dot-product attention for every head, and its gradients.

    s = scale q k^T + bias      p = softmax(s), over the positions of the keys      y = p v

Shapes: q (N,T,H,K), k (N,S,H,K), v (N,S,H,V), s and p (N,H,T,S), y (N,T,H,V).
Source: A. Vaswani et al. 2017, Attention is all you need, equation 1.
"""

from __future__ import annotations

import numpy as np

from melpy.kernels.rows import as_rows
from melpy.kernels.spec import softmax as rows

__all__ = ["attention", "attention_back"]


def attention(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, bias: np.ndarray | None, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return y and p; bias of four axes that broadcasts to (N,H,T,S), or None."""
    s = np.einsum("nthk,nshk->nhts", q, k, optimize=True) * q.dtype.type(scale)
    if bias is not None:
        s = s + bias.astype(q.dtype, copy=False)
    p = rows.softmax(as_rows(s)).reshape(s.shape)
    return np.einsum("nhts,nshv->nthv", p, v, optimize=True), p


def attention_back(
    g: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray, p: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return d_q, d_k, d_v and d_s, from g (N,T,H,V) and what `attention` returned.

    d_v = p^T g,   d_p = g v^T,   d_s = p (d_p - sum_s d_p p),   d_q = scale d_s k,
    d_k = scale d_s^T q
    """
    d_p = np.einsum("nthv,nshv->nhts", g, v, optimize=True)
    d_s = rows.softmax_d_x(as_rows(d_p), as_rows(p)).reshape(p.shape)
    scaled = d_s * q.dtype.type(scale)
    return (
        np.einsum("nhts,nshk->nthk", scaled, k, optimize=True),
        np.einsum("nhts,nthk->nshk", scaled, q, optimize=True),
        np.einsum("nhts,nthv->nshv", p, g, optimize=True),
        d_s,
    )
