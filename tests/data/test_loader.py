"""The loader: every sample once an epoch, the same for any number of threads, none left behind."""

import threading
import time

import numpy as np
import pytest

from melpy import Tensor, layers, tape
from melpy.data import Loader, PyDataset
from melpy.errors import ArgumentError, DataError, ShapeError

X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10)


def noise(x, rng):
    return x + rng.normal(size=x.shape)


def threads():
    return [t for t in threading.enumerate() if t.name.startswith("melpy-loader")]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert threads() == []


class Batches(PyDataset):
    def __init__(self, count=4, **kwargs):
        super().__init__(**kwargs)
        self.count, self.events = count, []

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return np.full((2, 1), index), np.full(2, 10 * index)

    def on_epoch_begin(self):
        self.events.append("begin")

    def on_epoch_end(self):
        self.events.append("end")


class Endless(PyDataset):
    num_batches = None

    def __getitem__(self, index):
        return index


class Lazy:
    """A source that is no array: rows are made when they are asked for."""

    def __len__(self):
        return 6

    def __getitem__(self, rows):
        return np.arange(6)[rows] ** 2


def test_in_order_by_hand():
    loader = Loader(X, Y, batch_size=4, shuffle=False)
    assert len(loader) == 3
    batches = list(loader)
    assert [y.tolist() for _, y in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches]), X)


def test_what_comes_out_has_as_many_parts_as_what_went_in():
    [x] = Loader(X, batch_size=10, shuffle=False)
    np.testing.assert_array_equal(x, X)
    [(x, y, weight)] = Loader(X, Y, np.ones(10), batch_size=10, shuffle=False)
    assert (x.shape, y.shape, weight.shape) == ((10, 2), (10,), (10,))


def test_every_sample_once_an_epoch_and_another_order_each_time():
    loader = Loader(Y, batch_size=3, seed=0)
    first, second = (np.concatenate(list(loader)) for _ in range(2))
    assert sorted(first) == sorted(second) == Y.tolist()
    assert first.tolist() != second.tolist() != Y.tolist()


def test_drop_last():
    loader = Loader(Y, batch_size=4, drop_last=True, seed=0)
    assert len(loader) == 2
    assert [len(batch) for batch in loader] == [4, 4]


@pytest.mark.parametrize("shuffle", [True, False])
def test_single_samples(shuffle):
    loader = Loader(X, Y, batch_size=None, shuffle=shuffle, seed=1)
    assert len(loader) == 10
    samples = list(loader)
    assert sorted(int(y) for _, y in samples) == Y.tolist()
    for x, y in samples:
        np.testing.assert_array_equal(x, X[y])


@pytest.mark.parametrize(("workers", "prefetch"), [(1, 0), (1, 1), (2, 2), (4, 7), (3, 1)])
def test_the_same_batches_for_any_number_of_workers(workers, prefetch):
    def late(x, rng):
        time.sleep(0.002 * (x[0, 0] % 3))  # so that threads finish in another order
        return noise(x, rng)

    expected = Loader(X, Y, batch_size=3, seed=5, augment=noise, prefetch=0)
    found = Loader(X, Y, batch_size=3, seed=5, augment=late, prefetch=prefetch, workers=workers)
    for _ in range(3):
        for (x, y), (other_x, other_y) in zip(expected, found, strict=True):
            np.testing.assert_array_equal(x, other_x)
            np.testing.assert_array_equal(y, other_y)


def test_each_batch_and_each_epoch_draws_anew():
    loader = Loader(np.zeros((6, 2)), batch_size=2, shuffle=False, seed=0, augment=noise)
    draws = np.stack([*loader, *loader])  # 3 batches, twice
    assert len(np.unique(draws)) == draws.size


def test_an_epoch_can_be_taken_up_again():
    whole = Loader(X, Y, batch_size=3, seed=2, augment=noise)
    list(whole)
    again = Loader(X, Y, batch_size=3, seed=2, augment=noise)
    again.epoch = 1
    for (x, _), (other, _) in zip(whole, again, strict=True):
        np.testing.assert_array_equal(x, other)


def test_dicts_lists_and_tensors():
    x = {"a": X, "b": [Y, Tensor(X)], "c": list(range(10))}
    [(batch, y)] = Loader(x, (Y, Y + 1), batch_size=10, shuffle=False)
    np.testing.assert_array_equal(batch["a"], X)
    np.testing.assert_array_equal(batch["b"][0], Y)
    np.testing.assert_array_equal(batch["b"][1], X)
    assert batch["c"].tolist() == list(range(10))
    assert isinstance(y, tuple)
    np.testing.assert_array_equal(y[1], Y + 1)


