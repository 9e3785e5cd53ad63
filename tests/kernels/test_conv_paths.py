"""Every way of a convolution, forced, against the specification."""

import numpy as np
import pytest

pytest.importorskip("numba")

from melpy import config
from melpy.errors import ArgumentError
from melpy.kernels.compiled import conv, conv_block, conv_plans, tile
from melpy.kernels.spec import conv_block as block_spec
from melpy.kernels.spec import conv_windows as spec
from melpy.kernels.spec.windows import output_size

TOLERANCE = {"float32": 3e-6, "float64": 1e-12}
ONE = (1, 1)
SAME = ((1, 1), (1, 1))
# x's shape, kernel's shape, strides, pads, dilation, groups
SHAPES = [
    ((3, 8, 8, 16), (3, 3, 16, 32), ONE, SAME, ONE, 1),
    ((9, 7, 5, 3), (3, 3, 3, 10), ONE, SAME, ONE, 1),
    ((2, 9, 9, 4), (2, 2, 4, 6), (2, 2), ((0, 0), (0, 0)), ONE, 1),
    ((10, 9, 10, 4), (3, 2, 4, 40), (2, 3), ((1, 1), (0, 1)), ONE, 1),
    ((2, 9, 9, 4), (3, 3, 4, 6), ONE, ((2, 2), (2, 2)), (2, 2), 1),
    ((9, 9, 9, 8), (3, 3, 2, 64), (2, 2), SAME, ONE, 4),
    ((9, 6, 6, 3), (1, 1, 3, 5), (2, 2), ((0, 0), (0, 0)), ONE, 1),
    ((2, 1, 20, 5), (1, 3, 5, 7), (1, 2), ((0, 0), (1, 1)), ONE, 1),
    ((20, 6, 6, 1), (2, 2, 1, 16), ONE, ((0, 1), (0, 1)), ONE, 1),
    ((4, 4, 4, 128), (3, 3, 128, 128), ONE, SAME, ONE, 1),
    ((2, 5, 5, 3), (2, 2, 3, 4), (3, 3), ((0, 0), (0, 0)), ONE, 1),
]
WINOGRAD = [
    ((2, 8, 8, 16), (3, 3, 16, 32), SAME),
    ((3, 7, 5, 32), (3, 3, 32, 16), SAME),
    ((1, 6, 9, 16), (3, 3, 16, 48), ((0, 0), (0, 0))),
    ((2, 5, 5, 16), (3, 3, 16, 16), ((2, 2), (2, 2))),
    ((9, 2, 3, 16), (3, 3, 16, 16), SAME),
    ((3, 4, 4, 16), (3, 3, 16, 160), SAME),
]


@pytest.fixture(autouse=True)
def own_way():
    yield
    config.set_conv_path(None)


def agree(x_shape, w_shape, geometry, dtype):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=x_shape).astype(dtype), rng.normal(size=w_shape).astype(dtype)
    y = spec.conv2d(x, w, *geometry)
    g = rng.normal(size=y.shape).astype(dtype)
    for actual, expected in (
        (conv.conv2d(x, w, *geometry), y),
        (
            conv.conv2d_d_x(g, w, x.shape, *geometry),
            spec.conv2d_d_x(g, w, x.shape, *geometry),
        ),
        (
            conv.conv2d_d_w(g, x, w.shape, *geometry),
            spec.conv2d_d_w(g, x, w.shape, *geometry),
        ),
    ):
        assert actual.dtype == dtype
        limit = TOLERANCE[dtype] * np.abs(expected).max()
        np.testing.assert_allclose(actual, expected, rtol=0, atol=limit)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_direct(shape, dtype):
    config.set_conv_path("direct")
    agree(shape[0], shape[1], shape[2:], dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("x_shape", "w_shape", "pads"), WINOGRAD, ids=str)
def test_winograd(x_shape, w_shape, pads, dtype):
    config.set_conv_path("winograd")
    agree(x_shape, w_shape, (ONE, pads, ONE, 1), dtype)


def test_winograds_error_is_no_larger_than_the_direct_way():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 16, 16, 64)).astype("float32")
    w = rng.normal(size=(3, 3, 64, 64)).astype("float32")
    geometry = (ONE, SAME, ONE, 1)
    exact = spec.conv2d(x.astype("float64"), w.astype("float64"), *geometry)
    errors = {}
    for way in ("direct", "winograd"):
        config.set_conv_path(way)
        errors[way] = np.abs(conv.conv2d(x, w, *geometry) - exact).max()
    assert errors["winograd"] <= errors["direct"]


