"""A folder of texts as a dataset."""

import os

import numpy as np
import pytest

import melpy
from melpy import layers, preprocessing
from melpy.errors import ArgumentError, DataError, UnknownNameError
from melpy.utils import text_dataset_from_directory


@pytest.fixture
def folder(tmp_path):
    for name, texts in (("neg", ["bad", "worse, dann"]), ("pos", ["good", "größer\r\n", ""])):
        (tmp_path / name / "more").mkdir(parents=True)
        for number, text in enumerate(texts):
            place = tmp_path / name / ("more" if number == 1 else "")
            (place / f"{number}.txt").write_bytes(text.encode())
    (tmp_path / "pos" / "image.png").write_bytes(b"no text")
    return tmp_path


def read(folder, **options):
    return text_dataset_from_directory(folder, **{"verbose": False, "shuffle": False} | options)


def test_texts_and_labels_by_hand(folder, capsys):
    dataset = read(folder, batch_size=4, verbose=True)
    assert capsys.readouterr().out == "Found 5 files belonging to 2 classes.\n"
    assert dataset.class_names == ["neg", "pos"]
    assert [os.path.basename(path) for path in dataset.file_paths] == [
        "0.txt", "1.txt", "0.txt", "2.txt", "1.txt",
    ]  # fmt: skip
    (first, labels), (last, _) = dataset
    assert first.tolist() == ["bad", "worse, dann", "good", ""]
    assert first.numpy().dtype == object
    assert last.tolist() == ["größer\r\n"]  # as it is in the file
    assert (labels.tolist(), labels.dtype) == ([0, 0, 1, 1], "int32")


def test_options(folder):
    [(texts, labels)] = read(folder, max_length=3, label_mode="binary", format="grain")
    assert texts.tolist() == ["bad", "wor", "goo", "", "grö"]
    assert (labels.shape, labels.dtype) == ((5, 1), "float32")
    single = list(read(folder, batch_size=None, labels=None))
    assert single[:2] == ["bad", "worse, dann"]
    assert isinstance(single[0].numpy(), str)
    train, test = read(folder, validation_split=0.4, subset="both", seed=1, shuffle=True)
    assert sorted(train.file_paths + test.file_paths) == sorted(read(folder).file_paths)
    assert (len(train.file_paths), len(test.file_paths)) == (3, 2)


def test_a_chain_as_scripts_have_it(folder):
    def lengths(texts, labels):
        return np.array([[len(text)] for text in texts], "float32"), labels

    dataset = read(folder, batch_size=2).map(lengths, num_parallel_calls=-1).cache().prefetch(-1)
    model = melpy.Sequential([melpy.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert len(model.fit(dataset, epochs=2, verbose=0).history["loss"]) == 2
    assert preprocessing.text_dataset_from_directory is text_dataset_from_directory


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_length": 0}, ArgumentError, "max_length is out of range"),
        ({"format": "np"}, UnknownNameError, "unknown format 'np'"),
        ({"label_mode": "float"}, UnknownNameError, "unknown label_mode"),
        ({"labels": "all"}, ArgumentError, "unknown labels 'all'"),
        ({"labels": [1]}, ArgumentError, "not one label a file"),
        ({"class_names": ["up"]}, ArgumentError, "a class has no folder"),
        ({"class_names": ["neg"], "label_mode": "binary"}, ArgumentError, "needs two classes"),
        ({"validation_split": 0.1, "subset": "both"}, DataError, "no validation texts below"),
    ],
)
def test_refusals(folder, options, error, message):
    with pytest.raises(error, match=f"text_dataset_from_directory: .*{message}"):
        read(folder, **options)


def test_a_file_that_is_no_text_is_named_when_it_is_read(folder):
    (folder / "neg" / "0.txt").write_bytes(b"\xff\xfe")
    dataset = read(folder)
    with pytest.raises(DataError, match=r"0\.txt' is no text in UTF-8"):
        list(dataset)
