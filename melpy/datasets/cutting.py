"""What the data sets of Keras's that are one ``.npz`` file have in common."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy.datasets import files
from melpy.datasets.npz import read_npz
from melpy.errors import ArgumentError, DataError

__all__ = ["archive", "arrays_of", "halves", "mixed", "require_default", "sequences", "word_index"]

HOSTS = ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/",)

Halves = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def archive(dataset: str, name: str, digest: str) -> files.Archive:
    """Return the row of a file that is kept as it is."""
    return files.Archive(dataset, name, digest, HOSTS, (files.Content(name, None, digest),))


def arrays_of(row: files.Archive, who: str) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` file."""
    return read_npz(files.read(row)[0], who)


def word_index(row: files.Archive) -> dict[str, int]:
    """Return the words of a JSON file and their numbers."""
    return json.loads(files.read(row)[0])


def require_default(path: str, row: files.Archive, who: str) -> None:
    """Refuse another path than the file's name: its place is settled."""
    if path != row.name:
        raise ArgumentError(
            who,
            "the file has a place of its own, which path cannot change",
            expected=f"path={row.name!r}",
            received={"path": path},
            mend=f"It belongs in {files.folder(row)}; set MELPY_HOME to move it.",
        )


def mixed(rng: np.random.RandomState, *arrays: np.ndarray) -> list[np.ndarray]:
    """Return arrays with their rows in the order that Keras's generator gives next."""
    order = np.arange(len(arrays[0]))
    rng.shuffle(order)
    return [array[order] for array in arrays]


def halves(x: Any, y: Any, test_split: float, who: str) -> Halves:
    """Return the first rows for training and the last share of them for testing."""
    if not 0 <= test_split < 1:
        raise ArgumentError(
            who,
            "test_split is out of range",
            expected="a float in [0, 1)",
            received={"test_split": test_split},
        )
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def sequences(
    texts_and_labels: Sequence[np.ndarray],
    num_words: int | None,
    skip_top: int,
    maxlen: int | None,
    start_char: int | None,
    oov_char: int | None,
    index_from: int,
    who: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Return texts as lists of words' numbers, and the labels of those that are kept.

    Parameters
    ----------
    texts_and_labels : array of lists of words' ranks, from 1 for the most frequent word, and array
        of as many ints
    num_words : int > 0: only numbers below it are kept; None or 0 for all
    skip_top : int >= 0: numbers below it are left out as well
    maxlen : int > 0: only texts with fewer words are kept, the start counting as one; None or 0
        for all
    start_char : int that each text begins with, or None for none
    oov_char : int in the place of each number that is left out, or None to drop it
    index_from : int >= 0, what is added to each rank
    who : str, in messages
    """
    for name, value in (("num_words", num_words), ("maxlen", maxlen), ("skip_top", skip_top)):
        if value is not None and value < 0:
            raise ArgumentError(
                who, f"{name} is negative", expected="an int >= 0", received={name: value}
            )
    texts, labels = texts_and_labels
    start = [] if start_char is None else [start_char]
    found = [start + [rank + index_from for rank in text] for text in texts]
    keep = [number for number, text in enumerate(found) if not maxlen or len(text) < maxlen]
    if not keep:
        raise DataError(
            who, "no text is that short", expected="a greater maxlen", received={"maxlen": maxlen}
        )
    most = num_words or np.inf
    out = np.empty(len(keep), dtype=object)
    for place, number in enumerate(keep):
        text = found[number]
        if oov_char is None:
            out[place] = [n for n in text if skip_top <= n < most]
        else:
            out[place] = [n if skip_top <= n < most else oov_char for n in text]
    return out, labels[keep]
