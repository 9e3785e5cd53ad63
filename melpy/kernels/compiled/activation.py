"""Activations by themselves, compiled; see `melpy.kernels.spec.activation`."""

from __future__ import annotations

import math

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.approximations import erf, exp, tanh
from melpy.kernels.compiled.jit import compiled, contiguous
from melpy.kernels.compiled.team import for_team
from melpy.kernels.spec import activation as spec
from melpy.kernels.spec.bias_activation import ACTIVATIONS

# The compiled loops switch on a number; the names and their formulas are the specification's.
CODES = {name: code for code, name in enumerate((*ACTIVATIONS, *spec.GATES))}
LINEAR, RELU, LEAKY_RELU, ELU, SIGMOID, TANH, SILU, GELU, GELU_TANH = CODES.values()
HEAVY = 8  # an exp or a tanh counts as reading so many numbers


def activation(x: np.ndarray, name: str, slope: float) -> np.ndarray:
    """y = act(x); see `melpy.kernels.spec.activation.activation`."""
    arrays = contiguous(x)
    if arrays is None:
        return spec.activation(x, name, slope)
    shape, (x,) = x.shape, arrays
    y = memory.empty(shape, x.dtype)  # a 0-d array, made contiguous, has one axis
    flat, out, code = x.reshape(-1), y.reshape(-1), CODES[name]
    threads.share(activated, x.size, _work(x.size, code), flat, out, code, slope)
    return y


def activation_d_x(
    g: np.ndarray, x: np.ndarray, y: np.ndarray, name: str, slope: float
) -> np.ndarray:
    """d_x = g act'(x); see `melpy.kernels.spec.activation.activation_d_x`."""
    arrays = contiguous(g, x if name in spec.GATES else y)
    if arrays is None:
        return spec.activation_d_x(g, x, y, name, slope)
    shape, (g, known) = g.shape, arrays
    d_x = memory.empty(shape, g.dtype)
    flat_g, flat, out, code = g.reshape(-1), known.reshape(-1), d_x.reshape(-1), CODES[name]
    threads.share(backward, g.size, _work(g.size, code), flat_g, flat, out, code, slope)
    return d_x


def _work(size: int, code: int) -> int:
    return size if code <= LEAKY_RELU else HEAVY * size


@for_team
def activated(x, y, code, slope, part, first, last):
    """y = act(x); the two may be one array."""
    x, y = x[first:last], y[first:last]  # loops from 0 vectorize
    if code >= SILU:
        _gate(x, y, code)
        return
    for n in range(x.size):
        y[n] = x[n]
    activate(y, code, slope)


@compiled
def activate(y, code, slope):
    """y = act(y), in place, for the activations whose slope y tells."""
    zero, one, half = y.dtype.type(0), y.dtype.type(1), y.dtype.type(0.5)
    s, sixth, eighth = y.dtype.type(slope), y.dtype.type(1 / 6), y.dtype.type(0.125)
    if code == RELU:
        for n in range(y.size):
            y[n] = zero if y[n] <= zero else y[n]  # a NaN stays one
    elif code == LEAKY_RELU:
        for n in range(y.size):
            y[n] = y[n] if y[n] > zero else s * y[n]
    elif code == ELU:
        for n in range(y.size):
            v = y[n]
            if y.itemsize == 8:
                y[n] = v if v > zero else s * np.expm1(v)
                continue
            # exp(v) - 1 near 0 by its series: there the difference would lose its digits
            near = v * (one + v * (half + v * (sixth + v * (sixth / 4 + v * (sixth / 20)))))
            below = near if abs(v) < eighth else exp(min(v, zero)) - one
            y[n] = v if v > zero else s * below
    elif code == SIGMOID:
        for n in range(y.size):
            e = exp(-abs(y[n]))
            y[n] = (one if y[n] >= zero else e) / (one + e)
    elif code == TANH:
        for n in range(y.size):
            y[n] = tanh(y[n])


@compiled
def _gate(x, y, code):
    half, one = x.dtype.type(0.5), x.dtype.type(1)
    root_half, root = x.dtype.type(math.sqrt(0.5)), x.dtype.type(spec.ROOT_2_BY_PI)
    cubic, most = x.dtype.type(0.044715), x.dtype.type(20)
    if code == SILU:
        for n in range(x.size):
            e = exp(-abs(x[n]))
            y[n] = x[n] * ((one if x[n] >= 0 else e) / (one + e))
    elif code == GELU:
        for n in range(x.size):
            y[n] = x[n] * (half * (one + erf(x[n] * root_half)))
    else:
        for n in range(x.size):
            z = min(max(x[n], -most), most)
            y[n] = half * x[n] * (one + tanh(root * (z + cubic * z * z * z)))


@for_team
def backward(g, known, d_x, code, slope, part, first, last):
    """d_x = g act', from y or from x; see `slide`."""
    slide(g[first:last], known[first:last], d_x[first:last], code, slope)


@compiled
def slide(g, y, d_x, code, slope):
    """d_x = g act', from y for the activations whose slope it tells, from x for the gates."""
    zero, one = g.dtype.type(0), g.dtype.type(1)
    s = g.dtype.type(slope)
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
    elif code == TANH:
        for n in range(g.size):
            d_x[n] = g[n] * (one - y[n] * y[n])
    else:
        _gate_back(g, y, d_x, code)


@compiled
def _gate_back(g, x, d_x, code):
    half, one = x.dtype.type(0.5), x.dtype.type(1)
    root_half, root = x.dtype.type(math.sqrt(0.5)), x.dtype.type(spec.ROOT_2_BY_PI)
    density, far = x.dtype.type(1 / math.sqrt(2 * math.pi)), x.dtype.type(40)
    cubic, three_cubic, most = x.dtype.type(0.044715), x.dtype.type(0.134145), x.dtype.type(20)
    if code == SILU:
        for n in range(x.size):
            e = exp(-abs(x[n]))
            v = (one if x[n] >= 0 else e) / (one + e)
            d_x[n] = g[n] * (v * (one + x[n] * (one - v)))
    elif code == GELU:
        for n in range(x.size):
            z = min(max(x[n], -far), far)
            slope = z * exp(-half * z * z) * density
            d_x[n] = g[n] * (half * (one + erf(x[n] * root_half)) + slope)
    else:
        for n in range(x.size):
            z = min(max(x[n], -most), most)
            t = tanh(root * (z + cubic * z * z * z))
            slope = half * (one - t * t) * root * (one + three_cubic * z * z)
            d_x[n] = g[n] * (half * (one + t) + z * slope)