def test_a_way_that_does_not_fit_is_refused():
    config.set_conv_path("winograd")
    x, w = np.ones((1, 4, 4, 3), "float32"), np.ones((2, 2, 3, 4), "float32")
    with pytest.raises(ArgumentError, match="set_conv_path") as told:
        conv.conv2d(x, w, ONE, ((0, 0), (0, 0)), ONE, 1)
    assert f"multiples of {tile.VECTOR_BYTES // 4};" in str(told.value)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    "pads", [((1, 2), (0, 3)), ((0, 2), (-1, 1)), ((-1, 2), (2, -2)), ((-2, -1), (-1, -1))], ids=str
)
def test_a_frame_pads_and_cuts(pads, dtype):
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype(dtype)
    wide = np.pad(x, [(0, 0), *[(max(0, a), max(0, b)) for a, b in pads], (0, 0)])
    (top, bottom), (left, right) = [(max(0, -a), max(0, -b)) for a, b in pads]
    expected = wide[:, top : wide.shape[1] - bottom, left : wide.shape[2] - right]
    np.testing.assert_array_equal(conv.framed(x, pads), expected)


@pytest.mark.parametrize("channels", [1, 64, 1024, 5000])
@pytest.mark.parametrize("strides", [ONE, (2, 3)])
def test_a_block_of_pixels_is_whole_tiles_and_stays_in_the_cache(channels, strides):
    x, w = np.zeros((1, 9, 9, channels), "float32"), np.zeros((1, 1, channels, 2), "float32")
    out = output_size((9, 9), ONE, strides, ((0, 0), (0, 0)), ONE)
    plan = conv_plans.forward((9, 9), w.shape, strides, ONE, 1, out)
    y = np.empty((1, *out, 2), "float32")
    *_, rows = conv.convolution(x, conv.NONE, w, 2, plan, y, strides)[-1]
    assert rows % tile.ROWS == 0
    pixel_bytes = 4 * channels * strides[0] * strides[1]
    assert rows == tile.ROWS or rows * pixel_bytes <= conv.BLOCK_BYTES


@pytest.mark.parametrize("pool", [(1, 1), (2, 2), (1, 3)], ids=str)
@pytest.mark.parametrize(
    "act",
    [
        ("linear", 0.0),
        ("relu", 0.0),
        ("leaky_relu", 0.2),
        ("elu", 1.0),
        ("tanh", 0.0),
        ("gelu", 0.0),
        ("silu", 0.0),
    ],
)
@pytest.mark.parametrize("shape", [*SHAPES[:4], SHAPES[5], SHAPES[8], SHAPES[9]], ids=str)
def test_blocks(shape, act, pool):
    x_shape, w_shape, *geometry = shape
    geometry = tuple(geometry)
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=x_shape), rng.normal(size=w_shape) / np.sqrt(np.prod(w_shape[:3]))
    b = rng.normal(size=w_shape[3])
    y, known, where, size = block_spec.conv2d_block(x, w, b, geometry, act, pool)
    assert size == output_size(x_shape[1:3], w_shape[:2], *geometry[:3])
    ours, ours_known, cells, our_size = conv_block.conv2d_block(x, w, b, geometry, act, pool)
    assert our_size == size
    np.testing.assert_allclose(ours, y, rtol=0, atol=1e-12)
    np.testing.assert_allclose(ours_known, known, rtol=0, atol=1e-12)
    assert (where is None) == (cells is None)
    if where is not None:
        np.testing.assert_array_equal(cells, where)
    g = rng.normal(size=y.shape)
    for wanted in ((True, True, True), (False, True, True), (True, False, False)):
        expected = block_spec.conv2d_block_back(
            g, x, w, known, where, geometry, act, pool, size, wanted
        )
        actual = conv_block.conv2d_block_back(
            g, x, w, known, where, geometry, act, pool, size, wanted
        )
        for a, e in zip(actual, expected, strict=True):
            assert (a is None) == (e is None)
            if e is not None:
                np.testing.assert_allclose(a, e, rtol=0, atol=1e-11 * max(1, np.abs(e).max()))


def test_a_nan_wins_its_window():
    x = np.ones((1, 4, 4, 1))
    x[0, 1, 0, 0] = np.nan
    w, b = np.ones((1, 1, 1, 16)), np.zeros(16)
    geometry = (ONE, ((0, 0), (0, 0)), ONE, 1)
    y, _, where, _ = conv_block.conv2d_block(x, w, b, geometry, ("linear", 0.0), (2, 2))
    assert np.isnan(y[0, 0, 0]).all()
    assert (where[0, 0, 0] == 2).all()
