"""What a dataset's methods return: read lazily, in order, the same from the same seed."""

import gc
import itertools
import threading

import numpy as np
import pytest

import melpy
from melpy import layers, tape, utils
from melpy.data import Dataset, Loader, PyDataset
from melpy.errors import ArgumentError, DataError, DtypeError, ShapeError

X = np.arange(6)
TURNS = [*[1] * 4, *[2] * 4, 1, 1, 2, 2, *[3] * 4, *[4] * 4, 3, 3, 4, 4, *[5] * 6]


def samples(count=6, **kwargs):
    return Loader(np.arange(count), batch_size=None, shuffle=False, **kwargs)


def pairs(batch_size=2):
    return Loader(X.reshape(6, 1), 10 * X, batch_size=batch_size, shuffle=False)


def lists(dataset):
    return [np.asarray(x).tolist() for x in dataset]


def epochs(dataset, count=2):
    return [lists(dataset) for _ in range(count)]


class Endless(PyDataset):
    num_batches = None

    def __getitem__(self, index):
        return np.full(2, index)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    gc.collect()  # a model's source of data without end, and the stream it reads, hold each other
    assert not [t for t in threading.enumerate() if t.name.startswith("melpy-loader")]


@pytest.mark.parametrize(
    ("make", "elements", "cardinality"),
    [
        (lambda d: d.take(2), [0, 1], 2),
        (lambda d: d.take(9), [0, 1, 2, 3, 4, 5], 6),
        (lambda d: d.take(-1), [0, 1, 2, 3, 4, 5], 6),
        (lambda d: d.take(0), [], 0),
        (lambda d: d.skip(4), [4, 5], 2),
        (lambda d: d.skip(9), [], 0),
        (lambda d: d.skip(-1), [], 0),
        (lambda d: d.skip(1).take(2).skip(1), [2], 1),
        (lambda d: d.map(lambda x: x * 2.5), [0, 2.5, 5, 7.5, 10, 12.5], 6),
        (lambda d: d.filter(lambda x: x % 2), [1, 3, 5], -2),
        (lambda d: d.filter(lambda x: x > 0).take(2), [1, 2], -2),
        (lambda d: d.take(2).repeat(2), [0, 1, 0, 1], 4),
        (lambda d: d.repeat(0), [], 0),
        (lambda d: d.take(2).repeat().take(5), [0, 1, 0, 1, 0], 5),
        (lambda d: d.take(0).repeat(), [], 0),
        (lambda d: d.filter(lambda x: x > 9).repeat(), [], -2),
        (lambda d: d.take(2).concatenate(d.skip(5)), [0, 1, 5], 3),
        (lambda d: d.batch(4), [[0, 1, 2, 3], [4, 5]], 2),
        (lambda d: d.batch(4, drop_remainder=True), [[0, 1, 2, 3]], 1),
        (lambda d: d.map(lambda x: x).batch(4), [[0, 1, 2, 3], [4, 5]], 2),
        (lambda d: d.map(lambda x: x).batch(4, True), [[0, 1, 2, 3]], 1),
        (lambda d: d.batch(2).batch(2), [[[0, 1], [2, 3]], [[4, 5]]], 2),
        (lambda d: d.batch(4).rebatch(3), [[0, 1, 2], [3, 4, 5]], 2),
        (lambda d: d.batch(5).map(lambda x: x).rebatch(2), [[0, 1], [2, 3], [4, 5]], -2),
        (lambda d: d.batch(2).map(lambda x: x).rebatch(4), [[0, 1, 2, 3], [4, 5]], -2),
        (lambda d: d.batch(2).map(lambda x: x).rebatch(4, True), [[0, 1, 2, 3]], -2),
        (lambda d: d.batch(4).unbatch(), [0, 1, 2, 3, 4, 5], 6),
        (lambda d: d.batch(4, True).unbatch(), [0, 1, 2, 3], -2),
        (lambda d: d.batch(4).map(lambda x: x).unbatch().skip(4), [4, 5], -2),
        (lambda d: d.enumerate(5).map(lambda n, x: n - x).take(2), [5, 5], 2),
        (lambda d: Dataset.zip(d, d.skip(3)).map(lambda a, b: a + b), [3, 5, 7], 3),
        (lambda d: d.flat_map(lambda x: range(int(x))).take(7), [0, 0, 1, 0, 1, 2, 0], -2),
        (lambda d: d.skip(4).flat_map(lambda x: d.take(x - 3)), [0, 0, 1], -2),
        (lambda d: d.skip(1).interleave(lambda x: [x] * 6, 2, 4), TURNS, -2),
        (lambda d: d.skip(1).take(3).interleave(lambda x: [x] * int(x)), [1, 2, 2, 3, 3, 3], -2),
        (lambda d: d.take(0).interleave(lambda x: [x]), [], 0),
        (lambda d: d.prefetch(2), [0, 1, 2, 3, 4, 5], 6),
        (lambda d: d.map(lambda x: x).prefetch(3), [0, 1, 2, 3, 4, 5], 6),
        (lambda d: d.map(lambda x: x, -1).prefetch(-1), [0, 1, 2, 3, 4, 5], 6),
        (lambda d: d.map(lambda x: x).prefetch(0), [0, 1, 2, 3, 4, 5], 6),
        (lambda d: d.cache(), [0, 1, 2, 3, 4, 5], 6),
    ],
)
def test_by_hand(make, elements, cardinality):
    dataset = make(samples())
    assert int(dataset.cardinality()) == cardinality
    assert epochs(dataset) == [elements, elements]
    if cardinality < 0:
        with pytest.raises(TypeError, match="does not know its end"):
            len(dataset)
    else:
        assert len(dataset) == cardinality


