"""Recurrent networks over whole sequences: one forward sweep, one sweep back."""

from __future__ import annotations

import numpy as np

from melpy.errors import ShapeError
from melpy.kernels import dispatch as kernels
from melpy.ops.registry import op
from melpy.vjps import joint

__all__ = ["gru", "lstm", "simple_rnn"]

KERAS_ROOM = None

PADDED = np.array([[False, True, True, False], [True, True, False, True]])


def _sample(gates: int, states: int = 1, bias: tuple[int, ...] | None = None, **options):
    """Sequences of 2 samples, 4 steps, with 3 units of ``gates`` gates."""

    def draw(rng):
        b = None if bias is None else rng.normal(size=bias)
        h = [rng.normal(size=(2, 3)) for _ in range(states)]
        return rng.normal(size=(2, 4, 3 * gates)), rng.normal(size=(3, 3 * gates)), b, *h, options

    return draw


def _torch_sweep(torch, x, step, states, mask):
    """Run a cell written in PyTorch over the steps; return all h, and the last of all states."""
    outputs = []
    for t in range(x.shape[1]):
        after = step(x[:, t], *states)
        if mask is not None:
            used = torch.as_tensor(mask[:, t, None])
            after = [torch.where(used, new, old) for new, old in zip(after, states, strict=True)]
        states = after
        outputs.append(states[0])
    return torch.stack(outputs, 1), states


