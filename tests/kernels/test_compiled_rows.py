"""Compiled normalization, activations, softmax and stacked products against the specification."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("numba")

from melpy.kernels import dispatch
from melpy.kernels.compiled import (
    activation,
    arithmetic,
    copying,
    matmul_batch,
    normalization,
    softmax,
)
from melpy.kernels.spec import activation as activation_spec
from melpy.kernels.spec import normalization as normalization_spec
from melpy.kernels.spec import softmax as softmax_spec

TOLERANCE = {"float32": 4e-6, "float64": 1e-13}
ROWS = [(2, 3), (7, 5), (1000, 16), (300, 64), (64, 200)]


def close(actual, expected, dtype):
    for a, e in zip(actual, expected, strict=True):
        assert a.dtype == dtype
        limit = TOLERANCE[dtype] * max(1.0, float(np.abs(e).max(initial=0)))
        np.testing.assert_allclose(a, e, rtol=0, atol=limit)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", ROWS, ids=str)
@pytest.mark.parametrize("act", ["linear", "relu"])
def test_batch_norm(shape, act, dtype):
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, size=shape).astype(dtype)
    gamma, beta = rng.normal(size=(2, shape[1])).astype(dtype)
    g = rng.normal(size=shape).astype(dtype)
    expected = normalization_spec.batch_norm(x, gamma, beta, 1e-3, act)
    close(normalization.batch_norm(x, gamma, beta, 1e-3, act), expected, dtype)
    back = (g, x, *expected, gamma, 1e-3, act)
    close(normalization.batch_norm_d_x(*back), normalization_spec.batch_norm_d_x(*back), dtype)
    moved = (x, gamma, beta, act)
    close([normalization.scale_offset(*moved)], [normalization_spec.scale_offset(*moved)], dtype)


def in_parts(work, parts):
    """Run ``work(part, added_up)`` of each part in a thread of its own; return what they made."""
    meeting, laid = threading.Barrier(len(parts)), {}

    def run(number):
        def added_up(values):
            laid[number] = np.array(values)
            meeting.wait()
            total = sum(laid[n] for n in range(len(parts)))
            meeting.wait()
            return total

        return work(parts[number], added_up)

    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(run, range(len(parts))))


@pytest.mark.parametrize("room", [normalization, normalization_spec], ids=["compiled", "spec"])
@pytest.mark.parametrize("act", ["linear", "relu"])
def test_batch_norm_of_parts_is_that_of_the_whole(room, act):
    rng = np.random.default_rng(0)
    x, g = rng.normal(50, 2, size=(2, 37, 5))
    gamma, beta = rng.normal(size=(2, 5))
    cuts = [slice(0, 9), slice(9, 10), slice(10, 37)]
    idle = rng.normal(size=(1, 5))  # stands in for a part without samples

    def work(cut, added_up):
        rows, count = (idle, 0) if cut is None else (x[cut], len(x[cut]))
        y, *numbers = room.shared_batch_norm(rows, gamma, beta, 1e-3, act, count, added_up)
        d_y = np.zeros_like(idle) if cut is None else g[cut]
        back = room.shared_batch_norm_d_x(
            d_y, rows, y, *numbers, gamma, 1e-3, act, added_up
        )  # fmt: skip
        return y, *back

    made = in_parts(work, [*cuts, None])
    y, mean, variance = normalization_spec.batch_norm(x, gamma, beta, 1e-3, act)
    back = normalization_spec.batch_norm_d_x(g, x, y, mean, variance, gamma, 1e-3, act)
    expected = (y, *back)
    for place, sums in ((0, False), (1, False), (2, True), (3, True)):
        parts = [one[place] for one in made[:-1]]
        found = np.sum([one[place] for one in made], axis=0) if sums else np.concatenate(parts)
        np.testing.assert_allclose(found, expected[place], rtol=1e-9, atol=1e-9)


def test_the_variance_of_values_far_from_zero():
    x = np.random.default_rng(0).normal(1e4, 1.0, size=(4096, 8)).astype("float32")
    one, zero = np.ones(8, "float32"), np.zeros(8, "float32")
    _, mean, variance = normalization.batch_norm(x, one, zero, 1e-3, "linear")
    np.testing.assert_allclose(mean, x.astype("float64").mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(variance, x.astype("float64").var(axis=0), rtol=1e-5)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", ROWS, ids=str)
def test_layer_norm(shape, dtype):
    rng = np.random.default_rng(0)
    x, g = rng.normal(3, 2, size=(2, *shape)).astype(dtype)
    gamma, beta = rng.normal(size=(2, shape[1])).astype(dtype)
    y, mean, s = normalization_spec.layer_norm(x, gamma, beta, 1e-3)
    close(normalization.layer_norm(x, gamma, beta, 1e-3), (y, mean, s), dtype)
    back = (g, x, mean, s, gamma)
    close(normalization.layer_norm_d_x(*back), normalization_spec.layer_norm_d_x(*back), dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", activation.CODES)
def test_activations(name, dtype):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 4, 2000), np.linspace(-0.2, 0.2, 101)]).astype(dtype)
    g = rng.normal(size=x.shape).astype(dtype)
    y = activation_spec.activation(x, name, 0.3)
    close([activation.activation(x, name, 0.3)], [y], dtype)
    back = (g, x, y, name, 0.3)
    close([activation.activation_d_x(*back)], [activation_spec.activation_d_x(*back)], dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", activation.CODES)
def test_activations_pass_nan_and_bear_the_ends(name, dtype):
    x = np.array([np.nan, 1e30, -1e30], dtype)
    y = activation.activation(x, name, 0.3)
    assert np.isnan(y[0])
    assert not np.isnan(y[1:]).any()


def test_the_sigmoid_keeps_its_digits_down_to_the_least_float():
    x = np.linspace(-87.33, 20, 5001).astype("float32")
    expected = 1 / (1 + np.exp(-x.astype("float64")))
    np.testing.assert_allclose(activation.activation(x, "sigmoid", 0.0), expected, rtol=3e-7)


def test_tanh_is_odd_to_the_bit_where_it_becomes_one():
    first, last = np.array([7.9, 7.91], "float32").view("int32")
    x = np.arange(first, last, dtype="int32").view("float32")  # each float there is
    y = activation.activation(x, "tanh", 0.0)
    assert y[0] < y[-1] == 1
    np.testing.assert_array_equal(activation.activation(-x, "tanh", 0.0), -y)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_softmax(dtype):
    rng = np.random.default_rng(0)
    x, g = rng.normal(0, 5, size=(2, 50, 37)).astype(dtype)
    x[0, 0] = -np.inf
    y = softmax_spec.softmax(x)
    close([softmax.softmax(x)], [y], dtype)
    close([softmax.softmax_d_x(g, y)], [softmax_spec.softmax_d_x(g, y)], dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    ("a_shape", "b_shape"),
    [
        ((8, 16, 32), (8, 32, 16)),
        ((4, 3, 17, 33), (4, 3, 33, 29)),
        ((4, 1, 17, 33), (3, 33, 39)),
        ((2, 64, 64), (64, 64)),
        ((50, 40, 1), (50, 1, 40)),
    ],
)
def test_stacks_of_matrices(a_shape, b_shape, dtype):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=a_shape).astype(dtype), rng.normal(size=b_shape).astype(dtype)
    turned = [np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2) for x in (a, b)]
    for one, other in ((a, b), turned, (a[..., ::-1, :], b)):
        close([matmul_batch.matmul_batch(one, other)], [one @ other], dtype)


def test_the_heads_of_attention_lie_where_they_are():
    x = np.random.default_rng(0).normal(size=(4, 20, 96)).astype("float32")
    heads = x.reshape(4, 20, 3, 32).transpose(0, 2, 1, 3)
    scores = matmul_batch.matmul_batch(heads, heads.swapaxes(-1, -2))
    np.testing.assert_allclose(scores, heads @ heads.swapaxes(-1, -2), atol=1e-4)


def test_sums():
    a, b = np.random.default_rng(0).normal(size=(2, 300, 300)).astype("float32")
    np.testing.assert_array_equal(arithmetic.add(a, b), a + b)
    np.testing.assert_array_equal(arithmetic.add(a, b[:1]), a + b[:1])
    assert dispatch.add(a, b.astype("float64")).dtype == np.float64


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("shape", [(0, 3), (5,), (40, 7), (300, 40, 8)], ids=str)
def test_copies(shape, dtype):
    rng = np.random.default_rng(0)
    x = (10 * rng.normal(size=shape)).astype(dtype)
    for rows in (
        rng.integers(0, max(1, shape[0]), size=200 if shape[0] else 0),
        rng.integers(0, max(1, shape[0]), size=4 if shape[0] else 0).astype(np.int32),
        np.arange(shape[0])[::-1],
        -1 - np.arange(shape[0]),
    ):
        np.testing.assert_array_equal(copying.take(x, rows), x[rows])
        np.testing.assert_array_equal(copying.take(x[::2], rows // 2), x[::2][rows // 2])
    y = np.zeros_like(x)
    copying.copy(x.reshape(-1), y.reshape(-1))
    np.testing.assert_array_equal(y, x)
    with pytest.raises(IndexError):
        copying.take(np.ones((3, 1 << 16), "float32"), np.array([0, 3]))
