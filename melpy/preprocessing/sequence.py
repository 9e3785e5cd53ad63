"""Sequences of unequal lengths into one array, and windows out of a long series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from melpy.data import Loader
from melpy.errors import ArgumentError, DtypeError, ShapeError, lookup

__all__ = ["pad_sequences", "timeseries_dataset_from_array"]

FORMATS = {name: name for name in ("tf", "grain")}  # Keras's data sets: a Loader for both
SIDES = {name: name for name in ("pre", "post")}


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Bring sequences to one length: too short ones are filled up, too long ones cut.

    Parameters
    ----------
    sequences : sequence of sequences, whose entries may have axes of their own
    maxlen : int >= 0, or None for the longest sequence's length
    dtype : the result's type; ``object`` for strings of any length
    padding : "pre" or "post", on which side to fill up
    truncating : "pre" or "post", on which side to cut
    value : what to fill up with

    Returns
    -------
    array (N, maxlen, ...) of type ``dtype``

    Raises
    ------
    ShapeError : a sequence's entries have another shape than those of the ones before
    DtypeError : a sequence is none
    ArgumentError : value is text and dtype is not
    UnknownNameError : a side of another name

    Source
    ------
    Keras 3, ``keras.utils.pad_sequences``.

    Examples
    --------
    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
    array([[0, 1],
           [2, 3],
           [5, 6]], dtype=int32)
    """
    who = "pad_sequences"
    lookup("padding", padding, SIDES, who)
    lookup("truncating", truncating, SIDES, who)
    entries = list(sequences) if hasattr(sequences, "__len__") else [sequences]
    for number, entry in enumerate(entries):
        if not hasattr(entry, "__len__"):
            raise DtypeError(
                who,
                f"entry {number} is no sequence",
                expected="a sequence of sequences",
                received={"type": type(entry).__name__},
            )
    kind = np.dtype(dtype)
    if isinstance(value, str) and kind.kind not in "OUS":
        raise ArgumentError(
            who,
            "the value does not fit the dtype",
            expected="dtype=object, for strings",
            received={"dtype": str(kind), "value": value},
        )
    longest = max((len(sequence) for sequence in sequences), default=0)
    T = longest if maxlen is None else maxlen
    shape = next((np.shape(sequence)[1:] for sequence in sequences if len(sequence)), ())
    out = np.full((len(sequences), T, *shape), value, kind)
    for number, sequence in enumerate(sequences):
        kept = sequence[max(len(sequence) - T, 0) :] if truncating == "pre" else sequence[:T]
        if not len(kept):
            continue
        values = np.asarray(kept, kind)
        if values.shape[1:] != shape:
            raise ShapeError(
                who,
                f"the entries of sequence {number} have another shape than those before",
                expected=f"shape {shape}",
                received={"shape": values.shape[1:]},
            )
        out[number, slice(T - len(kept), T) if padding == "pre" else slice(len(kept))] = values
    return out


class _Windows:
    """Rows of windows into a series: window n begins at starts[n] and takes every so many steps."""

    def __init__(self, series: np.ndarray, starts: np.ndarray, steps: np.ndarray) -> None:
        self.series, self.starts, self.steps = series, starts, steps

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, rows: Any) -> np.ndarray:
        return self.series[self.starts[rows][..., np.newaxis] + self.steps]  # (N, T, ...)


def timeseries_dataset_from_array(
    data: ArrayLike,
    targets: ArrayLike | None,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Loader:
    """Cut a series into windows: x[n] = data[s, s + r, s + 2 r, ..], y[n] = targets[s], s = n k.

    Parameters
    ----------
    data : array (T, ...), one row a step of time
    targets : array, targets[s] belongs to the window that begins at step s; or None
    sequence_length : int > 0, steps in a window
    sequence_stride : int > 0, k, steps from one window to the next
    sampling_rate : int > 0, r, steps from one entry of a window to the next
    batch_size : int > 0, or None for single windows
    shuffle : bool, whether each epoch has an order of its own
    seed : int or None, for the next one of the process's stream
    start_index, end_index : ints, or None: the part of the series to cut up, in steps
    format : "tf" or "grain", for Keras's sake: a Loader comes back in any case

    Returns
    -------
    Loader of x (N, sequence_length, ...), or of (x, y); nothing is copied before it is taken

    Raises
    ------
    ArgumentError : an argument is out of range, or no window fits

    Source
    ------
    Keras 3, ``keras.utils.timeseries_dataset_from_array``.

    Examples
    --------
    >>> [(x, y)] = timeseries_dataset_from_array(np.arange(5), np.arange(5) * 10, 3)
    >>> x
    array([[0, 1, 2],
           [1, 2, 3],
           [2, 3, 4]])
    >>> y
    array([ 0, 10, 20])
    """
    lookup("format", format, FORMATS, "timeseries_dataset_from_array")
    series = np.asarray(data)
    start, stop = start_index or 0, len(series) if end_index is None else end_index
    for name, number, low, high in (
        ("start_index", start, 0, len(series)),
        ("end_index", stop, start + 1, len(series) + 1),
        ("sequence_length", sequence_length, 1, len(series) + 1),
        ("sequence_stride", sequence_stride, 1, len(series)),
        ("sampling_rate", sampling_rate, 1, len(series)),
    ):
        if not low <= number < high:
            raise ArgumentError(
                "timeseries_dataset_from_array",
                f"{name} is out of range",
                expected=f"an int from {low} to {high - 1}, for {len(series)} steps",
                received={name: number},
            )
    count = stop - start - (sequence_length - 1) * sampling_rate
    if targets is not None:
        count = min(count, len(np.asarray(targets)))
    if count < 1:
        raise ArgumentError(
            "timeseries_dataset_from_array",
            "no window fits into the series",
            expected=f"at most {stop - start} steps",
            received={"sequence_length": sequence_length, "sampling_rate": sampling_rate},
        )
    starts = np.arange(0, count, sequence_stride)
    windows = _Windows(series[start:stop], starts, np.arange(sequence_length) * sampling_rate)
    y = None if targets is None else np.asarray(targets)[start:stop][starts]
    return Loader(windows, y, batch_size=batch_size, shuffle=shuffle, seed=seed)
