"""A folder of texts as a dataset: one folder a class, read batch by batch in threads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from melpy.data.checks import whole
from melpy.errors import DataError
from melpy.preprocessing.folders import Folder

__all__ = ["text_dataset_from_directory"]

WHO = "text_dataset_from_directory"


class _Texts:
    """Rows of texts, read from their files when they are asked for."""

    def __init__(self, paths: list[str], max_length: int | None) -> None:
        self.paths, self.max_length = paths, max_length

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: Any) -> np.ndarray | str:
        numbers = np.arange(len(self.paths))[rows]
        if numbers.ndim == 0:
            return self._read(self.paths[numbers])
        texts = np.empty(numbers.shape, dtype=object)  # of any length, unlike NumPy's strings
        for place, number in np.ndenumerate(numbers):
            texts[place] = self._read(self.paths[number])
        return texts

    def _read(self, path: str) -> str:
        try:
            # Line ends as they are in the file, so that max_length cuts where Keras cuts.
            text = Path(path).read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                WHO, f"{path!r} is no text in UTF-8 ({error})", mend="Convert or remove the file."
            ) from error
        return text[: self.max_length]


def text_dataset_from_directory(
    directory: str | os.PathLike,
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Return the texts, files that end in ``.txt``, below a folder, and their folders as labels.

    Parameters
    ----------
    directory : path; with labels="inferred", each folder in it is a class
    labels : "inferred", or None for texts alone, or one int a file, files sorted by their paths
    label_mode : "int" for (N,), "categorical" for (N, C), "binary" for (N, 1), or None as labels
    class_names : the folders to take and their order, or None for all, sorted
    batch_size : int > 0, or None for single texts
    max_length : int > 0, characters of a text that are kept, or None for all
    shuffle : bool, whether each epoch has an order of its own
    seed : int or None, for the next one of the process's stream
    validation_split : float in (0, 1), the share kept for validation, or None
    subset : "training", "validation" or "both", with validation_split
    follow_links : bool, whether folders behind links are read too
    format : "tf" or "grain", for Keras's sake: a Loader comes back in any case
    verbose : bool, whether it says how many files it found

    Returns
    -------
    FolderLoader of batches of str, arrays (N,) of type object, or of (texts, labels); a list of
    two, for training and validation, with subset="both"

    Raises
    ------
    DataError : there are no texts, or, when it is read, a file is no text; it is named
    ArgumentError : arguments that do not go together

    Notes
    -----
    Files, labels and splits are Keras's for the same seed; the order of an epoch is not. Texts are
    str, where TensorFlow has bytes.

    Source
    ------
    Keras 3, ``keras.utils.text_dataset_from_directory``.
    """
    if max_length is not None:
        whole(WHO, "max_length", max_length, 1)
    folder = Folder(
        WHO, "texts", (".txt",), directory, labels, label_mode, class_names, shuffle, seed,
        validation_split, subset, follow_links, format, verbose,
    )  # fmt: skip
    return folder.read(batch_size, lambda paths: _Texts(paths, max_length))
