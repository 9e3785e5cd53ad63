"""melpy.utils: sequences, splits, and the older paths to the same things."""

import random as python_random

import numpy as np
import pytest

import melpy
from melpy import preprocessing, utils
from melpy.data import Loader, PyDataset
from melpy.errors import ArgumentError, DataError, DtypeError, ShapeError, UnknownNameError
from melpy.kernels import memory


def test_seeds():
    draws = []
    for _ in range(2):
        utils.set_random_seed(7)
        drawn = melpy.random.next_seed(), python_random.random(), np.random.random()  # noqa: NPY002
        draws.append(drawn)
    assert draws[0] == draws[1]


def test_keras_older_paths_lead_to_the_same():
    assert preprocessing.sequence.pad_sequences is utils.pad_sequences
    assert preprocessing.image.load_img is utils.load_img
    assert preprocessing.image_dataset_from_directory is utils.image_dataset_from_directory
    assert preprocessing.text.Tokenizer is preprocessing.Tokenizer
    assert utils.Sequence is utils.PyDataset is PyDataset


class TestNormalize:
    @pytest.mark.parametrize("axis", [-1, 0, 1])
    @pytest.mark.parametrize("order", [1, 2, 3, np.inf])
    def test_norms_are_one(self, axis, order):
        x = np.random.default_rng(0).normal(size=(4, 5))
        norms = np.linalg.norm(utils.normalize(x, axis, order), order, axis)
        np.testing.assert_allclose(norms, 1, rtol=1e-12)

    def test_zeros_stay(self):
        np.testing.assert_array_equal(utils.normalize(np.zeros((2, 3))), np.zeros((2, 3)))


class TestPadSequences:
    def test_by_hand(self):
        sequences = [[1], [2, 3], [4, 5, 6]]
        assert utils.pad_sequences(sequences).tolist() == [[0, 0, 1], [0, 2, 3], [4, 5, 6]]
        post = utils.pad_sequences(sequences, 2, "float32", "post", "post", value=-1)
        assert post.tolist() == [[1, -1], [2, 3], [4, 5]]
        assert post.dtype == np.float32

    def test_entries_with_axes_and_empty_sequences(self):
        out = utils.pad_sequences([[], [[1, 2], [3, 4]]], maxlen=3)
        assert out.tolist() == [[[0, 0], [0, 0], [0, 0]], [[0, 0], [1, 2], [3, 4]]]
        assert utils.pad_sequences([]).shape == (0, 0)
        assert utils.pad_sequences([[1, 2]], maxlen=0).shape == (1, 0)

    def test_strings(self):
        out = utils.pad_sequences([["a", "bc"], ["d"]], dtype=object, value="-")
        assert out.tolist() == [["a", "bc"], ["-", "d"]]

    @pytest.mark.parametrize(
        ("arguments", "error", "message"),
        [
            ({"sequences": 3}, DtypeError, "entry 0 is no sequence"),
            ({"sequences": [[1], 2]}, DtypeError, "entry 1 is no sequence"),
            ({"sequences": [[[1, 2]], [[1]]]}, ShapeError, "sequence 1 have another shape"),
            ({"sequences": [["a"]], "value": "b"}, DtypeError, "dtype=object"),
            ({"sequences": [[1]], "padding": "before"}, UnknownNameError, "unknown padding"),
            ({"sequences": [[1]], "truncating": "end"}, UnknownNameError, "unknown truncating"),
        ],
    )
    def test_refusals(self, arguments, error, message):
        with pytest.raises(error, match=message):
            utils.pad_sequences(**arguments)


class TestTimeseries:
    def test_by_hand(self):
        series = np.arange(10)
        loader = utils.timeseries_dataset_from_array(
            series, series * 10, sequence_length=3, sequence_stride=2, sampling_rate=2, batch_size=2
        )
        batches = [(x.tolist(), y.tolist()) for x, y in loader]
        assert batches == [([[0, 2, 4], [2, 4, 6]], [0, 20]), ([[4, 6, 8]], [40])]

    def test_part_of_the_series_and_no_targets(self):
        series = np.arange(20).reshape(10, 2)
        [x] = utils.timeseries_dataset_from_array(series, None, 2, start_index=3, end_index=6)
        assert x.tolist() == [[[6, 7], [8, 9]], [[8, 9], [10, 11]]]

    def test_single_windows_and_shuffling(self):
        series = np.arange(9)
        loader = utils.timeseries_dataset_from_array(
            series, None, 3, batch_size=None, shuffle=True, seed=1
        )
        windows = [x.tolist() for x in loader]
        assert sorted(windows) == [[n, n + 1, n + 2] for n in range(7)]
        assert windows != sorted(windows)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"sequence_length": 6}, "sequence_length is out of range"),
            ({"sequence_length": 2, "sequence_stride": 0}, "sequence_stride is out of range"),
            ({"sequence_length": 2, "sampling_rate": 5}, "sampling_rate is out of range"),
            ({"sequence_length": 2, "start_index": 5}, "start_index is out of range"),
            ({"sequence_length": 2, "start_index": 2, "end_index": 2}, "end_index is out of"),
            ({"sequence_length": 3, "sampling_rate": 3}, "no window fits"),
        ],
    )
    def test_refusals(self, arguments, message):
        with pytest.raises(ArgumentError, match=message):
            utils.timeseries_dataset_from_array(np.arange(5), None, **arguments)


