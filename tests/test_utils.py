"""melpy.utils: sequences, splits, and the older paths to the same things."""

import copy
import random as python_random
import subprocess
import sys

import numpy as np
import pytest

import melpy
from melpy import backend, config, preprocessing, utils
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
            ({"sequences": [["a"]], "value": "b"}, ArgumentError, "dtype=object"),
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

    def test_any_structure(self):
        class Rows:  # as PyTorch's datasets
            def __len__(self):
                return 10

            def __getitem__(self, row):
                return {"x": (row, [float(row)]), "y": -row}

        left, right = utils.split_dataset(Rows(), 0.2, preferred_backend="torch")
        assert [int(element["y"]) for element in left] == [0, -1]
        assert [element["x"][0].tolist() for element in right.batch(5)] == [
            [2, 3, 4, 5, 6],
            [7, 8, 9],
        ]
        nested = ((np.arange(4), np.arange(8).reshape(4, 2)), np.arange(4))
        (x, y), label = next(iter(utils.split_dataset(nested, right_size=1)[1]))
        assert (int(x), y.tolist(), int(label)) == (3, [6, 7], 3)

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
            ("text", {"left_size": 2}, DtypeError, "cannot be split"),
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


def test_symbols_and_memory():
    assert utils.is_keras_tensor(melpy.Input((2,)))
    assert not utils.is_keras_tensor(np.ones(2))
    memory.empty((1000, 1000), np.dtype("float32"))
    utils.clear_session(free_memory=False)
    assert memory.everyones.buffers
    utils.clear_session()
    assert not memory.everyones.buffers


def test_uids_begin_anew_with_the_session():
    utils.clear_session()
    assert [backend.get_uid("a"), backend.get_uid("a"), backend.get_uid("b")] == [1, 2, 1]
    backend.clear_session()
    assert backend.get_uid("a") == 1


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (None, "float32"), (bool, "bool"), (int, "int32"), (float, "float32"), (str, "string"),
        (complex, "complex64"), (np.int8, "int8"), (np.dtype("f8"), "float64"), ("int", "int32"),
        (np.dtype("U3"), "string"), (np.dtype("O"), "string"),
        (config.DTypePolicy("float64"), "float64"),
    ],
)  # fmt: skip
def test_types_by_name(dtype, name):
    assert utils.standardize_dtype(dtype) == name


@pytest.mark.parametrize("dtype", ["f4", "float", "float128", 3, [1]])
def test_unknown_types(dtype):
    with pytest.raises(ArgumentError, match="standardize_dtype: unknown type"):
        utils.standardize_dtype(dtype)


@pytest.mark.parametrize(
    ("dtypes", "result"),
    [
        ((), "float32"), ((None,), "float32"), ((int,), "int32"), ((int, float), "float32"),
        (("bool", "bool"), "bool"), (("bool", int), "int32"), (("bool", float), "float32"),
        (("uint8", int), "uint8"), (("uint8", float), "float32"), (("float16", float), "float16"),
        (("int64", "float16"), "float16"), (("bfloat16", "float16"), "float32"),
        (("uint8", "int8"), "int16"), (("uint32", "int8"), "int32"),
        (("uint64", "int8"), "float32"),
        (("float64", "float32"), "float64"), (("complex64", "float64"), "complex128"),
        (("complex64", int), "complex64"), (("string",), "string"),
    ],
)  # fmt: skip
def test_the_type_of_several(dtypes, result):
    assert backend.result_type(*dtypes) == result
    assert backend.result_type(*dtypes[::-1]) == result


def test_types_that_do_not_go_together():
    with pytest.raises(ArgumentError, match="goes with no other"):
        backend.result_type("string", "float32")


def test_source_inputs():
    a, b = melpy.Input((2,)), melpy.Input((2,))
    c = melpy.layers.Dense(2)(a)
    assert utils.get_source_inputs(a) == [a]
    assert utils.get_source_inputs(melpy.layers.Add()([b, c, a])) == [b, a]
    assert utils.get_source_inputs(3) == 3


