"""Data on its way into a model: every sample once, and nothing that is not a number."""

import numpy as np
import pytest

from melpy import Tensor
from melpy.data import finite
from melpy.data.classes import class_weights
from melpy.data.samples import Samples, batches, checked
from melpy.errors import ArgumentError, DataError, DtypeError, MelpyError, ShapeError


class TestChecked:
    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "bool"])
    def test_numbers_pass_as_they_are(self, dtype):
        x = np.ones((3, 2), dtype)
        assert checked(x, "x", "fit") is x

    def test_lists_and_tensors(self):
        assert checked([[1, 2], [3, 4]], "x", "fit").shape == (2, 2)
        np.testing.assert_array_equal(checked(Tensor([1.0, 2.0]), "x", "fit"), [1, 2])

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("row", [0, 1, 9, 10, 25])
    @pytest.mark.parametrize("shape", [(), (3,), (2, 2, 1)], ids=str)
    def test_the_row_of_what_is_not_finite_is_named(self, value, row, shape, monkeypatch):
        x = np.zeros((29, *shape), "float32")
        monkeypatch.setattr(finite, "BLOCK_VALUES", 10 * x[0].size)  # ten rows at a time
        x.reshape(len(x), -1)[row, -1] = value
        x.reshape(len(x), -1)[row + 1 :, 0] = np.nan  # the first one is named
        with pytest.raises(DataError) as refused:
            checked(x, "x", "fit")
        assert str(refused.value).startswith(f"fit: row {row} of x holds {value}.")
        assert "np.isfinite" in str(refused.value)

    @pytest.mark.parametrize("empty", [[], np.zeros((0, 3)), np.float32(1), 3])
    def test_nothing_is_refused(self, empty):
        with pytest.raises(DataError, match="y is empty"):
            checked(empty, "y", "evaluate")

    def test_samples_of_no_features_are_still_samples(self):
        assert checked(np.zeros((5, 0)), "x", "fit").shape == (5, 0)

    @pytest.mark.parametrize(
        "thing",
        [
            np.array([1, None, 2]),
            np.array([{}, {}]),
            np.array([1 + 2j]),
            np.array(["2020-01-01"], "datetime64[D]"),
            None,
            "text",
            {1: 2},
        ],
        ids=repr,
    )
    def test_what_is_no_array_of_numbers(self, thing):
        with pytest.raises(DtypeError, match="fit: x is not an array of numbers"):
            checked(thing, "x", "fit")

    def test_strings_are_inputs_but_no_targets(self):
        assert checked([b"a", "b"], "x", "fit").tolist() == ["a", "b"]
        with pytest.raises(DtypeError, match="y is not an array of numbers"):
            checked(["a", "b"], "y", "fit")
        with pytest.raises(DtypeError, match=r"x is not made of strings: at \[1\] it holds nan"):
            checked(np.array(["a", np.nan], object), "x", "fit")

    @pytest.mark.parametrize("ragged", [[[1, 2], [3]], [[1], 2], [np.ones(2), np.ones(3)]])
    def test_lists_of_unequal_lengths(self, ragged):
        with pytest.raises(ShapeError, match="nested lists of equal lengths"):
            checked(ragged, "x", "fit")


