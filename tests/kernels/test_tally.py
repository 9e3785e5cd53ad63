"""What is counted over a batch: compiled as specified, for labels of any type."""

import numpy as np
import pytest

from melpy.kernels.spec import tally as spec

tally = pytest.importorskip("melpy.kernels.compiled.tally")
RNG = np.random.default_rng(0)
TYPES = ["int8", "uint8", "int32", "int64", "uint64", "float32", "float64"]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("count", [1, 7, 5000])
def test_labels(dtype, count):
    y = RNG.normal(size=(count, 5)).astype(np.float32)
    y[0, 3], y[-1, 2] = np.nan, y[-1, 1]
    labels = RNG.integers(0, 7, count).astype(dtype)  # some are no class
    one_hot = tally.one_hot(labels, 5, y.dtype)
    np.testing.assert_array_equal(one_hot, spec.one_hot(labels, 5, y.dtype))
    np.testing.assert_array_equal(tally.label_hits(labels, y), spec.label_hits(labels, y))
    for k in (1, 2, 5, 9):
        np.testing.assert_array_equal(tally.top_hits(labels, y, k), spec.top_hits(labels, y, k))


def test_a_label_that_is_no_class_is_no_hit():
    y = np.array([[0.1, 0.9]], np.float32)
    for labels in (np.array([-1]), np.array([2]), np.array([np.nan])):
        assert not tally.label_hits(labels, y).any()
        assert not tally.top_hits(labels, y, 9).any()
        assert not tally.one_hot(labels, 2, y.dtype).any()


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32", "float64"])
def test_thresholds(dtype):
    y = RNG.uniform(size=(40, 3)).astype(np.float32)
    target = RNG.integers(0, 2, y.shape).astype(dtype)
    y[0], target[1] = np.nan, 1
    hits = tally.threshold_hits(target, y, 0.4)
    np.testing.assert_array_equal(hits, spec.threshold_hits(target, y, 0.4))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(), (7,), (300, 100)], ids=str)
def test_means(shape, dtype):
    x = RNG.uniform(size=shape).astype(dtype)
    made, expected = tally.mean(x), spec.mean(x)
    assert (made.dtype, made.shape) == (dtype, ())
    np.testing.assert_allclose(made, expected, rtol=1e-6 if dtype == "float32" else 1e-12)
    d_x = tally.mean_d_x(made, shape)
    assert (d_x.dtype, d_x.shape) == (dtype, shape)
    np.testing.assert_allclose(d_x, spec.mean_d_x(made, shape), rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (9, 1), (50, 3)])
def test_sums(shape):
    x, weights = RNG.normal(size=shape), RNG.uniform(size=shape[0])
    for name, more in (("tally", (None,)), ("tally", (3.0,)), ("tally_weighted", (weights,))):
        made, expected = np.ones(2), np.ones(2)
        getattr(tally, name)(x, *more, made)
        getattr(spec, name)(x, *more, expected)
        np.testing.assert_allclose(made, expected, rtol=1e-12)
