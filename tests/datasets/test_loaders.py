"""The data sets themselves: load_data(), the registry, and the real files where they are."""

import doctest
import hashlib
import struct
import zipfile
from importlib import resources

import numpy as np
import pytest

from melpy import datasets
from melpy.datasets import cifar10, cifar100, digits, fashion_mnist, files, mnist
from melpy.errors import ArgumentError, DataError, UnknownNameError


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("module", [mnist, fashion_mnist])
def test_mnist_and_its_like_load_over_http(home, make_gz, serve, rng, monkeypatch, module):
    x, y = rng.integers(0, 256, (7, 4, 4), np.uint8), rng.integers(0, 10, 7, np.uint8)
    arrays = [x, y, x[:3], y[:3]]
    names = [archive.name for archive in files.TABLE[module.NAME]]
    made = [make_gz(idx(a), name=n, dataset="t") for a, n in zip(arrays, names, strict=True)]
    host = serve({archive.name: packed for archive, packed in made})
    rows = [files.Archive(a.dataset, a.name, a.sha256, (host.url,), a.contents) for a, _ in made]
    monkeypatch.setitem(files.TABLE, module.NAME, tuple(rows))
    (x_train, y_train), (x_test, y_test) = module.load_data()
    for loaded, array in zip([x_train, y_train, x_test, y_test], arrays, strict=True):
        np.testing.assert_array_equal(loaded, array)
    assert len(host.ranges) == 4


def cifar_records(rng, n, num_classes):
    labels = [rng.integers(0, classes, (n, 1)) for classes in num_classes]
    return np.hstack([*labels, rng.integers(0, 256, (n, 3072))]).astype(np.uint8)


def test_cifar10_loads_over_http(home, make_tar, serve, rng, monkeypatch):
    paths = [content.path for content in files.TABLE["cifar-10"][0].contents]
    records = {path: cifar_records(rng, 2, [10]) for path in paths}
    archive, packed = make_tar({path: r.tobytes() for path, r in records.items()})
    host = serve({"small.tar.gz": packed})
    row = files.Archive("c", archive.name, archive.sha256, (host.url,), archive.contents)
    monkeypatch.setitem(files.TABLE, "cifar-10", (row,))
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    assert x_train.shape == (10, 32, 32, 3)
    assert x_test.shape == (2, 32, 32, 3)
    *batches, test = records.values()
    np.testing.assert_array_equal(y_train, np.vstack(batches)[:, :1])
    np.testing.assert_array_equal(y_test, test[:, :1])
    np.testing.assert_array_equal(x_test[1, :, :, 2].ravel(), test[1, 1 + 2048 :])


@pytest.fixture
def tiny_cifar100(home, make_tar, rng, monkeypatch):
    paths = [content.path for content in files.TABLE["cifar-100"][0].contents]
    records = [cifar_records(rng, n, [20, 100]) for n in (5, 2)]
    archive, packed = make_tar({p: r.tobytes() for p, r in zip(paths, records, strict=True)})
    monkeypatch.setitem(files.TABLE, "cifar-100", (archive,))
    folder = home / "datasets" / "toy"
    folder.mkdir(parents=True)
    (folder / archive.name).write_bytes(packed)
    return records


@pytest.mark.parametrize(("mode", "column"), [("coarse", 0), ("fine", 1)])
def test_cifar100_has_two_kinds_of_labels(tiny_cifar100, mode, column):
    (x_train, y_train), (x_test, y_test) = cifar100.load_data(label_mode=mode)
    assert x_train.shape == (5, 32, 32, 3)
    assert x_test.shape == (2, 32, 32, 3)
    np.testing.assert_array_equal(y_train, tiny_cifar100[0][:, column : column + 1])
    np.testing.assert_array_equal(y_test, tiny_cifar100[1][:, column : column + 1])


def test_cifar100_loads_fine_labels_by_default(tiny_cifar100):
    np.testing.assert_array_equal(cifar100.load_data()[0][1], tiny_cifar100[0][:, 1:2])


def test_cifar100_refuses_another_label_mode():
    with pytest.raises(UnknownNameError, match=r"unknown label mode 'fin'.*Did you mean 'fine'\?"):
        cifar100.load_data("fin")


def test_mnist_takes_keras_default_path_only(home):
    text = r"mnist\.load_data: .*Expected path='mnist\.npz'; received path='/x/m\.npz'.*MELPY_HOME"
    with pytest.raises(ArgumentError, match=text):
        mnist.load_data("/x/m.npz")


# digits


