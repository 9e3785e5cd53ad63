"""Values at the edges: overflow, infinities, ties, NaN, nothing, every mode and order."""

import numpy as np
import pytest

import melpy
from melpy import ops
from melpy.errors import ArgumentError, ShapeError

X = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16"])
@pytest.mark.parametrize("name", ["sum", "prod", "cumsum", "cumprod", "nansum", "nancumsum"])
def test_small_whole_numbers_do_not_overflow(name, dtype):
    x = np.full(4, 100, dtype)
    y = getattr(ops, name)(x)
    assert y.dtype == ("int32" if dtype.startswith("i") else "uint32")
    np.testing.assert_array_equal(y, getattr(np, name)(x))


def test_products_of_int8_do_not_overflow():
    x = np.full((2, 2), 100, np.int8)
    for y in (ops.matmul(x, x), ops.einsum("ij,jk", x, x)):
        assert y.dtype == np.int32
        np.testing.assert_array_equal(y, 20_000)
    for mean in (ops.mean(x), ops.average(x), ops.median(x)):
        assert float(mean) == 100
    assert float(ops.var(np.array([-100, 100], np.int8))) == 10_000


@pytest.mark.parametrize("method", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("x", [[0.0, 2.0, 4.0], [3.0, 3.0, 3.0, 1.0], [1.0, np.nan, 2.0], [7.0]])
def test_quantiles(x, method):
    shares = np.array([0.0, 0.25, 0.3, 0.5, 0.75, 1.0])
    found = ops.quantile(np.array(x), shares, method=method)
    np.testing.assert_array_equal(found, np.quantile(x, shares, method=method))


@pytest.mark.parametrize(
    ("x", "share", "expected"),
    [
        ([np.inf, 5, 4], 0.5, dict.fromkeys(["linear", "lower", "higher", "midpoint"], 5)),
        ([np.inf, 5, 4], 0.75, {"lower": 5, "higher": np.inf, "linear": np.inf}),
        ([np.inf, 5, 4], 0.0, {"lower": 4, "linear": 4}),
        ([np.inf, 5, 4], 1.0, {"higher": np.inf, "linear": np.inf, "nearest": np.inf}),
        ([-np.inf, 0, np.inf], 0.25, {"linear": -np.inf, "lower": -np.inf, "higher": 0}),
        ([np.inf, np.inf, 1], 0.75, {"linear": np.inf, "midpoint": np.inf}),
        ([-np.inf, np.inf], 0.5, {"linear": np.nan, "lower": -np.inf, "higher": np.inf}),
    ],
)
def test_quantiles_between_infinities(x, share, expected):
    for method, value in expected.items():
        np.testing.assert_array_equal(ops.quantile(np.array(x), share, method=method), value)


def test_quantiles_are_refused():
    with pytest.raises(ArgumentError, match="quantile: q is no share"):
        ops.quantile(X, 1.5)
    with pytest.raises(ShapeError, match="quantile: there are no entries"):
        ops.median(np.zeros(0))
    with pytest.raises(ShapeError, match="quantile"):
        ops.median(X, axis=(0, 0))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    ("axis", "orders"),
    [
        (1, [None, 0, 1, -1, 2, 3, 0.5, np.inf, -np.inf]),
        (-1, [None, 2, 1]),
        ((0, 2), [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]),
        ((2, 0), ["nuc", 1, -1, 2, np.inf]),
        ([-1, 1], ["fro", 2]),
    ],
)
def test_norms(axis, orders, keepdims):
    x = np.sin(X) + 2
    for order in orders:
        along = tuple(axis) if isinstance(axis, list) else axis
        expected = np.linalg.norm(x, order, along, keepdims)
        np.testing.assert_allclose(ops.norm(x, order, axis, keepdims), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("order", "axis"),
    [
        ("fro", 1), ("nuc", 0), ("x", 0), (3, (0, 1)), (0, (0, 1)), ("x", (0, 1)), (2, None),
        (None, (0, 1, 2)), (None, (1, 1)), (None, 3),
    ],
)  # fmt: skip
def test_norms_are_refused(order, axis):
    with pytest.raises(ValueError, match="norm"):
        ops.norm(X, order, axis)


@pytest.mark.parametrize(
    "mode",
    ["edge", "reflect", "symmetric", "wrap", "maximum", "minimum", "mean", "median", "linear_ramp"],
)
def test_pad_modes(mode):
    for widths in (1, (2, 1), ((1, 2), (0, 1), (7, 9))):
        np.testing.assert_array_equal(ops.pad(X, widths, mode), np.pad(X, widths, mode))
    small = ops.pad(np.array([1, 2], np.uint8), 1, mode)
    assert small.dtype == np.uint8


