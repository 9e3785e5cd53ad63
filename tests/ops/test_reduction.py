"""Edges of sums, means and extremes."""

import numpy as np
import pytest

from melpy import Tensor, ops

X = np.arange(24.0).reshape(2, 3, 4)
NAMES = ["sum", "mean", "max", "min", "prod", "var", "std"]


def gradient(function, x):
    leaf = Tensor(np.asarray(x, float), requires_grad=True)
    ops.sum(function(leaf)).backward()
    return leaf.grad


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (-1, 1), (0, 1, 2), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_agrees_with_numpy(name, axis, keepdims):
    y = getattr(ops, name)(X, axis, keepdims)
    np.testing.assert_allclose(y, getattr(np, name)(X, axis=axis, keepdims=keepdims))
    assert gradient(lambda x: getattr(ops, name)(x, axis, keepdims), X).shape == X.shape


def test_extremes_share_a_tie_evenly():
    x = [[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]
    third = 1 / 3
    d_x = gradient(lambda x: ops.max(x, axis=1), x)
    np.testing.assert_allclose(d_x, [[0.0, 0.5, 0.5], [third, third, third]])
    d_x = gradient(lambda x: ops.min(x, axis=1), x)
    np.testing.assert_allclose(d_x, [[1.0, 0.0, 0.0], [third, third, third]])
    assert ops.amax(x) == ops.max(x) == 3
    assert ops.amin(x) == ops.min(x) == 1


def test_max_of_nan_is_nan_and_its_gradient_does_not_warn():
    assert np.isnan(ops.max(np.array([1.0, np.nan])))
    np.testing.assert_array_equal(gradient(ops.max, [1.0, np.nan]), [0.0, 0.0])


def test_prod_is_exact_where_entries_are_zero():
    np.testing.assert_array_equal(gradient(ops.prod, [2.0, 0.0, 5.0]), [0.0, 10.0, 0.0])
    np.testing.assert_array_equal(gradient(ops.prod, [0.0, 0.0, 5.0]), [0.0, 0.0, 0.0])
    d_x = gradient(lambda x: ops.prod(x, (0, 2)), X)
    assert d_x[0, 0, 0] == np.prod(np.delete(X[:, 0].ravel(), 0))


def test_std_of_equal_values_has_gradient_zero():
    np.testing.assert_array_equal(gradient(ops.std, [3.0, 3.0]), [0.0, 0.0])


def test_var_by_hand():
    # mean 2, deviations -1, 0, 1: var 2/3, gradient 2/3 of each deviation
    assert ops.var(np.array([1.0, 2.0, 3.0])) == pytest.approx(2 / 3)
    np.testing.assert_allclose(gradient(ops.var, [1.0, 2.0, 3.0]), [-2 / 3, 0.0, 2 / 3])


def test_logsumexp_of_large_and_infinite_entries():
    np.testing.assert_allclose(ops.logsumexp(np.array([1e5, 1e5])), 1e5 + np.log(2.0))
    np.testing.assert_allclose(gradient(ops.logsumexp, [-np.inf, 0.0, 0.0]), [0.0, 0.5, 0.5])
    assert ops.logsumexp(np.full(2, -np.inf)) == -np.inf
    np.testing.assert_array_equal(gradient(ops.logsumexp, np.full(2, -np.inf)), [0.0, 0.0])
    assert ops.logsumexp(np.array([np.inf, 0.0])) == np.inf


def test_empty_arrays():
    assert ops.sum(np.zeros((0, 3))) == 0.0
    assert ops.prod(np.zeros((0, 3))) == 1.0
    np.testing.assert_array_equal(ops.sum(np.zeros((0, 3)), 0), [0.0, 0.0, 0.0])
    assert gradient(ops.sum, np.zeros((0, 3))).shape == (0, 3)
    assert gradient(lambda x: ops.prod(x, 0), np.zeros((0, 3))).shape == (0, 3)
    assert gradient(lambda x: ops.max(x, 1), np.zeros((0, 3))).shape == (0, 3)


def test_float32_stays():
    x = Tensor(X.astype("float32"), requires_grad=True)
    for name in NAMES:
        assert getattr(ops, name)(x, axis=(0, 1)).dtype == "float32"
