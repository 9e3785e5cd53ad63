"""Vocabularies: learned, given, read; the numbers are those of Keras 3.15.1 on TensorFlow."""

import tracemalloc

import numpy as np
import pytest

import melpy
from melpy import errors, layers
from melpy.data import Loader

WORDS = ["a", "b", "b", "c", "c", "c", "é", "é", "z", "Z"]


def adapted(layer, data=WORDS, **options):
    layer.adapt(data, **options)
    return layer


class TestLearned:
    @pytest.mark.parametrize(
        ("options", "vocabulary"),
        [
            ({}, ["[UNK]", "c", "é", "b", "z", "a", "Z"]),
            ({"max_tokens": 4}, ["[UNK]", "c", "é", "b"]),
            ({"max_tokens": 5, "mask_token": "", "num_oov_indices": 3},
             ["", "[UNK]", "[UNK]", "[UNK]", "c"]),
            ({"max_tokens": 4, "mask_token": "c"}, ["c", "[UNK]", "é", "b"]),
            ({"mask_token": "c", "output_mode": "count", "oov_token": "a"},
             ["a", "é", "b", "z", "Z"]),
        ],
    )  # fmt: skip
    def test_the_most_frequent_first_then_from_the_end_of_the_alphabet(self, options, vocabulary):
        layer = adapted(layers.StringLookup(**options))
        assert layer.get_vocabulary() == vocabulary
        assert layer.vocabulary_size() == len(vocabulary)

    @pytest.mark.parametrize(
        "data",
        [
            np.array(WORDS),
            np.array(WORDS, object),
            np.array(WORDS, np.dtypes.StringDType()),
            [word.encode() for word in WORDS],
            np.array(WORDS).reshape(5, 2),
            iter([WORDS[:3], WORDS[3:]]),
            Loader(np.array(WORDS), np.zeros(10), batch_size=3),
        ],
        ids=lambda data: type(data).__name__,
    )
    def test_from_any_data(self, data):
        assert adapted(layers.StringLookup(), data).get_vocabulary()[1:] == list("cébzaZ")

    def test_of_the_first_batches_alone(self):
        layer = layers.StringLookup()
        layer.adapt((["a", word] for word in "bcdef"), steps=2)
        assert layer.get_vocabulary() == ["[UNK]", "a", "c", "b"]

    def test_adapting_again_forgets(self):
        layer = adapted(adapted(layers.StringLookup()), ["q"])
        assert layer.get_vocabulary() == ["[UNK]", "q"]

    def test_numbers(self):
        layer = adapted(layers.IntegerLookup(mask_token=0), [5, 7, 7, 0, -3, -3, -3])
        assert layer.get_vocabulary() == [0, -1, -3, 7, 5]
        assert layer(np.array([[0, 7], [5, 9]])).numpy().tolist() == [[0, 3], [4, 1]]

    def test_weights_of_rare_tokens(self):
        layer = adapted(layers.StringLookup(output_mode="tf_idf"), iter([["a", "b"], ["b", "c"],
                                                                         ["c", "c"]]))  # fmt: skip
        assert layer.get_vocabulary() == ["[UNK]", "c", "b", "a"]
        expected = [0.76752836, 0.6931472, 0.6931472, 0.91629076]
        np.testing.assert_allclose(layer.idf_weights, expected, rtol=1e-6)
        row = layer([["c", "c", "?"]]).numpy()[0]
        np.testing.assert_allclose(row, [expected[0], 2 * expected[1], 0, 0], rtol=1e-6)


