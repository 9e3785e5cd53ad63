"""Places that occur twice, are out of range, or are written over."""

import numpy as np
import pytest

from melpy import Tensor, ops
from melpy.errors import ArgumentError, ShapeError, UnknownNameError


def test_the_last_update_of_a_place_wins_and_takes_its_gradient():
    x = Tensor(np.zeros(3), requires_grad=True)
    updates = Tensor([1.0, 2.0, 5.0], requires_grad=True, dtype="float64")
    y = ops.scatter_update(x, [[1], [1], [2]], updates)
    np.testing.assert_array_equal(y.value, [0, 2, 5])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 0, 0])
    np.testing.assert_array_equal(updates.grad, [0, 1, 1])


@pytest.mark.parametrize(
    ("reduction", "expected"), [("add", [4, 1, 9]), ("max", [3, 1, 9]), ("min", [1, 1, 0])]
)
def test_reductions(reduction, expected):
    y = ops.scatter_update([1.0, 1.0, 0.0], [[0], [2]], [3.0, 9.0], reduction)
    np.testing.assert_array_equal(y, expected)
    with pytest.raises(UnknownNameError, match="unknown reduction 'mean'"):
        ops.scatter_update([1.0], [[0]], [3.0], "mean")


def test_scattered_copies_add_up():
    y = ops.scatter([[0, 0], [1, 2], [0, 0]], np.array([1.0, 2.0, 4.0]), (2, 3))
    np.testing.assert_array_equal(y, [[5, 0, 0], [0, 0, 2]])


def test_blocks():
    x = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(ops.slice(x, (1, 2), (-1, 1)), x[1:, 2:3])
    np.testing.assert_array_equal(
        ops.slice_update(x, (1, 2), np.zeros((2, 2)))[1:], [[4, 5, 0, 0], [8, 9, 0, 0]]
    )


def test_segments_out_of_range_and_without_rows():
    data, numbers = Tensor(np.arange(4.0), requires_grad=True), [0, 2, 9, -1]
    y = ops.segment_sum(data, numbers, 3)
    np.testing.assert_array_equal(y.value, [0, 0, 1])
    y.sum().backward()
    np.testing.assert_array_equal(data.grad, [1, 1, 0, 0])
    np.testing.assert_array_equal(ops.segment_max(data, numbers, 3).value, [0, -np.inf, 1])
    np.testing.assert_array_equal(ops.segment_min(np.arange(3), [0, 0, 1]), [0, 2])
    with pytest.raises(ArgumentError, match="segment_sum: the segments are not numbered"):
        ops.segment_sum(data, [[0, 1]])


@pytest.mark.parametrize(
    ("start", "shape", "expected"),
    [((2, -1), (2, 2), [[4, 5], [7, 8]]), ((9, 0), (1, -1), [[6, 7, 8]]), ((0, 0), (4, 1), None)],
)
def test_a_block_that_reaches_beyond_the_end_is_moved_back(start, shape, expected):
    x = np.arange(9.0).reshape(3, 3)
    if expected is None:
        with pytest.raises(ShapeError, match="slice: the block is larger than the array"):
            ops.slice(x, start, shape)
        return
    np.testing.assert_array_equal(ops.slice(x, start, shape), expected)
    moved = ops.slice_update(x, start, np.zeros(np.shape(expected)))
    assert np.flatnonzero(moved != x).size == np.count_nonzero(expected)
