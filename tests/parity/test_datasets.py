"""Data sets of texts and tables, types, splits and bars: beside Keras, from the same files."""

import itertools

import numpy as np
import pytest

from melpy import backend, utils
from melpy.datasets import boston_housing, california_housing, cutting, imdb, reuters

pytestmark = pytest.mark.parity
rng = np.random.default_rng(0)


def texts(count):
    made = np.empty(count, dtype=object)
    made[:] = [rng.integers(1, 40, rng.integers(1, 12)).tolist() for _ in range(count)]
    return made


ARRAYS = {
    imdb: {
        "x_train": texts(30), "y_train": np.arange(30) % 2,
        "x_test": texts(20), "y_test": np.arange(20) % 2,
    },
    reuters: {"x": texts(40), "y": rng.integers(0, 46, 40)},
    boston_housing: {"x": rng.normal(size=(50, 13)), "y": rng.normal(size=50)},
    california_housing: {"x": rng.normal(size=(700, 8)), "y": rng.normal(size=700)},
}  # fmt: skip
WORDS = [
    # Keras's num_words=None leaves the highest number out; ours keeps it.
    {"num_words": 100},
    {"num_words": 20, "skip_top": 5, "maxlen": 9},
    {"num_words": 20, "start_char": None, "index_from": 0, "seed": 4},
    {"num_words": 30, "oov_char": None, "skip_top": 3, "index_from": 5, "start_char": 0},
]
TABLES = [{}, {"test_split": 0.31, "seed": 9}]
CASES = [
    *itertools.product([imdb, reuters], WORDS),
    (reuters, {"num_words": 50, "test_split": 0.4}),
    *itertools.product([boston_housing, california_housing], TABLES),
    (california_housing, {"version": "small"}),
]


@pytest.mark.parametrize(("module", "options"), CASES)
def test_the_same_arrays(keras, monkeypatch, tmp_path, module, options):
    name = module.__name__.rpartition(".")[2]
    theirs = getattr(__import__(f"keras.src.datasets.{name}").src.datasets, name)
    path = str(tmp_path / "data.npz")
    np.savez(path, **ARRAYS[module])
    monkeypatch.setattr(theirs, "get_file", lambda *args, **kwargs: path)
    monkeypatch.setattr(cutting, "arrays_of", lambda *args: ARRAYS[module])
    wanted, found = theirs.load_data(**options), module.load_data(**options)
    for (x, y), (their_x, their_y) in zip(found, wanted, strict=True):
        assert x.dtype == their_x.dtype
        assert x.tolist() == their_x.tolist()
        np.testing.assert_array_equal(y, their_y)
        assert np.asarray(y).dtype == their_y.dtype


def test_names_of_topics(keras):
    assert reuters.get_label_names() == keras.datasets.reuters.get_label_names()


def test_the_type_of_several(keras):
    types = [
        "bool", "int8", "int16", "int32", "uint8", "uint16", "uint32", "float16", "bfloat16",
        "float32", "complex64", int, float, None,
    ]  # fmt: skip
    for few in itertools.product(types, repeat=2):
        assert backend.result_type(*few) == keras.backend.result_type(*few), few
    assert backend.result_type() == keras.backend.result_type()
    for one in [*types, np.float32, np.dtype("i2"), str, complex]:
        assert utils.standardize_dtype(one) == keras.utils.standardize_dtype(one)
        assert backend.is_float_dtype(one) == keras.backend.is_float_dtype(one)
        assert backend.is_int_dtype(one) == keras.backend.is_int_dtype(one)


def test_arguments_are_the_same(same_signature, keras):
    for name in ("Config", "Progbar", "get_file", "split_dataset", "model_to_dot"):
        ours, theirs = getattr(utils, name), getattr(keras.utils, name)
        if isinstance(ours, type):
            ours, theirs = ours.__init__, theirs.__init__
        same_signature(ours, theirs, {"kwargs"})