class TestModes:
    @pytest.mark.parametrize(
        ("mode", "expected"),
        [
            ("int", [[2, 3, 1, 3]]),
            ("multi_hot", [[1, 1, 1, 0]]),
            ("count", [[1, 1, 2, 0]]),
            ("tf_idf", [[0.2, 0.1, 0.4, 0.0]]),
            ("one_hot", [[[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0]]]),
        ],
    )
    def test_of_given_tokens(self, mode, expected):
        weights = {"idf_weights": [0.1, 0.2, 0.3]} if mode == "tf_idf" else {}
        layer = layers.StringLookup(
            max_tokens=7, mask_token="", vocabulary=["one", "two", "three"], output_mode=mode,
            **weights,
        )  # fmt: skip
        x = [["one", "two", "four", "two"]]
        y = layer(x)
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-6)
        assert y.dtype == (np.int64 if mode == "int" else np.float32)
        assert layer.compute_output_shape((None, 4)) == (None, *y.shape[1:])
        np.testing.assert_array_equal(layer(x[0]).numpy(), y.numpy()[0])

    def test_masks_leave_no_trace_in_rows(self):
        layer = layers.StringLookup(vocabulary=["a"], mask_token="", output_mode="count")
        assert layer([["", "a", ""]]).numpy().tolist() == [[0, 1]]

    def test_rows_as_wide_as_the_largest_vocabulary(self):
        layer = layers.IntegerLookup(
            vocabulary=[1, 2], output_mode="multi_hot", max_tokens=5, pad_to_max_tokens=True
        )
        assert layer(np.array([1, 2])).numpy().tolist() == [0, 1, 1, 0, 0]

    def test_inverted(self):
        strings = layers.StringLookup(
            vocabulary=["a", "b"], invert=True, mask_token="", num_oov_indices=2
        )
        y = strings(np.array([[0, 1], [2, 7], [3, 4]])).numpy()
        assert y.tolist() == [["", "[UNK]"], ["[UNK]", "[UNK]"], ["a", "b"]]
        numbers = layers.IntegerLookup(vocabulary=[10, 20], invert=True)
        assert numbers(np.array([0, 1, 2, 9])).numpy().tolist() == [-1, 10, 20, -1]

    def test_one_long_word_does_not_lengthen_the_others(self):
        words = ["a" * 5000, *map(str, range(5000))]
        tracemalloc.start()
        layer = layers.StringLookup(vocabulary=words, invert=True)
        told, y = layer.get_config()["vocabulary"], layer(np.array([1, 2]))
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (told, y.numpy().tolist()) == (words, words[:2])
        assert peak_bytes < 10**7

    @pytest.mark.parametrize(
        ("options", "bins"),
        [
            ({}, [0, 1, 2, 3, 4, 0, 1]),
            ({"oov_method": "farmhash"}, [1, 2, 3, 2, 0, 2, 4]),
            ({"oov_method": "farmhash", "salt": 3}, [4, 4, 0, 0, 1, 2, 0]),
        ],
    )
    def test_several_indices_for_unknown_numbers(self, options, bins):
        layer = layers.IntegerLookup(vocabulary=[1000], num_oov_indices=5, **options)
        x = np.arange(5, 12)
        assert layer(x).numpy().tolist() == bins

    def test_several_indices_for_unknown_strings(self):
        x = ["b", "a", "c", "z", "", "é", "日本"]
        layer = layers.StringLookup(vocabulary=["a"], num_oov_indices=5, salt=[1, 2])
        assert layer(x).numpy().tolist() == [4, 5, 4, 0, 0, 1, 2]


