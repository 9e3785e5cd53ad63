"""Utilities give Keras's results, scalers and imputers scikit-learn's."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melpy import data, preprocessing, utils
from melpy.preprocessing import RobustScaler, SimpleImputer, Tokenizer
from melpy.preprocessing.text import tokenizer_from_json

pytestmark = pytest.mark.parity
few = settings(max_examples=25)

WORDS = st.lists(st.sampled_from(["Cat", "cat,", "a", "the", "dog!", "mat", "on"]), max_size=8)
TEXTS = st.lists(WORDS.map(" ".join), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def tensorflow(keras):
    return pytest.importorskip("tensorflow")  # Keras's datasets are TensorFlow's


@pytest.fixture(scope="module")
def sklearn():
    return pytest.importorskip("sklearn")


def test_more_arguments(keras, same_signature):
    from keras.src.legacy.preprocessing import text

    same_signature(utils.PyDataset.__init__, keras.utils.PyDataset.__init__)
    same_signature(Tokenizer.__init__, text.Tokenizer.__init__)
    same_signature(
        preprocessing.image.smart_resize, keras.preprocessing.image.smart_resize, {"backend_module"}
    )


@few
@given(
    sequences=st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=5),
    maxlen=st.none() | st.integers(1, 8),
    sides=st.tuples(*[st.sampled_from(["pre", "post"])] * 2),
)
def test_pad_sequences(keras, sequences, maxlen, sides):
    ours = utils.pad_sequences(sequences, maxlen, "float32", *sides, value=-1.0)
    theirs = keras.utils.pad_sequences(sequences, maxlen, "float32", *sides, value=-1.0)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.dtype == theirs.dtype


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("axis", [-1, 1])
def test_normalize(keras, agree, order, axis):
    x = np.random.default_rng(0).normal(size=(4, 3))
    x[1] = 0
    agree(utils.normalize(x, axis, order), keras.utils.normalize(x, axis, order), 1e-12)


@few
@given(
    texts=TEXTS, others=TEXTS, num_words=st.none() | st.integers(2, 6),
    oov_token=st.sampled_from([None, "<?>"]), char_level=st.booleans(), lower=st.booleans(),
    mode=st.sampled_from(["binary", "count", "freq", "tfidf"]),
)  # fmt: skip
def test_tokenizer(keras, texts, others, num_words, oov_token, char_level, lower, mode):
    from keras.src.legacy.preprocessing import text

    options = {"num_words": num_words, "oov_token": oov_token, "char_level": char_level}
    ours, theirs = Tokenizer(lower=lower, **options), text.Tokenizer(lower=lower, **options)
    for tokenizer in (ours, theirs):
        tokenizer.fit_on_texts(texts)
    assert ours.word_index == theirs.word_index
    assert dict(ours.index_docs) == dict(theirs.index_docs)
    sequences = theirs.texts_to_sequences(others)
    assert ours.texts_to_sequences(others) == sequences
    if theirs.word_index:
        assert ours.sequences_to_texts(sequences) == theirs.sequences_to_texts(sequences)
        matrix = theirs.texts_to_matrix(others, mode)
        np.testing.assert_allclose(ours.texts_to_matrix(others, mode), matrix, rtol=1e-12)


def test_tokenizers_of_keras_are_read(keras):
    from keras.src.legacy.preprocessing import text

    theirs = text.Tokenizer(num_words=5, oov_token="?")
    theirs.fit_on_texts(["a b c a", "b d"])
    written = {
        "class_name": "Tokenizer",
        "config": {
            "num_words": 5, "filters": theirs.filters, "lower": True, "split": " ",
            "char_level": False, "oov_token": "?", "document_count": 2,
            **{name: json.dumps(getattr(theirs, name)) for name in (
                "word_counts", "word_docs", "index_docs", "index_word", "word_index")},
        },
    }  # fmt: skip
    ours = tokenizer_from_json(json.dumps(written))
    assert ours.texts_to_sequences(["b d z"]) == theirs.texts_to_sequences(["b d z"])


@few
@given(
    length=st.integers(8, 20), sequence_length=st.integers(1, 4), stride=st.integers(1, 4),
    rate=st.integers(1, 2), start=st.none() | st.integers(0, 2), end=st.none() | st.just(-1),
    with_targets=st.booleans(),
)  # fmt: skip
def test_timeseries(
    tensorflow, keras, length, sequence_length, stride, rate, start, end, with_targets
):
    series = np.arange(2.0 * length).reshape(length, 2)
    targets = np.arange(length) * 10 if with_targets else None
    arguments = (series, targets, sequence_length, stride, rate, 3)
    options = {"start_index": start, "end_index": end and length + end}
    ours = list(utils.timeseries_dataset_from_array(*arguments, **options))
    theirs = list(
        keras.utils.timeseries_dataset_from_array(*arguments, **options).as_numpy_iterator()
    )
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        for x, y in zip(*((b if with_targets else (b,)) for b in (mine, other)), strict=True):
            np.testing.assert_array_equal(x, y)


@few
@given(
    length=st.integers(4, 12), shuffle=st.booleans(), seed=st.integers(0, 99),
    left=st.none() | st.sampled_from([0.3, 0.5, 2]), right=st.sampled_from([0.25, 0.5, 1]),
)  # fmt: skip
def test_split_dataset(tensorflow, keras, length, shuffle, seed, left, right):
    x, y = np.arange(2 * length).reshape(length, 2), np.arange(length)
    options = {"left_size": left, "right_size": right, "shuffle": shuffle, "seed": seed}
    ours = utils.split_dataset((x, y), **options)
    theirs = keras.utils.split_dataset((x, y), **options)
    for mine, other in zip(ours, theirs, strict=True):
        samples = list(other.as_numpy_iterator())
        assert len(mine) == len(samples)
        for (a, b), (c, d) in zip(mine, samples, strict=True):
            np.testing.assert_array_equal(a, c)
            assert b == d


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for name, count in (("b", 4), ("a", 5), ("B", 2)):
        (folder / name / "deep").mkdir(parents=True)
        for n in range(count):
            x = rng.integers(0, 256, (5 + n, 9 - n, 3), np.uint8)
            place = folder / name / "deep" if n == 1 else folder / name
            image.fromarray(x).save(place / f"{n}{'.png' if n % 2 else '.PNG'}")
    return folder


class TestImageFolder:
    @pytest.mark.parametrize(
        "interpolation", ["bilinear", "nearest", "lanczos3"]
    )  # its cubic is a table
    @pytest.mark.parametrize("ratio", ["none", "crop", "pad"])
    def test_images_and_labels(self, tensorflow, keras, agree, folder, interpolation, ratio):
        options = {
            "image_size": (6, 7), "batch_size": 4, "shuffle": False, "verbose": False,
            "interpolation": interpolation, "crop_to_aspect_ratio": ratio == "crop",
            "pad_to_aspect_ratio": ratio == "pad",
        }  # fmt: skip
        ours = utils.image_dataset_from_directory(folder, **options)
        theirs = keras.utils.image_dataset_from_directory(str(folder), **options)
        assert ours.class_names == theirs.class_names
        assert ours.file_paths == theirs.file_paths
        batches = list(theirs.as_numpy_iterator())
        assert len(ours) == len(batches)
        for (x, y), (images, labels) in zip(ours, batches, strict=True):
            agree(x, images, 1e-5)
            np.testing.assert_array_equal(y, labels)
            assert y.dtype == labels.dtype

    @pytest.mark.parametrize("label_mode", ["int", "categorical", "binary", None])
    @pytest.mark.parametrize("subset", ["training", "validation", "both", None])
    def test_files_and_splits(self, tensorflow, keras, folder, label_mode, subset):
        options = {
            "label_mode": label_mode, "subset": subset, "seed": 7, "verbose": False,
            "validation_split": 0.3 if subset else None, "color_mode": "grayscale",
            "class_names": ["b", "a"] if label_mode == "binary" else None, "image_size": 8,
        }  # fmt: skip
        ours = utils.image_dataset_from_directory(folder, **options)
        theirs = keras.utils.image_dataset_from_directory(str(folder), **options)
        pair = (ours, theirs) if subset == "both" else ([ours], [theirs])
        for mine, other in zip(*pair, strict=True):
            assert mine.file_paths == other.file_paths
            assert mine.class_names == other.class_names
            if label_mode is None:
                continue
            labels = (
                np.concatenate([y for _, y in mine]),
                np.concatenate([y for _, y in other.as_numpy_iterator()]),
            )
            assert labels[0].dtype == labels[1].dtype
            np.testing.assert_array_equal(*[np.sort(y, axis=0) for y in labels])

    @pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
    def test_single_files(self, keras, folder, color_mode):
        path = folder / "a" / "0.PNG"
        for options in ({}, {"target_size": (4, 6), "interpolation": "bilinear"},
                        {"target_size": (3, 6), "keep_aspect_ratio": True}):  # fmt: skip
            ours, theirs = (
                library.img_to_array(library.load_img(path, color_mode, **options))
                for library in (utils, keras.utils)
            )
            np.testing.assert_array_equal(ours, theirs)
            images = [library.array_to_img(theirs) for library in (utils, keras.utils)]
            np.testing.assert_array_equal(*map(np.asarray, images))


TABLE = np.random.default_rng(3).integers(-4, 5, (20, 4)).astype(float)
HOLES = np.where(np.random.default_rng(4).random(TABLE.shape) < 0.3, np.nan, TABLE)


@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent", "constant"])
@pytest.mark.parametrize("add_indicator", [False, True])
@pytest.mark.parametrize("keep_empty_features", [False, True])
@pytest.mark.filterwarnings("ignore:.*had no values:UserWarning")
@pytest.mark.filterwarnings("ignore:Skipping features:UserWarning")
def test_simple_imputer(sklearn, agree, strategy, add_indicator, keep_empty_features):
    from sklearn.impute import SimpleImputer as Theirs

    train, test = HOLES[:15].copy(), HOLES[15:]
    train[:, 1] = np.nan
    options = {"add_indicator": add_indicator, "keep_empty_features": keep_empty_features}
    ours, theirs = (
        kind(strategy=strategy, **options).fit(train) for kind in (SimpleImputer, Theirs)
    )
    np.testing.assert_allclose(ours.statistics_, theirs.statistics_.astype(float), rtol=1e-12)
    agree(ours.transform(test), theirs.transform(test), 1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {}, {"unit_variance": True}, {"quantile_range": (5.0, 70.0)},
        {"with_centering": False}, {"with_scaling": False},
    ],
)  # fmt: skip
def test_robust_scaler(sklearn, agree, options):
    from sklearn.preprocessing import RobustScaler as Theirs

    train, test = TABLE[:15].copy(), TABLE[15:]
    train[:, 2] = 3.0
    ours, theirs = (kind(**options).fit(train) for kind in (RobustScaler, Theirs))
    if options.get("with_centering", True):
        np.testing.assert_allclose(ours.center_, theirs.center_, rtol=1e-12)
    if options.get("with_scaling", True):
        np.testing.assert_allclose(ours.scale_, theirs.scale_, rtol=1e-12)
    agree(ours.transform(test), theirs.transform(test), 1e-6)


def test_arguments_of_scikit_learn(sklearn, same_signature):
    from sklearn.impute import SimpleImputer as Imputer
    from sklearn.preprocessing import RobustScaler as Robust

    same_signature(SimpleImputer.__init__, Imputer.__init__, {"copy"}, {"missing_values"})
    with pytest.raises(AssertionError, match="does not have"):  # `per` is ours alone
        same_signature(RobustScaler.__init__, Robust.__init__, {"copy"})


def test_keras_trains_on_our_loader(keras, agree):
    x = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
    y = x.sum(axis=1, keepdims=True)
    results = []
    for source in (data.Loader(x, y, batch_size=4, shuffle=False), None):
        model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="ones")])
        model.compile("sgd", "mse")
        if source is None:
            model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
        else:
            model.fit(iter(source), steps_per_epoch=len(source), shuffle=False, verbose=0)
        results.append(model.get_weights()[0])
    agree(*results, 1e-6)


def test_packing_and_types(keras):
    for x in (1, [1, 2], (1,), {"a": 1}):
        for rest in ((), (2,), (2, 3)):
            packed = utils.pack_x_y_sample_weight(x, *rest)
            assert packed == keras.utils.pack_x_y_sample_weight(x, *rest)
        assert utils.unpack_x_y_sample_weight(x) == keras.utils.unpack_x_y_sample_weight(x)
    for dtype in (None, int, float, bool, np.float64, "int8"):
        assert utils.standardize_dtype(dtype) == keras.utils.standardize_dtype(dtype)
