"""The three convolutions of the specification: equal to each other, to PyTorch, to the paper."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melpy.experiments.gradient import d_x_by_columns
from melpy.kernels.spec import conv_im2col, conv_loops, conv_windows
from melpy.kernels.spec.conv_im2col import col2im, get_indices, im2col
from melpy.kernels.spec.windows import output_size

ROOMS = [conv_loops, conv_im2col, conv_windows]
IDS = ["loops", "im2col", "windows"]
NO_PADS = ((0, 0), (0, 0))


@st.composite
def convolutions(draw):
    """Draw (x_shape, w_shape, (strides, pads, dilation, groups), seed)."""

    def pair(low, high):
        return draw(st.integers(low, high)), draw(st.integers(low, high))

    kernel, strides, dilation = pair(1, 3), pair(1, 3), pair(1, 2)
    pads = (pair(0, 2), pair(0, 2))
    size = tuple(
        max(1, draw(st.integers(0, 3)) + (kernel[a] - 1) * dilation[a] + 1 - sum(pads[a]))
        for a in (0, 1)
    )
    groups = draw(st.integers(1, 3))
    N, C, D = draw(st.integers(0, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    x_shape, w_shape = (N, *size, C * groups), (*kernel, C, D * groups)
    return x_shape, w_shape, (strides, pads, dilation, groups), draw(st.integers(0, 2**16))


CASES = [  # one of each: plain, strided with rows to spare, asymmetric, dilated, grouped, no image
    ((2, 4, 5, 3), (2, 2, 3, 4), ((1, 1), NO_PADS, (1, 1), 1)),
    ((2, 6, 5, 2), (2, 3, 2, 3), ((3, 2), NO_PADS, (1, 1), 1)),
    ((1, 4, 4, 2), (3, 2, 2, 2), ((1, 2), ((0, 2), (1, 0)), (1, 1), 1)),
    ((1, 6, 7, 2), (2, 3, 2, 2), ((1, 1), ((1, 1), (0, 2)), (3, 2), 1)),
    ((2, 4, 4, 6), (3, 3, 2, 9), ((2, 1), ((1, 1), (1, 1)), (1, 1), 3)),
    ((2, 4, 4, 4), (2, 2, 1, 4), ((1, 1), NO_PADS, (1, 1), 4)),
    ((0, 4, 4, 2), (3, 3, 2, 3), ((1, 1), NO_PADS, (1, 1), 1)),
]


def draw_arrays(x_shape, w_shape, options, seed=0, dtype=np.float64):
    """Return x, w and a g of the output's shape."""
    strides, pads, dilation, _ = options
    rng = np.random.default_rng(seed)
    out = output_size(x_shape[1:3], w_shape[:2], strides, pads, dilation)
    shapes = x_shape, w_shape, (x_shape[0], *out, w_shape[3])
    return tuple(rng.normal(size=shape).astype(dtype) for shape in shapes)


def run(room, x, w, g, options):
    """Return (y, d_x, d_w)."""
    return (
        room.conv2d(x, w, *options),
        room.conv2d_d_x(g, w, x.shape, *options),
        room.conv2d_d_w(g, x, w.shape, *options),
    )


@settings(max_examples=60, deadline=None)
@given(convolutions())
def test_the_three_agree(case):
    x_shape, w_shape, options, seed = case
    x, w, g = draw_arrays(x_shape, w_shape, options, seed)
    expected = run(conv_loops, x, w, g, options)
    for room in (conv_im2col, conv_windows):
        for ours, right in zip(run(room, x, w, g, options), expected, strict=True):
            assert ours.shape == right.shape
            np.testing.assert_allclose(ours, right, rtol=1e-12, atol=1e-12)


