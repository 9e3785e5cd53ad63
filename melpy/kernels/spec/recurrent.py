"""Recurrent sweeps: all steps of a sequence in one call, and the same steps walked back.

A cell's step takes the input's part x_t = (input at t) W of its gates, made by one product for
all steps, and adds h_t U, which must wait for the step before. What the way back needs is kept:
the gates after their activations, and the states before and after every step.

    LSTM   i, f, o = sigmoid, g = tanh of x_t + h_t U + b, in the order i f g o
           c' = f c + i g,  h' = o tanh(c')
    GRU    z, r = sigmoid of x_t + h_t U + b, in the order z r n
           n = tanh(x_n + r (h U_n + b_n)), or tanh(x_n + (r h) U_n) where reset comes first
           h' = z h + (1 - z) n
    plain  h' = act(x_t + h_t U + b)

Where a mask is False, a step leaves the states as they are, and passes their gradients on.

Sources: S. Hochreiter, J. Schmidhuber 1997 and F. Gers et al. 2000 (LSTM); K. Cho et al. 2014,
eqs. 5 to 8 (GRU, reset first), and its first version (reset after); J. Elman 1990 (plain).
"""

from __future__ import annotations

import numpy as np

from melpy.kernels.spec.bias_activation import ACTIVATIONS

__all__ = ["gru", "gru_d_x", "lstm", "lstm_d_x", "simple_rnn", "simple_rnn_d_x"]


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) as (1 + tanh(x / 2)) / 2, which cannot overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def _sequence(start: np.ndarray, T: int, dtype: np.dtype) -> np.ndarray:
    """Return room for T + 1 states, (N,T+1,D), that begins with ``start``, (N,D)."""
    states = np.empty((len(start), T + 1, start.shape[1]), dtype)
    states[:, 0] = start
    return states


def _keep(mask: np.ndarray | None, t: int, new: np.ndarray, old: np.ndarray | float) -> np.ndarray:
    """Return ``new`` where step t is to be used, else ``old``."""
    return new if mask is None else np.where(mask[:, t, np.newaxis], new, old)