class Pairs(PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return np.arange(4) + 4 * index, -np.arange(4) - 4 * index


class TestSplitDataset:
    @pytest.mark.parametrize(
        ("sizes", "expected"),
        [
            ({"left_size": 0.8}, (8, 2)),
            ({"right_size": 0.25}, (8, 2)),
            ({"left_size": 3}, (3, 7)),
            ({"left_size": 3, "right_size": 2}, (3, 2)),
            ({"left_size": 0.3, "right_size": 4}, (3, 4)),
        ],
    )
    def test_sizes(self, sizes, expected):
        left, right = utils.split_dataset(np.arange(10), **sizes)
        assert (len(left), len(right)) == expected
        assert list(left) == list(range(expected[0]))
        assert list(right) == list(range(10 - expected[1], 10))

    def test_rows_stay_together(self):
        x, y = np.arange(20).reshape(10, 2), np.arange(10)
        left, right = utils.split_dataset((x, y), left_size=7, shuffle=True, seed=0)
        seen = []
        for row, label in [*left, *right]:
            np.testing.assert_array_equal(row, x[label])
            seen.append(int(label))
        assert sorted(seen) == list(range(10))
        assert seen != sorted(seen)

    def test_batches_stay_batches(self):
        for dataset in (
            Pairs(),
            Loader(np.arange(12), -np.arange(12), batch_size=4, shuffle=False),
        ):
            left, right = utils.split_dataset(dataset, right_size=5)
            assert [x.tolist() for x, _ in left] == [[0, 1, 2, 3], [4, 5, 6]]
            assert [y.tolist() for _, y in right] == [[-7, -8, -9, -10], [-11]]

    def test_single_samples_stay_single(self):
        loader = Loader(np.arange(6), batch_size=None, shuffle=False)
        left, _ = utils.split_dataset(loader, left_size=0.5)
        assert list(left) == [0, 1, 2]

    @pytest.mark.parametrize(
        ("dataset", "sizes", "error", "message"),
        [
            (np.arange(4), {}, ArgumentError, "leave a side empty"),
            (np.arange(4), {"left_size": 1.0}, ArgumentError, "left_size is out of range"),
            (np.arange(4), {"right_size": 4}, ArgumentError, "right_size is out of range"),
            (np.arange(4), {"left_size": 0.1}, ArgumentError, "leave a side empty"),
            (np.arange(4), {"left_size": 3, "right_size": 2}, ArgumentError, "more than there is"),
            (np.arange(4), {"left_size": "half"}, ArgumentError, "left_size is out of range"),
            ([np.arange(4), np.arange(3)], {"left_size": 2}, DataError, "different numbers"),
            ([], {"left_size": 2}, DataError, "or none"),
            ({"x": np.arange(4)}, {"left_size": 2}, DtypeError, "cannot be split"),
        ],
    )
    def test_refusals(self, dataset, sizes, error, message):
        with pytest.raises(error, match=message):
            utils.split_dataset(dataset, **sizes)


def test_a_batch_is_packed_and_unpacked():
    for parts in ([1, 2], [1, 2, 3]):
        assert utils.pack_x_y_sample_weight(*parts) == tuple(parts)
        assert utils.unpack_x_y_sample_weight(parts) == (*parts, None)[:3]
    assert utils.pack_x_y_sample_weight({"a": 1}) == {"a": 1}
    assert utils.unpack_x_y_sample_weight({"a": 1}) == ({"a": 1}, None, None)
    with pytest.raises(ArgumentError, match=r"a batch of 4 parts\. Expected x, \(x, y\)"):
        utils.unpack_x_y_sample_weight((1, 2, 3, 4))


def test_symbols_types_and_memory():
    assert utils.is_keras_tensor(melpy.Input((2,)))
    assert not utils.is_keras_tensor(np.ones(2))
    assert utils.standardize_dtype(bool) == "bool"
    memory.empty((1000, 1000), np.dtype("float32"))
    utils.clear_session(free_memory=False)
    assert memory._buffers
    utils.clear_session()
    assert not memory._buffers
