"""Attention, compiled: a head of a sample in one go; see `melpy.kernels.spec.attention`.

The scores of a head stay in the cache from the product that makes them to the one that uses them.
Heads are read and written where they lie, between each other: no array is transposed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.jit import compiled, contiguous
from melpy.kernels.compiled.softmax import probabilities, probabilities_back
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import (
    AT_ONCE,
    LINEAR,
    VECTOR_BYTES,
    Ends,
    Lines,
    Panels,
    Terms,
    lines,
    multiply,
)
from melpy.kernels.spec import attention as spec
from melpy.kernels.tracing import computed


class Heads(NamedTuple):
    """Queries, keys and values, (N,T,H,K), (N,S,H,K) and (N,S,H,V), or their gradients."""

    q: np.ndarray
    k: np.ndarray
    v: np.ndarray


class Forward(NamedTuple):
    """Where the rows of a head begin, in each array that a product reads or writes."""

    q: np.ndarray
    p: np.ndarray
    y: np.ndarray
    zeros: np.ndarray  # what sums begin with


class Backward(NamedTuple):
    """Where the rows of a head begin; ``turned``: of the scores, walked column by column."""

    g: np.ndarray
    p: np.ndarray
    q: np.ndarray
    turned: np.ndarray
    k: np.ndarray
    v: np.ndarray
    zeros: np.ndarray


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
        *Forward(lines(T, H * K), lines(T, S), lines(T, H * V), np.zeros(max(S, V), q.dtype)),
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
        g, *Heads(q, k, v), p.reshape(-1), q.dtype.type(scale), *Heads(d_q, d_k, d_v),
        d_s.reshape(-1),
        *Backward(
            lines(T, H * V), lines(T, S), lines(T, H * K), lines(S, 1), lines(S, H * K),
            lines(S, H * V), np.zeros(max(K, V, S), q.dtype),
        ),
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
def _heads(q, k, v, bias, scale, y, p, at: Forward, part, first, last):
    """p = softmax(q k^T scale + bias), y = p v, for some heads of some samples."""
    T, H, K = q.shape[1:]
    S, V = v.shape[1], v.shape[3]
    turned, lanes = np.empty(K * S, q.dtype), np.zeros(16, q.dtype)
    scores = np.empty(T * S, q.dtype)  # not p: in place, the compiler makes no vectors of softmax
    flat_q, flat_v, flat_y = q.reshape(-1), v.reshape(-1), y.reshape(-1)
    for unit in range(first, last):
        n, h = unit // H, unit % H
        p0, v0 = unit * T * S, (n * S * H + h) * V
        _turn(k, n, h, turned)
        _product(
            Lines(scores, at.p, 0), Lines(flat_q, at.q, (n * T * H + h) * K), (K, 1),
            (turned, 0, S), S, at.zeros,
        )  # fmt: skip
        for t in range(T):
            row = scores[t * S : (t + 1) * S]
            for s in range(S):
                row[s] *= scale
            if len(bias):
                more = bias[min(n, bias.shape[0] - 1), min(h, bias.shape[1] - 1), t]
                for s in range(S):
                    row[s] += more[s]
            probabilities(row, p[p0 + t * S : p0 + (t + 1) * S], lanes)
        _product(
            Lines(flat_y, at.y, (n * T * H + h) * V), Lines(p, at.p, p0), (S, 1),
            (flat_v, v0, H * V), V, at.zeros,
        )  # fmt: skip


@for_team
def _heads_back(
    g, x: Heads, p, scale, d: Heads, d_s, at: Backward, part, first, last
):  # fmt: skip
    """Make the gradients of q, k, v and of the scores, for some heads of some samples."""
    T, H, K = x.q.shape[1:]
    S, V = x.v.shape[1], x.v.shape[3]
    turned, lanes = np.empty(V * S, g.dtype), np.zeros(16, g.dtype)
    scaled = np.empty(T * S, g.dtype)
    flat_g, flat_q, flat_k = g.reshape(-1), x.q.reshape(-1), x.k.reshape(-1)
    flat_d_q, flat_d_k, flat_d_v = d.q.reshape(-1), d.k.reshape(-1), d.v.reshape(-1)
    for unit in range(first, last):
        n, h = unit // H, unit % H
        p0, q0, k0 = unit * T * S, (n * T * H + h) * K, (n * S * H + h) * K
        g0, v0 = (n * T * H + h) * V, (n * S * H + h) * V
        _turn(x.v, n, h, turned)
        _product(
            Lines(scaled, at.p, 0), Lines(flat_g, at.g, g0), (V, 1), (turned, 0, S), S, at.zeros
        )
        for t in range(T):
            row, here = scaled[t * S : (t + 1) * S], slice(p0 + t * S, p0 + (t + 1) * S)
            probabilities_back(row, p[here], d_s[here], lanes)
            for s in range(S):
                row[s] = d_s[p0 + t * S + s] * scale
        _product(
            Lines(flat_d_q, at.q, q0), Lines(scaled, at.p, 0), (S, 1), (flat_k, k0, H * K), K,
            at.zeros,
        )  # fmt: skip
        _product(
            Lines(flat_d_k, at.k, k0), Lines(scaled, at.turned, 0), (T, S), (flat_q, q0, H * K), K,
            at.zeros,
        )  # fmt: skip
        _product(
            Lines(flat_d_v, at.v, v0), Lines(p, at.turned, p0), (T, S), (flat_g, g0, H * V), V,
            at.zeros,
        )  # fmt: skip


@compiled
def _product(c, a, sum_of, b, columns, zeros):
    """C = A B of one head; ``sum_of`` is (terms, A's step), b (numbers, begin, row)."""
    panel, zero = 2 * VECTOR_BYTES // zeros.itemsize, zeros.dtype.type(0)
    multiply(
        c, a, (0, a.at.size), Terms(AT_ONCE, 0, 1, sum_of[0], sum_of[1]),
        Panels(b[0], b[1], b[2], panel), columns, Ends(zeros, 0, 0, LINEAR, zero),
    )  # fmt: skip
