"""imdb, reuters, boston_housing, california_housing: from files of the real ones' form."""

import hashlib
import io
import json

import numpy as np
import pytest

from melpy import datasets
from melpy.datasets import boston_housing, california_housing, files, imdb, reuters
from melpy.errors import ArgumentError, DataError, DownloadError, UnknownNameError

rng = np.random.default_rng(0)


def texts(count):
    made = np.empty(count, dtype=object)
    made[:] = [rng.integers(1, 30, rng.integers(2, 9)).tolist() for _ in range(count)]
    return made


REVIEWS = {
    "x_train": texts(12),
    "y_train": np.arange(12) % 2,
    "x_test": texts(7),
    "y_test": np.arange(7) % 2,
}
WIRES = {"x": texts(20), "y": rng.integers(0, 46, 20)}
TABLE = {"x": rng.normal(size=(700, 8)), "y": rng.normal(size=700)}
WORDS = {"the": 1, "film": 2}


@pytest.fixture
def here(home, monkeypatch):
    """Return a function that puts a file where a module looks for it, with its right sum."""

    def put(module, name, content):
        if isinstance(content, bytes):
            data = content
        elif name.endswith("json"):
            data = json.dumps(content).encode()
        else:
            file = io.BytesIO()
            np.savez(file, **content)
            data = file.getvalue()
        constant, row = next(
            (key, value)
            for key, value in vars(module).items()
            if isinstance(value, files.Archive) and value.name == name
        )
        kind = "md5" if len(row.sha256) == 32 else "sha256"
        digest = hashlib.new(kind, data).hexdigest()
        row = files.Archive(
            row.dataset, name, digest, row.hosts, (files.Content(name, None, digest),)
        )
        monkeypatch.setattr(module, constant, row)
        path = files.folder(row) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    return put


def expected(x, y, num_words=None, skip_top=0, maxlen=None, start=1, oov=2, index_from=3):
    """Return reviews as the documentation says, word by word."""
    out = []
    for text, label in zip(x, y, strict=True):
        words = ([] if start is None else [start]) + [word + index_from for word in text]
        if maxlen and len(words) >= maxlen:
            continue
        left_out = [not skip_top <= word < (num_words or 10**9) for word in words]
        kept = [oov if no else word for word, no in zip(words, left_out, strict=True)]
        if oov is None:
            kept = [word for word, no in zip(words, left_out, strict=True) if not no]
        out.append((kept, int(label)))
    return out


CASES = [
    {},
    {"num_words": 10},
    {"num_words": 20, "skip_top": 6, "maxlen": 7},
    {"start_char": None, "oov_char": None, "index_from": 0, "num_words": 15, "seed": 3},
]


@pytest.mark.parametrize("options", CASES, ids=str)
def test_imdb(here, options):
    here(imdb, "imdb.npz", REVIEWS)
    order = np.random.RandomState(options.get("seed", 113))
    names = {"start_char": "start", "oov_char": "oov"}
    told = {names.get(name, name): v for name, v in options.items() if name != "seed"}
    for part, (x, y) in zip(("train", "test"), imdb.load_data(**options), strict=True):
        rows = np.arange(len(REVIEWS[f"x_{part}"]))
        order.shuffle(rows)
        wanted = expected(REVIEWS[f"x_{part}"][rows], REVIEWS[f"y_{part}"][rows], **told)
        assert list(zip(x.tolist(), y.tolist(), strict=True)) == wanted
        assert x.dtype == object
        assert all(type(text) is list for text in x)


def test_reuters(here):
    here(reuters, "reuters.npz", WIRES)
    (x, y), (x_test, y_test) = reuters.load_data(num_words=20, test_split=0.25, seed=5)
    rows = np.arange(20)
    np.random.RandomState(5).shuffle(rows)
    wanted = expected(WIRES["x"][rows], WIRES["y"][rows], num_words=20)
    assert list(zip(x.tolist(), y.tolist(), strict=True)) == wanted[:15]
    assert list(zip(x_test.tolist(), y_test.tolist(), strict=True)) == wanted[15:]
    assert len(reuters.get_label_names()) == 46


