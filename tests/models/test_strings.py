"""Strings into models: every way in which a model comes to be, and files of such models."""

import io
import zipfile

import numpy as np
import pytest

import melpy
from melpy import errors, layers

WORDS = np.array([["red"], ["blue"], ["?"], ["red"]])
TEXTS = np.array(["a red fox", "blue, blue!", "", "red"])
Y = np.array([0.0, 1.0, 0.0, 1.0])


def lookup(**options):
    return layers.StringLookup(vocabulary=["red", "blue"], **options)


def vectorization(**options):
    layer = layers.TextVectorization(**options)
    layer.adapt(TEXTS)
    return layer


class Subclassed(melpy.Model):
    def __init__(self):
        super().__init__()
        self.words, self.dense = lookup(output_mode="one_hot"), layers.Dense(1)

    def call(self, x):
        return self.dense(self.words(x))


def functional():
    x = melpy.Input((1,), dtype="string")
    return melpy.Model(x, layers.Dense(1)(lookup(output_mode="one_hot")(x)))


def nested():
    x = melpy.Input((1,), dtype="string")
    return melpy.Model(x, functional()(x))


MADE = {
    "sequential": lambda: melpy.Sequential(
        [melpy.Input((1,), dtype="string"), lookup(output_mode="one_hot"), layers.Dense(1)]
    ),
    "without input": lambda: melpy.Sequential([lookup(output_mode="one_hot"), layers.Dense(1)]),
    "functional": functional,
    "nested": nested,
    "subclassed": Subclassed,
}


@pytest.mark.parametrize("kind", MADE)
def test_models_of_strings_train_and_predict(kind):
    model = MADE[kind]()
    model.compile("sgd", "mse")
    model.fit(WORDS, Y, epochs=2, batch_size=2, validation_split=0.5, verbose=0)
    model.evaluate(WORDS, Y, verbose=0)
    first = model.predict(WORDS)
    np.testing.assert_array_equal(model.predict(WORDS), first)
    np.testing.assert_array_equal(first[0], first[3])
    for x in (WORDS.astype(object), np.strings.encode(WORDS), WORDS.tolist(), iter([WORDS])):
        np.testing.assert_array_equal(model.predict(x), first)
    np.testing.assert_array_equal(np.asarray(model(WORDS)), first)


def test_texts_before_an_embedding():
    model = melpy.Sequential(
        [vectorization(), layers.Embedding(20, 3), layers.GlobalAveragePooling1D(), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    model.fit(TEXTS, Y, batch_size=2, verbose=0)  # batches of different lengths
    assert model.predict(TEXTS).shape == (4, 1)


def test_samples_of_one_string_each_get_their_axis():
    model = functional()
    np.testing.assert_array_equal(model.predict(WORDS[:, 0]), model.predict(WORDS))


def test_symbolic_strings():
    x = melpy.Input((1,), dtype="string", name="words")
    assert repr(x) == "<KerasTensor shape=(None, 1), dtype=string, name='words'>"
    y = lookup()(x)
    assert (y.shape, y.dtype) == ((None, 1), np.int64)
    y = vectorization()(x)
    assert (y.shape, y.dtype) == ((None, None), np.int64)
    assert lookup(invert=True)(melpy.Input((3,), dtype="int64")).dtype.kind == "U"


def test_refusals():
    numbers = melpy.Sequential([melpy.Input((1,)), layers.Dense(1)])
    for model in (numbers, melpy.Sequential([layers.Dense(1)])):
        with pytest.raises(errors.DtypeError, match="is not an array of numbers"):
            model.predict(WORDS)
    with pytest.raises(errors.DtypeError, match=r"InputLayer .*the input is not made of strings"):
        functional().predict(np.ones((2, 1)))
    with pytest.raises(errors.DtypeError, match=r"at \[1, 0\] it holds None"):
        functional().predict(np.array([["red"], [None]], object))


class TestFiles:
    def mixed(self):
        words = melpy.Input((1,), dtype="string", name="words")
        number = melpy.Input((1,), dtype="int64", name="number")
        share = melpy.Input((1,), name="share")
        learned = layers.StringLookup(output_mode="tf_idf", num_oov_indices=2)
        learned.adapt(WORDS)
        bins = layers.Discretization(num_bins=3, output_mode="one_hot")
        bins.adapt(np.arange(9.0))
        y = layers.Concatenate()(
            [
                learned(words),
                layers.IntegerLookup(vocabulary=[3, 5], output_mode="one_hot")(number),
                layers.Hashing(4, output_mode="one_hot", salt=3)(words),
                layers.HashedCrossing(4, output_mode="one_hot")([words, number]),
                bins(share),
            ]
        )
        return melpy.Model([words, number, share], layers.Dense(1)(y))

    def data(self):
        return [WORDS, np.array([[3], [5], [7], [3]]), np.array([[0.0], [3.0], [9.0], [-1.0]])]

    @pytest.mark.parametrize(
        "vectorize",
        [{}, {"ngrams": (1, 2)}, {"output_mode": "tf_idf", "max_tokens": 4}, {"vocabulary": "x"}],
    )
    def test_of_texts(self, vectorize, tmp_path):
        if "vocabulary" in vectorize:
            path = tmp_path / "vocabulary.txt"
            path.write_text("red\nblue\n")
            layer = layers.TextVectorization(vocabulary=str(path))
            path.unlink()
        else:
            layer = vectorization(**vectorize)
        model = melpy.Sequential([melpy.Input((1,), dtype="string"), layer])
        model.save(tmp_path / "model.keras")
        twin = melpy.models.load_model(tmp_path / "model.keras")
        assert twin.layers[0].get_vocabulary() == layer.get_vocabulary()
        np.testing.assert_array_equal(twin.predict(TEXTS), model.predict(TEXTS))

    def test_of_all_kinds(self, tmp_path):
        model = self.mixed()
        model.save(tmp_path / "model.keras")
        twin = melpy.models.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(twin.predict(self.data()), model.predict(self.data()))

    def test_what_lies_elsewhere_in_a_file_is_not_written_out(self, tmp_path):
        model = melpy.Sequential([melpy.Input((1,), dtype="string"), vectorization()])
        model.save(tmp_path / "model.keras")
        content = (tmp_path / "model.keras").read_bytes()
        with zipfile.ZipFile(tmp_path / "bad.keras", "w") as bad:
            with zipfile.ZipFile(io.BytesIO(content)) as good:
                for name in good.namelist():
                    bad.writestr(name, good.read(name))
            bad.writestr("assets/layers/text_vectorization/../../../../evil.txt", "evil")
        melpy.models.load_model(tmp_path / "bad.keras")
        assert not list(tmp_path.parent.rglob("evil.txt"))

    def test_a_file_without_its_vocabulary_is_refused(self, tmp_path):
        model = melpy.Sequential([melpy.Input((1,), dtype="string"), vectorization()])
        model.save(tmp_path / "model.keras")
        with (
            zipfile.ZipFile(tmp_path / "model.keras") as good,
            zipfile.ZipFile(tmp_path / "bad.keras", "w") as bad,
        ):
            for name in good.namelist():
                if not name.startswith("assets"):
                    bad.writestr(name, good.read(name))
        with pytest.raises(errors.DataError, match="layers/text_vectorization cannot be read"):
            melpy.models.load_model(tmp_path / "bad.keras")
