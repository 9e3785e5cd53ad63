"""The rules of the rarer optimizers: by hand, and compiled as in the specification."""

import numpy as np
import pytest

from melpy.kernels.spec import updates

RULES = {  # slots, numbers
    "adam": (2, (0.01, 0.9, 0.99, 1e-7)),
    "nadam": (2, (0.02, 0.03, 0.2, 0.9, 0.99, 1e-7)),
    "adamax": (2, (0.01, 0.9, 0.99, 1e-7)),
    "adagrad": (1, (0.01, 1e-7)),
    "adadelta": (2, (0.5, 0.9, 1e-3)),
    "lion": (1, (0.01, 0.9, 0.99)),
    "ftrl": (2, (0.1, 0.6, 0.3, 0.1, 0.05)),
}


def arrays_for(name, size, dtype):
    rng = np.random.default_rng(0)
    made = [rng.normal(size=size).astype(dtype) for _ in range(2 + RULES[name][0])]
    return made[:2] + [np.abs(slot) for slot in made[2:]]  # sums of squares are not negative


@pytest.mark.parametrize("size", [0, 7, 200_000])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("name", RULES)
def test_compiled_equals_spec(name, dtype, tolerance, size):
    pytest.importorskip("numba")
    from melpy.kernels.compiled import updates as fast

    arrays, numbers = arrays_for(name, size, dtype), RULES[name][1]
    twins, g = [a.copy() for a in arrays], arrays[1].copy()
    getattr(updates, name)(*arrays, *numbers)
    getattr(fast, name)(*twins, *numbers)
    for array, twin in zip(arrays, twins, strict=True):
        assert twin.dtype == array.dtype == np.dtype(dtype)
        np.testing.assert_allclose(twin, array, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(twins[1], g)  # the gradient is left as it is


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_amsgrad_equals_spec(dtype):
    pytest.importorskip("numba")
    from melpy.kernels.compiled import updates as fast

    rng = np.random.default_rng(0)
    arrays = [np.abs(rng.normal(size=99)).astype(dtype) for _ in range(5)]
    twins = [a.copy() for a in arrays]
    for rule, (*four, v_hat) in ((updates.adam, arrays), (fast.adam, twins)):
        for _ in range(3):
            rule(*four, 0.1, 0.9, 0.99, 1e-7, v_hat)
    for array, twin in zip(arrays, twins, strict=True):
        np.testing.assert_allclose(twin, array, rtol=1e-5)


def test_amsgrad_remembers_the_largest_v():
    p, m, v, v_hat = np.zeros((4, 1))
    for g in (4.0, 0.0):
        updates.adam(p, np.array([g]), m, v, 1.0, 0.0, 0.5, 0.0, v_hat)
    np.testing.assert_array_equal([v, v_hat], [[4.0], [8.0]])
    np.testing.assert_allclose(p, [-4.0 / np.sqrt(8.0)])  # the second step is 0 / sqrt(8)


def test_nadam_steps_by_momentum_and_gradient():
    p, m, v = np.zeros((3, 1))
    updates.nadam(p, np.array([4.0]), m, v, 1.0, 0.5, 0.25, 0.5, 0.75, 1.0)
    np.testing.assert_array_equal([m, v], [[2.0], [4.0]])
    np.testing.assert_allclose(p, [-(2.0 + 2.0) / (4.0 + 1.0)])  # sqrt(4 / 0.25) + 1


def test_adamax_forgets_the_largest_gradient_slowly():
    p, m, u = np.zeros((3, 1))
    for g in (-8.0, 1.0):
        updates.adamax(p, np.array([g]), m, u, 1.0, 0.5, 0.5, 0.0)
    np.testing.assert_array_equal([m, u], [[-1.5], [4.0]])
    np.testing.assert_allclose(p, [4.0 / 8.0 + 1.5 / 4.0])


def test_adagrad_and_adadelta_divide_by_past_gradients():
    p, v = np.zeros((2, 1))
    for _ in range(2):
        updates.adagrad(p, np.array([3.0]), v, 1.0, 0.0)
    np.testing.assert_allclose(p, [-1.0 - 3.0 / np.sqrt(18.0)])
    p, v, moved = np.zeros((3, 1))
    updates.adadelta(p, np.array([4.0]), v, moved, 1.0, 0.5, 1.0)
    np.testing.assert_allclose([v[0], p[0], moved[0]], [8.0, -4.0 / 3.0, 8.0 / 9.0])


def test_lion_steps_by_the_sign():
    p, m = np.zeros(3), np.array([0.0, 8.0, 0.0])
    updates.lion(p, np.array([2.0, -4.0, 0.0]), m, 0.5, 0.5, 0.75)
    np.testing.assert_array_equal(p, [-0.5, -0.5, 0.0])  # 4 - 2 > 0 although g < 0
    np.testing.assert_array_equal(m, [0.5, 5.0, 0.0])


def test_ftrl_keeps_small_weights_at_zero():
    p, n, z = np.zeros((3, 2))
    updates.ftrl(p, np.array([0.5, 4.0]), n, z, 1.0, 0.5, 1.0, 0.5, 0.0)
    np.testing.assert_array_equal(n, [0.25, 16.0])
    np.testing.assert_allclose(p, [0.0, (1.0 - 4.0) / (4.0 + 1.0)])
