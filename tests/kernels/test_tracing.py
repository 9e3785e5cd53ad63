"""NumPy's calls as regions: with other values, the bits that NumPy gives for those."""

import numpy as np
import pytest

pytest.importorskip("numba")

from melpy import config
from melpy.kernels import tracing
from melpy.kernels.program import recorded


def _standardized(a, b):
    z = a - a.mean(axis=-1, keepdims=True)
    z /= np.sqrt(np.square(z).mean(axis=-1, keepdims=True) + a.dtype.type(1e-3))
    return z


def _assigned(a, b):
    y = np.zeros_like(a)
    y[:, 1:] = b[:, 1:]
    y[:, 0] += a[:, 0]
    return y


FUNCTIONS = {
    "arithmetic": lambda a, b: 2.0 - a * b / (b * b + 1),
    "costly": lambda a, b: np.exp(a - b.max(axis=-1, keepdims=True)),
    "powers": lambda a, b: np.power(np.abs(a), 1.5) + 2.0**b,
    "sum of rows": lambda a, b: a.sum(axis=-1),
    "sum of columns": lambda a, b: a.sum(axis=0),
    "sum of all": lambda a, b: np.sum(a),
    "sum along two axes": lambda a, b: a.sum(axis=(0, 2)),
    "sum of a transposed array": lambda a, b: np.sum(a.T, axis=0),
    "sum in 64 bits": lambda a, b: np.sum(a, axis=0, dtype=np.float64).astype(a.dtype),
    "mean": lambda a, b: a.mean(axis=1, keepdims=True),
    "variance": lambda a, b: np.var(a, axis=-1) + np.std(b, axis=-1),
    "largest": lambda a, b: a.max(axis=1) - b.min(axis=1),
    "in place": _standardized,
    "assigned": _assigned,
    "choice": lambda a, b: np.where(a > b, a, 0.0),
    "bools": lambda a, b: (a > 1).any(axis=0) | (b > 0).all(axis=0),
    "types": lambda a, b: (a > b).astype(a.dtype),
    "between": lambda a, b: np.clip(a, -1, 0.5),
    "reshaped": lambda a, b: a.T.reshape(-1) * b.T.reshape(-1),
    "turned": lambda a, b: np.exp(a[:, ::-1]) + np.flip(b, 1),
    "padded": lambda a, b: np.pad(a, ((0, 0), (1, 2), (0, 0)), constant_values=2.0),
    "reflected": lambda a, b: np.pad(a, ((0, 0), (1, 2), (0, 0)), mode="reflect"),
    "joined": lambda a, b: np.concatenate([np.stack([a, b], 1), np.stack([b, b], 1)], -1),
    "repeated": lambda a, b: np.concatenate([np.repeat(a, 2, 1), np.tile(b, (1, 2, 1))], 0),
    "picked": lambda a, b: a[:, 1:, 0] * b[:, :-1, 1],
    "a view": lambda a, b: a.transpose(2, 0, 1),
}


@pytest.mark.parametrize("shape", [(3, 4, 5), (32, 30, 40)])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore:.*take turns")
def test_regions_give_the_bits_of_numpy(name, shape):
    function, rng = FUNCTIONS[name], np.random.default_rng(0)
    a, b = (rng.normal(size=shape).astype(np.float32) for _ in range(2))
    with recorded() as program:
        y = tracing.computed(function, a, b)
    assert not program.missed
    before = config.threads()
    try:
        for count in (1, 2, 5):
            a[...], b[...] = rng.normal(size=(2, *shape))
            config.set_threads(count)
            program.run()
            expected = np.asarray(function(a, b))
            assert y.dtype == expected.dtype
            np.testing.assert_array_equal(y, expected)
    finally:
        config.set_threads(before)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: np.asarray(a) + 1,
        lambda a: a if (a > 0).all() else -a,
        lambda a: a * float(a[0, 0]),
        lambda a: a[a > 0],
        lambda a: np.sort(a),
        lambda a: a + np.random.default_rng(0).normal(size=a.shape),
        lambda a: np.zeros(3),
    ],
)
def test_what_depends_on_values_is_missed(function):
    a = np.ones((2, 3), np.float32)
    with recorded() as program:
        y = tracing.computed(function, a)
    assert program.missed
    assert not program.regions
    np.testing.assert_array_equal(y, function(a))


def test_an_error_is_raised_as_without_a_program():
    with recorded(), pytest.raises(ValueError, match="broadcast"):
        tracing.computed(lambda a, b: a + b, np.ones(3), np.ones(2))


def test_arrays_of_no_entries_need_no_region():
    with recorded() as program:
        y = tracing.computed(lambda a: a * 2, np.ones((0, 3), np.float32))
    assert y.shape == (0, 3)
    assert not program.missed


def test_a_ufunc_without_a_loop_for_a_type_is_missed():
    with recorded() as program:
        y = tracing.computed(np.matmul, np.ones((2, 2)), np.ones((2, 2)))
    assert program.missed
    np.testing.assert_array_equal(y, np.full((2, 2), 2.0))