def test_a_config_that_can_be_frozen():
    made = utils.Config(a=1)
    made.b, made["c"] = 2, 3
    assert (made.a, made["b"], made.get("c"), made.get("d", 4)) == (1, 2, 3, 4)
    assert list(made) == ["a", "b", "c"] == list(made.keys())
    assert (len(made), "a" in made, dict(made.items())) == (3, True, made.as_dict())
    assert list(made.values()) == [1, 2, 3]
    assert made.to_json() == '{"a": 1, "b": 2, "c": 3}'
    assert repr(made) == "<Config {'a': 1, 'b': 2, 'c': 3}>"
    del made["c"]
    assert made.pop("b") == 2
    made.update(beta=5)
    with pytest.raises(AttributeError, match="Did you mean 'beta'"):
        _ = made.bata
    made.freeze()
    assert made.frozen
    for change in (
        lambda: setattr(made, "a", 2),
        lambda: made.update(a=2),
        lambda: made.pop("a"),
        lambda: made.__setitem__("a", 2),
        lambda: made.__delitem__("a"),
    ):
        with pytest.raises(ArgumentError, match="frozen"):
            change()
    made.unfreeze()
    made.a = 2
    assert copy.deepcopy(made).a == 2


class TestProgbar:
    @pytest.fixture
    def shown(self, capsys):
        return lambda: capsys.readouterr().out

    def test_averages_and_what_comes_as_it_is(self, shown):
        for lists, number in (
            ({}, "1.0"),
            ({"stateful_metrics": ["loss"]}, "2.0"),
            ({"stateless_metrics": ["loss"]}, "1.0"),
            ({"stateless_metrics": []}, "2.0"),
        ):
            bar = utils.Progbar(3, interval=0, **lists)
            bar.update(1, [("loss", 0.0)])
            shown()
            bar.add(1, [("loss", np.array(2.0))])
            assert "2/3 ━━━━━━━━━━━━━───────" in (out := shown())
            assert f"loss: {number}" in out

    def test_the_end(self, shown):
        bar = utils.Progbar(2, width=4, unit_name="file")
        bar.add(2, [("tiny", 1e-5)])
        line = shown()
        assert line.startswith("\r2/2 ━━━━ ")
        assert line.endswith("/file - tiny: 1.0000e-05\n")
        utils.Progbar(2, verbose=0).update(2)
        utils.Progbar(2, verbose=2).update(1)
        assert shown() == ""

    def test_no_target(self, shown):
        utils.Progbar(None).update(5)
        assert shown().startswith("\r      5/Unknown ")
        for verbose in (0, 1, 2):
            utils.Progbar(0, verbose=verbose).update(0, finalize=True)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"stateful_metrics": [], "stateless_metrics": []}, "Only one of"),
            ({"target": -1}, "target=-1"),
            ({"verbose": 3}, "verbose is out of range"),
        ],
    )
    def test_refusals(self, arguments, message):
        with pytest.raises(ArgumentError, match=message):
            utils.Progbar(**{"target": 1, **arguments})


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, "1", True])
def test_seeds_out_of_range(seed):
    with pytest.raises(ArgumentError, match="set_random_seed: the seed is out of range"):
        utils.set_random_seed(seed)


def test_tensors_stay_tensors():
    x = melpy.Tensor(np.array([[3.0, 4.0]]))
    assert isinstance(utils.normalize(x), melpy.Tensor)
    np.testing.assert_allclose(utils.normalize(x), [[0.6, 0.8]])
    assert isinstance(utils.to_categorical(melpy.Tensor(np.array([1, 0])), 2), melpy.Tensor)


def test_rooms_are_there_without_an_import_of_their_own():
    rooms = ("saving", "tree", "viz", "errors", "backend", "dtype_policies", "mixed_precision")
    code = "import melpy\n" + "\n".join(f"melpy.{room}" for room in rooms)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
