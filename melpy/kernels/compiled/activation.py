"""Activations by themselves, compiled; see `melpy.kernels.spec.activation`."""

from __future__ import annotations

import math

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.compiled.approximations import erf, exp, tanh
from melpy.kernels.compiled.emission import LEAKY_RELU, LINEAR, RELU
from melpy.kernels.compiled.jit import compiled, contiguous
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import IN_TILE
from melpy.kernels.spec import activation as spec
from melpy.kernels.spec.bias_activation import ACTIVATIONS
from melpy.kernels.threads import Region

# The compiled loops switch on a number; the names and their formulas are the specification's.
# Those of the tile come first, with its numbers.
NAMES = (*IN_TILE, *(name for name in (*ACTIVATIONS, *spec.GATES) if name not in IN_TILE))
CODES = {name: code for code, name in enumerate(NAMES)}
ELU, SIGMOID, TANH, SILU, GELU, GELU_TANH = list(CODES.values())[len(IN_TILE) :]
FIRST_GATE = SILU  # from here on, slopes are known from x
HEAVY = 8  # an exp or a tanh counts as reading so many numbers


def activation(x: np.ndarray, name: str, slope: float) -> np.ndarray:
    """y = act(x); see `melpy.kernels.spec.activation.activation`."""
    arrays = contiguous(x)
    if arrays is None:
        return spec.activation(x, name, slope)
    shape, (x,) = x.shape, arrays
    y = memory.empty(shape, x.dtype)  # a 0-d array, made contiguous, has one axis
    flat, out, code = x.reshape(-1), y.reshape(-1), CODES[name]
    threads.share(*activating(flat, out, code, slope))
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
    threads.share(*sliding(flat_g, flat, out, code, slope))
    return d_x


def activating(x: np.ndarray, y: np.ndarray, code: int, slope: float) -> Region:
    """Return what fills a flat y with act(x); the two may be one array."""
    if code <= LEAKY_RELU:
        return _plain, x.size, x.size, x, y, code, slope
    return _activated, x.size, HEAVY * x.size, x, y, code, slope


def sliding(g: np.ndarray, known: np.ndarray, d_x: np.ndarray, code: int, slope: float) -> Region:
    """Return what fills a flat d_x with g act', from y, or from x for the gates."""
    if code <= LEAKY_RELU:
        return _plain_back, g.size, g.size, g, known, d_x, code, slope
    return _back, g.size, HEAVY * g.size, g, known, d_x, code, slope


# What most networks need has kernels of its own: they compile in a tenth of the others' time.


@for_team
def _plain(x, y, code, slope, part, first, last):
    x, y = x[first:last], y[first:last]  # loops from 0 vectorize
    for n in range(x.size):
        y[n] = x[n]
    cut(y, code, slope)


@for_team
def _plain_back(g, y, d_x, code, slope, part, first, last):
    slide(g[first:last], y[first:last], d_x[first:last], code, slope)


@for_team
def _activated(x, y, code, slope, part, first, last):
    activate_to(x[first:last], y[first:last], code, slope)


@for_team
def _back(g, known, d_x, code, slope, part, first, last):
    g, known, d_x = g[first:last], known[first:last], d_x[first:last]
    if code >= FIRST_GATE:
        _gate_back(g, known, d_x, code)
    else:
        _smooth_back(g, known, d_x, code, slope)


@compiled
def cut(y, code, slope):
    """y = act(y), in place, for linear, relu and leaky_relu."""
    zero, s = y.dtype.type(0), y.dtype.type(slope)
    if code == RELU:
        for n in range(y.size):
            y[n] = zero if y[n] <= zero else y[n]  # a NaN stays one
    elif code == LEAKY_RELU:
        for n in range(y.size):
            y[n] = y[n] if y[n] > zero else s * y[n]


@compiled
def slide(g, y, d_x, code, slope):
    """d_x = g act', from y, for linear, relu and leaky_relu."""
    zero, one = g.dtype.type(0), g.dtype.type(1)
    s = one if code == LINEAR else zero if code == RELU else g.dtype.type(slope)
    for n in range(g.size):
        d_x[n] = g[n] * (one if y[n] > zero else s)


@compiled
def activate_to(x, y, code, slope):
    """y = act(x), flat, for those that the tile does not know."""
    if code >= FIRST_GATE:
        _gate(x, y, code)
        return
    for n in range(x.size):
        y[n] = x[n]
    activate(y, code, slope)


@compiled
def activate(y, code, slope):
    """y = act(y), in place, for elu, sigmoid and tanh."""
    zero, one, half = y.dtype.type(0), y.dtype.type(1), y.dtype.type(0.5)
    s, sixth, eighth = y.dtype.type(slope), y.dtype.type(1 / 6), y.dtype.type(0.125)
    if code == ELU:
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


@compiled
def _smooth_back(g, y, d_x, code, slope):
    """d_x = g act', from y, for elu, sigmoid and tanh."""
    zero, one = g.dtype.type(0), g.dtype.type(1)
    s = g.dtype.type(slope)
    if code == ELU:
        for n in range(g.size):
            d_x[n] = g[n] * (one if y[n] > zero else y[n] + s)
    elif code == SIGMOID:
        for n in range(g.size):
            d_x[n] = g[n] * (y[n] * (one - y[n]))
    elif code == TANH:
        for n in range(g.size):
            d_x[n] = g[n] * (one - y[n] * y[n])


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