def test_without_end():
    for dataset in (samples().repeat(), Loader(Endless()), Loader(Endless()).batch(2)):
        assert dataset.cardinality().numpy() == -1
        assert dataset.num_batches is None
        with pytest.raises(TypeError, match="has no end"):
            len(dataset)
    assert lists(Loader(Endless(), shuffle=False).unbatch().take(3)) == [0, 0, 1]


def test_tuples_and_dicts_keep_their_structure():
    doubled = pairs().map(lambda x, y: {"x": 2 * x, "y": (y, None)})
    [first, *_] = doubled.rebatch(3)
    assert (first["x"].tolist(), first["y"][0].tolist(), first["y"][1]) == (
        [[0], [2], [4]], [0, 10, 20], None,
    )  # fmt: skip
    one = next(iter(doubled.unbatch()))
    assert (one["x"].tolist(), one["y"][0].tolist()) == ([0], 0)
    both = Dataset.zip({"b": samples(), "a": (pairs(3), samples())})
    element = next(iter(both))
    assert element["b"] == 0
    np.testing.assert_array_equal(element["a"][0][1], [0, 10, 20])
    assert len(both) == 2


def test_every_array_has_the_method_of_a_tensor():
    for x, y in pairs().map(lambda x, y: (x / 2, y[0])).take(1):
        assert x.numpy().tolist() == [[0.0], [0.5]]
        assert x[1].numpy().tolist() == [0.5]
        assert y.numpy() == 0
        assert type(x.numpy()) is np.ndarray
        assert repr(x) == "array([[0. ],\n       [0.5]])"
    assert type(next(pairs().as_numpy_iterator())[0]) is np.ndarray
    assert samples(1).get_single_element().numpy() == 0


def test_what_functions_return_has_keras_types():
    dense = layers.Dense(2, kernel_initializer="ones")
    made = pairs(None).map(lambda x, y: (dense(x[None]), 1, 1.5, True, "a", [y]))
    element = next(iter(made))
    assert [getattr(part, "dtype", None) for part in element[:5]] == [
        "float32", "int32", "float32", "bool", None,
    ]  # fmt: skip
    assert element[4] == element[4].numpy() == "a"
    words = samples(2).map(lambda x: "long" if x else "a").batch(2)
    assert lists(words) == [["a", "long"]]


