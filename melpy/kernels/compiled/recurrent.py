"""LSTM and GRU sweeps, compiled: a group of samples walks through all its steps on one thread.

Samples know nothing of each other, so no thread waits for another between steps, and the bits do
not depend on their number. The plain network goes step by step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.approximations import tanh
from melpy.kernels.compiled.jit import compiled, contiguous, copied, laid
from melpy.kernels.compiled.matmul import matmul
from melpy.kernels.compiled.products import Matrix, multiply_add
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import ROWS
from melpy.kernels.spec import recurrent as spec
from melpy.kernels.spec.bias_activation import ACTIVATIONS
from melpy.kernels.tracing import computed, zeros

UNMASKED = np.zeros((1, 1), np.bool_)


def _run(sweep, x, *args) -> None:
    """Call a sweep for groups of whole register tiles of samples; x (N,T,GD) tells the work."""
    threads.share(sweep, -(-len(x) // ROWS), x.size * x.shape[2] // 64, *args)


def _states(start: np.ndarray, T: int) -> np.ndarray:
    h = memory.empty((len(start), T + 1, start.shape[1]), start.dtype)
    computed(_begin, h, start)
    return h


def _begin(h: np.ndarray, start: np.ndarray) -> None:
    h[:, 0] = start


def lstm(x, u, b, h0, c0, mask):
    """Run an LSTM; see `melpy.kernels.spec.recurrent.lstm`."""
    arrays = contiguous(x, u, b, h0, c0)
    if arrays is None:
        return spec.lstm(x, u, b, h0, c0, mask)
    x, u, b, h0, c0 = arrays
    h, c = _states(h0, x.shape[1]), _states(c0, x.shape[1])
    gates = memory.empty(x.shape, x.dtype)
    _run(_lstm, x, x, u, b, h, c, gates, *_mask(mask))
    return h, c, gates


def lstm_d_x(g_h, g_c, u, c, gates, mask):
    """Walk an LSTM back; see `melpy.kernels.spec.recurrent.lstm_d_x`."""
    arrays = contiguous(g_h, g_c, u, c, gates)
    if arrays is None:
        return spec.lstm_d_x(g_h, g_c, u, c, gates, mask)
    g_h, g_c, u, c, gates = arrays
    d_x, d_h, d_c = memory.empty(gates.shape, gates.dtype), zeros(g_c.shape, g_c.dtype), copied(g_c)
    u_t = copied(u.T)
    _run(_lstm_back, gates, g_h, u_t, c, gates, d_x, d_h, d_c, *_mask(mask))
    return d_x, d_h, d_c


def gru(x, u, b, h0, mask, reset_after):
    """Run a GRU; see `melpy.kernels.spec.recurrent.gru`."""
    arrays = contiguous(x, u, b, h0)
    if arrays is None:
        return spec.gru(x, u, b, h0, mask, reset_after)
    x, u, b, h0 = arrays
    (N, T, _), D = x.shape, len(u)
    h, gates = _states(h0, T), memory.empty(x.shape, x.dtype)
    inner = memory.empty((N, T, D), x.dtype)
    _run(_gru, x, x, u, b, h, gates, inner, reset_after, *_mask(mask))
    return h, gates, inner


def gru_d_x(g_h, u, h, gates, inner, mask, reset_after):
    """Walk a GRU back; see `melpy.kernels.spec.recurrent.gru_d_x`."""
    arrays = contiguous(g_h, u, h, gates, inner)
    if arrays is None:
        return spec.gru_d_x(g_h, u, h, gates, inner, mask, reset_after)
    g_h, u, h, gates, inner = arrays
    d_x = memory.empty(gates.shape, gates.dtype)
    d_h, part = zeros((len(h), len(u)), g_h.dtype), memory.empty(h[:, 0].shape, g_h.dtype)
    u_t = copied(u.T)
    _run(_gru_back, gates, g_h, u_t, h, gates, inner, d_x, d_h, part, reset_after, *_mask(mask))
    return d_x, d_h


class Mask(NamedTuple):
    """Which steps of which samples there are, (N,T), if some are not."""

    known: np.ndarray
    is_masked: bool


class Made(NamedTuple):
    """What a GRU makes on its way forward."""

    h: np.ndarray
    gates: np.ndarray
    inner: np.ndarray


def simple_rnn(x, u, b, h0, mask, activation):
    """Run a plain recurrent network; see `melpy.kernels.spec.recurrent.simple_rnn`."""
    arrays = contiguous(x, u, b, h0)
    if arrays is None or mask is not None or 0 in x.shape:
        threads.missed("simple_rnn")
        return spec.simple_rnn(x, u, b, h0, mask, activation)
    x, u, b, h0 = arrays
    act, h = ACTIVATIONS[activation][0], _states(h0, x.shape[1])
    for t in range(x.shape[1]):
        computed(_next, h, x, matmul(h[:, t], u), b, t, act)
    return h


def _next(h, x, z, b, t, act):
    h[:, t + 1] = act(x[:, t] + z + b, 0.0)


def simple_rnn_d_x(g_h, u, h, mask, activation):
    """Walk a plain network back; see `melpy.kernels.spec.recurrent.simple_rnn_d_x`."""
    arrays = contiguous(g_h, u, h)
    if arrays is None or mask is not None or 0 in g_h.shape:
        threads.missed("simple_rnn_d_x")
        return spec.simple_rnn_d_x(g_h, u, h, mask, activation)
    g_h, u, h = arrays
    slope, u_t = ACTIVATIONS[activation][1], copied(u.T)
    d_x, d_h = memory.empty(g_h.shape, g_h.dtype), zeros(h[:, 0].shape, h.dtype)
    for t in reversed(range(g_h.shape[1])):
        d = computed(lambda d_h, g, h, t: (d_h + g[:, t]) * slope(h[:, t + 1], 0.0), d_h, g_h, h, t)
        computed(_put, d_x, d, t)
        d_h = matmul(d, u_t)
    return d_x, d_h


def _put(d_x, d, t):
    d_x[:, t] = d


def _mask(mask):
    return Mask(UNMASKED, False) if mask is None else Mask(laid(mask), True)


@compiled
def _copy(v, to):
    """to = v; a slice assigned to a slice takes Numba seconds to compile."""
    for k in range(v.size):
        to[k] = v[k]


@compiled
def _tanh(v):
    """v = tanh(v), in place."""
    for k in range(v.size):
        v[k] = tanh(v[k])


@compiled
def _sigmoid(v):
    """v = sigmoid(v) = (1 + tanh(v / 2)) / 2, in place."""
    half = v.dtype.type(0.5)
    for k in range(v.size):
        v[k] *= half
    _tanh(v)
    for k in range(v.size):
        v[k] = half + half * v[k]


# Below, many short loops instead of one long one: with few arrays in a loop the compiler can see
# that they do not overlap, and makes vectors of it.


@for_team
def _lstm(x, u, b, h, c, gates, steps: Mask, part, first, last):
    mask, masked = steps
    first, last = first * ROWS, min(x.shape[0], last * ROWS)
    T, G, D = x.shape[1], x.shape[2], u.shape[0]
    for t in range(T):
        for n in range(first, last):
            a, given = gates[n, t], x[n, t]
            for k in range(G):
                a[k] = given[k] + b[k]
        multiply_add(
            Matrix(gates, (first * T + t) * G, T * G),
            Matrix(h, (first * (T + 1) + t) * D, (T + 1) * D), Matrix(u, 0, G),
            (last - first, G, D),
        )  # fmt: skip
        for n in range(first, last):
            a, h_new, c_new, c_old = gates[n, t], h[n, t + 1], c[n, t + 1], c[n, t]
            _sigmoid(a[: 2 * D])
            _tanh(a[2 * D : 3 * D])
            _sigmoid(a[3 * D :])
            i, f, g, o = a[:D], a[D : 2 * D], a[2 * D : 3 * D], a[3 * D :]
            if masked and not mask[n, t]:
                _copy(h[n, t], h_new)
                _copy(c_old, c_new)
                continue
            for k in range(D):
                c_new[k] = f[k] * c_old[k] + i[k] * g[k]
            _copy(c_new, h_new)
            _tanh(h_new)
            for k in range(D):
                h_new[k] *= o[k]


@for_team
def _lstm_back(g_h, u_t, c, gates, d_x, d_h, d_c, steps: Mask, part, first, last):
    mask, masked = steps
    first, last = first * ROWS, min(gates.shape[0], last * ROWS)
    T, G, D = gates.shape[1], gates.shape[2], u_t.shape[1]
    one = g_h.dtype.type(1)
    for t in range(T - 1, -1, -1):
        for n in range(first, last):
            dh, dc, given, d, a, c_old = d_h[n], d_c[n], g_h[n, t], d_x[n, t], gates[n, t], c[n, t]
            for k in range(D):
                dh[k] += given[k]
            if masked and not mask[n, t]:
                d[:] = 0
                continue
            i, f, g, o = a[:D], a[D : 2 * D], a[2 * D : 3 * D], a[3 * D :]
            di, df, dg, do = d[:D], d[D : 2 * D], d[2 * D : 3 * D], d[3 * D :]
            _copy(c[n, t + 1], do)
            _tanh(do)
            for k in range(D):
                dc[k] += dh[k] * o[k] * (one - do[k] * do[k])
            for k in range(D):
                do[k] *= dh[k] * o[k] * (one - o[k])
            for k in range(D):
                di[k] = dc[k] * g[k] * i[k] * (one - i[k])
            for k in range(D):
                df[k] = dc[k] * c_old[k] * f[k] * (one - f[k])
            for k in range(D):
                dg[k] = dc[k] * i[k] * (one - g[k] * g[k])
            for k in range(D):
                dc[k] *= f[k]
            dh[:] = 0  # what came before is the product alone
        multiply_add(
            Matrix(d_h, first * D, D), Matrix(d_x, (first * T + t) * G, T * G), Matrix(u_t, 0, D),
            (last - first, D, G),
        )  # fmt: skip


@for_team
def _gru(x, u, b, made: Made, reset_after, steps: Mask, part, first, last):
    (h, gates, inner), (mask, masked) = made, steps
    first, last = first * ROWS, min(x.shape[0], last * ROWS)
    T, G, D = x.shape[1], x.shape[2], u.shape[0]
    one, rows = x.dtype.type(1), last - first
    for t in range(T):
        h_at, at = (first * (T + 1) + t) * D, first * T + t
        for n in range(first, last):
            _copy(b, gates[n, t])
        columns = G if reset_after else 2 * D
        multiply_add(
            Matrix(gates, at * G, T * G), Matrix(h, h_at, (T + 1) * D), Matrix(u, 0, G),
            (rows, columns, D),
        )  # fmt: skip
        for n in range(first, last):
            a, given = gates[n, t], x[n, t]
            zr, r, m, h_old, saved = a[: 2 * D], a[D : 2 * D], a[2 * D :], h[n, t], inner[n, t]
            for k in range(2 * D):
                zr[k] += given[k]
            _sigmoid(zr)
            x_n = given[2 * D :]
            if reset_after:
                _copy(m, saved)
                for k in range(D):
                    m[k] = x_n[k] + r[k] * saved[k]
            else:
                for k in range(D):
                    saved[k] = r[k] * h_old[k]
                for k in range(D):
                    m[k] += x_n[k]
        if not reset_after:
            multiply_add(
                Matrix(gates, at * G + 2 * D, T * G), Matrix(inner, at * D, T * D),
                Matrix(u, 2 * D, G), (rows, D, D),
            )  # fmt: skip
        for n in range(first, last):
            a, h_old, h_new = gates[n, t], h[n, t], h[n, t + 1]
            z, m = a[:D], a[2 * D :]
            _tanh(m)
            if masked and not mask[n, t]:
                _copy(h_old, h_new)
                continue
            for k in range(D):
                h_new[k] = z[k] * h_old[k] + (one - z[k]) * m[k]


@for_team
def _gru_back(
    g_h, u_t, made: Made, d_x, d_h, inside, reset_after, steps: Mask, part, first, last
):  # fmt: skip
    (h, gates, inner), (mask, masked) = made, steps
    first, last = first * ROWS, min(gates.shape[0], last * ROWS)
    T, G, D = gates.shape[1], gates.shape[2], u_t.shape[1]
    one, rows = g_h.dtype.type(1), last - first
    for t in range(T - 1, -1, -1):
        d_at, inside_at = (first * T + t) * G, first * D
        for n in range(first, last):
            dh, given, d, a, h_old, p = (
                d_h[n],
                g_h[n, t],
                d_x[n, t],
                gates[n, t],
                h[n, t],
                inside[n],
            )
            for k in range(D):
                dh[k] += given[k]
            if masked and not mask[n, t]:
                d[:] = 0
                p[:] = 0
                continue
            z, r, m = a[:D], a[D : 2 * D], a[2 * D :]
            dz, dr, dn = d[:D], d[D : 2 * D], d[2 * D :]
            for k in range(D):
                dz[k] = dh[k] * (h_old[k] - m[k])
            for k in range(D):
                dz[k] *= z[k] * (one - z[k])
            for k in range(D):
                dn[k] = dh[k] * (one - z[k]) * (one - m[k] * m[k])
            for k in range(D):
                dh[k] *= z[k]
            if reset_after:
                before = inner[n, t]
                for k in range(D):
                    p[k] = dn[k] * r[k]
                for k in range(D):
                    dr[k] = dn[k] * before[k] * r[k] * (one - r[k])
            else:
                p[:] = 0
        if reset_after:
            multiply_add(
                Matrix(d_h, inside_at, D), Matrix(inside, inside_at, D), Matrix(u_t, 2 * D * D, D),
                (rows, D, D),
            )  # fmt: skip
        else:
            multiply_add(
                Matrix(inside, inside_at, D), Matrix(d_x, d_at + 2 * D, T * G),
                Matrix(u_t, 2 * D * D, D), (rows, D, D),
            )  # fmt: skip
            for n in range(first, last):
                if masked and not mask[n, t]:
                    continue
                r, dr, dh, h_old, p = (
                    gates[n, t, D : 2 * D],
                    d_x[n, t, D : 2 * D],
                    d_h[n],
                    h[n, t],
                    inside[n],
                )
                for k in range(D):
                    dr[k] = p[k] * h_old[k] * r[k] * (one - r[k])
                for k in range(D):
                    dh[k] += p[k] * r[k]
        multiply_add(
            Matrix(d_h, inside_at, D), Matrix(d_x, d_at, T * G), Matrix(u_t, 0, D), (rows, D, 2 * D)
        )
