"""A bias and an activation in one sweep over memory, compiled."""

from __future__ import annotations

import math

import numpy as np

from melpy.errors import lookup
from melpy.kernels import memory, threads
from melpy.kernels.compiled.jit import compiled, contiguous
from melpy.kernels.spec import bias_activation as spec

# The compiled loops switch on a number; the names and their formulas are the specification's.
CODES = {name: code for code, name in enumerate(spec.ACTIVATIONS)}
LINEAR, RELU, LEAKY_RELU, ELU, SIGMOID, TANH = (
    CODES[name] for name in ("linear", "relu", "leaky_relu", "elu", "sigmoid", "tanh")
)


def bias_activation(x: np.ndarray, b: np.ndarray, name: str, slope: float) -> np.ndarray:
    """y = act(x + b); see `melpy.kernels.spec.bias_activation.bias_activation`."""
    code = lookup("activation", name, CODES, "bias_activation")
    arrays = contiguous(x, b)
    if arrays is None:
        return spec.bias_activation(x, b, name, slope)
    x, b = arrays
    y = memory.empty(x.shape, x.dtype)
    rows, out = _rows(x), _rows(y)
    blocks = threads.groups(len(rows))
    threads.run(lambda n: _forward(rows, b, out, *blocks[n], code, slope), len(blocks), x.size)
    return y


def bias_activation_d_x(g: np.ndarray, y: np.ndarray, name: str, slope: float) -> np.ndarray:
    """d_x = g act'(x + b) from y; see `melpy.kernels.spec.bias_activation`."""
    code = lookup("activation", name, CODES, "bias_activation_d_x")
    arrays = contiguous(g, y)
    if arrays is None:
        return spec.bias_activation_d_x(g, y, name, slope)
    g, y = arrays
    d_x = memory.empty(g.shape, g.dtype)
    flat_g, flat_y, out = g.reshape(-1), y.reshape(-1), d_x.reshape(-1)
    blocks = threads.groups(g.size)
    threads.run(
        lambda n: _backward(flat_g, flat_y, out, *blocks[n], code, slope), len(blocks), g.size
    )
    return d_x


def sum_rows(x: np.ndarray) -> np.ndarray:
    """Sum to (C,) over fixed groups of rows, then the groups in order; see the specification."""
    arrays = contiguous(x)
    if arrays is None:
        return spec.sum_rows(x)
    rows = _rows(arrays[0])
    blocks = threads.groups(len(rows))
    parts = np.zeros((len(blocks), x.shape[-1]), x.dtype)
    threads.run(lambda n: _sum(rows, parts[n], *blocks[n]), len(blocks), x.size)
    return parts.sum(axis=0)


def _rows(x: np.ndarray) -> np.ndarray:
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])  # (...,C) -> (rows,C)


@compiled
def _forward(x, b, y, first, last, code, slope):
    C, zero, one = x.shape[1], x.dtype.type(0), x.dtype.type(1)
    s = x.dtype.type(slope)
    for row in range(first, last):
        z, out = x[row], y[row]
        if code == LINEAR:
            for c in range(C):
                out[c] = z[c] + b[c]
        elif code == RELU:
            for c in range(C):
                v = z[c] + b[c]
                out[c] = zero if v <= zero else v  # a NaN stays one
        elif code == LEAKY_RELU:
            for c in range(C):
                v = z[c] + b[c]
                out[c] = v if v > zero else s * v
        elif code == ELU:
            for c in range(C):
                v = z[c] + b[c]
                out[c] = v if v > zero else s * np.expm1(v)
        elif code == SIGMOID:
            for c in range(C):
                v = z[c] + b[c]
                e = np.exp(-abs(v))
                out[c] = (one if v >= zero else e) / (one + e)
        else:
            for c in range(C):
                out[c] = np.tanh(z[c] + b[c])


@compiled
def _backward(g, y, d_x, first, last, code, slope):
    zero, one = g.dtype.type(0), g.dtype.type(1)
    s = g.dtype.type(slope)
    g, y, d_x = g[first:last], y[first:last], d_x[first:last]  # loops from 0 vectorize
    if code == LINEAR:
        for n in range(g.size):
            d_x[n] = g[n]
    elif code == RELU:
        for n in range(g.size):
            d_x[n] = g[n] * (one if y[n] > zero else zero)
    elif code == LEAKY_RELU:
        for n in range(g.size):
            d_x[n] = g[n] * (one if y[n] > zero else s)
    elif code == ELU:
        for n in range(g.size):
            d_x[n] = g[n] * (one if y[n] > zero else y[n] + s)
    elif code == SIGMOID:
        for n in range(g.size):
            d_x[n] = g[n] * (y[n] * (one - y[n]))
    else:
        for n in range(g.size):
            d_x[n] = g[n] * (one - y[n] * y[n])


@compiled
def _sum(x, total, first, last):
    for row in range(first, last):
        z = x[row]
        for c in range(z.size):
            total[c] += z[c]
