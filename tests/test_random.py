"""Seeds: the stream repeats, and nothing touches NumPy's own."""

import json
import threading

import numpy as np
import pytest

from melpy import Tensor, initializers, layers, random, saving
from melpy.errors import ArgumentError


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
    "seed",
    [-1, 1.0, "1", None],
)
def test_refused(seed):
    random.set_seed(4)
    with pytest.raises(ArgumentError, match="an int >= 0; received seed="):
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


def test_an_int_draws_the_same_and_a_generator_draws_anew():
    np.testing.assert_array_equal(random.normal((5,), seed=3), random.normal((5,), seed=3))
    first, again = random.SeedGenerator(3), random.SeedGenerator.from_config({"seed": 3})
    draws = [random.normal((5,), seed=first) for _ in range(3)]
    assert len({draw.tobytes() for draw in draws}) == 3
    for draw in draws:
        np.testing.assert_array_equal(random.normal((5,), seed=again), draw)
    random.set_seed(1)
    a, b = random.uniform((4,)), random.uniform((4,))
    random.set_seed(1)
    np.testing.assert_array_equal(random.uniform((4,)), a)
    assert not np.array_equal(a, b)
    for wrong in (-1, "1"):
        with pytest.raises(ArgumentError, match=r"SeedGenerator: .*an int >= 0"):
            random.SeedGenerator(wrong)


N = 40_000


@pytest.mark.parametrize(
    ("draw", "mean", "variance", "low", "high"),
    [
        (lambda: random.normal((N,), 2.0, 3.0, seed=0), 2.0, 9.0, -np.inf, np.inf),
        (lambda: random.uniform((N,), -1.0, 3.0, seed=0), 1.0, 16 / 12, -1.0, 3.0),
        (lambda: random.truncated_normal((N,), 1.0, 2.0, seed=0), 1.0, 4 * 0.7737413, -3.0, 5.0),
        (lambda: random.gamma((N,), 3.0, seed=0), 3.0, 3.0, 0.0, np.inf),
        (lambda: random.beta((N,), 2.0, 3.0, seed=0), 0.4, 0.04, 0.0, 1.0),
        (lambda: random.binomial((N,), 5, 0.3, seed=0), 1.5, 1.05, 0, 5),
        (lambda: random.randint((N,), 2, 6, seed=0), 3.5, 1.25, 2, 5),
    ],
)
def test_distributions(draw, mean, variance, low, high):
    x = draw()
    assert x.dtype in ("float32", "int32")
    assert x.min() >= low
    assert x.max() <= high
    assert abs(x.mean() - mean) < 5 * np.sqrt(variance / N)
    assert x.var() == pytest.approx(variance, rel=0.05)


def test_uniform_never_draws_its_upper_end():
    assert random.uniform((200_000,), 1.0, 1.0 + 2e-7, seed=0).max() < 1.0 + 2e-7


@pytest.mark.parametrize(
    ("draw", "wrong"),
    [
        (lambda dtype: random.normal((2,), dtype=dtype), "int32"),
        (lambda dtype: random.truncated_normal((2,), dtype=dtype), "uint8"),
        (lambda dtype: random.uniform((2,), dtype=dtype), "int32"),
        (lambda dtype: random.gamma((2,), 1.0, dtype=dtype), "bool"),
        (lambda dtype: random.beta((2,), 1.0, 1.0, dtype=dtype), "int64"),
        (lambda dtype: random.binomial((2,), 3, 0.5, dtype=dtype), "int32"),
        (lambda dtype: random.randint((2,), 0, 5, dtype=dtype), "float32"),
        (lambda dtype: initializers.RandomNormal()((2,), dtype=dtype), "int32"),
        (lambda dtype: initializers.GlorotUniform()((2, 2), dtype=dtype), "bool"),
    ],
)
def test_types(draw, wrong):
    whole = wrong == "float32"
    assert draw(None).dtype == ("int32" if whole else "float32")
    kind = "uint8" if whole else "float64"
    assert draw(kind).dtype == kind
    with pytest.raises(ArgumentError, match=f"received dtype='{wrong}'"):
        draw(wrong)