@pytest.mark.parametrize(
    ("module", "name", "options", "count"),
    [
        (boston_housing, "boston_housing.npz", {}, 700),
        (california_housing, "california_housing.npz", {}, 700),
        (california_housing, "california_housing.npz", {"version": "small"}, 600),
    ],
)
def test_tables(here, module, name, options, count):
    here(module, name, TABLE)
    (x, y), (x_test, y_test) = module.load_data(**options, test_split=0.3, seed=1)
    rows = np.arange(count)
    np.random.RandomState(1).shuffle(rows)
    cut = int(count * 0.7)
    np.testing.assert_array_equal(x, TABLE["x"][rows[:cut]])
    np.testing.assert_array_equal(y, TABLE["y"][rows[:cut]])
    np.testing.assert_array_equal(x_test, TABLE["x"][rows[cut:]])
    np.testing.assert_array_equal(y_test, TABLE["y"][rows[cut:]])
    assert len(module.load_data(test_split=0)[1][0]) == 0


@pytest.mark.parametrize("module", [imdb, reuters])
def test_words(here, module):
    path = here(module, f"{module.NAME}_word_index.json", WORDS)
    assert module.get_word_index() == WORDS
    path.write_bytes(b"{}")
    with pytest.raises(DataError, match=r"is damaged\. Expected a file with MD5 [0-9a-f]{32};"):
        module.get_word_index()


def test_a_damaged_file_is_not_read(here):
    path = here(imdb, "imdb.npz", REVIEWS)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match="is damaged"):
        imdb.load_data()


def test_a_right_sum_does_not_make_a_pickle_run(here):
    here(imdb, "imdb.npz", b"no archive")
    with pytest.raises(DataError, match=r"imdb\.load_data: this is no file of arrays"):
        imdb.load_data()


def test_missing_files_are_downloaded(home, serve, monkeypatch):
    file = io.BytesIO()
    np.savez(file, **TABLE)
    digest = hashlib.sha256(file.getvalue()).hexdigest()
    host = serve({"boston_housing.npz": file.getvalue()})
    row = boston_housing.DISTRICTS
    row = files.Archive(
        row.dataset, row.name, digest, (host.url,), (files.Content(row.name, None, digest),)
    )
    monkeypatch.setattr(boston_housing, "DISTRICTS", row)
    for _ in range(2):
        assert len(boston_housing.load_data()[0][0]) == 560
    assert len(host.ranges) == 1
    row = files.Archive(row.dataset, "imdb.npz", digest, (f"{host.url}not/",), row.contents)
    monkeypatch.setattr(imdb, "REVIEWS", files.Archive(*vars(row).values()))
    monkeypatch.setenv("MELPY_HOME", str(home / "other"))
    with pytest.raises(DownloadError, match="HTTP 404"):
        imdb.load_data()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: imdb.load_data("a.npz"), ArgumentError, "path='imdb.npz'"),
        (lambda: imdb.get_word_index("a.json"), ArgumentError, "path='imdb_word_index.json'"),
        (lambda: reuters.load_data("a"), ArgumentError, "path='reuters.npz'"),
        (lambda: reuters.load_data(test_split=1), ArgumentError, "test_split is out of range"),
        (lambda: boston_housing.load_data(test_split=-1), ArgumentError, "test_split is out of"),
        (lambda: california_housing.load_data("middle"), UnknownNameError, "unknown version"),
        (lambda: imdb.load_data(maxlen=2), DataError, "no text is that short"),
        (lambda: imdb.load_data(num_words=-1), ArgumentError, "num_words is negative"),
    ],
)
def test_refusals(here, call, error, message):
    here(imdb, "imdb.npz", REVIEWS)
    with pytest.raises(error, match=message):
        call()


def test_the_rooms_names():
    for name in ("imdb", "reuters", "boston_housing", "california_housing"):
        module = getattr(datasets, name)
        assert module.NAME
        assert len(module.DESCRIPTION) <= 90
