"""Edges of arithmetic, choices, exponentials and trigonometry."""

import numpy as np
import pytest

from melpy import Tensor, ops


def gradient(function, *arrays):
    """Return d(sum y)/dx of every array."""
    leaves = [Tensor(np.asarray(x, float), requires_grad=True) for x in arrays]
    ops.sum(function(*leaves)).backward()
    return [x.grad for x in leaves]


def test_aliases():
    assert ops.abs is ops.absolute
    assert ops.true_divide is ops.divide


def test_maximum_shares_a_tie_half_and_half():
    d_x1, d_x2 = gradient(ops.maximum, [1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(d_x1, [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(d_x2, [1.0, 0.5, 0.0])


def test_minimum_shares_a_tie_half_and_half():
    d_x1, d_x2 = gradient(ops.minimum, [1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(d_x1, [1.0, 0.5, 0.0])
    np.testing.assert_array_equal(d_x2, [0.0, 0.5, 1.0])


def test_clip_passes_the_gradient_at_its_limits():
    (d_x,) = gradient(lambda x: ops.clip(x, -1.0, 1.0), [-2.0, -1.0, 0.0, 1.0, 2.0])
    np.testing.assert_array_equal(d_x, [0.0, 1.0, 1.0, 1.0, 0.0])


def test_clip_with_one_limit():
    np.testing.assert_array_equal(ops.clip(np.array([-2.0, 5.0]), 0.0, None), [0.0, 5.0])


def test_power_where_the_base_is_zero_or_negative():
    base, exponent = [0.0, 0.0, -2.0, 2.0], [0.0, 2.0, 3.0, 3.0]
    np.testing.assert_array_equal(
        ops.power(np.array(base), np.array(exponent)), [1.0, 0.0, -8.0, 8.0]
    )
    d_x1, d_x2 = gradient(ops.power, base, exponent)
    np.testing.assert_array_equal(d_x1, [0.0, 0.0, 12.0, 12.0])
    np.testing.assert_allclose(d_x2, [0.0, 0.0, 0.0, 8 * np.log(2.0)])


@pytest.mark.parametrize("exponent", [0, 0.0, 1, 2, 2.0, 3, -1, 0.5])
def test_power_of_a_python_number(exponent):
    (d_x,) = gradient(lambda x: x**exponent, [1.0, 4.0])
    np.testing.assert_allclose(d_x, exponent * np.array([1.0, 4.0]) ** (exponent - 1))
    assert (Tensor([1.0, 4.0]) ** exponent).dtype == "float32"


def test_roots_at_zero_have_an_infinite_gradient_and_do_not_warn():
    assert gradient(ops.sqrt, [0.0])[0] == np.inf
    assert gradient(lambda x: x**0.5, [0.0])[0] == np.inf


def test_absolute_has_no_slope_at_zero():
    np.testing.assert_array_equal(gradient(ops.absolute, [-3.0, 0.0, 3.0])[0], [-1.0, 0.0, 1.0])


@pytest.mark.parametrize("name", ["sign", "floor", "ceil", "round"])
def test_steps_are_recorded_with_gradient_zero(name):
    np.testing.assert_array_equal(gradient(getattr(ops, name), [1.2, -3.7])[0], [0.0, 0.0])


def test_round_goes_to_even():
    np.testing.assert_array_equal(ops.round(np.array([0.5, 1.5, 2.5])), [0.0, 2.0, 2.0])
    np.testing.assert_array_equal(ops.round(np.array([1.26]), 1), [1.3])


def test_where_takes_numbers_for_a_condition():
    np.testing.assert_array_equal(ops.where(np.array([1, 0]), 5.0, 6.0), [5.0, 6.0])


@pytest.mark.parametrize("function", [ops.argmax, ops.argmin])
def test_argmax_and_argmin_take_the_first_of_a_tie(function):
    assert function(np.array([2.0, 2.0])) == 0
    y = function(Tensor([[2.0, 2.0]], requires_grad=True), axis=1, keepdims=True)
    assert y.shape == (1, 1)
    assert not y.requires_grad


def test_small_arguments_keep_their_digits():
    assert ops.expm1(np.array(1e-20)) == 1e-20
    assert ops.log1p(np.array(1e-20)) == 1e-20


def test_logaddexp_does_not_overflow():
    y = ops.logaddexp(np.array([1e4, -1e4]), np.array([1e4, -1e4]))
    np.testing.assert_allclose(y, np.array([1e4, -1e4]) + np.log(2.0))
    for d_x in gradient(ops.logaddexp, [1e4, -1e4], [1e4, 1e4]):
        assert np.isfinite(d_x).all()


def test_arctan2_knows_the_quadrant():
    y = ops.arctan2(np.array([1.0, -1.0]), np.array([-1.0, -1.0]))
    np.testing.assert_allclose(y, [0.75 * np.pi, -0.75 * np.pi])


@pytest.mark.parametrize("shape", [(), (0,), (0, 3)])
def test_numbers_and_empty_arrays(shape):
    for function in (ops.exp, ops.sin, ops.square, ops.sqrt):
        (d_x,) = gradient(function, np.ones(shape))
        assert d_x.shape == shape
