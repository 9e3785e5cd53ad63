"""Seeds: the stream repeats, and nothing touches NumPy's own."""

import numpy as np
import pytest

from melpy import layers, random
from melpy.errors import ArgumentError, DtypeError


@pytest.fixture(autouse=True)
def stream_is_put_back(monkeypatch):
    monkeypatch.setattr(random, "_stream", random._stream)


def test_the_stream_repeats_from_a_seed():
    def ten(seed):
        random.set_seed(seed)
        return [random.next_seed() for _ in range(10)]

    first = ten(1)
    assert len(set(first)) == 10
    assert all(0 <= seed < 2**32 and type(seed) is int for seed in first)
    assert ten(1) == first != ten(2)
    assert ten(np.int64(1)) == first


def test_seeds_fill_their_range():
    random.set_seed(0)
    seeds = np.array([random.next_seed() for _ in range(20_000)]) / 2**32
    counts = np.histogram(seeds, bins=10, range=(0, 1))[0]
    assert abs(counts - 2000).max() < 5 * np.sqrt(2000)


def test_generators_are_their_own():
    np.testing.assert_array_equal(random.generator(5).random(4), random.generator(5).random(4))
    random.set_seed(3)
    a, b = random.generator(), random.generator()
    assert not np.array_equal(a.random(4), b.random(4))
    random.set_seed(3)
    again = random.generator()
    again.random(4)
    np.testing.assert_array_equal(a.random(4), again.random(4))
    random.set_seed(3)
    seed = random.next_seed()
    random.set_seed(3)
    random.generator(7)  # a seed of its own takes none of the stream
    assert random.next_seed() == seed


def test_numpys_global_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002  it is what must not move
    random.set_seed(1)
    layer = layers.Dense(3)
    layer(np.ones((1, 2)))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("seed", "error"),
    [(-1, ArgumentError), (1.0, DtypeError), ("1", DtypeError), (None, DtypeError)],
)
def test_refused(seed, error):
    random.set_seed(4)
    with pytest.raises(error, match="an int >= 0; received seed="):
        random.set_seed(seed)
    mine = random.next_seed()
    random.set_seed(4)
    assert random.next_seed() == mine, "a refused seed moved the stream"


def test_a_seed_makes_a_whole_model_repeat_and_its_layers_differ():
    def weights(seed):
        random.set_seed(seed)
        made = []
        for _ in range(2):
            layer = layers.Dense(4)
            layer(np.ones((1, 4)))
            made.append(layer.get_weights()[0])
        return made

    (a, b), (c, d) = weights(1), weights(1)
    np.testing.assert_array_equal(a, c)
    np.testing.assert_array_equal(b, d)
    assert not np.array_equal(a, b)
    assert not np.array_equal(a, weights(2)[0])
