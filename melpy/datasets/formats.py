"""Parsers of the two formats in which the data sets come; both work on bytes, not on files."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from melpy.errors import DataError

__all__ = ["parse_cifar", "parse_idx"]

PIXELS = 3 * 32 * 32


def parse_idx(data: bytes) -> np.ndarray:
    """Return the array that an IDX file holds.

    The file is: two zero bytes, the type (8 for uint8), the rank, one big-endian uint32 for the
    size of each axis, then the values, the last axis running fastest.

    Parameters
    ----------
    data : bytes, a whole file, unpacked

    Returns
    -------
    array of uint8, of the shape that the file names; it may be written to

    Raises
    ------
    DataError : the magic number is not that of uint8 values, or values are missing or too many

    Notes
    -----
    Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998.

    Examples
    --------
    >>> parse_idx(bytes([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 3, 7, 8, 9]))
    array([[7, 8, 9]], dtype=uint8)
    """
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise DataError(
            "parse_idx",
            "the data is not an IDX file of uint8 values",
            expected="the first bytes 00 00 08",
            received={"data": data[:4].hex(" ")},
        )
    rank = data[3]
    start = 4 + 4 * rank
    shape = struct.unpack(f">{rank}I", data[4:start]) if len(data) >= start else None
    # Python's whole numbers: a product of damaged sizes must not wrap around.
    size = None if shape is None else int(np.prod(shape, dtype=object))
    if size != len(data) - start:
        raise DataError(
            "parse_idx",
            "the data is not as long as its header says",
            expected=f"{size} values of shape {shape}" if shape else f"{rank} sizes",
            received={"size_bytes": len(data) - start if shape else len(data)},
        )
    try:
        return np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy()
    except ValueError as error:  # of 65 axes, or of sizes that are none although one is 0
        raise DataError(
            "parse_idx",
            f"the header says what no array can be ({error})",
            expected="at most 64 axes, of sizes that memory can hold",
            received={"rank": rank},
        ) from error


def parse_cifar(data: bytes, num_classes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the images and the labels of a binary CIFAR file.

    Each record is one byte for each label, then 1,024 bytes of red, of green and of blue.

    Parameters
    ----------
    data : bytes, a whole file
    num_classes : the number of classes of each label of a record: ``(10,)`` for CIFAR-10,
        ``(20, 100)`` for CIFAR-100

    Returns
    -------
    images : array (N, 32, 32, 3) of uint8
    labels : array (N, len(num_classes)) of uint8

    Raises
    ------
    DataError : the data is not whole records, or a label is out of range

    Notes
    -----
    Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.

    Examples
    --------
    >>> images, labels = parse_cifar(bytes([6]) + bytes(3072), num_classes=(10,))
    >>> images.shape, labels.tolist()
    ((1, 32, 32, 3), [[6]])
    """
    record_bytes = len(num_classes) + PIXELS
    if len(data) % record_bytes:
        raise DataError(
            "parse_cifar",
            "the data ends in the middle of a record",
            expected=f"a multiple of {record_bytes} bytes",
            received={"size_bytes": len(data)},
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, record_bytes)
    labels = records[:, : len(num_classes)].copy()
    wrong = labels >= np.asarray(num_classes)
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise DataError(
            "parse_cifar",
            f"the label of record {row} is out of range",
            expected=f"0 to {num_classes[column] - 1}",
            received={"label": int(labels[row, column])},
        )
    planes = records[:, len(num_classes) :].reshape(-1, 3, 32, 32)
    return planes.transpose(0, 2, 3, 1).copy(), labels  # (N,C,H,W) -> (N,H,W,C)