def test_digits_are_the_uci_digits():
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert x_train.shape == (1438, 8, 8)
    assert x_test.shape == (359, 8, 8)
    x, y = np.empty((1797, 8, 8), np.uint8), np.empty(1797, np.uint8)
    test = np.arange(1797) % 5 == 4
    x[~test], x[test], y[~test], y[test] = x_train, x_test, y_train, y_test
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    found = hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()
    assert found == "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
    assert x.max() == 16
    assert np.bincount(y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    counts = np.bincount(y_test)
    assert (counts.min(), counts.max()) == (21, 52)  # as the docstring says


def test_digits_file_is_small_and_has_no_dates():
    with resources.as_file(resources.files("melpy.datasets") / "digits.npz") as path:
        assert path.stat().st_size < 80_000
        with zipfile.ZipFile(path) as archive:
            assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_digits_can_be_told_apart():
    """Images and labels belong together: the nearest of ten mean images is mostly right."""
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    means = np.stack([x_train[y_train == k].mean(axis=0) for k in range(10)])
    distance = np.square(x_test[:, None] - means).sum(axis=(2, 3))
    assert (distance.argmin(axis=1) == y_test).mean() > 0.88


# registry


def test_every_module_keeps_the_convention():
    assert list(datasets.DATASETS) == ["digits", "mnist", "fashion-mnist", "cifar-10", "cifar-100"]
    for name, module in datasets.DATASETS.items():
        assert name == module.NAME
        assert "\n" not in module.DESCRIPTION
        expected = 100 if name == "cifar-100" else 10
        assert len(set(module.CLASS_NAMES)) == len(module.CLASS_NAMES) == expected
        assert callable(module.load_data)
    assert set(files.TABLE) == set(datasets.DATASETS) - {"digits"}
    assert len(set(cifar100.COARSE_CLASS_NAMES)) == 20
    assert list(cifar100.CLASS_NAMES) == sorted(cifar100.CLASS_NAMES)


def test_load_finds_a_data_set_by_name(tiny_cifar100):
    assert datasets.load("digits")[0][0].shape == (1438, 8, 8)
    (_, y_train), _ = datasets.load("cifar-100", label_mode="coarse")
    np.testing.assert_array_equal(y_train, tiny_cifar100[0][:, :1])


@pytest.mark.parametrize("function", [datasets.load, datasets.status])
def test_an_unknown_name_gets_the_nearest(function):
    text = rf"datasets\.{function.__name__}: unknown data set 'cifar10'.*Did you mean 'cifar-10'\?"
    with pytest.raises(UnknownNameError, match=text):
        function("cifar10")


def test_status_says_what_is_here(home):
    assert datasets.status("digits") == datasets.Status("digits", True, None, ())
    folder = home / "datasets" / "mnist"
    names = tuple(archive.name for archive in files.TABLE["mnist"])
    assert datasets.status("mnist") == datasets.Status("mnist", False, folder, names)
    folder.mkdir(parents=True)
    for name in names[1:]:
        (folder / name).touch()
    assert datasets.status("mnist").missing == names[:1]
    (folder / names[0]).touch()
    assert datasets.status("mnist").here
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is damaged"):
        mnist.load_data()


def test_status_counts_an_archive_put_there_by_hand(tiny_cifar100):
    assert datasets.status("cifar-100").here


# the real files


def real(name):
    if not datasets.status(name).here:
        pytest.skip(f"the files of {name} are not in {datasets.status(name).folder}")
    return datasets.load(name)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "image", "label", "mean", "first"),
    [
        ("mnist", (28, 28), (), 33.318421, 5),
        ("fashion-mnist", (28, 28), (), 72.940352, 9),
        ("cifar-10", (32, 32, 3), (1,), 120.707565, 6),
    ],
)
def test_the_real_files_are_what_keras_gives(name, image, label, mean, first):
    (x_train, y_train), (x_test, y_test) = real(name)
    n = 50000 if name == "cifar-10" else 60000
    assert [a.shape for a in (x_train, y_train)] == [(n, *image), (n, *label)]
    assert [a.shape for a in (x_test, y_test)] == [(10000, *image), (10000, *label)]
    assert {a.dtype for a in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert x_train.mean() == pytest.approx(mean, abs=1e-6)
    assert y_train.ravel()[0] == first
    if name != "mnist":  # the two that were made balanced
        assert np.bincount(y_train.ravel()).tolist() == [n // 10] * 10


@pytest.mark.data
def test_the_real_cifar100_is_whole():
    (x_train, y_train), (_, y_test) = real("cifar-100")
    assert x_train.shape == (50000, 32, 32, 3)
    assert np.bincount(y_train.ravel()).tolist() == [500] * 100
    assert np.bincount(y_test.ravel()).tolist() == [100] * 100


@pytest.mark.parametrize("module", [datasets, *datasets.DATASETS.values()])
def test_docstring_examples(module):
    results = doctest.testmod(module)
    assert results.failed == 0
    # Examples that need real files are skipped; digits and the registry have none of those.
    assert results.attempted >= (2 if module in (datasets, digits) else 0)
