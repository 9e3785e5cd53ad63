"""Texts of HDF5 files are read without HDF5: they are what it reads, and claim nothing."""

import io
import struct

import numpy as np
import pytest

import melpy
from melpy import layers, models
from melpy.errors import DataError
from melpy.saving.h5_file import opened

h5py = pytest.importorskip("h5py")

NOTED = {
    "text": "größer",
    "empty": "",
    "long": "x" * 70_000,
    "bytes": b"of bytes",
    "fixed": np.bytes_(b"of one length"),
    "several": ["a", "", "bcd"],
    "several of one length": np.array([b"aa", b"b", b"ccc"]),
    "a square": np.array([["a", "b"], ["c", "d"]], dtype=h5py.string_dtype()),
}


def file_with(notes, libver="earliest"):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=libver) as file:
        for group in (file, file.create_group("a/b")):
            for name, value in notes.items():
                group.attrs[name] = value
    return buffer.getvalue()


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("where", ["/", "a/b"])
def test_they_are_what_hdf5_reads(libver, where):
    content = file_with(NOTED, libver)
    with h5py.File(io.BytesIO(content)) as file, opened(content, "x") as (ours, reader):
        for name in NOTED:
            read = np.ravel(np.asarray(file[where].attrs[name], dtype=object)).tolist()
            expected = [text.decode() if isinstance(text, bytes) else text for text in read]
            assert reader.texts(ours[where], name) == expected
        assert reader.texts(ours[where], "of no attribute") is None


def test_no_names_are_none():
    content = file_with({"names": np.array([])})
    with opened(content, "x") as (file, reader):
        assert reader.texts(file, "names") == []


def test_numbers_and_what_lies_apart_are_refused():
    many = {f"{number}": "of many" for number in range(9)}
    for content in (file_with({"1": 3.0}), file_with(many, "latest")):
        with pytest.raises(DataError, match="'1'"), opened(content, "x") as (file, reader):
            reader.texts(file, "1")


def saved(tmp_path):
    model = melpy.Sequential([melpy.Input((3,)), layers.Dense(2, name="é"), layers.Dense(1)])
    model.compile("adam", "mse")
    model.save(tmp_path / "m.h5")
    return (tmp_path / "m.h5").read_bytes()


def longer(content):
    heap = struct.pack("<Q", content.find(b"GCOL"))
    *before, last = content.split(heap)
    return b"".join(part[:-4] + b"\xff" * 4 + heap for part in before) + last


def elsewhere(content):
    heap = content.find(b"GCOL")
    return content.replace(struct.pack("<Q", heap), struct.pack("<Q", heap + 8))


def without_end(content):
    heap = content.find(b"GCOL")
    return content[: heap + 16] + struct.pack("<H6xQ", 7, 2**64 - 1) + content[heap + 32 :]


def its_own_continuation(content):
    """A header that says that it goes on where it began."""
    first = 96 + 16  # of the file's own group
    goes_on = struct.pack("<HHB3xQQ", 0x10, 16, 0, first, 2**20)
    return content[:first] + goes_on + content[first + len(goes_on) :]


@pytest.mark.parametrize("damaged", [longer, elsewhere, without_end, its_own_continuation])
def test_what_claims_more_than_the_file_is_refused(damaged, tmp_path):
    content = damaged(saved(tmp_path))
    (tmp_path / "m.h5").write_bytes(content)
    with pytest.raises(DataError, match=r"load_model: .*m\.h5"):
        models.load_model(tmp_path / "m.h5")


def test_heaps_that_lie_in_each_other_are_not_read_again_and_again():
    """Each begins 32 bytes behind the one before, and goes to the end of the file."""
    count = 3_000
    content = file_with({"names": ["x"] * count})
    first = content.find(struct.pack("<Q", content.find(b"GCOL"))) - 4
    start = len(content)
    refer = [struct.pack("<IQI", 1, start + 32 * n, n + 1) for n in range(count)]
    heaps = [
        struct.pack("<4s4xQH6xQ", b"GCOL", 32 * (count - number), number + 1, 16)
        for number in range(count)
    ]
    heaps[-1] = heaps[-1][:-8] + bytes(8)  # the last text is empty
    content = content[:first] + b"".join(refer) + content[first + 16 * count :] + b"".join(heaps)
    with opened(content, "x") as (file, reader), pytest.raises(ValueError, match="whole file"):
        reader.texts(file, "names")