def lstm(
    x: np.ndarray,
    u: np.ndarray,
    b: np.ndarray,
    h0: np.ndarray,
    c0: np.ndarray,
    mask: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Run an LSTM over all steps.

    Parameters
    ----------
    x : ndarray (N,T,4D), the input's part of the gates i f g o
    u : ndarray (D,4D)
    b : ndarray (4D,)
    h0, c0 : ndarray (N,D), the states at the start
    mask : bool ndarray (N,T), or None

    Returns
    -------
    h, c : ndarray (N,T+1,D), the states before each step and after the last one
    gates : ndarray (N,T,4D), after their activations
    """
    T, D = x.shape[1], len(u)
    h, c, gates = _sequence(h0, T, x.dtype), _sequence(c0, T, x.dtype), np.empty_like(x)
    for t in range(T):
        a = x[:, t] + h[:, t] @ u + b  # (N,D) (D,4D) -> (N,4D)
        i, f, o = sigmoid(a[:, :D]), sigmoid(a[:, D : 2 * D]), sigmoid(a[:, 3 * D :])
        g = np.tanh(a[:, 2 * D : 3 * D])
        gates[:, t] = np.concatenate([i, f, g, o], axis=1)
        c_new = f * c[:, t] + i * g
        h[:, t + 1] = _keep(mask, t, o * np.tanh(c_new), h[:, t])
        c[:, t + 1] = _keep(mask, t, c_new, c[:, t])
    return h, c, gates


def lstm_d_x(
    g_h: np.ndarray,
    g_c: np.ndarray,
    u: np.ndarray,
    c: np.ndarray,
    gates: np.ndarray,
    mask: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Walk an LSTM back.

    Parameters
    ----------
    g_h : ndarray (N,T,D), dL/dh after each step
    g_c : ndarray (N,D), dL/dc after the last step
    u, mask : as in `lstm`
    c, gates : what `lstm` returned

    Returns
    -------
    d_x : ndarray (N,T,4D); the gradients of U and of b follow from it
    d_h0, d_c0 : ndarray (N,D)
    """
    T, D = g_h.shape[1], len(u)
    d_x, d_h, d_c = np.empty_like(gates), np.zeros_like(g_c), g_c
    for t in reversed(range(T)):
        i, f, g, o = (gates[:, t, n * D : (n + 1) * D] for n in range(4))
        d_h = d_h + g_h[:, t]
        tanh_c = np.tanh(c[:, t + 1])
        through = d_c + d_h * o * (1 - tanh_c * tanh_c)  # dL/dc'
        d_a = [
            through * g * i * (1 - i),
            through * c[:, t] * f * (1 - f),
            through * i * (1 - g * g),
            d_h * tanh_c * o * (1 - o),
        ]
        d_x[:, t] = _keep(mask, t, np.concatenate(d_a, axis=1), 0)
        d_h = _keep(mask, t, d_x[:, t] @ u.T, d_h)
        d_c = _keep(mask, t, through * f, d_c)
    return d_x, d_h, d_c


def gru(
    x: np.ndarray,
    u: np.ndarray,
    b: np.ndarray,
    h0: np.ndarray,
    mask: np.ndarray | None,
    reset_after: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Run a GRU over all steps.

    Parameters
    ----------
    x : ndarray (N,T,3D), the input's part of the gates z r n, its bias added
    u : ndarray (D,3D)
    b : ndarray (3D,), added to h U; zeros where reset comes first
    h0 : ndarray (N,D), the state at the start
    mask : bool ndarray (N,T), or None
    reset_after : whether r acts after the product with U

    Returns
    -------
    h : ndarray (N,T+1,D), the states before each step and after the last one
    gates : ndarray (N,T,3D), after their activations
    inner : ndarray (N,T,D), h U_n + b_n, what r acts on; r h where reset comes first
    """
    (N, T, _), D = x.shape, len(u)
    h, gates, inner = _sequence(h0, T, x.dtype), np.empty_like(x), np.empty((N, T, D), x.dtype)
    for t in range(T):
        a = h[:, t] @ u[:, : 2 * D] + b[: 2 * D] + x[:, t, : 2 * D]  # (N,D) (D,2D) -> (N,2D)
        z, r = sigmoid(a[:, :D]), sigmoid(a[:, D:])
        if reset_after:
            inner[:, t] = h[:, t] @ u[:, 2 * D :] + b[2 * D :]
            n = np.tanh(x[:, t, 2 * D :] + r * inner[:, t])
        else:
            inner[:, t] = r * h[:, t]
            n = np.tanh(x[:, t, 2 * D :] + inner[:, t] @ u[:, 2 * D :])
        gates[:, t] = np.concatenate([z, r, n], axis=1)
        h[:, t + 1] = _keep(mask, t, z * h[:, t] + (1 - z) * n, h[:, t])
    return h, gates, inner


def gru_d_x(
    g_h: np.ndarray,
    u: np.ndarray,
    h: np.ndarray,
    gates: np.ndarray,
    inner: np.ndarray,
    mask: np.ndarray | None,
    reset_after: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Walk a GRU back.

    Parameters
    ----------
    g_h : ndarray (N,T,D), dL/dh after each step
    u, mask, reset_after : as in `gru`
    h, gates, inner : what `gru` returned

    Returns
    -------
    d_x : ndarray (N,T,3D); the gradients of U and of b follow from it
    d_h0 : ndarray (N,D)
    """
    T, D = g_h.shape[1], len(u)
    d_x, d_h = np.empty_like(gates), np.zeros_like(h[:, 0])
    for t in reversed(range(T)):
        z, r, n = (gates[:, t, k * D : (k + 1) * D] for k in range(3))
        d_h = d_h + g_h[:, t]
        d_z = d_h * (h[:, t] - n) * z * (1 - z)
        d_n = d_h * (1 - z) * (1 - n * n)
        if reset_after:
            d_r, d_before = d_n * inner[:, t], (d_n * r) @ u[:, 2 * D :].T
        else:
            d_rh = d_n @ u[:, 2 * D :].T
            d_r, d_before = d_rh * h[:, t], d_rh * r
        d_a = np.concatenate([d_z, d_r * r * (1 - r)], axis=1)
        d_before = d_before + d_a @ u[:, : 2 * D].T + d_h * z
        d_x[:, t] = _keep(mask, t, np.concatenate([d_a, d_n], axis=1), 0)
        d_h = _keep(mask, t, d_before, d_h)
    return d_x, d_h


def simple_rnn(
    x: np.ndarray,
    u: np.ndarray,
    b: np.ndarray,
    h0: np.ndarray,
    mask: np.ndarray | None,
    activation: str,
) -> np.ndarray:
    """Run a plain recurrent network over all steps.

    Parameters
    ----------
    x : ndarray (N,T,D), the input's part
    u : ndarray (D,D)
    b : ndarray (D,)
    h0 : ndarray (N,D), the state at the start
    mask : bool ndarray (N,T), or None
    activation : a key of `bias_activation.ACTIVATIONS`; leaky_relu and elu with slope 0

    Returns
    -------
    ndarray (N,T+1,D), the states before each step and after the last one
    """
    act, _ = ACTIVATIONS[activation]
    h = _sequence(h0, x.shape[1], x.dtype)
    for t in range(x.shape[1]):
        h[:, t + 1] = _keep(mask, t, act(x[:, t] + h[:, t] @ u + b, 0.0), h[:, t])
    return h


def simple_rnn_d_x(
    g_h: np.ndarray, u: np.ndarray, h: np.ndarray, mask: np.ndarray | None, activation: str
) -> tuple[np.ndarray, np.ndarray]:
    """Walk a plain recurrent network back.

    Parameters
    ----------
    g_h : ndarray (N,T,D), dL/dh after each step
    u, mask, activation : as in `simple_rnn`
    h : what `simple_rnn` returned

    Returns
    -------
    d_x : ndarray (N,T,D); the gradients of U and of b follow from it
    d_h0 : ndarray (N,D)
    """
    _, slope = ACTIVATIONS[activation]
    d_x, d_h = np.empty_like(g_h), np.zeros_like(h[:, 0])
    for t in reversed(range(g_h.shape[1])):
        d_h = d_h + g_h[:, t]
        d_x[:, t] = _keep(mask, t, d_h * slope(h[:, t + 1], 0.0), 0)
        d_h = _keep(mask, t, d_x[:, t] @ u.T, d_h)
    return d_x, d_h
