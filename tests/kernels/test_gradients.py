"""What becomes of gradients before a step: compiled as specified, up to the largest floats."""

import numpy as np
import pytest

from melpy.kernels.spec import gradients as spec

fast = pytest.importorskip("melpy.kernels.compiled.gradients")
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [0, 1, 7, 50_000])
def test_compiled_equals_spec(dtype, size):
    g, sums = RNG.normal(size=(2, size)).astype(dtype)
    for name, more in (
        ("divide", (3.0,)), ("clip_values", (0.3,)), ("accumulate", (g,)), ("accumulated", (g, 3)),
    ):  # fmt: skip
        made, expected = sums.copy(), sums.copy()
        others = [[x.copy() if isinstance(x, np.ndarray) else x for x in more] for _ in range(2)]
        getattr(fast, name)(made, *others[0])
        getattr(spec, name)(expected, *others[1])
        np.testing.assert_allclose(made, expected, rtol=1e-6)
        for a, b in zip(*others, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)


def clipped(room, parts, limit):
    own = [np.array(part) for part in parts]
    room.clip_norm(own, limit)
    return own


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(3,), (7, 50_001), (0, 5)])
@pytest.mark.parametrize("size", [1.0, 1e-3])
def test_norms(dtype, sizes, size):
    parts = [(RNG.normal(size=n) * size).astype(dtype) for n in sizes]
    made, expected = (clipped(room, parts, 0.5) for room in (fast, spec))
    for a, b in zip(made, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)
    norm = np.sqrt(sum(np.sum(np.square(a, dtype=float)) for a in made))
    assert norm <= 0.5 * (1 + 1e-6)


@pytest.mark.parametrize("room", [spec, fast])
def test_norms_of_the_largest_floats(room):
    (large,) = clipped(room, [[3e200, -4e200]], 1.0)
    np.testing.assert_allclose(large, [0.6, -0.8], rtol=1e-12)
    parts = clipped(room, [[3e200], [4e200], [0.0]], 1.0)
    np.testing.assert_allclose(np.concatenate(parts), [0.6, 0.8, 0.0], rtol=1e-12)
    for wrong in (np.inf, np.nan):
        assert np.isnan(np.concatenate(clipped(room, [[1.0], [wrong, 2.0]], 1.0))).all()
    (zeros,) = clipped(room, [[0.0, 0.0]], 1.0)
    np.testing.assert_array_equal(zeros, 0)


def test_averages_and_rmsprop():
    from melpy.kernels.compiled import updates as fast_updates
    from melpy.kernels.spec import updates as spec_updates

    for is_onto in (False, True):
        pairs = [RNG.normal(size=(2, 99)).astype(np.float32)] * 2
        pairs = [[row.copy() for row in pair] for pair in pairs]
        for room, pair in zip((spec_updates, fast_updates), pairs, strict=True):
            room.average(*pair, 0.9, is_onto)
        for a, b in zip(*pairs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    for has_buffer in (False, True):
        for has_mean in (False, True):
            arrays = [np.abs(x) for x in RNG.normal(size=(5, 99)).astype(np.float32)]
            both = [[x.copy() for x in arrays] for _ in range(2)]
            for room, (p, g, v, buffer, mean) in zip(
                (spec_updates, fast_updates), both, strict=True
            ):
                slots = buffer if has_buffer else None, mean if has_mean else None
                room.rmsprop(p, g, v, *slots, 0.1, 0.9, 0.5, 1e-2)
            for a, b in zip(*both, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
