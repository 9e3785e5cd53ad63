"""Rows of many files are one array's."""

import numpy as np
import pytest

from melpy import utils
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


def test_a_folders_files_are_read_by_the_process_that_needs_them(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for n in range(7):
        (tmp_path / "ab"[n % 2]).mkdir(exist_ok=True)
        image.new("L", (4, 4), 30 * n).save(tmp_path / "ab"[n % 2] / f"{n}.png")

    def loader():
        return utils.image_dataset_from_directory(
            tmp_path, image_size=(4, 4), color_mode="grayscale", batch_size=4, seed=1, verbose=False
        )

    whole, parts = list(loader()), [list(loader().shared(n, 2)) for n in range(2)]
    for pair, batch in zip(zip(*parts, strict=True), whole, strict=True):
        assert [own.part.total for own in pair] == [len(batch[0])] * 2
        for n, array in enumerate(batch):
            np.testing.assert_array_equal(np.concatenate([own.batch[n] for own in pair]), array)


def test_rows_that_follow_from_their_batch_come_whole():
    class Padded:
        rows_are_alone = False

        def __len__(self):
            return 3

        def __getitem__(self, rows):
            return np.zeros((len(rows), 2))

    class OwnWay(Loader):
        def _make(self, epoch, number, rows):
            return super()._make(epoch, number, rows)

    for loader in (
        Loader(Padded(), batch_size=2),
        OwnWay(np.arange(4), batch_size=2),
        Loader(np.arange(4), batch_size=2, augment=lambda x, rng: x),
        Loader(np.arange(4), batch_size=None),
    ):
        assert loader.shared(0, 2) is loader
