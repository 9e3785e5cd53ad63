"""Random numbers from counters: the published ones, the same however a batch is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melpy import config
from melpy.kernels import dispatch as kernels
from melpy.kernels.program import recorded
from melpy.kernels.spec import noise, philox

SEED = np.array([2**40 + 5, 2**35 + 3])
PI = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0)
ONES = (0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2
KNOWN = [  # Random123's vectors for philox4x32-10
    ((0,) * 4, (0,) * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    (*ONES, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (*PI, "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_published_numbers(counter, key, expected):
    assert " ".join(f"{int(word):08x}" for word in philox.philox(counter, key)) == expected


def test_each_number_follows_from_where_it_stands():
    drawn = philox.words(SEED, 3, 6, first_sample=7)
    for n in range(3):
        for e in range(6):
            words = philox.philox((e // 4, 7 + n, 3, 8), (5, 2**8))
            assert drawn[n, e] == words[e % 4]


def test_seeds_steps_samples_and_elements_differ():
    seen = {philox.words(np.array(pair), 50, 40).tobytes() for pair in ((1, 0), (0, 1), (1, 1))}
    assert len(seen) == 3
    one = philox.words(np.array([0, 0]), 100, 100)
    assert len(np.unique(one)) == one.size
    assert len(np.unique(np.concatenate([one, philox.words(np.array([0, 1]), 100, 100)]))) == 20000


def test_statistics():
    seed, shape, dtype = np.array([1, 0]), (200, 1000), np.dtype(np.float64)
    x = kernels.drawn(seed, shape, dtype, False)
    assert 0 <= x.min() < x.max() < 1
    counts = np.histogram(x, bins=100, range=(0, 1))[0]
    assert np.sum((counts - 2000) ** 2 / 2000) < 99 + 5 * np.sqrt(2 * 99)  # chi-square
    for near in (x[:, 1:] * x[:, :-1], x[1:] * x[:-1]):  # neighbours know nothing of each other
        assert near.mean() == pytest.approx(0.25, abs=5 * np.sqrt(7 / 144 / near.size))
    z = kernels.drawn(seed, shape, dtype, True)
    for power, moment in ((1, 0), (2, 1), (3, 0), (4, 3), (6, 15)):
        wide = 5 * np.sqrt(np.mean(z ** (2 * power)) / z.size)
        assert np.mean(z**power) == pytest.approx(moment, abs=wide)
    assert abs(np.mean(z[:, ::2] * z[:, 1::2])) < 5 / np.sqrt(z.size / 2)


def test_the_ends_of_what_is_drawn():
    ends = np.array([[0, 0, 2**32 - 1, 2**32 - 1]], np.uint32)
    for dtype, unit in (("float32", 2.0**-24), ("float64", 2.0**-53)):
        made = philox._uniforms(ends, np.dtype(dtype))[0]
        assert (made[0], made[-1]) == (0, 1 - unit)
    assert np.isfinite(philox._normals(ends, np.dtype(np.float64))).all()


@pytest.mark.parametrize("chosen", ["numpy", "compiled"])
def test_a_batch_in_pieces_draws_what_the_whole_one_draws(chosen):
    before = config.kernels()
    config.set_kernels(chosen)
    try:
        x = np.random.default_rng(0).normal(size=(7, 5, 9))
        for noise_shape in ((7, 5, 9), (7, 1, 9)):
            options = (0.4, 1 / 0.6, 0.0, 0.0)
            whole = kernels.dropped(x, SEED, noise_shape, *options)
            at = 0
            for count in (3, 1, 3):
                shape = (count, *noise_shape[1:])
                piece = kernels.dropped(x[at : at + count], SEED, shape, *options, at)
                np.testing.assert_array_equal(piece, whole[at : at + count])
                at += count
        whole = kernels.noisy(x, SEED, 0.5, False)
        for at in (0, 4):
            piece = kernels.noisy(x[at : at + 3], SEED, 0.5, False, at)
            np.testing.assert_array_equal(piece, whole[at : at + 3])
    finally:
        config.set_kernels(before)


SHAPES = st.lists(st.integers(1, 6), max_size=4).map(tuple) | st.sampled_from(
    [(0, 3), (2, 1030), (2, 3, 1025), (1, 2, 4099)]
)


@settings(max_examples=60, deadline=None)
@given(
    shape=SHAPES, shared=st.sets(st.integers(0, 3)), dtype=st.sampled_from(["float32", "float64"]),
    rate=st.sampled_from([0.0, 0.3, 1.0]), first=st.sampled_from([0, 11]),
)  # fmt: skip
def test_compiled_twins(shape, shared, dtype, rate, first):
    pytest.importorskip("numba")
    from melpy.kernels.compiled import noise as fast

    x = np.asarray(np.random.default_rng(0).normal(size=shape)).astype(dtype)
    noise_shape = tuple(1 if n in shared else size for n, size in enumerate(shape))
    given_ = (x, SEED, noise_shape, rate, 1.25, 0.0, -2.0, first)
    y = fast.dropped(*given_)
    np.testing.assert_array_equal(y, noise.dropped(*given_), strict=True)
    tolerance = 1e-6 if dtype == "float32" else 1e-14
    for is_factor in (False, True):
        y, wanted = (room.noisy(x, SEED, 0.5, is_factor, first) for room in (fast, noise))
        np.testing.assert_allclose(y, wanted, rtol=tolerance, atol=tolerance, strict=True)


@settings(max_examples=60, deadline=None)
@given(
    shape=SHAPES, dtype=st.sampled_from(["float32", "float64"]), is_normal=st.booleans(),
    first=st.sampled_from([0, 11]),
)  # fmt: skip
def test_compiled_twins_of_numbers(shape, dtype, is_normal, first):
    pytest.importorskip("numba")
    from melpy.kernels.compiled import philox as fast

    given_ = (SEED, shape, np.dtype(dtype), is_normal)
    y, wanted = fast.drawn(*given_, first), philox.drawn(*given_, first)
    tolerance = 0 if not is_normal else 1e-6 if dtype == "float32" else 1e-14
    np.testing.assert_allclose(y, wanted, rtol=tolerance, atol=tolerance, strict=True)
    if shape:  # a batch from its second sample on
        rest = philox.drawn(SEED, (shape[0] - 1, *shape[1:]), *given_[2:], first + 1)
        np.testing.assert_array_equal(rest, wanted[1:])


@pytest.mark.filterwarnings("ignore:.*take turns")
def test_any_number_of_threads_draws_the_same():
    pytest.importorskip("numba")
    before = config.threads()
    x = np.random.default_rng(0).normal(size=(50, 300)).astype(np.float32)
    made = []
    try:
        for count in (1, 2, 3, 5, 8):
            config.set_threads(count)
            made.append(
                [
                    kernels.dropped(x, SEED, x.shape, 0.4, 1 / 0.6, 0.0, 0.0),
                    kernels.noisy(x, SEED, 0.5, True),
                ]
            )
    finally:
        config.set_threads(before)
    for other in made[1:]:
        for one, two in zip(made[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_values_that_are_no_numbers_are_dropped_too():
    x = np.full((40, 5), np.nan)
    y = kernels.dropped(x, SEED, x.shape, 0.5, 2.0, 0.0, 0.0)
    assert 0 < (y == 0).sum() < y.size


def test_a_program_draws_anew_at_each_step():
    pytest.importorskip("numba")
    x, state = np.ones((4, 30)), np.array([3, 0])
    with recorded() as program:
        y = kernels.dropped(x, kernels.next_seed(state), x.shape, 0.5, 2.0, 0.0, 0.0)
    seen = [y.copy()]
    for _ in range(2):
        program.run()
        seen.append(y.copy())
    assert state.tolist() == [3, 3]
    for step, drawn in enumerate(seen):
        wanted = noise.dropped(x, np.array([3, step]), x.shape, 0.5, 2.0, 0.0, 0.0)
        np.testing.assert_array_equal(drawn, wanted)