def _torch_lstm(torch, x, u, b, h, c, mask=None):
    def step(x, h, c):
        i, f, g, o = (x + h @ u + (0 if b is None else b)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c

    outputs, (_, c) = _torch_sweep(torch, x, step, (h, c), mask)
    return torch.cat([outputs, c[:, None]], 1)


def _torch_gru(torch, x, u, b, h, mask=None, reset_after=True):
    b = torch.zeros(u.shape[1], dtype=x.dtype) if b is None else b
    b_in, b_h = b if b.ndim == 2 else (b, torch.zeros_like(b))
    (u_z, u_r, u_n), (b_z, b_r, b_n) = u.chunk(3, 1), b_h.chunk(3)

    def step(x, h):
        x_z, x_r, x_n = (x + b_in).chunk(3, 1)
        z, r = torch.sigmoid(x_z + h @ u_z + b_z), torch.sigmoid(x_r + h @ u_r + b_r)
        n = torch.tanh(x_n + (r * (h @ u_n + b_n) if reset_after else (r * h) @ u_n))
        return (z * h + (1 - z) * n,)

    return _torch_sweep(torch, x, step, (h,), mask)[0]


def _torch_simple_rnn(torch, x, u, b, h, mask=None, activation="tanh"):
    act = getattr(torch, activation)
    step = lambda x, h: (act(x + h @ u + (0 if b is None else b)),)  # noqa: E731
    return _torch_sweep(torch, x, step, (h,), mask)[0]


@op(
    sample=[_sample(4, 2, (12,)), _sample(4, 2), _sample(4, 2, (12,), mask=PADDED)],
    like=_torch_lstm,
)
def lstm(x, recurrent_kernel, bias, h, c, *, mask=None):
    """Run an LSTM over all steps: c' = f c + i g, h' = o tanh(c').

    i, f, o = sigmoid and g = tanh of x_t + h U + b, laid side by side in the order i f g o.

    Parameters
    ----------
    x : array (N, T, 4D), the inputs' part of the gates, inputs times kernel
    recurrent_kernel : array (D, 4D), U
    bias : array (4D,), b, or None
    h : array (N, D), the output before the first step
    c : array (N, D), the carry before the first step
    mask : bool array (N, T), or None; where False, a step leaves h and c as they are

    Returns
    -------
    array (N, T + 1, D), h after every step, then c after the last one

    Gradient
    --------
    By one sweep from the last step to the first (backpropagation through time); those of U and b
    are the sums over all steps, each one product.

    Raises
    ------
    ShapeError, where the arrays do not fit each other

    Source
    ------
    Hochreiter and Schmidhuber (1997), Long short-term memory; Gers, Schmidhuber and Cummins
    (2000), Learning to forget.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> x, u, start = np.zeros((1, 2, 4)), np.zeros((1, 4)), np.ones((1, 1))
    >>> ops.lstm(x, u, None, start, start)[0, :, 0]  # f = o = 1/2, g = 0: c halves
    array([0.23105858, 0.12245933, 0.25      ])
    """
    mask = _checked("lstm", 4, x, recurrent_kernel, bias, (h, c), mask)
    b = _bias(bias, x)
    hs, cs, gates = kernels.lstm(x, recurrent_kernel, b, h, c, mask)

    def back(g):
        d_x, d_h, d_c = kernels.lstm_d_x(g[:, :-1], g[:, -1], recurrent_kernel, cs, gates, mask)
        return d_x, _d_kernel(hs, d_x), kernels.sum_rows(d_x), d_h, d_c

    return np.concatenate([hs[:, 1:], cs[:, -1:]], axis=1), joint(back, 5)


@op(
    sample=[
        _sample(3, bias=(2, 9)),
        _sample(3),
        _sample(3, bias=(2, 9), mask=PADDED),
        _sample(3, bias=(9,), reset_after=False),
        _sample(3, bias=(9,), reset_after=False, mask=PADDED),
    ],
    like=_torch_gru,
)
def gru(x, recurrent_kernel, bias, h, *, mask=None, reset_after=True):
    """Run a GRU over all steps: h' = z h + (1 - z) n.

    z, r = sigmoid of x_t + h U + b and n = tanh(x_n + r (h U_n + b_n)), laid side by side in the
    order z r n; where reset comes first, n = tanh(x_n + (r h) U_n + b_n).

    Parameters
    ----------
    x : array (N, T, 3D), the inputs' part of the gates, inputs times kernel
    recurrent_kernel : array (D, 3D), U
    bias : array (2, 3D), the inputs' and h U's; (3D,) where reset comes first; or None
    h : array (N, D), the output before the first step
    mask : bool array (N, T), or None; where False, a step leaves h as it is
    reset_after : bool, whether r acts after the product with U, as in cuDNN, or before

    Returns
    -------
    array (N, T, D), h after every step

    Gradient
    --------
    By one sweep from the last step to the first (backpropagation through time); those of U and b
    are the sums over all steps, each one product.

    Raises
    ------
    ShapeError, where the arrays do not fit each other

    Source
    ------
    Cho et al. (2014), Learning phrase representations using RNN encoder-decoder, equations 5 to 8.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.gru(np.zeros((1, 2, 3)), np.zeros((1, 3)), None, np.ones((1, 1)))[0, :, 0]
    array([0.5 , 0.25])
    """
    mask = _checked("gru", 3, x, recurrent_kernel, bias, (h,), mask, both=reset_after)
    D, u = len(recurrent_kernel), recurrent_kernel
    b_in, b_h = _bias(bias, x) if reset_after and bias is not None else (bias, None)
    projected = x if b_in is None else x + b_in
    hs, gates, inner = kernels.gru(projected, u, _bias(b_h, x), h, mask, reset_after)

    def back(g):
        d_x, d_h = kernels.gru_d_x(g, u, hs, gates, inner, mask, reset_after)
        if reset_after:
            d_inner = d_x.copy()
            d_inner[:, :, 2 * D :] *= gates[:, :, D : 2 * D]  # n sees h U_n + b_n through r
            d_u = _d_kernel(hs, d_inner)
            d_b = np.stack([kernels.sum_rows(d_x), kernels.sum_rows(d_inner)])
        else:
            d_zr, d_n = d_x[:, :, : 2 * D], d_x[:, :, 2 * D :]
            d_u = np.concatenate([_d_kernel(hs, d_zr), _product(inner, d_n)], axis=1)
            d_b = kernels.sum_rows(d_x)
        return d_x, d_u, d_b, d_h

    return hs[:, 1:], joint(back, 4)


@op(
    sample=[
        _sample(1, bias=(3,)),
        _sample(1),
        _sample(1, bias=(3,), mask=PADDED, activation="sigmoid"),
    ],
    like=_torch_simple_rnn,
)
def simple_rnn(x, recurrent_kernel, bias, h, *, mask=None, activation="tanh"):
    """Run a plain recurrent network over all steps: h' = act(x_t + h U + b).

    Parameters
    ----------
    x : array (N, T, D), the inputs' part, inputs times kernel
    recurrent_kernel : array (D, D), U
    bias : array (D,), b, or None
    h : array (N, D), the output before the first step
    mask : bool array (N, T), or None; where False, a step leaves h as it is
    activation : "tanh", "relu", "sigmoid" or "linear"

    Returns
    -------
    array (N, T, D), h after every step

    Gradient
    --------
    By one sweep from the last step to the first (backpropagation through time); those of U and b
    are the sums over all steps, each one product.

    Raises
    ------
    ShapeError, where the arrays do not fit each other

    Source
    ------
    Elman (1990), Finding structure in time.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> x, u = np.ones((1, 3, 1)), np.array([[2.0]])
    >>> ops.simple_rnn(x, u, None, np.zeros((1, 1)), activation="linear")[0, :, 0]
    array([1., 3., 7.])
    """
    mask = _checked("simple_rnn", 1, x, recurrent_kernel, bias, (h,), mask)
    hs = kernels.simple_rnn(x, recurrent_kernel, _bias(bias, x), h, mask, activation)

    def back(g):
        d_x, d_h = kernels.simple_rnn_d_x(g, recurrent_kernel, hs, mask, activation)
        return d_x, _d_kernel(hs, d_x), kernels.sum_rows(d_x), d_h

    return hs[:, 1:], joint(back, 4)


def _bias(bias, x):
    return np.zeros(x.shape[2], x.dtype) if bias is None else bias


def _product(a, g):
    """Return Σ_nt a[n,t]^T g[n,t] as one product: (N,T,D), (N,T,G) -> (D,G)."""
    return kernels.matmul(a.reshape(-1, a.shape[2]).T, g.reshape(-1, g.shape[2]))


def _d_kernel(hs, d_a):
    """Return dL/dU where a = h U, from the states before each step."""
    return _product(hs[:, :-1], d_a)


def _checked(name, gates, x, u, bias, states, mask, both=False):
    """Refuse arrays that do not fit; return the mask as booleans."""
    G = gates * len(u)
    biases = (2, G) if both else (G,)
    fits = (
        x.ndim == 3
        and u.shape[1:] == (G,)
        and x.shape[2] == G
        and all(s.shape == (len(x), len(u)) for s in states)
        and (bias is None or bias.shape == biases)
        and (mask is None or np.shape(mask) == x.shape[:2])
    )
    if not fits:
        raise ShapeError(
            name,
            "the arrays do not fit each other",
            expected=f"x (N, T, {gates}D), recurrent_kernel (D, {gates}D), bias "
            f"{'(2, ' if both else '('}{gates}D{')' if both else ',)'} or None, states (N, D), "
            "mask (N, T) or None",
            received={
                "x.shape": x.shape,
                "recurrent_kernel.shape": u.shape,
                "bias.shape": np.shape(bias),
                "states": [s.shape for s in states],
                "mask.shape": np.shape(mask),
            },
        )
    return None if mask is None else np.asarray(mask, bool)