def test_seeds_of_other_kinds():
    source = random.SeedGenerator(3)
    pair = source.next()
    np.testing.assert_array_equal(random.normal((3,), seed=pair), random.normal((3,), seed=pair))
    assert random.normal((), seed=-5) == random.normal((), seed=-5)
    assert source.next(ordered=False).tolist() == [3, 1]
    assert source.next().tolist() == [4 * 5387, 2 * 5387]
    for wrong in (1.5, "seed", [0.5]):
        with pytest.raises(ArgumentError, match="this is no seed"):
            random.uniform((2,), seed=wrong)


def test_seeds_of_64_bits():
    x = np.ones((30, 3), np.float32)
    seeds = (1, 2**32 + 1, 2**63 + 1, 2**64 - 1)
    drawn = [np.asarray(layers.Dropout(0.5, seed=s)(x, training=True)).tobytes() for s in seeds]
    assert len(set(drawn)) == len(seeds)


def test_initializers_draw_anew_from_a_generator():
    initializer = initializers.HeNormal(seed=random.SeedGenerator(3))
    again = saving.deserialize_keras_object(saving.serialize_keras_object(initializer))
    first, second = initializer((3, 3)), initializer((3, 3))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(again((3, 3)), first)
    with pytest.raises(ArgumentError, match="HeNormal: this is no seed"):
        initializers.HeNormal(seed="3")


def test_categorical_follows_the_logits():
    p = np.array([0.1, 0.2, 0.7])
    drawn = random.categorical(np.log([p, p[::-1]]), N, seed=0)
    assert drawn.shape == (2, N)
    for row, expected in zip(drawn, (p, p[::-1]), strict=True):
        np.testing.assert_allclose(np.bincount(row) / N, expected, atol=0.02)
    with pytest.raises(ArgumentError, match=r"categorical: the logits are no matrix.*\(N, C\)"):
        random.categorical(np.zeros(3), 2)


def test_dropout():
    x = Tensor(np.ones((400, 100)), requires_grad=True)
    y = random.dropout(x, 0.25, seed=0)
    assert set(np.unique(y.value)) == {0.0, 1 / 0.75}
    assert (y.value == 0).mean() == pytest.approx(0.25, abs=0.02)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, y.value)
    rows = random.dropout(np.ones((50, 8)), 0.5, noise_shape=(None, 1), seed=0)
    assert (rows == rows[:, :1]).all()
    assert random.dropout(x, 0.0) is x
    assert not random.dropout(x, 1.0).value.any()
    with pytest.raises(ArgumentError, match="dropout: the rate is no share"):
        random.dropout(x, 1.5)


def test_shuffle_moves_whole_entries():
    x = np.arange(20).reshape(10, 2)
    y = random.shuffle(x, seed=0)
    assert not np.array_equal(x, y)
    np.testing.assert_array_equal(y[np.argsort(y[:, 0])], x)


@pytest.mark.parametrize("source", [random.generator(3), random.SeedGenerator(3)])
def test_a_source_stands_again_where_it_stood(source):
    state = json.loads(json.dumps(random.state_of(source)))
    drawn = [_drawn(source) for _ in range(2)]
    random.restore(source, state)
    assert [_drawn(source) for _ in range(2)] == drawn
    assert drawn[0] != drawn[1]


def _drawn(source):
    if isinstance(source, random.SeedGenerator):
        return random.uniform((3,), seed=source).tolist()
    return source.uniform(size=3).tolist()


def test_a_stream_of_its_own_for_a_block_and_a_thread():
    random.set_seed(3)
    before, drawn = random.stream_state(), []
    with random.stream(7):
        first = random.next_seed()
        other = threading.Thread(target=lambda: drawn.append(random.next_seed()))
        other.start()
        other.join()
        inside = random.stream_state()
        random.set_seed(7)  # of the block's own
        assert random.next_seed() == first
        random.restore_stream(inside)
    assert random.next_seed() != drawn[0]  # the thread took the first one of the process's
    random.restore_stream(before)
    assert random.next_seed() == drawn[0]
    with pytest.raises(ArgumentError, match="stream: a seed is not negative"), random.stream(-1):
        pass
