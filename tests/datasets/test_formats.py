"""The parsers of IDX and binary CIFAR files."""

import doctest
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from melpy.datasets import formats
from melpy.errors import DataError


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def cifar(images, labels):
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), 3072)
    return np.hstack([labels, planes]).astype(np.uint8).tobytes()


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)))
def test_idx_round_trip(array):
    parsed = formats.parse_idx(idx(array))
    np.testing.assert_array_equal(parsed, array)
    assert parsed.dtype == np.uint8
    assert parsed.shape == array.shape
    assert parsed.flags.writeable


@pytest.mark.parametrize("data", [b"", b"\0\0\x08", b"\0\0\x0d\1\0\0\0\0", b"PK\3\4...."])
def test_idx_refuses_another_magic_number(data):
    with pytest.raises(DataError, match="parse_idx: the data is not an IDX file of uint8 values"):
        formats.parse_idx(data)


@pytest.mark.parametrize("change", [lambda d: d[:-1], lambda d: d + b"!", lambda d: d[:9]])
def test_idx_refuses_another_size(change):
    data = change(idx(np.zeros((2, 3), np.uint8)))
    with pytest.raises(DataError, match="parse_idx: the data is not as long as its header says"):
        formats.parse_idx(data)


def test_idx_sizes_do_not_wrap_around():
    data = struct.pack(">BBBB4I", 0, 0, 8, 4, *[1 << 16] * 4)  # 2**64 values
    with pytest.raises(DataError, match=r"Expected 18446744073709551616 values"):
        formats.parse_idx(data)


@given(st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_cifar_round_trip(n, seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 32, 32, 3), np.uint8)
    labels = np.stack([rng.integers(0, 20, n), rng.integers(0, 100, n)], axis=1)
    parsed, parsed_labels = formats.parse_cifar(cifar(images, labels), (20, 100))
    np.testing.assert_array_equal(parsed, images)
    np.testing.assert_array_equal(parsed_labels, labels)
    assert parsed.dtype == parsed_labels.dtype == np.uint8
    assert parsed.flags.c_contiguous
    assert parsed.flags.writeable
    assert parsed_labels.flags.writeable


def test_cifar_by_hand():
    record = bytes([3]) + b"R" * 1024 + b"G" * 1024 + b"B" * 1023 + b"!"
    images, labels = formats.parse_cifar(record, (10,))
    assert labels.tolist() == [[3]]
    assert images[0, 0, 0].tobytes() == b"RGB"
    assert images[0, 31, 31].tobytes() == b"RG!"


def test_cifar_refuses_half_a_record():
    with pytest.raises(
        DataError, match=r"Expected a multiple of 3074 bytes; received size_bytes=5"
    ):
        formats.parse_cifar(b"12345", (20, 100))


def test_cifar_refuses_a_label_out_of_range():
    data = cifar(np.zeros((3, 32, 32, 3)), np.array([[0, 0], [19, 99], [1, 100]]))
    text = r"the label of record 2 is out of range\. Expected 0 to 99; received label=100\."
    with pytest.raises(DataError, match=text):
        formats.parse_cifar(data, (20, 100))


def test_docstring_examples():
    assert doctest.testmod(formats) == doctest.TestResults(failed=0, attempted=3)


@pytest.mark.parametrize("sizes", [[2**32 - 1, 2**32 - 1, 0], [1] * 65, [0] * 200])
def test_idx_headers_of_what_no_array_can_be(sizes):
    head = bytes([0, 0, 8, len(sizes)]) + b"".join(size.to_bytes(4, "big") for size in sizes)
    with pytest.raises(DataError, match="what no array can be"):
        formats.parse_idx(head + bytes(int(np.prod(sizes, dtype=object))))