def test_nested_lists_are_one_array():
    [batch] = Loader([[1, 2], [3, 4], [5, 6]], batch_size=3, shuffle=False)
    assert batch.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_memory_maps_are_read_by_the_worker(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for batch in Loader(mapped, batch_size=4, shuffle=False):
        assert not np.shares_memory(batch, mapped)
    np.testing.assert_array_equal(np.concatenate(list(Loader(mapped, shuffle=False))), X)


def test_any_source_of_rows():
    assert np.concatenate(list(Loader(Lazy(), batch_size=4, shuffle=False))).tolist() == [
        0, 1, 4, 9, 16, 25,
    ]  # fmt: skip


def test_a_layer_can_augment_and_nothing_is_recorded():
    layer = layers.Dense(2)
    layer(X)

    def augment(x, rng):
        y = layer(x)
        assert not y.requires_grad
        return y

    [batch] = Loader(X, batch_size=10, augment=augment)
    assert isinstance(batch, np.ndarray)
    assert tape.is_recording()


def test_what_goes_wrong_in_a_worker_reaches_the_consumer():
    def broken(x, rng):
        if 5 in x:
            raise DataError("augment", "five is not welcome")
        return x

    taken = []
    with pytest.raises(DataError, match="five is not welcome"):
        taken.extend(Loader(Y, batch_size=2, shuffle=False, augment=broken, workers=2))
    loader = iter(Loader(Y, batch_size=2, shuffle=False, augment=broken, workers=2))
    assert next(loader).tolist() == [0, 1]
    assert next(loader).tolist() == [2, 3]
    with pytest.raises(DataError):
        next(loader)


def test_threads_end_where_the_iteration_is_left():
    iterator = iter(Loader(Y, batch_size=1, workers=3, prefetch=5))
    assert threads() == []  # none before the first batch is asked for
    next(iterator)
    assert threads()
    del iterator  # a `break` in a for loop does the same
    assert threads() == []


def test_at_most_so_many_batches_are_made_ahead():
    made = []

    def count(x, rng):
        made.append(x[0])
        return x

    iterator = iter(Loader(Y, batch_size=1, shuffle=False, augment=count, prefetch=2))
    next(iterator)
    time.sleep(0.05)
    assert len(made) == 3  # the one taken and two more
    iterator.close()


@pytest.mark.parametrize("workers", [1, 3])
def test_a_py_dataset_in_its_own_batches(workers):
    dataset = Batches()
    loader = Loader(dataset, shuffle=False, workers=workers, augment=lambda x, rng: x + 1)
    assert len(loader) == 4
    assert [(x[0, 0], y[0]) for x, y in loader] == [(1, 0), (2, 10), (3, 20), (4, 30)]
    assert dataset.events == ["begin", "end"]
    shuffled = [y[0] for _, y in Loader(dataset, seed=3)]
    assert sorted(shuffled) == [0, 10, 20, 30]
    assert shuffled != [0, 10, 20, 30]


def test_a_py_dataset_without_end():
    loader = Loader(Endless())
    with pytest.raises(TypeError, match="no end"):
        len(loader)
    assert [batch for batch, _ in zip(loader, range(5), strict=False)] == [0, 1, 2, 3, 4]


def test_py_dataset_as_in_keras():
    class Forgetful(Batches):
        def __init__(self):
            self.count, self.events = 2, []

    assert (Forgetful().workers, Forgetful().max_queue_size) == (1, 10)
    assert len(list(Forgetful())) == Forgetful().num_batches == 2
    assert PyDataset(workers=3).workers == 3
    with pytest.raises(NotImplementedError, match="num_batches"):
        _ = PyDataset().num_batches
    with pytest.raises(NotImplementedError):
        PyDataset()[0]

    class Lengthless(PyDataset):
        def __getitem__(self, index):
            return index

    assert [batch for batch, _ in zip(Lengthless(), range(3), strict=False)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "Loader: batch_size is out of range. Expected an int >= 1"),
        ({"batch_size": 1.5}, "batch_size is out of range"),
        ({"workers": 0}, "workers is out of range"),
        ({"prefetch": -1}, "prefetch is out of range. Expected an int >= 0"),
        ({"sample_weight": np.ones(10)}, "sample_weight has no y"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        Loader(X, **arguments)


def test_targets_beside_a_py_dataset():
    with pytest.raises(ArgumentError, match="its own targets"):
        Loader(Batches(), Y)


@pytest.mark.parametrize("y", [Y[:9], {"a": Y, "b": Y[:3]}, 3.0], ids=["short", "dict", "scalar"])
def test_lengths_that_differ(y):
    with pytest.raises(ShapeError, match=r"different numbers of samples.*rows=\[10, "):
        Loader(X, y)


def test_no_samples():
    with pytest.raises(ShapeError, match="or none"):
        Loader(np.zeros((0, 3)))