class TestSamples:
    def test_take(self):
        x, y, weight = np.arange(10).reshape(5, 2), np.arange(5), np.arange(5) / 4
        samples = Samples(x, y, weight)
        assert len(samples) == 5
        for mine, whole in zip(samples.take(slice(1, 3)), (x, y, weight), strict=True):
            np.testing.assert_array_equal(mine, whole[1:3])
        for mine, whole in zip(samples.take(np.array([4, 0])), (x, y, weight), strict=True):
            np.testing.assert_array_equal(mine, whole[[4, 0]])
        assert Samples(x, y).take(slice(0, 2))[2] is None

    @pytest.mark.parametrize(
        ("arrays", "name"),
        [
            ((np.ones(5), np.ones(4)), "y"),
            ((np.ones(5), np.ones(5), np.ones(6)), "sample_weight"),
        ],
    )
    def test_unequal_lengths(self, arrays, name):
        with pytest.raises(ShapeError, match=f"5 rows in {name}; received x.shape"):
            Samples(*arrays)

    @pytest.mark.parametrize("place", range(3))
    def test_each_array_is_checked_and_named(self, place):
        arrays = [np.ones(5), np.ones(5), np.ones(5)]
        arrays[place][2] = np.nan
        name = ("x", "y", "sample_weight")[place]
        with pytest.raises(DataError, match=f"train_on_batch: row 2 of {name} holds nan"):
            Samples(*arrays, who="train_on_batch")

    @pytest.mark.parametrize(
        ("count", "fraction", "kept"),
        [(10, 0.2, 8), (10, 0.25, 7), (3, 0.5, 1), (2, 0.1, 1), (10, 0.999, 0), (10, 1e-20, 10)],
    )
    def test_split_cuts_off_the_last_as_keras_does(self, count, fraction, kept):
        x = np.arange(count)
        samples = Samples(x, x * 2, x / 10)
        if not 0 < kept < count:
            with pytest.raises(ArgumentError, match="leaves no samples"):
                samples.split(fraction)
            return
        first, last = samples.split(fraction)
        np.testing.assert_array_equal(first.x, x[:kept])
        np.testing.assert_array_equal(last.x, x[kept:])
        np.testing.assert_array_equal(last.y, x[kept:] * 2)
        np.testing.assert_array_equal(last.weight, x[kept:] / 10)

    @pytest.mark.parametrize("fraction", [0, 1, -0.5, 1.5, float("nan")])
    def test_split_out_of_range(self, fraction):
        with pytest.raises(MelpyError, match="validation_split"):
            Samples(np.ones(10), np.ones(10)).split(fraction)

    def test_split_of_one_sample(self):
        with pytest.raises(ArgumentError, match="samples=1"):
            Samples(np.ones(1), np.ones(1)).split(0.5)


class TestBatches:
    @pytest.mark.parametrize(("count", "size"), [(5, 2), (6, 2), (1, 1), (3, 10), (7, 7), (9, 1)])
    @pytest.mark.parametrize("seed", [None, 0])
    def test_every_row_once_and_only_the_last_is_smaller(self, count, size, seed):
        rng = None if seed is None else np.random.default_rng(seed)
        x = np.arange(count)
        parts = [x[rows] for rows in batches(count, size, rng)]
        assert [len(part) for part in parts[:-1]] == [size] * (len(parts) - 1)
        assert 1 <= len(parts[-1]) <= size
        assert len(parts) == -(-count // size)
        assert sorted(np.concatenate(parts)) == list(range(count))

    def test_in_order_without_a_generator(self):
        assert [(b.start, b.stop) for b in batches(5, 2)] == [(0, 2), (2, 4), (4, 5)]

    def test_the_generator_makes_the_order(self):
        def order(rng):
            return np.concatenate(list(batches(50, 8, rng))).tolist()

        rng = np.random.default_rng(1)
        first, second = order(rng), order(rng)
        assert list(range(50)) != first != second
        assert order(np.random.default_rng(1)) == first

    def test_of_nothing(self):
        assert list(batches(0, 4)) == []


class TestClassWeights:
    WEIGHTS = {0: 0.5, 2: 3.0}  # noqa: RUF012
    WANTED = (0.5, 1.0, 3.0, 3.0)

    @pytest.mark.parametrize(
        "y",
        [
            np.array([0, 1, 2, 2]),
            np.array([[0], [1], [2], [2]]),
            np.array([0.0, 1.0, 2.0, 2.0], "float32"),
            np.eye(3)[[0, 1, 2, 2]],
        ],
        ids=["sparse", "column", "float", "one-hot"],
    )
    def test_labels_of_each_form(self, y):
        np.testing.assert_array_equal(class_weights(y, self.WEIGHTS, "fit"), self.WANTED)

    def test_of_one_class(self):
        np.testing.assert_array_equal(class_weights(np.zeros(2), {}, "fit"), [1, 1])

    def test_zero_is_a_weight(self):
        np.testing.assert_array_equal(class_weights(np.array([0, 1]), {1: 0}, "fit"), [1, 0])

    @pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
    def test_out_of_range(self, value):
        with pytest.raises(ArgumentError, match="weight of class 1 is out of range"):
            class_weights(np.array([0, 1]), {1: value}, "fit")

    def test_a_list_of_weights_is_refused(self):
        with pytest.raises(DtypeError, match=r"no dict.*dict\(enumerate\(weights\)\)"):
            class_weights(np.array([0, 1]), [1, 2], "fit")

    def test_several_labels_a_sample(self):
        with pytest.raises(ShapeError, match="one label a sample"):
            class_weights(np.zeros((4, 5, 3)), {0: 1.0}, "fit")