def test_a_function_sees_no_tape():
    seen = []
    list(samples(1).map(lambda x: seen.append(tape.is_recording())))
    assert seen == [False]
    assert tape.is_recording()


class TestShuffle:
    def test_every_element_once_and_another_order_each_epoch(self):
        first, second = epochs(samples(20).shuffle(5, seed=1))
        assert sorted(first) == sorted(second) == list(range(20))
        assert first != second
        assert all(place >= value - 4 for value, place in zip(first, range(20), strict=True))
        assert epochs(samples(20).shuffle(5, seed=1)) == [first, second]

    def test_the_same_order_each_epoch(self):
        first, second = epochs(samples(20).shuffle(20, 3, reshuffle_each_iteration=False))
        assert first == second != list(range(20))

    def test_without_a_seed_it_follows_from_the_process(self):
        orders = []
        for _ in range(2):
            melpy.random.set_seed(4)
            orders.append(lists(samples(20).shuffle(20)))
        assert orders[0] == orders[1] != lists(samples(20).shuffle(20))

    def test_each_round_of_a_repetition_is_an_epoch(self):
        rounds = lists(samples(8).shuffle(8, 0).repeat(2))
        assert sorted(rounds[:8]) == sorted(rounds[8:]) == list(range(8))
        assert rounds[:8] != rounds[8:]

    def test_each_look_at_the_data_is_another_epoch(self):
        data = Loader(np.arange(50), batch_size=5, seed=0)
        looks = [lists(data.take(1)) for _ in range(2)] + [lists(data.unbatch().take(5))]
        assert data.epoch == 3
        assert len({str(np.ravel(look)) for look in looks}) == 3

    def test_an_epoch_can_be_taken_up_again(self):
        whole = epochs(samples(20).shuffle(9, 0).batch(3).map(lambda x: x), 3)
        again = samples(20).shuffle(9, 0).batch(3).map(lambda x: x)
        again.epoch = 2
        assert lists(again) == whole[2]


def test_nothing_is_read_before_it_is_asked_for():
    read = []

    def note(x):
        read.append(int(x))
        return x

    dataset = samples(prefetch=0).map(note).batch(2).take(2)
    assert read == []
    iterator = iter(dataset)
    next(iterator)
    assert read == [0, 1]
    list(dataset)
    assert read == [0, 1, 0, 1, 2, 3]


def test_a_cache_holds_the_same_elements_where_a_training_goes_on():
    def cached(epoch):
        data = samples(6).shuffle(6, 0).cache()
        data.epoch = epoch
        return epochs(data, 2)

    assert cached(0) == cached(3)


def test_a_cache_keeps_the_first_whole_epoch():
    made = itertools.count()
    cached = samples(3).map(lambda x: next(made)).cache()
    next(iter(cached))
    assert epochs(cached, 3) == [[1, 2, 3]] * 3


def test_a_prefetching_thread_ends_and_its_errors_arrive():
    iterator = iter(samples().map(lambda x: x).prefetch(2))
    assert next(iterator) == 0
    assert [t for t in threading.enumerate() if t.name.startswith("melpy-loader")]
    del iterator

    def broken(x):
        if x == 2:
            raise DataError("broken", "two is not welcome")
        return x

    taken = []
    with pytest.raises(DataError, match="two is not welcome"):
        taken.extend(samples().map(broken).prefetch(2))
    assert [t for t in threading.enumerate() if t.name.startswith("melpy-loader")] == []


