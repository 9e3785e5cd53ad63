"""Bias and activation: values by hand, slopes by differences, no overflow, no upcast."""

import numpy as np
import pytest

from melpy.errors import UnknownNameError
from melpy.kernels.spec.bias_activation import (
    ACTIVATIONS,
    bias_activation,
    bias_activation_d_x,
)

BY_HAND = {  # at z = -2, 0, 3 with slope 0.5
    "linear": [-2.0, 0.0, 3.0],
    "relu": [0.0, 0.0, 3.0],
    "leaky_relu": [-1.0, 0.0, 3.0],
    "elu": [0.5 * (np.exp(-2.0) - 1.0), 0.0, 3.0],
    "sigmoid": [1.0 / (1.0 + np.exp(2.0)), 0.5, 1.0 / (1.0 + np.exp(-3.0))],
    "tanh": [np.tanh(-2.0), 0.0, np.tanh(3.0)],
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_by_hand(name):
    x, b = np.array([[-3.0, 1.0, 1.0]]), np.array([1.0, -1.0, 2.0])
    np.testing.assert_allclose(bias_activation(x, b, name, 0.5), [BY_HAND[name]], rtol=1e-15)


@pytest.mark.parametrize("slope", [0.1, 1.0, 2.0])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradient_is_the_numerical_one(name, slope):
    rng = np.random.default_rng(0)
    x, b, g = rng.normal(size=(2, 3, 3, 4)), rng.normal(size=4), rng.normal(size=(2, 3, 3, 4))
    step = 1e-6  # no x + b here is that near to the corner at 0
    rise = bias_activation(x + step, b, name, slope) - bias_activation(x - step, b, name, slope)
    d_x = bias_activation_d_x(g, bias_activation(x, b, name, slope), name, slope)
    np.testing.assert_allclose(d_x, g * rise / (2 * step), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("slope", [0.25, np.float64(0.25)], ids=["float", "np.float64"])
@pytest.mark.parametrize("N", [0, 2])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_float32_and_the_inputs_are_kept(name, N, slope):
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=(2, N, 3, 6)).astype(np.float32)
    x, g, b = x[..., ::2], g[..., ::2], np.ones(3, np.float32)
    for array in (x, g, b):
        array.flags.writeable = False
    y = bias_activation(x, b, name, slope)
    d_x = bias_activation_d_x(g, y, name, slope)
    assert y.dtype == d_x.dtype == np.float32
    assert y.shape == d_x.shape == x.shape
    assert not np.shares_memory(y, x)
    assert not np.shares_memory(d_x, g)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_extreme_inputs_do_not_overflow(name, dtype):
    x = np.array([-np.inf, -1e30, -800.0, 800.0, 1e30, np.inf], dtype)
    y = bias_activation(x, np.zeros(1, dtype), name, 0.5)
    d_x = bias_activation_d_x(np.ones_like(y), y, name, 0.5) if name != "linear" else y
    assert not np.isnan(y).any()
    assert not np.isnan(d_x).any()
    if name == "sigmoid":
        np.testing.assert_allclose(y, [0, 0, 0, 1, 1, 1], atol=1e-300)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nan_stays_nan(name):
    assert np.isnan(bias_activation(np.array([np.nan]), np.zeros(1), name, 0.5)).all()


def test_the_corner_takes_the_slope_from_the_left():
    g, y = np.ones(1), np.zeros(1)
    assert bias_activation_d_x(g, y, "relu", 0.5) == 0.0
    assert bias_activation_d_x(g, y, "leaky_relu", 0.5) == 0.5
    assert bias_activation_d_x(g, y, "elu", 0.5) == 0.5


def test_an_unknown_name_is_refused():
    with pytest.raises(UnknownNameError, match="Did you mean 'relu'"):
        bias_activation(np.zeros((1, 1)), np.zeros(1), "rleu", 0.0)
    with pytest.raises(UnknownNameError, match="bias_activation_d_x: unknown activation 'gelu'"):
        bias_activation_d_x(np.zeros((1, 1)), np.zeros((1, 1)), "gelu", 0.0)
