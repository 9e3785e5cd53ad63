"""Rows picked and added up: compiled as specified."""

import numpy as np
import pytest

pytest.importorskip("numba")

from melpy.kernels.compiled import copying
from melpy.kernels.spec import copying as spec


@pytest.mark.parametrize("shape", [(20, 3), (20,), (500, 33), (7, 2, 3)])
def test_rows_are_added_as_specified(shape):
    rng = np.random.default_rng(0)
    rows, positions = rng.normal(size=shape), rng.integers(0, 6, len(np.empty(shape)))
    got = copying.add_rows(rows, positions, 8)
    np.testing.assert_allclose(got, spec.add_rows(rows, positions, 8), rtol=1e-12, atol=1e-12)
    assert not got[6:].any()


def test_picked_rows_count_from_the_end_and_tell_what_is_none():
    x, y, wrong = np.arange(6.0).reshape(3, 2), np.empty((4, 2)), np.zeros(1, np.int64)
    copying.picked(x, np.array([2, -3, 0, 1]), y, wrong)
    np.testing.assert_array_equal(y, x[[2, -3, 0, 1]])
    assert wrong[0] == 0
    copying.picked(x, np.array([0, 3, 0, 0]), y, wrong)
    assert wrong[0] == 1
