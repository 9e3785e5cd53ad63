"""Depthwise convolution: a convolution in groups of one channel, in both twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melpy import config
from melpy.kernels.spec import conv_windows, depthwise

TOLERANCE = {"float32": 2e-5, "float64": 1e-12}


@st.composite
def geometries(draw):
    """Draw (x_shape, w_shape, (strides, pads, dilation))."""

    def pair(low, high):
        return draw(st.integers(low, high)), draw(st.integers(low, high))

    kernel, strides, dilation, pads = pair(1, 3), pair(1, 3), pair(1, 2), (pair(0, 2), pair(0, 3))
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = [max(1, s - sum(p)) + draw(st.integers(0, 4)) for s, p in zip(span, pads, strict=True)]
    C, M = draw(st.sampled_from([1, 2, 5, 17])), draw(st.integers(1, 3))
    return (draw(st.integers(0, 3)), *sizes, C), (*kernel, C, M), (strides, pads, dilation)


def draw_arrays(geometry, dtype, seed=0):
    x_shape, w_shape, options = geometry
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=x_shape).astype(dtype), rng.normal(size=w_shape).astype(dtype)
    y = depthwise.depthwise_conv2d(x, w, *options)
    return x, w, y, rng.normal(size=y.shape).astype(dtype), options


def close(actual, expected, dtype):
    assert actual.dtype == expected.dtype == np.dtype(dtype)
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


@settings(max_examples=40)
@given(geometry=geometries())
def test_is_a_convolution_in_groups_of_one_channel(geometry):
    x, w, y, g, (strides, pads, dilation) = draw_arrays(geometry, "float64")
    kH, kW, C, M = w.shape
    grouped = w.reshape(kH, kW, 1, C * M)
    options = strides, pads, dilation, C
    close(y, conv_windows.conv2d(x, grouped, *options), "float64")
    close(
        depthwise.depthwise_conv2d_d_x(g, w, x.shape, strides, pads, dilation),
        conv_windows.conv2d_d_x(g, grouped, x.shape, *options),
        "float64",
    )
    close(
        depthwise.depthwise_conv2d_d_w(g, x, w.shape, strides, pads, dilation),
        conv_windows.conv2d_d_w(g, x, grouped.shape, *options).reshape(w.shape),
        "float64",
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=40)
@given(geometry=geometries())
def test_compiled_equals_the_specification(dtype, geometry):
    pytest.importorskip("numba")
    from melpy.kernels.compiled import depthwise as fast

    x, w, y, g, options = draw_arrays(geometry, dtype)
    close(fast.depthwise_conv2d(x, w, *options), y, dtype)
    b = np.linspace(-1, 1, y.shape[3]).astype(dtype)
    for act in (("linear", 0.0), ("relu", 0.0), ("leaky_relu", 0.3), ("elu", 0.5)):
        close(
            fast.depthwise_block(x, w, b, *options, *act),
            depthwise.depthwise_block(x, w, b, *options, *act),
            dtype,
        )
    close(
        fast.depthwise_conv2d_d_x(g, w, x.shape, *options),
        depthwise.depthwise_conv2d_d_x(g, w, x.shape, *options),
        dtype,
    )
    close(
        fast.depthwise_conv2d_d_w(g, x, w.shape, *options),
        depthwise.depthwise_conv2d_d_w(g, x, w.shape, *options),
        dtype,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_without_a_bias_nothing_is_added_that_freed_memory_held(dtype):
    pytest.importorskip("numba")
    from melpy.kernels.compiled import depthwise as fast

    geometry = (2, 4, 4, 3), (2, 2, 3, 1), ((1, 1), ((0, 0), (0, 0)), (1, 1))
    x, w, y, _, options = draw_arrays(geometry, dtype)
    freed = [np.full(n, 1e3, dtype) for n in (1, 2, 3) for _ in range(9)]
    del freed
    close(fast.depthwise_conv2d(x, w, *options), y, dtype)


@pytest.mark.parametrize("count", [2, 3, 8])
@pytest.mark.filterwarnings("ignore:.*take turns")
def test_any_number_of_threads_gives_the_same_bits(count):
    pytest.importorskip("numba")
    from melpy.kernels.compiled import depthwise as fast

    options = (1, 1), ((1, 1), (1, 1)), (1, 1)
    geometry = (11, 40, 40, 16), (3, 3, 16, 1), options
    x, w, _, g, _ = draw_arrays(geometry, "float32")

    def results():
        return [
            fast.depthwise_conv2d(x, w, *options).tobytes(),
            fast.depthwise_block(x, w, x[0, 0, 0], *options, "leaky_relu", 0.1).tobytes(),
            fast.depthwise_conv2d_d_x(g, w, x.shape, *options).tobytes(),
            fast.depthwise_conv2d_d_w(g, x, w.shape, *options).tobytes(),
        ]

    config.set_threads(1)
    expected = results()
    config.set_threads(count)
    assert results() == expected


def test_integers_are_left_to_the_specification():
    pytest.importorskip("numba")
    from melpy.kernels.compiled import depthwise as fast

    x, w = np.arange(8).reshape(1, 2, 2, 2), np.ones((2, 2, 2, 1), int)
    geometry = (1, 1), ((0, 0), (0, 0)), (1, 1)
    assert fast.depthwise_conv2d(x, w, *geometry).tolist() == [[[[12, 16]]]]