def test_augmenting_is_not_cut_anew():
    """The batches of a loader that augments were drawn for as they are."""
    loader = Loader(np.zeros((6, 2)), batch_size=2, seed=0, augment=lambda x, rng: x + rng.random())
    whole = np.concatenate(list(loader))
    loader.epoch = 0
    np.testing.assert_array_equal(np.concatenate(list(loader.rebatch(4))), whole)
    loader.epoch = 0
    np.testing.assert_array_equal(np.stack(list(loader.unbatch())), whole)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda d: d.take(1.5), ArgumentError, r"take: count is out of range.*>= -1.*count=1.5"),
        (lambda d: d.skip(-2), ArgumentError, "skip: count is out of range"),
        (lambda d: d.batch(0), ArgumentError, "batch: batch_size is out of range"),
        (lambda d: d.rebatch(0), ArgumentError, "rebatch: batch_size is out of range"),
        (lambda d: d.shuffle(0), ArgumentError, "shuffle: buffer_size is out of range"),
        (lambda d: d.repeat(-2), ArgumentError, "repeat: count is out of range"),
        (lambda d: d.prefetch(True), ArgumentError, "prefetch: buffer_size is out of range"),
        (lambda d: d.map(3), DtypeError, "map: map_func is no function"),
        (lambda d: d.flat_map(3), DtypeError, "flat_map: map_func is no function"),
        (lambda d: d.interleave(lambda x: [x], 0), ArgumentError, "cycle_length is out of range"),
        (lambda d: d.interleave(iter, block_length=0), ArgumentError, "block_length is out of"),
        (lambda d: d.filter("x"), DtypeError, "filter: predicate is no function"),
        (lambda d: d.concatenate([1]), DtypeError, "concatenate: this is no dataset"),
        (lambda d: Dataset.zip(d, [1]), DtypeError, "zip: this is no dataset"),
        (lambda d: Dataset.zip(), ArgumentError, "nothing to zip"),
        (lambda d: d.cache("file"), ArgumentError, "in memory alone"),
        (lambda d: d.get_single_element(), DataError, "several elements"),
        (lambda d: d.take(0).get_single_element(), DataError, "no element"),
        (lambda d: list(d.rebatch(2)), ShapeError, "no common first axis"),
        (lambda d: list(d.unbatch()), ShapeError, "no common first axis"),
        (
            lambda d: list(d.map(lambda x: np.zeros(int(x))).batch(3)),
            ShapeError,
            r"do not go together.*shapes=\[\(0,\), \(1,\), \(2,\)\].*with map",
        ),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call(samples())


def model():
    made = melpy.Sequential([melpy.Input((1,)), layers.Dense(1)])
    made.compile("sgd", "mse")
    return made


def test_models_take_what_the_methods_return():
    data = pairs(None).map(lambda x, y: (x / 6, y / 60)).shuffle(6, 0).batch(4).cache().prefetch(1)
    history = model().fit(data, validation_data=data, epochs=2, verbose=0).history
    assert len(history["val_loss"]) == 2
    assert model().predict(data, verbose=0).shape == (6, 1)


def test_models_take_data_of_unknown_length_and_without_end():
    data = pairs(None).map(lambda x, y: (x / 6, y / 60))
    few = data.filter(lambda x, y: x[0] < 0.8).batch(2)  # five samples, which nobody knows
    assert model().predict(few, verbose=0).shape == (5, 1)
    whole = model()
    assert whole.fit(few, epochs=2, verbose=0).epoch == [0, 1]
    assert int(whole.optimizer.iterations) == 6
    endless = data.batch(2).repeat()
    other = model()
    other.fit(endless, epochs=2, steps_per_epoch=4, verbose=0)
    assert int(other.optimizer.iterations) == 8
    assert np.isfinite(other.evaluate(endless, steps=3, verbose=0))


@pytest.mark.parametrize("name", ["unbatch", "map", "take"])
def test_split_dataset_of_what_the_methods_return(name):
    dataset = {
        "unbatch": lambda: pairs().map(lambda x, y: (x, y)).unbatch(),
        "map": lambda: pairs(None).map(lambda x, y: (x, y)),
        "take": lambda: pairs(None).take(6),
    }[name]()
    left, right = utils.split_dataset(dataset, left_size=0.5)
    assert [int(y) for _, y in left] == [0, 10, 20]
    assert [int(y) for _, y in right.skip(1)] == [40, 50]


def test_split_dataset_without_end():
    with pytest.raises(ArgumentError, match="no end"):
        utils.split_dataset(samples().repeat(), left_size=0.5)
