"""Numbers whose powers, sums or differences float32 has no room or no digits for."""

import numpy as np
import pytest

from melpy import ops
from melpy.differentiation import value_and_grad

INF, NAN, HALF = np.inf, np.nan, [0.5, 0.5]
ROOT = 0.5**0.5


@pytest.mark.parametrize(
    ("function", "x", "y", "d_x"),
    [
        (ops.sparsemax, [1e8, 0, -5], [1, 0, 0], [0, 0, 0]),
        (ops.sparsemax, [1e8, 1e8, -INF], [0.5, 0.5, 0], [-0.5, 0.5, 0]),
        (ops.sparsemax, [3e38, -3e38, -3e38], [1, 0, 0], [0, 0, 0]),
        (ops.squareplus, [1e20, 1e38], [1e20, 1e38], [1, 2]),
        (ops.squareplus, [-1e4, -1e20], [1e-4, 1e-20], [1e-8, 0]),
        (ops.softsign, [-1e6, 1e10], [1e-6 - 1, 1], [1e-12, 2e-20]),
        (ops.hard_silu, [-INF, INF], [0, INF], [0, 2]),
        (ops.arcsinh, [1e20, -1e20], np.arcsinh([1e20, -1e20]), [1e-20, 2e-20]),
        (ops.arccosh, [1e20, 1e30], np.arccosh([1e20, 1e30]), [1e-20, 2e-30]),
        (lambda x: ops.arctan2(x, x[::-1]), [1e20, 1e20], [np.pi / 4] * 2, [-5e-21, 5e-21]),
        (lambda x: ops.arctan2(x, 1e-30), [0, 1e-30], [0, np.pi / 4], [1e30, 1e30]),
        (lambda x: ops.logaddexp(x, 1e8), [1e8, 1e8 - 8], [1e8, 1e8], [0.5, 2 / (1 + np.exp(8))]),
        (lambda x: ops.logaddexp2(x, 1e8), [1e8, 1e8 - 8], [1e8, 1e8], [0.5, 2 / 257]),
        (ops.logsumexp, [1e8, 1e8], 1e8, HALF),
        (ops.logsumexp, [INF, 0], INF, [NAN, 0]),
        (ops.euclidean_norm, [3e20, 4e20], 5e20, [0.6, 0.8]),
        (lambda x: ops.euclidean_norm(ops.outer([1e20, 1e-20], x), axis=1), [3, 4], [5e20, 5e-20],
         [0.6e20, 0.8e20]),
        *((lambda x: ops.norm(x, ord=3), [3 * unit, 4 * unit], 91 ** (1 / 3) * unit,
           [9 / 91 ** (2 / 3), 16 / 91 ** (2 / 3)]) for unit in (1e-30, 1.0, 1e30)),
        (ops.std, [1e20, 3e20], 1e20, [-0.5, 0.5]),
        (ops.std, [1e-30, 3e-30], 1e-30, [-0.5, 0.5]),
    ],
)  # fmt: skip
def test_answers_stay_finite_and_right(function, x, y, d_x):
    def weighed(x):
        made = function(x)
        return ops.sum(made * np.arange(1, 1 + made.size, dtype="float32"))

    x = np.array(x, "float32")
    np.testing.assert_allclose(function(x), y, rtol=1e-6)
    np.testing.assert_allclose(value_and_grad(weighed)(x)[1], d_x, rtol=1e-5, atol=1e-37)
