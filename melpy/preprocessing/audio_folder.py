"""A folder of sounds as a dataset: one folder a class, read batch by batch in threads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy.data.checks import whole
from melpy.errors import ArgumentError, DataError, UnsupportedError
from melpy.preprocessing.folders import Folder

__all__ = ["audio_dataset_from_directory"]

WHO = "audio_dataset_from_directory"


def _read(path: str, rate: int | None) -> np.ndarray:
    """Return a WAV file's samples, (T, C) between -1 and 1."""
    import wave  # used nowhere else

    try:
        with open(path, "rb") as source, wave.open(source) as file:
            channels, width, own_rate, count, *_ = file.getparams()
            data = file.readframes(count)
    except (wave.Error, EOFError) as error:
        raise DataError(
            WHO,
            f"{path!r} is no WAV file of plain samples ({error})",
            mend="Convert or remove the file.",
        ) from error
    if rate not in (None, own_rate):
        raise DataError(
            WHO,
            f"{path!r} has another rate",
            expected=f"{rate} samples a second",
            received={"rate": own_rate},
            mend="Convert the file.",
        )
    whole_samples = data[: len(data) // (width * channels) * width * channels]
    if width == 1:  # the only unsigned ones
        samples = np.frombuffer(whole_samples, np.uint8).astype(np.float64) - 128
    else:  # the bytes of a sample, the lowest first, as the upper ones of 32 bits
        parts = np.frombuffer(whole_samples, np.uint8).reshape(-1, width)
        wide = np.zeros((len(parts), 4), np.uint8)
        wide[:, 4 - width :] = parts
        samples = wide.view("<i4").ravel() / 2.0 ** (32 - 8 * width)
    return (samples / 2.0 ** (8 * width - 1)).astype(np.float32).reshape(-1, channels)


class _Sounds:
    """Rows of sounds, read from their files when they are asked for."""

    def __init__(self, paths: list[str], rate: int | None, length: int | None) -> None:
        self.paths, self.rate, self.length = paths, rate, length
        self.rows_are_alone = length is not None  # or they are as long as their batch's longest

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: Any) -> np.ndarray:
        numbers = np.arange(len(self.paths))[rows]
        sounds = [_read(self.paths[number], self.rate) for number in np.ravel(numbers)]
        length = max(map(len, sounds), default=0) if self.length is None else self.length
        channels = {sound.shape[1] for sound in sounds}
        if len(channels) > 1:
            raise DataError(
                WHO, "sounds of one batch have as many channels", received={"channels": channels}
            )
        batch = np.zeros((len(sounds), length, *channels), np.float32)
        for place, sound in zip(batch, sounds, strict=True):
            place[: len(sound)] = sound[:length]
        return batch if numbers.ndim else batch[0]


def audio_dataset_from_directory(
    directory: str | os.PathLike,
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """Return the sounds, files that end in ``.wav``, below a folder, and their folders as labels.

    Parameters
    ----------
    directory : path; with labels="inferred", each folder in it is a class
    labels : "inferred", or None for sounds alone, or one int a file, files sorted by their paths
    label_mode : "int" for (N,), "categorical" for (N, C), "binary" for (N, 1), or None as labels
    class_names : the folders to take and their order, or None for all, sorted
    batch_size : int > 0, or None for single sounds
    sampling_rate : int > 0, samples a second that every file must have, or None for any
    output_sequence_length : int > 0, how many samples each sound is cut or filled up to; None for
        the longest one's in the batch
    ragged : False
    shuffle : bool, whether each epoch has an order of its own
    seed : int or None, for the next one of the process's stream
    validation_split : float in (0, 1), the share kept for validation, or None
    subset : "training", "validation" or "both", with validation_split
    follow_links : bool, whether folders behind links are read too
    verbose : bool, whether it says how many files it found

    Returns
    -------
    FolderLoader of batches (N, T, C) of floats between -1 and 1, zeros after a sound's end, or of
    (sounds, labels); a list of two, for training and validation, with subset="both"

    Raises
    ------
    DataError : there are no sounds, or, when it is read, a file is no WAV file of 8, 16, 24 or 32
        bits, or of another rate; it is named
    ArgumentError : arguments that do not go together
    UnsupportedError : ragged=True

    Notes
    -----
    Files, labels and splits are Keras's for the same seed; the order of an epoch is not.

    Source
    ------
    Keras 3, ``keras.utils.audio_dataset_from_directory``.
    """
    for name, value in (
        ("sampling_rate", sampling_rate),
        ("output_sequence_length", output_sequence_length),
    ):
        if value is not None:
            whole(WHO, name, value, 1)
    if ragged and output_sequence_length is not None:
        raise ArgumentError(
            WHO,
            "sounds have lengths of their own, or one",
            expected="ragged or output_sequence_length",
            received={"output_sequence_length": output_sequence_length},
        )
    if ragged:
        raise UnsupportedError(
            WHO,
            "a batch is one array",
            expected="ragged=False",
            mend="batch_size=None gives each sound in its own length.",
        )
    folder = Folder(
        WHO, "sounds", (".wav",), directory, labels, label_mode, class_names, shuffle, seed,
        validation_split, subset, follow_links, "tf", verbose,
    )  # fmt: skip
    return folder.read(
        batch_size, lambda paths: _Sounds(paths, sampling_rate, output_sequence_length)
    )
