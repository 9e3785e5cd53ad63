"""Texts into numbers; the numbers are those of Keras 3.15.1 on TensorFlow."""

import numpy as np
import pytest

from melpy import errors, layers, saving

TEXTS = ["The quick, brown fox!", "the  lazy\tdog's\nÉTÉ ñ", "", "日本 語 emoji😀x"]


def adapted(texts=TEXTS, **options):
    layer = layers.TextVectorization(**options)
    layer.adapt(texts)
    return layer


@pytest.mark.parametrize(
    ("options", "tokens"),
    [
        ({}, ["the", "quick", "brown", "fox", "lazy", "dogs", "ÉtÉ", "ñ"]),
        ({"standardize": None}, ["The", "quick,", "brown", "fox!", "the", "lazy", "dog's", "ÉTÉ"]),
        ({"standardize": "lower"}, ["quick,", "fox!", "dog's", "ÉtÉ"]),
        ({"standardize": "strip_punctuation"}, ["The", "quick", "fox", "dogs", "ÉTÉ"]),
        ({"split": "character"}, ["t", "h", "e", " ", "\t", "\n", "É", "日", "😀"]),
        ({"split": None}, ["the quick brown fox", "日本 語 emoji😀x"]),
        ({"ngrams": (1, 3)}, ["the", "lazy", "the quick brown", "日本 語 emoji😀x"]),
        ({"ngrams": 2}, ["the", "the quick", "lazy dogs"]),
    ],
)
def test_tokens(options, tokens):
    assert set(tokens) <= set(adapted(**options).get_vocabulary())


def test_indices_cut_and_filled_up():
    layer = adapted(["foo bar", "bar baz", "baz bada boom"])
    assert layer.get_vocabulary() == ["", "[UNK]", "baz", "bar", "foo", "boom", "bada"]
    x = np.array([["foo qux bar"], ["qux baz"]])
    y = layer(x)
    assert y.dtype == np.int64
    assert y.numpy().tolist() == [[4, 1, 3], [1, 2, 0]]
    for length, expected in ((2, [[4, 1], [1, 2]]), (4, [[4, 1, 3, 0], [1, 2, 0, 0]])):
        layer = layers.TextVectorization(
            output_sequence_length=length, vocabulary=layer.get_vocabulary()
        )
        assert layer(x).numpy().tolist() == expected
        assert layer.compute_output_shape((None, 1)) == (None, length)


@pytest.mark.parametrize(
    ("mode", "rows"),
    [
        ("multi_hot", [[0, 1, 1, 0], [1, 1, 0, 1]]),
        ("count", [[0, 1, 1, 0], [1, 2, 0, 1]]),
        ("tf_idf", [[0, 0.3, 0.5, 0], [1 / 3, 0.6, 0, 0.2]]),
    ],
)
def test_rows(mode, rows):
    weights = {"idf_weights": [0.3, 0.5, 0.2]} if mode == "tf_idf" else {}
    layer = layers.TextVectorization(output_mode=mode, vocabulary=["foo", "bar", "baz"], **weights)
    y = layer(["foo bar", "baz foo foo qux"])
    np.testing.assert_allclose(y.numpy(), rows, rtol=1e-6)
    assert y.dtype == np.float32
    assert layer.compute_output_shape((None, 1)) == (None, 4)


@pytest.mark.parametrize(
    "texts",
    [
        np.array(TEXTS), np.array(TEXTS)[:, None], np.array(TEXTS, object),
        np.array(TEXTS, np.dtypes.StringDType()), [text.encode() for text in TEXTS],
    ],
    ids=["U", "column", "object", "StringDType", "bytes"],
)  # fmt: skip
def test_any_array_of_texts(texts):
    layer = adapted(texts)
    np.testing.assert_array_equal(layer(texts).numpy(), adapted()(TEXTS).numpy())


def test_batches_one_after_another():
    layer = layers.TextVectorization()
    layer.adapt((batch for batch in (["a b", "c"], ["c d"], ["e"])), steps=2)
    assert layer.get_vocabulary() == ["", "[UNK]", "c", "d", "b", "a"]


def test_functions_of_ones_own():
    def spell(texts):
        assert texts.dtype.kind == "U"
        return np.strings.replace(np.strings.lower(texts), "-", "|")

    def cut(texts):
        return [text.split("|") for text in texts.tolist()]

    layer = layers.TextVectorization(standardize=spell, split=cut, vocabulary=["foo", "bar"])
    assert layer(["Foo-BAR", "bar"]).numpy().tolist() == [[2, 3], [3, 0]]


def test_functions_are_found_by_their_registered_name():
    @saving.register_keras_serializable("tests")
    def spell(texts):
        return np.strings.lower(texts)

    layer = layers.TextVectorization(standardize=spell, vocabulary=["a"])
    try:
        twin = layers.deserialize(layers.serialize(layer))
        assert twin(["A"]).numpy().tolist() == [[2]]
    finally:
        del saving.get_custom_objects()["tests>spell"]
    with pytest.raises(errors.UnknownNameError, match="unknown standardize 'tests>spell'"):
        layers.deserialize(layers.serialize(layer))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"standardize": "upper"}, "unknown standardize 'upper'"),
        ({"split": "words"}, "unknown split 'words'"),
        ({"output_mode": "binary", "ragged": True}, "ragged outputs are not supported"),
        ({"sparse": True, "output_mode": "count"}, "sparse outputs are not supported"),
        ({"output_mode": "count", "output_sequence_length": 3}, "is for indices"),
        ({"output_sequence_length": 0}, "must be a positive whole number"),
        ({"ngrams": "two"}, "no lengths of runs"),
        ({"ngrams": (0, 1)}, "no lengths of runs"),
        ({"max_tokens": 1}, "max_tokens is too small"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=message):
        layers.TextVectorization(**options)


def test_refusals_in_use():
    layer = adapted()
    with pytest.raises(errors.ShapeError, match="several texts a sample"):
        layer([["a", "b"]])
    with pytest.raises(errors.DtypeError, match="not made of strings"):
        layer(np.array([1.0]))
    with pytest.raises(errors.DtypeError, match="cannot be adapted to"):
        layer.adapt("one text")
    layer = layers.TextVectorization(split=lambda texts: [["a"]], vocabulary=["a"])
    with pytest.raises(errors.ShapeError, match="another number of texts"):
        layer(["a", "b"])