def test_all_nan():
    x = np.array([[np.nan, np.nan], [1.0, 2.0], [5.0, np.nan]])
    np.testing.assert_array_equal(ops.nanargmax(x, axis=1), [-1, 1, 0])
    np.testing.assert_array_equal(ops.nanargmin(x, axis=1, keepdims=True), [[-1], [0], [0]])
    np.testing.assert_array_equal(ops.nanmax(x, axis=1), [np.nan, 2, 5])
    np.testing.assert_array_equal(ops.nanmean(x, axis=1), [np.nan, 1.5, 5])
    np.testing.assert_array_equal(ops.nansum(x, axis=1), [0, 3, 5])
    np.testing.assert_array_equal(ops.nanprod(x, axis=1), [1, 2, 5])
    assert ops.nanargmax(np.array([3, 9])) == 1
    assert ops.nanmax(np.array([3, 9])).dtype == "int64"  # whole numbers have no NaN


@pytest.mark.parametrize("axis", [[0, 2], (0, 2), [-1], [1, -1]])
def test_axes_may_be_a_list(axis):
    along = tuple(axis)
    for name in ("sum", "mean", "var", "std", "max", "min", "prod", "amax", "median", "ptp"):
        np.testing.assert_allclose(
            getattr(ops, name)(X, axis=axis), getattr(np, name)(X, axis=along), rtol=1e-12
        )
    for name in ("nansum", "nanmean", "nanmax", "count_nonzero", "any", "all", "flip"):
        np.testing.assert_array_equal(
            getattr(ops, name)(X, axis=axis), getattr(np, name)(X, axis=along)
        )
    np.testing.assert_allclose(ops.softmax(X, axis=axis).sum(axis=along), 1)
    np.testing.assert_allclose(ops.logsumexp(X, axis=axis), ops.logsumexp(X, along))
    assert ops.expand_dims(X, axis=axis).ndim == 3 + len(axis)


@pytest.mark.parametrize("axis", [(0, 0), (1, -2), [2, 2]])
def test_an_axis_named_twice_is_refused(axis):
    for name in ("sum", "mean", "max", "prod", "var", "all", "flip", "norm", "nansum", "logsumexp"):
        with pytest.raises(ShapeError, match=name if name != "nansum" else "sum"):
            getattr(ops, name)(X, axis=axis)


def test_nothing_to_reduce():
    empty = np.zeros((0, 2))
    np.testing.assert_array_equal(ops.sum(empty, 0), [0, 0])
    np.testing.assert_array_equal(ops.prod(empty, 0), [1, 1])
    np.testing.assert_array_equal(ops.logsumexp(empty, 0), [-np.inf, -np.inf])
    assert ops.any(empty) == False  # noqa: E712
    assert ops.all(empty) == True  # noqa: E712
    assert ops.concatenate([empty, empty], axis=None).shape == (0,)
    for refused in (ops.max, ops.argmax):
        with pytest.raises(ShapeError):
            refused(empty, 0)


def test_roundings_of_whole_numbers_are_floats():
    x = np.array([-3, 2])
    for function in (ops.floor, ops.ceil, ops.fabs):
        assert function(x).dtype == "float32"
    for function in (ops.round, ops.trunc, ops.absolute, ops.sign):
        assert function(x).dtype == "int64"
    assert ops.square(np.array([True])).dtype == "int32"
    np.testing.assert_array_equal(ops.round(np.array([15, 25]), -1), [20, 20])