class TestGiven:
    def test_with_its_special_tokens_or_without(self):
        for vocabulary in (["a", "b"], ["", "[UNK]", "a", "b"], np.array(["a", "b"])):
            layer = layers.StringLookup(vocabulary=vocabulary, mask_token="")
            assert layer.get_vocabulary() == ["", "[UNK]", "a", "b"]
            assert layer.get_vocabulary(include_special_tokens=False) == ["a", "b"]

    def test_from_a_file_which_is_read_once(self, tmp_path):
        path = tmp_path / "vocabulary.txt"
        path.write_text("10\n20\n", encoding="utf-8")
        numbers = layers.IntegerLookup(vocabulary=str(path))
        strings = layers.StringLookup(vocabulary=path)
        path.unlink()
        assert numbers(np.array([20, 3])).numpy().tolist() == [2, 0]
        assert strings(["20", "3"]).numpy().tolist() == [2, 0]

    def test_no_description_names_a_file_to_read(self, tmp_path):
        path = tmp_path / "secret.txt"
        path.write_text("word\n")
        for made in (layers.StringLookup, layers.TextVectorization):
            config = made().get_config() | {"vocabulary": str(path)}
            entry = {"module": "keras.layers", "class_name": made.__name__, "config": config}
            for read in (lambda m=made, c=config: m.from_config(c),
                         lambda e=entry: layers.deserialize(e)):  # fmt: skip
                with pytest.raises(errors.ArgumentError, match="which is never done"):
                    read()

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"vocabulary": ["a", "a"]}, ValueError, "twice"),
            ({"vocabulary": []}, ValueError, "vocabulary is empty"),
            ({"vocabulary": [["a"]]}, ValueError, "another shape"),
            ({"vocabulary": ["a", ""], "mask_token": ""}, ValueError, "among the others"),
            ({"vocabulary": ["a", "b"], "max_tokens": 2}, ValueError, "too large"),
            ({"vocabulary": [1, 2]}, TypeError, "not made of strings"),
            ({"vocabulary": "no such file"}, ValueError, "no such file"),
            ({"vocabulary": ["a"], "output_mode": "tf_idf"}, ValueError, "idf_weights go with"),
            ({"vocabulary": ["a"], "output_mode": "tf_idf", "idf_weights": [1.0, 2.0]}, ValueError,
             "another number than the tokens"),
            ({"idf_weights": [1.0]}, ValueError, 'not "tf_idf" with idf_weights'),
            ({"max_tokens": 1}, ValueError, "max_tokens is too small"),
            ({"num_oov_indices": -1}, ValueError, "num_oov_indices is negative"),
            ({"pad_to_max_tokens": True}, ValueError, "to be padded to"),
            ({"invert": True, "output_mode": "count"}, ValueError, 'not "int" with invert'),
            ({"output_mode": "rows"}, ValueError, "unknown output_mode"),
            ({"sparse": True, "output_mode": "count"}, ValueError, "sparse outputs"),
            ({"tokens": 3}, ValueError, "unknown argument"),
        ],
    )  # fmt: skip
    def test_refusals(self, options, error, message):
        with pytest.raises(error, match=message):
            layers.StringLookup(**options)

    def test_refusals_of_numbers(self):
        for options in (
            {"vocabulary_dtype": "int32"}, {"salt": 3}, {"oov_method": "shuffle"},
        ):  # fmt: skip
            with pytest.raises(ValueError, match=r"type|salt|oov_method"):
                layers.IntegerLookup(**options)
        with pytest.raises(errors.DtypeError, match="not made of whole numbers"):
            layers.IntegerLookup(vocabulary=[1.5])

    def test_one_without_room_for_the_unknown_is_described_inside_a_layer(self):
        class Rows(layers.Layer):
            def __init__(self):
                super().__init__()
                self.lookup = layers.StringLookup(vocabulary=["a", "b"], num_oov_indices=0)
                self.table = layers.Embedding(2, 3)

            def call(self, words):
                return self.table(self.lookup(words))

        words = melpy.Input((), dtype="string")
        model = melpy.Model(words, Rows()(words))
        assert model.output_shape == (None, 3)
        assert model(np.array(["b", "a"])).shape == (2, 3)
        with pytest.raises(errors.DataError, match="there is no index for such"):
            model(np.array(["c"]))

    def test_refusals_in_use(self):
        with pytest.raises(errors.DataError, match="there is no index for such"):
            layers.StringLookup(vocabulary=["a"], num_oov_indices=0)(["b"])
        with pytest.raises(errors.GraphError, match="vocabulary is not known yet"):
            layers.StringLookup(output_mode="count")(["b"])
        with pytest.raises(errors.ArgumentError, match="was given its vocabulary"):
            layers.StringLookup(vocabulary=["a"]).adapt(["b"])
        with pytest.raises(errors.DtypeError, match="not made of strings"):
            layers.StringLookup(vocabulary=["a"])(np.array([1]))
        with pytest.raises(errors.DtypeError, match="StringLookup takes strings"):
            layers.IntegerLookup(vocabulary=[1])(["a"])
        with pytest.raises(errors.ShapeError, match="rows of unequal lengths"):
            layers.StringLookup(vocabulary=["a"])([["a"], ["a", "a"]])
        counts = adapted(layers.StringLookup(output_mode="count"), ["a"])
        with pytest.raises(errors.GraphError, match="cannot change their width"):
            counts.adapt(["a", "b"])


@pytest.mark.parametrize("options", [{"vocabulary": ["a", "b"]}, {"max_tokens": 5}])
def test_configurations(options):
    layer = adapted(layers.StringLookup(**options)) if "max_tokens" in options else (
        layers.StringLookup(**options)
    )  # fmt: skip
    config = layer.get_config()
    assert config["vocabulary"] == options.get("vocabulary")
    assert layers.StringLookup.from_config(config).get_config() == config
