"""Order and counts: ties, ends, and what is refused."""

import numpy as np
import pytest

from melpy import Tensor, ops
from melpy.errors import ArgumentError


def test_ties_stay_in_their_order():
    x = np.array([2.0, 1.0, 2.0, 1.0])
    np.testing.assert_array_equal(ops.argsort(x), [1, 3, 0, 2])
    values, places = ops.top_k(x, 3)
    np.testing.assert_array_equal(values, [2, 2, 1])
    np.testing.assert_array_equal(places, [0, 2, 1])
    with pytest.raises(ArgumentError, match=r"top_k: there are not so many entries.*k=5"):
        ops.top_k(x, 5)


def test_gradients_go_back_to_where_the_values_were():
    x = Tensor([3.0, 1.0, 2.0], requires_grad=True)
    (ops.sort(x) * np.array([10.0, 20.0, 30.0])).sum().backward()
    np.testing.assert_array_equal(x.grad, [30, 10, 20])


def test_counts():
    counts, edges = ops.histogram(np.array([0.0, 1.0, 1.5, 4.0]), bins=4)
    np.testing.assert_array_equal(counts, [1, 2, 0, 1])
    np.testing.assert_array_equal(edges, [0, 1, 2, 3, 4])
    rows = ops.bincount(np.array([[0, 1], [2, 2]]), weights=np.array([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_array_equal(rows, [[1, 2, 0], [0, 0, 7]])
    np.testing.assert_array_equal(ops.unique(np.array([3, 1, 3]), size=4), [1, 3, 1, 1])
    np.testing.assert_array_equal(ops.unique(np.array([3, 1, 3]), size=1), [1])


def test_in_top_k_of_what_is_no_class():
    scores = np.array([[0.1, 0.7, 0.2], [0.1, np.nan, 0.2], [0.3, 0.3, 0.3]])
    np.testing.assert_array_equal(ops.in_top_k([5, 1, 0], scores, 1), [False, False, True])
