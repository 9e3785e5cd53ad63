"""Pooling: the two rooms agree, ties go to the first, padding is -inf or not counted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melpy.kernels.spec import pooling, pooling_loops
from melpy.kernels.spec.windows import output_size

NO_PADS = ((0, 0), (0, 0))
ROOMS = [pooling, pooling_loops]
IDS = ["windows", "loops"]


@st.composite
def poolings(draw):
    """Draw (x, g, (pool, strides, pads)); few distinct values, so ties are common."""

    def pair(low, high):
        return draw(st.integers(low, high)), draw(st.integers(low, high))

    pool, strides, pads = pair(1, 3), pair(1, 3), (pair(0, 3), pair(0, 3))
    size = tuple(max(1, draw(st.integers(0, 4)) + pool[a] - sum(pads[a])) for a in (0, 1))
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    x_shape = (draw(st.integers(0, 2)), *size, draw(st.integers(1, 2)))
    values = [-np.inf, -1.0, 0.0, 1.0, np.nan] if draw(st.booleans()) else [-1.0, 0.0, 2.0]
    x = rng.choice(values, size=x_shape)
    out = output_size(size, pool, strides, pads, (1, 1))
    return x, rng.normal(size=(x_shape[0], *out, x_shape[3])), (pool, strides, pads)


@settings(max_examples=100, deadline=None)
@given(poolings())
def test_the_two_agree(case):
    x, g, options = case
    y = pooling_loops.max_pool2d(x, *options)
    np.testing.assert_array_equal(pooling.max_pool2d(x, *options), y)
    np.testing.assert_allclose(
        pooling.max_pool2d_d_x(g, x, y, *options),
        pooling_loops.max_pool2d_d_x(g, x, y, *options),
        rtol=1e-12,
        atol=1e-12,
    )
    x = np.nan_to_num(x, neginf=-2.0)
    np.testing.assert_allclose(
        pooling.average_pool2d(x, *options),
        pooling_loops.average_pool2d(x, *options),
        rtol=1e-12,
        atol=1e-12,
    )
    np.testing.assert_allclose(
        pooling.average_pool2d_d_x(g, x.shape, *options),
        pooling_loops.average_pool2d_d_x(g, x.shape, *options),
        rtol=1e-12,
        atol=1e-12,
    )


@pytest.mark.parity
@pytest.mark.parametrize("room", ROOMS, ids=IDS)
@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize(
    ("pool", "strides", "pad"), [((2, 2), (2, 2), 0), ((3, 2), (1, 2), 1), ((3, 3), (2, 2), 1)]
)
def test_equals_pytorch(room, kind, pool, strides, pad):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    x = rng.integers(-2, 3, size=(2, 7, 6, 3)).astype(float)  # integers: many ties
    pads = ((pad, pad), (pad, pad))
    image = torch.from_numpy(x.copy()).requires_grad_()
    nchw = image.permute(0, 3, 1, 2)
    if kind == "max":
        y = torch.nn.functional.max_pool2d(nchw, pool, strides, pad)
    else:
        y = torch.nn.functional.avg_pool2d(nchw, pool, strides, pad, count_include_pad=False)
    y = y.permute(0, 2, 3, 1)
    g = rng.normal(size=tuple(y.shape))
    y.backward(torch.from_numpy(g.copy()))
    if kind == "max":
        ours = room.max_pool2d(x, pool, strides, pads)
        d_x = room.max_pool2d_d_x(g, x, ours, pool, strides, pads)
    else:
        ours = room.average_pool2d(x, pool, strides, pads)
        d_x = room.average_pool2d_d_x(g, x.shape, pool, strides, pads)
    np.testing.assert_allclose(ours, y.detach().numpy(), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(d_x, image.grad.numpy(), rtol=1e-10, atol=1e-10)


def image_of(rows):
    return np.array(rows, dtype=float)[None, :, :, None]  # (H,W) -> (1,H,W,1)


@pytest.mark.parametrize("room", ROOMS, ids=IDS)
def test_by_hand(room):
    x = image_of([[1, 3, 2, 0], [4, 2, 1, 5], [0, 0, 7, 6], [0, 8, 6, 7]])
    options = (2, 2), (2, 2), NO_PADS
    y = room.max_pool2d(x, *options)
    np.testing.assert_array_equal(y, image_of([[4, 5], [8, 7]]))
    d_x = room.max_pool2d_d_x(image_of([[1, 2], [3, 4]]), x, y, *options)
    expected = image_of([[0, 0, 0, 0], [1, 0, 0, 2], [0, 0, 4, 0], [0, 3, 0, 0]])
    np.testing.assert_array_equal(d_x, expected)  # of the two 7s, the first
    mean = room.average_pool2d(x, *options)
    np.testing.assert_array_equal(mean, image_of([[2.5, 2], [2, 6.5]]))


@pytest.mark.parametrize("room", ROOMS, ids=IDS)
def test_ties_go_to_the_first_row_by_row(room):
    x, g, options = np.zeros((1, 3, 3, 1)), np.ones((1, 2, 2, 1)), ((2, 2), (1, 1), NO_PADS)
    d_x = room.max_pool2d_d_x(g, x, room.max_pool2d(x, *options), *options)
    np.testing.assert_array_equal(d_x, image_of([[1, 1, 0], [1, 1, 0], [0, 0, 0]]))


@pytest.mark.parametrize("room", ROOMS, ids=IDS)
def test_nan_is_the_maximum_and_takes_the_gradient(room):
    x, options = image_of([[9, np.nan], [np.nan, 1]]), ((2, 2), (1, 1), NO_PADS)
    y = room.max_pool2d(x, *options)
    assert np.isnan(y).all()
    d_x = room.max_pool2d_d_x(np.ones_like(y), x, y, *options)
    np.testing.assert_array_equal(d_x, image_of([[0, 1], [0, 0]]))


@pytest.mark.parametrize("room", ROOMS, ids=IDS)
def test_padding_never_wins_and_is_not_counted(room):
    options = (2, 2), (2, 2), ((1, 0), (1, 0))
    x = np.full((1, 1, 1, 1), -np.inf)
    y = room.max_pool2d(x, *options)
    d_x = room.max_pool2d_d_x(np.ones_like(y), x, y, *options)
    np.testing.assert_array_equal(d_x, np.ones((1, 1, 1, 1)))  # -inf on -inf: the image's own
    x = np.full((1, 3, 3, 1), -5.0)
    np.testing.assert_array_equal(room.max_pool2d(x, *options), np.full((1, 2, 2, 1), -5.0))
    np.testing.assert_array_equal(room.average_pool2d(x, *options), np.full((1, 2, 2, 1), -5.0))


@pytest.mark.parametrize("room", ROOMS, ids=IDS)
def test_a_window_on_the_padding_alone(room):
    x, options = np.ones((1, 1, 1, 1)), ((1, 1), (1, 1), ((1, 0), (0, 0)))
    np.testing.assert_array_equal(room.max_pool2d(x, *options), image_of([[-np.inf], [1]]))
    np.testing.assert_array_equal(room.average_pool2d(x, *options), image_of([[0], [1]]))
    d_x = room.average_pool2d_d_x(np.ones((1, 2, 1, 1)), x.shape, *options)
    np.testing.assert_array_equal(d_x, np.ones((1, 1, 1, 1)))


@pytest.mark.parametrize("room", ROOMS, ids=IDS)
@pytest.mark.parametrize("N", [0, 2])
def test_average_is_linear_float32_and_inputs_are_kept(room, N):
    options = (2, 3), (1, 2), ((0, 1), (2, 0))
    x = np.random.default_rng(0).normal(size=(N, 4, 5, 3)).astype(np.float32)
    x.flags.writeable = False
    y = room.max_pool2d(x, *options)
    mean = room.average_pool2d(x, *options)
    y.flags.writeable = mean.flags.writeable = False
    d_max = room.max_pool2d_d_x(mean, x, y, *options)
    d_mean = room.average_pool2d_d_x(y, x.shape, *options)
    assert {a.dtype for a in (y, mean, d_max, d_mean)} == {np.dtype(np.float32)}
    assert d_max.shape == d_mean.shape == x.shape
    np.testing.assert_allclose((mean * y).sum(), (d_mean * x).sum(), rtol=1e-4)
    np.testing.assert_allclose(d_max.sum(), mean.sum(), rtol=1e-4, atol=1e-4)
