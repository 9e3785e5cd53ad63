"""The tables of offsets that products take: nothing outside, nothing twice, nothing left out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")

from melpy.kernels import threads
from melpy.kernels.compiled import conv, conv_plans, matmul, tile
from melpy.kernels.spec import conv_windows as spec
from melpy.kernels.spec.windows import output_size


@st.composite
def convolutions(draw):
    """Draw a frame, a kernel's shape, strides, dilation, groups and pads that fit together."""
    whole = lambda low, high: draw(st.integers(low, high))  # noqa: E731
    strides, dilation = (whole(1, 3), whole(1, 3)), (whole(1, 2), whole(1, 3))
    kernel, groups = (whole(1, 3), whole(1, 4)), draw(st.sampled_from([1, 1, 2]))
    C, D = whole(1, 4), draw(st.sampled_from([1, 3, 17])) * groups
    pads = ((whole(0, 2), whole(0, 2)), (whole(0, 2), whole(0, 2)))
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = tuple(max(1, s - sum(p)) + whole(0, 9) for s, p in zip(span, pads, strict=True))
    return size, (*kernel, C, D), strides, pads, dilation, groups


def framed(size, pads):
    return tuple(s + sum(p) for s, p in zip(size, pads, strict=True))


def rows_of(plan, product):
    return np.arange(product["first_row"], product["last_row"])


def product_of(plan, product, a, b, c, step=1, columns=None):
    """Do one product of a plan as its tables say, number by number; count what is written."""
    runs = plan.k_at[product["first_run"] :][: product["runs"]]
    factors = (runs[:, None] + np.arange(product["run"]) * step).reshape(-1)
    lines = b[product["b_row"] :, product["b_column"] :][: len(factors), :columns]
    written = np.zeros(len(c), int)
    for r in np.unique(plan.c_at[rows_of(plan, product)], return_index=True)[1]:
        row = product["first_row"] + r
        to = plan.c_at[row] + product["c0"] + np.arange(lines.shape[1])
        at = plan.a_at[row] + product["a0"] + factors
        assert at.min(initial=0) >= 0
        assert at.max(initial=0) < len(a)
        c[to] += a[at] @ lines
        written[to] += 1
    return written


@settings(max_examples=80, deadline=None)
@given(drawn=convolutions())
def test_forward_makes_each_output_once(drawn):
    size, w_shape, strides, pads, dilation, groups = drawn
    kH, kW, C, D = w_shape
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, *size, C * groups)), rng.normal(size=w_shape)
    out = output_size(size, (kH, kW), strides, pads, dilation)
    plan = conv_plans.forward(framed(size, pads), w_shape, strides, dilation, groups, out)
    assert len(plan.a_at) == len(plan.c_at)
    assert len(plan.a_at) % tile.ROWS == 0
    a = np.pad(x, ((0, 0), *pads, (0, 0))).reshape(-1)
    y = np.zeros(out[0] * out[1] * D)
    written = sum(
        product_of(plan, p, a, w.reshape(-1, D), y, columns=D // groups) for p in plan.products
    )
    assert (written == 1).all()
    expected = spec.conv2d(x, w, strides, pads, dilation, groups)
    np.testing.assert_allclose(y, expected.reshape(-1), atol=1e-12)


@settings(max_examples=80, deadline=None)
@given(drawn=convolutions())
def test_backward_makes_each_input_once(drawn):
    size, w_shape, strides, pads, dilation, groups = drawn
    kH, kW, C, D = w_shape
    rng = np.random.default_rng(0)
    out = output_size(size, (kH, kW), strides, pads, dilation)
    g, w = rng.normal(size=(1, *out, D)), rng.normal(size=w_shape)
    x_shape = (1, *size, C * groups)
    around, plan, weights = conv.backward_plan(out, w, x_shape, (strides, pads, dilation, groups))
    assert len(plan.a_at) == len(plan.c_at)
    assert len(plan.a_at) % tile.ROWS == 0
    a = np.pad(g, ((0, 0), *around, (0, 0))).reshape(-1)
    d_x = np.zeros(np.prod(x_shape))
    written = sum(product_of(plan, p, a, weights.reshape(-1, C), d_x) for p in plan.products)
    assert (written == 1).all()
    expected = spec.conv2d_d_x(g, w, x_shape, strides, pads, dilation, groups)
    np.testing.assert_allclose(d_x, expected.reshape(-1), atol=1e-12)


@settings(max_examples=80, deadline=None)
@given(drawn=convolutions(), images=st.integers(1, 3))
def test_kernel_sums_over_each_pixel_once(drawn, images):
    size, w_shape, strides, pads, dilation, groups = drawn
    kH, kW, C, D = w_shape
    rng = np.random.default_rng(0)
    out = output_size(size, (kH, kW), strides, pads, dilation)
    x, g = rng.normal(size=(images, *size, C * groups)), rng.normal(size=(images, *out, D))
    plan = conv_plans.kernel(framed(size, pads), w_shape, strides, dilation, groups, out, images)
    assert len(plan.a_at) % tile.ROWS == 0
    a = np.pad(x, ((0, 0), *pads, (0, 0))).reshape(-1)
    d_w, step = np.zeros(np.prod(w_shape)), strides[1] * C * groups
    written = sum(
        product_of(plan, p, a, g.reshape(-1, D), d_w, step, columns=D // groups)
        for p in plan.products
    )
    assert (written == 1).all()
    expected = spec.conv2d_d_w(g, x, w_shape, strides, pads, dilation, groups)
    np.testing.assert_allclose(d_w, expected.reshape(-1), atol=1e-12)


@given(count=st.integers(1, 200), step=st.integers(1, 9))
def test_lines_are_whole_tiles_that_end_on_the_last_row(count, step):
    at = tile.lines(count, step)
    assert len(at) % tile.ROWS == 0
    assert len(at) - count < tile.ROWS
    np.testing.assert_array_equal(at[:count], np.arange(count) * step)
    assert (at[count:] == (count - 1) * step).all()


@given(rows=st.integers(1, 90), columns=st.integers(1, 90), count=st.integers(1, threads.GROUPS))
def test_blocks_of_a_product_cover_it(rows, columns, count):
    down, across = matmul._shares(rows, columns, 4.0, count)
    assert 1 <= len(down) * len(across) <= count
    made = np.zeros((rows, columns), int)
    for first, last in down:
        for left, right in across:
            made[first:last, left:right] += 1
    assert (made == 1).all()
