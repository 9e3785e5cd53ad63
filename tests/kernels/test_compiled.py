"""The compiled kernels give what their specification gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")

from melpy import config
from melpy.kernels.compiled import bias_activation as fast_activation
from melpy.kernels.compiled import conv as fast_conv
from melpy.kernels.compiled import cross_entropy as fast_entropy
from melpy.kernels.compiled import matmul as fast_matmul
from melpy.kernels.compiled import pooling as fast_pooling
from melpy.kernels.compiled import updates as fast_updates
from melpy.kernels.spec import bias_activation, conv_windows, cross_entropy, pooling, updates

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


def close(actual, expected, dtype):
    assert actual.dtype == expected.dtype == np.dtype(dtype)
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


@st.composite
def geometries(draw):
    whole = lambda low, high: draw(st.integers(low, high))  # noqa: E731
    strides, dilation = (whole(1, 3), whole(1, 3)), (whole(1, 2), whole(1, 3))
    kernel = (whole(1, 3), whole(1, 4))
    pads = ((whole(0, 3), whole(0, 3)), (whole(0, 3), whole(0, 3)))
    groups = draw(st.sampled_from([1, 1, 2]))
    C, D = whole(1, 5) * groups, draw(st.sampled_from([1, 3, 8, 16, 17, 40])) * groups
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = [max(1, s - sum(p)) + whole(0, 12) for s, p in zip(span, pads, strict=True)]
    return (whole(0, 3), *sizes, C), (*kernel, C // groups, D), (strides, pads, dilation, groups)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=60, deadline=None)
@given(geometry=geometries(), seed=st.integers(0, 99))
def test_convolution(dtype, geometry, seed):
    x_shape, w_shape, options = geometry
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=x_shape).astype(dtype), rng.normal(size=w_shape).astype(dtype)
    y = conv_windows.conv2d(x, w, *options)
    g = rng.normal(size=y.shape).astype(dtype)
    close(fast_conv.conv2d(x, w, *options), y, dtype)
    close(
        fast_conv.conv2d_d_x(g, w, x.shape, *options),
        conv_windows.conv2d_d_x(g, w, x.shape, *options),
        dtype,
    )
    close(
        fast_conv.conv2d_d_w(g, x, w.shape, *options),
        conv_windows.conv2d_d_w(g, x, w.shape, *options),
        dtype,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_pooling(dtype, data):
    whole = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    pool, strides = (whole(1, 3), whole(1, 3)), (whole(1, 3), whole(1, 3))
    pads = tuple((whole(0, p - 1), whole(0, p - 1)) for p in pool)
    shape = (whole(0, 3), pool[0] + whole(0, 6), pool[1] + whole(0, 6), whole(1, 18))
    rng = np.random.default_rng(whole(0, 99))
    x = rng.integers(0, 4, size=shape).astype(dtype)  # many ties
    y = pooling.max_pool2d(x, pool, strides, pads)
    g = rng.normal(size=y.shape).astype(dtype)
    np.testing.assert_array_equal(fast_pooling.max_pool2d(x, pool, strides, pads), y)
    close(
        fast_pooling.max_pool2d_d_x(g, x, y, pool, strides, pads),
        pooling.max_pool2d_d_x(g, x, y, pool, strides, pads),
        dtype,
    )
    close(
        fast_pooling.average_pool2d(x, pool, strides, pads),
        pooling.average_pool2d(x, pool, strides, pads),
        dtype,
    )
    close(
        fast_pooling.average_pool2d_d_x(g, x.shape, pool, strides, pads),
        pooling.average_pool2d_d_x(g, x.shape, pool, strides, pads),
        dtype,
    )


def test_pooling_keeps_nan():
    x = np.array([1.0, np.nan, 3.0, 2.0]).reshape(1, 2, 2, 1)
    geometry = (2, 2), (2, 2), ((0, 0), (0, 0))
    y = fast_pooling.max_pool2d(x, *geometry)
    assert np.isnan(y).all()
    g = np.ones((1, 1, 1, 1))
    np.testing.assert_array_equal(
        fast_pooling.max_pool2d_d_x(g, x, y, *geometry), pooling.max_pool2d_d_x(g, x, y, *geometry)
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", list(bias_activation.ACTIVATIONS))
@pytest.mark.parametrize("shape", [(0, 3), (5, 1), (2, 3, 4, 17)])
def test_bias_activation(dtype, name, shape):
    rng = np.random.default_rng(0)
    x, b = 3 * rng.normal(size=shape).astype(dtype), rng.normal(size=shape[-1]).astype(dtype)
    y = bias_activation.bias_activation(x, b, name, 0.3)
    g = rng.normal(size=shape).astype(dtype)
    close(fast_activation.bias_activation(x, b, name, 0.3), y, dtype)
    d_x = bias_activation.bias_activation_d_x(g, y, name, 0.3)
    close(fast_activation.bias_activation_d_x(g, y, name, 0.3), d_x, dtype)
    close(fast_activation.sum_rows(g), bias_activation.sum_rows(g), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("epsilon", [0.0, 1e-7, 0.05, 0.3])
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (9, 10)])
def test_cross_entropy(dtype, epsilon, shape):
    rng = np.random.default_rng(0)
    logits = 5 * rng.normal(size=shape).astype(dtype)
    target = rng.dirichlet(np.ones(shape[1]), size=shape[0]).astype(dtype)
    target[: shape[0] // 2] = np.eye(shape[1], dtype=dtype)[0]
    loss, p = cross_entropy.softmax_cross_entropy(logits, target, epsilon)
    fast_loss, fast_p = fast_entropy.softmax_cross_entropy(logits, target, epsilon)
    close(fast_loss, loss, dtype)
    close(fast_p, p, dtype)
    g = rng.normal(size=shape[0]).astype(dtype)
    close(
        fast_entropy.softmax_cross_entropy_d_logits(g, p, target, epsilon),
        cross_entropy.softmax_cross_entropy_d_logits(g, p, target, epsilon),
        dtype,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "slots", "numbers"),
    [
        ("sgd", 1, (0.1, 0.9, False)),
        ("sgd", 1, (0.1, 0.9, True)),
        ("adam", 2, (0.01, 0.9, 0.999, 1e-7)),
    ],
)
def test_updates(dtype, name, slots, numbers):
    rng = np.random.default_rng(0)
    arrays = [np.abs(rng.normal(size=1001)).astype(dtype) for _ in range(2 + slots)]
    twins = [a.copy() for a in arrays]
    for _ in range(3):
        getattr(updates, name)(*arrays, *numbers)
        getattr(fast_updates, name)(*twins, *numbers)
    for array, twin in zip(arrays, twins, strict=True):
        close(twin, array, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("momentum", "centered"), [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_rmsprop(dtype, momentum, centered):
    rng = np.random.default_rng(0)
    p, g, v = (np.abs(rng.normal(size=100)).astype(dtype) for _ in range(3))
    optional = [np.zeros_like(p) if wanted else None for wanted in (momentum, centered)]
    twins = [None if a is None else a.copy() for a in (p, g, v, *optional)]
    updates.rmsprop(p, g, v, *optional, 0.01, 0.9, 0.5, 1e-7)
    fast_updates.rmsprop(*twins, 0.01, 0.9, 0.5, 1e-7)
    close(twins[0], p, dtype)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8])
@pytest.mark.filterwarnings("ignore:.*take turns")
def test_any_number_of_threads_gives_the_same_bits(count):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(11, 9, 9, 3)), rng.normal(size=(3, 3, 3, 20))
    options = (1, 1), ((1, 1), (1, 1)), (1, 1), 1
    g = rng.normal(size=(11, 9, 9, 20))
    config.set_threads(1)
    expected = fast_conv.conv2d_d_w(g, x, w.shape, *options).tobytes()
    config.set_threads(count)
    assert fast_conv.conv2d_d_w(g, x, w.shape, *options).tobytes() == expected


def test_read_only_strided_and_integer_arrays():
    rng = np.random.default_rng(0)
    x = np.repeat(rng.integers(-3, 3, size=(2, 5, 5, 3)), 2, axis=-1)[..., ::2]
    w = rng.integers(-3, 3, size=(2, 2, 3, 4))
    x.flags.writeable = w.flags.writeable = False
    options = (1, 1), ((0, 0), (0, 0)), (1, 1), 1
    expected = conv_windows.conv2d(x, w, *options)
    np.testing.assert_array_equal(fast_conv.conv2d(x, w, *options), expected)
    floats = x.astype(np.float32)
    floats.flags.writeable = False
    actual = fast_conv.conv2d(floats, w.astype(np.float32), *options)
    np.testing.assert_array_equal(actual, expected.astype(np.float32))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=40, deadline=None)
@given(
    shape=st.tuples(st.integers(0, 90), st.integers(0, 600), st.integers(0, 90)),
    turned=st.tuples(st.booleans(), st.booleans()),
)
def test_matmul(dtype, shape, turned):
    rng = np.random.default_rng(0)
    P, K, Q = shape
    a, b = rng.normal(size=(P, K)).astype(dtype), rng.normal(size=(K, Q)).astype(dtype)
    a = np.asfortranarray(a) if turned[0] else a
    b = np.asfortranarray(b) if turned[1] else b
    expected = (a.astype("float64") @ b.astype("float64")).astype(dtype)
    close(fast_matmul.matmul(a, b), expected, dtype)
    a.flags.writeable = b.flags.writeable = False
    close(fast_matmul.matmul(a[::2], b[:, ::2]), expected[::2, ::2], dtype)