def test_what_is_refused():
    for call, message in (
        (lambda: ops.where([True], 1.0), "where: one of two choices is missing"),
        (lambda: ops.rot90(X, axes=(1, -2)), "rot90: the two axes are the same"),
        (lambda: ops.rot90(X[0, 0]), "rot90: there is nothing to turn"),
        (lambda: ops.rot90(X, axes=(0, 3)), "rot90: .*out of bounds"),
        (lambda: ops.segment_sum(X, np.array([0])), "segment_sum: .*differ in number"),
        (lambda: ops.segment_max(X, np.array([0])), "segment_max: .*differ in number"),
        (lambda: ops.histogram(X), "histogram: x has not one axis"),
        (lambda: ops.histogram(X[0, 0], bins=2.5), "histogram: bins is no number"),
        (lambda: ops.bincount(np.array([-1])), "bincount: .*not whole numbers >= 0"),
        (lambda: ops.scatter_update(X, [[0]], X[:1], "div"), "unknown reduction 'div'"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_segments_of_small_unsigned_numbers():
    ids = np.array([0, 2], np.uint8)
    np.testing.assert_array_equal(ops.segment_sum(np.array([1.0, 5.0]), ids), [1, 0, 5])
    np.testing.assert_array_equal(ops.bincount(ids), [1, 0, 1])
    np.testing.assert_array_equal(ops.segment_max(np.array([True, False]), ids), [1, 0, 0])


def test_written_values_keep_the_type_of_what_they_are_written_into():
    y = ops.scatter_update(np.zeros(3, np.int32), [[1]], np.array([2.7]))
    assert y.dtype == "int32"
    np.testing.assert_array_equal(y, [0, 2, 0])
    exact = ops.scatter_update(np.zeros(1), [[0]], [0.1])
    assert exact[0] == 0.1  # not 0.1 of float32
    np.testing.assert_array_equal(
        ops.scatter_update(np.full(3, 3.0), [[1], [1]], np.array([2.0, 5.0]), "mul"), [3, 30, 3]
    )


def test_unique_values():
    np.testing.assert_array_equal(ops.unique(np.array([np.nan, 1, np.nan])), [1, np.nan, np.nan])
    values, places, inverse, counts = ops.unique(
        np.array([[3, 1], [1, 3], [3, 1]]), axis=0, size=3, return_index=True,
        return_inverse=True, return_counts=True,
    )  # fmt: skip
    np.testing.assert_array_equal(values, [[1, 3], [3, 1], [1, 3]])
    np.testing.assert_array_equal([places, inverse, counts], [[1, 0, 1], [1, 0, 1], [1, 2, 0]])
    np.testing.assert_array_equal(ops.unique(np.array([3, 1, 2]), size=2), [1, 2])


def test_histograms_of_whole_numbers_have_edges_between_them():
    counts, edges = ops.histogram(np.array([1, 2, 2]), bins=4)
    np.testing.assert_array_equal(edges, [1, 1.25, 1.5, 1.75, 2])
    np.testing.assert_array_equal(counts, [1, 0, 0, 2])


def test_what_public_reports_of_other_libraries_found_wrong():
    """Long sums along a first axis, products of small weights, powers that overflow, nothing."""
    many = np.full((2**17, 2), 0.1, np.float32)
    for y in (ops.mean(many, axis=0), ops.sum(many, axis=0) / np.float32(2**17)):
        np.testing.assert_allclose(y, 0.1, rtol=1e-6)
    small = np.full(4, 100, np.int8)
    assert float(ops.average(small, weights=small)) == 100
    np.testing.assert_allclose(ops.norm(np.array([1e10, 0], "f4"), 4), 1e10, rtol=1e-6)
    np.testing.assert_allclose(ops.norm(np.array([1e-20, 0], "f4"), 3), 1e-20, rtol=1e-6)
    assert ops.quantile(np.zeros((0, 4)), 0.5, axis=1).shape == (0,)
    np.testing.assert_array_equal(ops.multi_hot(np.zeros((2, 0), int), 3), np.zeros((2, 3)))
    np.testing.assert_array_equal(ops.full_like(np.zeros(1, np.uint8), -1), [255])
    for cut in (ops.split, ops.array_split):
        with pytest.raises(ArgumentError, match=r"split: .*equal pieces"):
            cut(X, 0)


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (ops.det, [[1.0, 2.0], [2.0, 4.0]], [[4, -2], [-2, 1]]),
        (ops.det, np.zeros((3, 3)), np.zeros((3, 3))),
        (ops.prod, [0.0, 1e200, 1e200, 0.0], [0, 0, 0, 0]),
        (ops.prod, [2.0, 0.0, 3.0], [0, 6, 0]),
        (lambda x: ops.norm(x, 3), [0.0, 0.0], [0, 0]),
        (lambda x: ops.norm(x, 3), [0.0, -2.0], [0, -1]),
        (lambda x: ops.sum(ops.logaddexp(x, -np.inf)), [-np.inf, 1.0], [1, 1]),
        (lambda x: ops.logsumexp(x), [-np.inf, 1.0], [0, 1]),
    ],
)
def test_gradients_at_special_points(function, x, expected):
    np.testing.assert_allclose(melpy.grad(function)(np.array(x)), expected, atol=1e-12)
