"""The compiled recurrent sweeps give what their specification gives, on any number of threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba")

from melpy import config
from melpy.kernels.compiled import recurrent as fast
from melpy.kernels.compiled.jit import compiled_for_python
from melpy.kernels.spec import recurrent as spec

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def close(actual, expected, dtype):
    assert actual.dtype == expected.dtype == np.dtype(dtype)
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


def arrays(dtype, N, T, D, gates, masked):
    rng = np.random.default_rng(N + 10 * T + 100 * D)
    draw = lambda *shape: rng.normal(size=shape).astype(dtype)  # noqa: E731
    mask = rng.random((N, T)) < 0.7 if masked else None
    u = draw(D, gates * D) / np.sqrt(D).astype(dtype)
    return draw(N, T, gates * D), u, draw(gates * D), draw(N, D), draw(N, D), draw(N, T, D), mask


sizes = given(
    N=st.sampled_from([1, 3, 8, 21]),
    T=st.integers(1, 5),
    D=st.sampled_from([1, 3, 16, 37]),
    masked=st.booleans(),
    flag=st.booleans(),
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=20)
@sizes
def test_lstm(dtype, N, T, D, masked, flag):
    x, u, b, h, c, g, mask = arrays(dtype, N, T, D, 4, masked)
    x = np.asfortranarray(x) if flag else x
    hs, cs, gates = spec.lstm(x, u, b, h, c, mask)
    for mine, expected in zip(fast.lstm(x, u, b, h, c, mask), (hs, cs, gates), strict=True):
        close(mine, expected, dtype)
    expected = spec.lstm_d_x(g, c, u, cs, gates, mask)
    for mine, their in zip(fast.lstm_d_x(g, c, u, cs, gates, mask), expected, strict=True):
        close(mine, their, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=20)
@sizes
def test_gru(dtype, N, T, D, masked, flag):
    x, u, b, h, _, g, mask = arrays(dtype, N, T, D, 3, masked)
    b = b if flag else np.zeros_like(b)
    kept = spec.gru(x, u, b, h, mask, flag)
    for mine, expected in zip(fast.gru(x, u, b, h, mask, flag), kept, strict=True):
        close(mine, expected, dtype)
    expected = spec.gru_d_x(g, u, *kept, mask, flag)
    for mine, their in zip(fast.gru_d_x(g, u, *kept, mask, flag), expected, strict=True):
        close(mine, their, dtype)


@pytest.mark.filterwarnings("ignore:.*take turns")
def test_any_number_of_threads_gives_the_same_bits():
    x, u, b, h, c, g, mask = arrays("float32", 50, 6, 48, 4, True)
    results = []
    for threads in (1, 2, 3, 8):
        config.set_threads(threads)
        kept = fast.lstm(x, u, b, h, c, mask)
        results.append([*kept, *fast.lstm_d_x(g, c, u, *kept[1:], mask)])
    for other in results[1:]:
        for first, again in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(first, again)


def test_tanh_is_right_to_a_few_units_in_the_last_place():
    x = np.concatenate([np.linspace(-12, 12, 200_001), 10.0 ** np.arange(-30, 30), [np.inf, 0]])
    mine = x.astype(np.float32)
    exact = np.tanh(mine.astype(np.float64))
    tanh = compiled_for_python(fast._tanh.py_func)
    tanh(mine)
    assert (np.abs(mine - exact) <= 6 * np.spacing(np.abs(exact).astype(np.float32))).all()
    nan = np.full(1, np.nan, np.float32)
    tanh(nan)
    assert np.isnan(nan).all()