@pytest.mark.parity
@pytest.mark.parametrize("room", ROOMS, ids=IDS)
@pytest.mark.parametrize(("x_shape", "w_shape", "options"), CASES)
def test_equals_pytorch(room, x_shape, w_shape, options):
    torch = pytest.importorskip("torch")
    strides, pads, dilation, groups = options
    x, w, g = draw_arrays(x_shape, w_shape, options)
    image, kernel = (torch.from_numpy(a.copy()).requires_grad_() for a in (x, w))
    padded = torch.nn.functional.pad(image, (0, 0, *pads[1], *pads[0]))
    y = torch.nn.functional.conv2d(
        padded.permute(0, 3, 1, 2),
        kernel.permute(3, 2, 0, 1),
        stride=strides,
        dilation=dilation,
        groups=groups,
    ).permute(0, 2, 3, 1)
    y.backward(torch.from_numpy(g.copy()))
    expected = y.detach(), image.grad, kernel.grad
    for ours, right in zip(run(room, x, w, g, options), expected, strict=True):
        np.testing.assert_allclose(ours, right.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("room", ROOMS, ids=IDS)
@pytest.mark.parametrize(("x_shape", "w_shape", "options"), CASES)
def test_gradients_are_the_adjoints(room, x_shape, w_shape, options):
    """<g, conv(x, w)> = <d_x, x> = <d_w, w>: the convolution is linear in x and in w."""
    x, w, g = draw_arrays(x_shape, w_shape, options)
    y, d_x, d_w = run(room, x, w, g, options)
    np.testing.assert_allclose((d_x * x).sum(), (g * y).sum(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose((d_w * w).sum(), (g * y).sum(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("room", ROOMS, ids=IDS)
@pytest.mark.parametrize(("x_shape", "w_shape", "options"), CASES)
def test_float32_and_the_inputs_are_kept(room, x_shape, w_shape, options):
    arrays = draw_arrays(x_shape, w_shape, options, dtype=np.float32)
    before = [array.copy() for array in arrays]
    for result in run(room, *arrays, options):
        assert result.dtype == np.float32
        assert not any(np.shares_memory(result, array) for array in arrays)
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("room", ROOMS, ids=IDS)
@pytest.mark.parametrize(("x_shape", "w_shape", "options"), CASES)
def test_strided_and_read_only_inputs(room, x_shape, w_shape, options):
    arrays = draw_arrays(x_shape, w_shape, options)
    views = []
    for array in arrays:
        spread = np.zeros((array.shape[-1], *array.shape[:-1], 2))
        view = np.moveaxis(spread[..., 0], 0, -1)[:, ::-1]  # strided, reversed, channels first
        view[...] = array
        view.flags.writeable = False
        views.append(view)
    plain, strided = run(room, *arrays, options), run(room, *views, options)
    for ours, right in zip(strided, plain, strict=True):
        np.testing.assert_allclose(ours, right, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("room", ROOMS, ids=IDS)
def test_an_image_smaller_than_the_kernel_has_an_empty_output(room):
    x, w, g = np.ones((1, 2, 2, 1)), np.ones((3, 3, 1, 1)), np.ones((1, 0, 0, 1))
    y, d_x, d_w = run(room, x, w, g, ((1, 1), NO_PADS, (1, 1), 1))
    assert y.shape == (1, 0, 0, 1)
    assert not d_x.any()
    assert not d_w.any()


# im2col itself


def test_the_papers_indices():
    """Section 3.1, figure 8: RGB images of (4, 4), windows of 2, stride 1."""
    k, i, j = get_indices((1, 3, 4, 4), 2, 1)
    assert k.shape == (12, 1)
    assert i.shape == j.shape == (12, 9)
    np.testing.assert_array_equal(k[:, 0], [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
    np.testing.assert_array_equal(i[:4, ::3].T, [[0, 0, 1, 1], [1, 1, 2, 2], [2, 2, 3, 3]])
    np.testing.assert_array_equal(j[:4, :3].T, [[0, 1, 0, 1], [1, 2, 1, 2], [2, 3, 2, 3]])
    np.testing.assert_array_equal(i[0], [0, 0, 0, 1, 1, 1, 2, 2, 2])
    np.testing.assert_array_equal(j[0], [0, 1, 2, 0, 1, 2, 0, 1, 2])
    np.testing.assert_array_equal(i[:4], i[4:8])  # the same pattern for each channel
    np.testing.assert_array_equal(j[:4], j[8:])


def test_im2col_by_hand():
    images = np.arange(96.0).reshape(2, 3, 4, 4)
    columns = im2col(images, 2, 1)
    assert columns.shape == (12, 18)
    np.testing.assert_array_equal(columns[:4, 0], [0, 1, 4, 5])  # first window, red
    np.testing.assert_array_equal(columns[4:8, 0], [16, 17, 20, 21])  # the same, green
    np.testing.assert_array_equal(columns[:4, 8], [10, 11, 14, 15])  # last window of image 1
    np.testing.assert_array_equal(columns[:4, 9], [48, 49, 52, 53])  # first window of image 2


def test_col2im_multiplies_by_the_number_of_windows():
    images = np.random.default_rng(0).normal(size=(2, 3, 4, 4))
    held = np.outer([1, 2, 2, 1], [1, 2, 2, 1])  # windows of 2, stride 1
    back = col2im(im2col(images, 2, 1), images.shape, 2, 1)
    np.testing.assert_allclose(back, images * held, rtol=1e-14)
    tiled = col2im(im2col(images, 2, 2), images.shape, 2, 2)  # no overlap: an inverse
    np.testing.assert_array_equal(tiled, images)


@settings(max_examples=60, deadline=None)
@given(convolutions())
def test_col2im_is_the_transpose_of_im2col(case):
    (N, H, W, C), (kH, kW, _, _), (strides, pads, dilation, _), seed = case
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(N, C, H + sum(pads[0]), W + sum(pads[1])))
    columns = im2col(images, (kH, kW), strides, dilation)
    other = rng.normal(size=columns.shape)
    back = col2im(other, images.shape, (kH, kW), strides, dilation)
    np.testing.assert_allclose((other * columns).sum(), (back * images).sum(), atol=1e-11)


# The paper's gradient


def numerical_d_x(g, w, x):
    """Central differences of <g, conv(x)>, each x moved by itself: no gradient code involved."""
    d_x, step = np.zeros_like(x), 1e-3
    options = (1, 1), NO_PADS, (1, 1), 1
    for at in np.ndindex(x.shape):
        moved = np.zeros_like(x)
        moved[at] = step
        change = conv_loops.conv2d(x + moved, w, *options) - conv_loops.conv2d(
            x - moved, w, *options
        )
        d_x[at] = (g * change).sum() / (2 * step)
    return d_x


def test_the_papers_flipped_kernel_is_not_the_gradient():
    """Standard normal draws, 2x2 kernels: mean |error| 1.84 where the mean |d_x| is 1.43."""
    rng = np.random.default_rng(0)
    x, w, g = (rng.normal(size=s) for s in ((2, 4, 4, 3), (2, 2, 3, 2), (2, 3, 3, 2)))
    exact = conv_im2col.conv2d_d_x(g, w, x.shape, (1, 1), NO_PADS, (1, 1), 1)
    np.testing.assert_allclose(exact, numerical_d_x(g, w, x), rtol=1e-8, atol=1e-9)

    nchw = (0, 3, 1, 2)
    papers = d_x_by_columns(g.transpose(nchw), w.transpose(3, 2, 0, 1), (2, 3, 4, 4), turned=True)
    error = np.abs(papers - exact.transpose(nchw)).mean()
    assert error == pytest.approx(1.84, abs=0.005)
    assert np.abs(exact).mean() == pytest.approx(1.43, abs=0.005)

    unturned = d_x_by_columns(
        g.transpose(nchw), w.transpose(3, 2, 0, 1)[:, :, ::-1, ::-1], (2, 3, 4, 4), turned=True
    )
    np.testing.assert_allclose(unturned, exact.transpose(nchw), rtol=1e-12)  # the flip undone

    same = w + w[::-1, ::-1]  # a kernel that rot180 leaves as it is: there the paper is right
    exact = conv_im2col.conv2d_d_x(g, same, x.shape, (1, 1), NO_PADS, (1, 1), 1)
    papers = d_x_by_columns(
        g.transpose(nchw), same.transpose(3, 2, 0, 1), (2, 3, 4, 4), turned=True
    )
    np.testing.assert_allclose(papers, exact.transpose(nchw), rtol=1e-12, atol=1e-12)
