"""Attention, compiled: a head of a sample in one go; see `melpy.kernels.spec.attention`.

The scores of a head stay in the cache from the product that makes them to the one that uses them.
Heads are read and written where they lie, between each other: no array is transposed.
"""

from __future__ import annotations

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.jit import compiled, contiguous
from melpy.kernels.compiled.softmax import probabilities, probabilities_back
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import AT_ONCE, LINEAR, VECTOR_BYTES, lines, multiply
from melpy.kernels.spec import attention as spec
from melpy.kernels.tracing import computed


def attention(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, bias: np.ndarray | None, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return y and p; see `melpy.kernels.spec.attention.attention`."""
    arrays = contiguous(q, k, v)
    if arrays is None or 0 in q.shape or 0 in v.shape:
        return spec.attention(q, k, v, bias, scale)
    q, k, v = arrays
    (N, T, H, K), (_, S, _, V) = q.shape, v.shape
    y, p = memory.empty((N, T, H, V), q.dtype), memory.empty((N, H, T, S), q.dtype)
    added = np.zeros((0, 0, T, S), q.dtype)  # none
    if bias is not None:
        shape = *bias.shape[:2], T, S
        added = computed(lambda b: np.broadcast_to(b.astype(q.dtype), shape).copy(), bias)
    threads.share(
        _heads, N * H, N * H * T * S * (K + V + 16) // 16,
        q, k, v, added, q.dtype.type(scale), y, p.reshape(-1),
        lines(T, H * K), lines(T, S), lines(T, H * V), np.zeros(max(S, V), q.dtype),
    )  # fmt: skip
    return y, p


def attention_back(
    g: np.ndarray, q: np.ndarray, k: np.ndarray, v: np.ndarray, p: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return d_q, d_k, d_v, d_s; see `melpy.kernels.spec.attention.attention_back`."""
    arrays = contiguous(g, q, k, v, p)
    if arrays is None or 0 in q.shape or 0 in v.shape:
        return spec.attention_back(g, q, k, v, p, scale)
    g, q, k, v, p = arrays
    (N, T, H, K), (_, S, _, V) = q.shape, v.shape
    d_q, d_k, d_v = (memory.empty(x.shape, x.dtype) for x in (q, k, v))
    d_s = memory.empty(p.shape, p.dtype)
    threads.share(
        _heads_back, N * H, N * H * T * S * (2 * K + 2 * V + 16) // 16,
        g, q, k, v, p.reshape(-1), q.dtype.type(scale), d_q, d_k, d_v, d_s.reshape(-1),
        lines(T, H * V), lines(T, S), lines(T, H * K), lines(S, 1), lines(S, H * K),
        lines(S, H * V), np.zeros(max(K, V, S), q.dtype),
    )  # fmt: skip
    return d_q, d_k, d_v, d_s


@compiled
def _turn(x, n, h, turned):
    """turned (K,S) = the transpose of a head of x (N,S,H,K)."""
    S, K = x.shape[1], x.shape[3]
    for s in range(S):
        line = x[n, s, h]
        for c in range(K):
            turned[c * S + s] = line[c]


@for_team
def _heads(q, k, v, bias, scale, y, p, q_at, p_at, y_at, zeros, part, first, last):
    T, H, K = q.shape[1:]
    S, V = v.shape[1], v.shape[3]
    panel, zero = 2 * VECTOR_BYTES // q.itemsize, q.dtype.type(0)
    turned, lanes = np.empty(K * S, q.dtype), np.zeros(16, q.dtype)
    scores = np.empty(T * S, q.dtype)  # not p: in place, the compiler makes no vectors of softmax
    flat_q, flat_v, flat_y = q.reshape(-1), v.reshape(-1), y.reshape(-1)
    for unit in range(first, last):
        n, h = unit // H, unit % H
        at, v0 = unit * T * S, (n * S * H + h) * V
        _turn(k, n, h, turned)
        multiply(
            scores, p_at, 0, flat_q, q_at, (n * T * H + h) * K, 0, q_at.size, AT_ONCE, 0, 1, K, 1,
            turned, 0, S, panel, S, zeros, 0, 0, LINEAR, zero,
        )  # fmt: skip
        for t in range(T):
            row = scores[t * S : (t + 1) * S]
            for s in range(S):
                row[s] *= scale
            if len(bias):
                more = bias[min(n, bias.shape[0] - 1), min(h, bias.shape[1] - 1), t]
                for s in range(S):
                    row[s] += more[s]
            probabilities(row, p[at + t * S : at + (t + 1) * S], lanes)
        multiply(
            flat_y, y_at, (n * T * H + h) * V, p, p_at, at, 0, p_at.size, AT_ONCE, 0, 1, S, 1,
            flat_v, v0, H * V, panel, V, zeros, 0, 0, LINEAR, zero,
        )  # fmt: skip


@for_team
def _heads_back(
    g, q, k, v, p, scale, d_q, d_k, d_v, d_s, g_at, p_at, q_at, s_at, k_at, v_at, zeros,
    part, first, last,
):  # fmt: skip
    T, H, K = q.shape[1:]
    S, V = v.shape[1], v.shape[3]
    panel, zero = 2 * VECTOR_BYTES // q.itemsize, q.dtype.type(0)
    turned, lanes = np.empty(V * S, q.dtype), np.zeros(16, q.dtype)
    scaled = np.empty(T * S, q.dtype)
    flat_g, flat_q, flat_k = g.reshape(-1), q.reshape(-1), k.reshape(-1)
    flat_d_q, flat_d_k, flat_d_v = d_q.reshape(-1), d_k.reshape(-1), d_v.reshape(-1)
    for unit in range(first, last):
        n, h = unit // H, unit % H
        at, q0, k0 = unit * T * S, (n * T * H + h) * K, (n * S * H + h) * K
        g0, v0 = (n * T * H + h) * V, (n * S * H + h) * V
        _turn(v, n, h, turned)
        multiply(
            scaled, p_at, 0, flat_g, g_at, g0, 0, g_at.size, AT_ONCE, 0, 1, V, 1,
            turned, 0, S, panel, S, zeros, 0, 0, LINEAR, zero,
        )  # fmt: skip
        for t in range(T):
            row, here = scaled[t * S : (t + 1) * S], slice(at + t * S, at + (t + 1) * S)
            probabilities_back(row, p[here], d_s[here], lanes)
            for s in range(S):
                row[s] = d_s[at + t * S + s] * scale
        multiply(
            flat_d_q, q_at, q0, scaled, p_at, 0, 0, p_at.size, AT_ONCE, 0, 1, S, 1,
            flat_k, k0, H * K, panel, K, zeros, 0, 0, LINEAR, zero,
        )  # fmt: skip
        multiply(
            flat_d_k, k_at, k0, scaled, s_at, 0, 0, s_at.size, AT_ONCE, 0, 1, T, S,
            flat_q, q0, H * K, panel, K, zeros, 0, 0, LINEAR, zero,
        )  # fmt: skip
        multiply(
            flat_d_v, v_at, v0, p, s_at, at, 0, s_at.size, AT_ONCE, 0, 1, T, S,
            flat_g, g0, H * V, panel, V, zeros, 0, 0, LINEAR, zero,
        )  # fmt: skip
