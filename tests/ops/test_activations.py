"""Edges of the activation functions: large inputs, kinks, empty arrays, worked values."""

import numpy as np
import pytest

from melpy import Tensor, ops

NAMES = [
    "elu", "gelu", "hard_sigmoid", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish",
    "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "tanh",
]  # fmt: skip


def run(function, x, dtype=np.float64):
    leaf = Tensor(np.asarray(x, dtype), requires_grad=True)
    y = function(leaf)
    ops.sum(y).backward()
    return y.numpy(), leaf.grad


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_inputs_neither_overflow_nor_warn(name, dtype):
    x = [-3e38, -1e4, -1e3, -100.0, -30.0, 0.0, 30.0, 100.0, 1e3, 1e4]
    y, d_x = run(getattr(ops, name), x, dtype)
    assert np.isfinite(y).all()
    assert np.isfinite(d_x).all()
    assert y.dtype == d_x.dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exact_gelu_of_large_inputs(dtype):
    y, d_x = run(lambda x: ops.gelu(x, approximate=False), [-1e30, -50.0, 0.0, 50.0, 1e30], dtype)
    np.testing.assert_array_equal(y, np.array([0.0, 0.0, 0.0, 50.0, 1e30], dtype))
    np.testing.assert_array_equal(d_x, [0.0, 0.0, 0.5, 1.0, 1.0])


@pytest.mark.parametrize("name", NAMES)
def test_empty_arrays(name):
    y, d_x = run(getattr(ops, name), np.zeros((0, 3)))
    assert y.shape == d_x.shape == (0, 3)
    assert run(getattr(ops, name), np.zeros((3, 0)))[0].shape == (3, 0)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"softmax", "log_softmax"}))
def test_numbers(name):
    y, d_x = run(getattr(ops, name), 0.5)
    assert y.shape == d_x.shape == ()


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"linear", "relu", "relu6", "leaky_relu"}))
def test_whole_numbers_become_floats(name):
    assert getattr(ops, name)(np.array([-1, 0, 2])).dtype.kind == "f"


@pytest.mark.parametrize(
    ("function", "x", "y", "d_x"),
    [
        (ops.relu, [-1, 0, 2], [0, 0, 2], [0, 0, 1]),
        (ops.relu6, [-1, 3, 6, 9], [0, 3, 6, 6], [0, 1, 0, 0]),
        (ops.leaky_relu, [-1, 0, 2], [-0.2, 0, 2], [0.2, 0.2, 1]),
        (ops.hard_sigmoid, [-3, 0, 1.5, 3], [0, 0.5, 0.75, 1], [0, 1 / 6, 1 / 6, 0]),
        (ops.softsign, [-1, 0, 3], [-0.5, 0, 0.75], [0.25, 1, 1 / 16]),
        (ops.sigmoid, [0.0, np.log(3)], [0.5, 0.75], [0.25, 3 / 16]),
        (ops.tanh, [0.0, np.log(3) / 2], [0.0, 0.5], [1.0, 0.75]),
        (ops.softplus, [0.0, np.log(3)], [np.log(2), np.log(4)], [0.5, 0.75]),
        (ops.log_sigmoid, [0.0, np.log(3)], [np.log(0.5), np.log(0.75)], [0.5, 0.25]),
        (ops.elu, [np.log(0.5), 1], [-0.5, 1], [0.5, 1]),
        (ops.silu, [0.0, np.log(3)], [0, 0.75 * np.log(3)], [0.5, 0.75 * (1 + np.log(3) / 4)]),
        (ops.mish, [0.0], [0.0], [0.6]),  # tanh(log 2) = (4 - 1) / (4 + 1)
        (ops.gelu, [0.0], [0.0], [0.5]),
        (ops.linear, [-1, 2], [-1, 2], [1, 1]),
    ],
)
def test_worked_by_hand(function, x, y, d_x):
    found_y, found_d_x = run(function, x)
    np.testing.assert_allclose(found_y, y, atol=1e-15)
    np.testing.assert_allclose(found_d_x, d_x, atol=1e-15)


def test_softmax_worked_by_hand():
    x = Tensor(np.log([1.0, 2.0, 5.0]), requires_grad=True)
    y = ops.softmax(x)
    np.testing.assert_allclose(y.numpy(), [0.125, 0.25, 0.625])
    y.backward([1.0, 0.0, 0.0])
    np.testing.assert_allclose(x.grad, [0.125 * 0.875, -0.125 * 0.25, -0.125 * 0.625])


def test_softmax_along_several_axes_adds_up_to_one():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    np.testing.assert_allclose(ops.softmax(x, (0, 2)).sum(axis=(0, 2)), np.ones(3))
    np.testing.assert_allclose(np.exp(ops.log_softmax(x, 1)), ops.softmax(x, 1))


def test_softmax_of_masked_scores():
    np.testing.assert_array_equal(ops.softmax(np.array([0.0, -np.inf])), [1.0, 0.0])


def test_small_sigmoids_keep_their_digits():
    np.testing.assert_allclose(ops.sigmoid(np.array(-700.0)), np.exp(-700.0), rtol=1e-12)


def test_gelu_approximates_by_default_as_in_keras_ops():
    x = np.linspace(-3, 3, 7)
    np.testing.assert_array_equal(ops.gelu(x), ops.gelu(x, approximate=True))
    np.testing.assert_allclose(ops.gelu(x), ops.gelu(x, approximate=False), atol=1e-3)
    assert not np.array_equal(ops.gelu(x), ops.gelu(x, approximate=False))


def test_aliases():
    assert ops.swish is ops.silu
    assert ops.exponential is ops.exp
