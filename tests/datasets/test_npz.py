"""read_npz: arrays of numbers and of lists of whole numbers, and nothing else whatever is asked."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from melpy.datasets import npz
from melpy.datasets.npz import read_npz
from melpy.errors import DataError

LISTS = [[1, 2, 3], [4], [], [2**40, -5]]


def ragged(rows):
    made = np.empty(len(rows), dtype=object)
    made[:] = rows
    return made


def packed(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npz_of(pickled, shape=(1,)):
    """Return a file whose one array of objects is any pickle."""
    npy = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        npy, {"descr": "|O", "fortran_order": False, "shape": shape}
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", npy.getvalue() + pickled)
    return file.getvalue()


def test_what_numpy_writes_comes_back():
    data = packed(x=ragged(LISTS), y=np.arange(3.0), words=np.array(["a", "bc"]))
    found = read_npz(data, "test")
    assert list(found) == ["x", "y", "words"]
    assert found["x"].dtype == object
    assert found["x"].tolist() == LISTS
    assert all(type(n) is int for row in found["x"] for n in row)
    np.testing.assert_array_equal(found["y"], np.arange(3.0))
    assert found["words"].tolist() == ["a", "bc"]


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_pickles_of_all_ages(protocol):
    for rows in (LISTS, [[1, 2], [3, 4]], [7, 8]):
        pickled = pickle.dumps(ragged(rows), protocol)
        assert read_npz(npz_of(pickled, (len(rows),)), "test")["x"].tolist() == rows


def test_a_list_that_comes_often_is_looked_through_once(monkeypatch):
    same, looked_at = [0] * 8000, []
    data = npz_of(pickle.dumps(ragged([same] * 8000), 2), (8000,))
    monkeypatch.setattr(npz, "set", lambda held: looked_at.append(1) or set(held), raising=False)
    found = read_npz(data, "test")["x"]
    assert found[0] == found[-1] == same
    assert len(looked_at) == 1


def test_numpys_older_names():
    pickled = pickle.dumps(ragged([[1, 2]]), 3).replace(b"numpy._core", b"numpy.core")
    assert read_npz(npz_of(pickled), "test")["x"].tolist() == [[1, 2]]


class Calls:
    """Pickles as a call of any function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


fired = []


def fire(*args):
    fired.append(args)
    return ragged([[1]])


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    "made",
    [
        Calls(fire, 1),
        Calls(eval, "fire()"),
        Calls(exec, "fire()"),
        Calls(__import__, "os"),
        Calls(getattr, "", "join"),
        ragged([[1, Calls(fire)]]),
        ragged([Calls(fire)]),
        [Calls(fire)],
        Calls(np.frombuffer, b"12345678"),
    ],
)
def test_no_pickle_has_anything_called(made, protocol):
    with pytest.raises(DataError, match=r"test: this is no file of arrays.*names "):
        read_npz(npz_of(pickle.dumps(made, protocol)), "test")
    assert not fired


@pytest.mark.parametrize(
    "made",
    [
        ragged([["word"]]),
        ragged([[1.5]]),
        ragged([[True]]),
        ragged([[[1]]]),
        ragged([None]),
        ragged([{"a": 1}]),
        ragged([(1, 2)]),
        ragged([[1], [2]]),  # more than the header says
        [[1]],
        {"a": [1]},
        7,
        np.arange(3),
        np.dtype("i8"),
        np.dtype("i8").type,
    ],
    ids=repr,
)
def test_other_things_than_lists_of_whole_numbers(made):
    with pytest.raises(DataError, match="no file of arrays of numbers"):
        read_npz(npz_of(pickle.dumps(made, 2)), "test")


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"


@pytest.mark.parametrize(
    "pickled",
    [
        b"",
        b"garbage",
        b"\x80\x04",
        b"K\x01.",
        b"P12\n.",  # a persistent id
        b"\x82\x01.",  # an extension of copyreg's
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"(cos\nsystem\nS'true'\no.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        RECONSTRUCT + b".",
        RECONSTRUCT + b")R.",
        RECONSTRUCT + b")R}S'values'\nK\x01sb.",  # attributes set over
        RECONSTRUCT + b")R(K\x01K\x02K\x03K\x04](h\x00etb.",
        b"cnumpy\ndtype\n)R(K\x01K\x02K\x03K\x04]tb.",
        b"]q\x00h\x00a.",  # a list that holds itself
        b"\x8a\xff" + b"\xff" * 10,  # a number that is cut off
    ],
)
def test_bytes_made_by_hand(pickled):
    with pytest.raises(DataError, match="no file of arrays of numbers"):
        read_npz(npz_of(pickled), "test")


def test_every_cut_and_many_damaged_bytes_are_refused_or_harmless():
    data = packed(x=ragged(LISTS))
    rng = np.random.default_rng(0)
    pickled = pickle.dumps(ragged(LISTS), 2)
    for size in range(0, len(pickled), 7):
        with pytest.raises(DataError):
            read_npz(npz_of(pickled[:size], (4,)), "test")
    for _ in range(300):
        wrong = bytearray(pickled)
        for place in rng.integers(len(wrong), size=3):
            wrong[place] = rng.integers(256)
        try:
            found = read_npz(npz_of(bytes(wrong), (4,)), "test")["x"]
        except DataError:
            continue
        assert all(type(row) in (list, int) for row in found)
    for wrong in (data[:50], b"no zip", data[:-30]):
        with pytest.raises(DataError):
            read_npz(wrong, "test")
