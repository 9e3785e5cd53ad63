"""Rows of many files are one array's."""

import numpy as np
import pytest

from melpy.data import Loader, Shards
from melpy.errors import ArgumentError, DataError, FileError, ShapeError


@pytest.fixture
def folder(tmp_path):
    x = np.arange(60, dtype="float32").reshape(20, 3)
    for n, rows in enumerate(np.split(x, [7, 8])):
        np.save(tmp_path / f"x-{n}.npy", rows)
    for n, rows in enumerate(np.split(x, [3])):
        np.savez(tmp_path / f"both-{n}.npz", x=rows, y=rows[:, 0])
    return tmp_path


@pytest.mark.parametrize("pattern", ["x-*.npy", "both-*.npz"])
def test_rows(folder, pattern):
    whole = np.arange(60, dtype="float32").reshape(20, 3)
    rows = Shards(f"{folder}/{pattern}")
    assert (len(rows), rows.shape, rows.dtype) == (20, (20, 3), np.float32)
    for index in (3, -1, slice(2, 12, 3), [19, 0, 7, 7], np.array([], int)):
        np.testing.assert_array_equal(rows[index], whole[index])
    assert all(isinstance(shard, np.memmap) for shard in rows._maps)  # nothing is in memory


def test_a_loader_goes_through_all_files_in_one_order(folder):
    x, y = Shards(f"{folder}/both-*.npz"), Shards(f"{folder}/both-*.npz", "y")
    loader = Loader(x, y, batch_size=6, seed=3)
    epochs = [[np.concatenate(part) for part in zip(*loader, strict=True)] for _ in range(2)]
    for x_seen, y_seen in epochs:
        np.testing.assert_array_equal(x_seen[:, 0], y_seen)
        np.testing.assert_array_equal(np.sort(y_seen), np.arange(0, 60, 3))
    assert (epochs[0][1] != epochs[1][1]).any()


def test_fortran_order_and_lists_of_files(tmp_path):
    x = np.asfortranarray(np.arange(12.0).reshape(4, 3))
    np.savez(tmp_path / "a.npz", x=x)
    np.save(tmp_path / "b.npy", x)
    rows = Shards([tmp_path / "b.npy", tmp_path / "a.npz"])
    np.testing.assert_array_equal(rows[:], np.concatenate([x, x]))


def test_what_is_no_shard_is_named(folder, tmp_path):
    def refused(kind, *told, **arguments):
        with pytest.raises(kind) as caught:
            Shards(**arguments)
        for text in told:
            assert text in str(caught.value)

    refused(FileError, "there are no shards", paths=tmp_path / "nowhere-*.npy")
    refused(FileError, "missing.npy", paths=[folder / "x-0.npy", folder / "missing.npy"])
    refused(DataError, "no array 'z'", "['x', 'y']", paths=f"{folder}/both-*.npz", key="z")
    np.save(folder / "x-9.npy", np.zeros((2, 4), "float32"))
    refused(ShapeError, "x-9.npy", "(n, 3) of float32", "(2, 4)", paths=f"{folder}/x-*.npy")
    np.savez_compressed(folder / "packed.npz", x=np.zeros((2, 3)))
    refused(DataError, "packed.npz is compressed", "numpy.savez", paths=[folder / "packed.npz"])
    cut = folder / "cut.npz"
    cut.write_bytes((folder / "both-0.npz").read_bytes()[:90])
    refused(DataError, "cut.npz", paths=[cut])
    (folder / "list.npy").write_bytes(b"")
    np.save(folder / "list.npy", np.array([None, 1]), allow_pickle=True)
    refused(DataError, "list.npy", paths=[folder / "list.npy"])
    with pytest.raises(ArgumentError, match="no such row"):
        Shards(f"{folder}/x-[0-2].npy")[[20]]
