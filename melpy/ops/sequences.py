"""Signals in short pieces, and their frequencies; pairs of parts as in `melpy.ops.fourier`."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.errors import ArgumentError, DtypeError, ShapeError, lookup
from melpy.ops.choice import where
from melpy.ops.comparison import greater
from melpy.ops.creation import array, convert_to_numpy, dtype, ndim, shape
from melpy.ops.elementwise import divide, multiply
from melpy.ops.fourier import packed, packed_irfft, rfft
from melpy.ops.indexing import get_item, take
from melpy.ops.joining import pad
from melpy.ops.patches import fold
from melpy.ops.registry import composed, in_keras
from melpy.ops.shaping import reshape, swapaxes

__all__ = ["extract_sequences", "istft", "stft"]

KERAS_ROOM = "math"


def _require_pieces(who: str, length: int, stride: int) -> None:
    if not all(isinstance(n, int | np.integer) and n >= 1 for n in (length, stride)):
        raise ArgumentError(
            who,
            "pieces have no such length and distance",
            expected="sequence_length and sequence_stride, whole numbers >= 1",
            received={"sequence_length": length, "sequence_stride": stride},
        )


@composed
def extract_sequences(x: Any, *, sequence_length: int, sequence_stride: int) -> Any:
    """Cut pieces out of signals, each some entries after the last: y[.., n, k] = x[.., n s + k].

    Parameters
    ----------
    x : array or tensor, (.., T)
    sequence_length : int > 0, how long each piece is
    sequence_stride : int s > 0, the distance of pieces

    Returns
    -------
    array or tensor, (.., 1 + (T - length) // s, length)

    Examples
    --------
    >>> extract_sequences(np.arange(5.0), 3, 2)
    array([[0., 1., 2.],
           [2., 3., 4.]])
    """
    x = array(x)
    _require_pieces("extract_sequences", sequence_length, sequence_stride)
    count = 1 + ((*shape(x), 0)[ndim(x) - 1] - sequence_length) // sequence_stride
    if count < 1:
        raise ShapeError(
            "extract_sequences",
            "the signals are shorter than a piece",
            expected=f"at least {sequence_length} entries",
            received={"shape": shape(x)},
        )
    places = sequence_stride * np.arange(count)[:, np.newaxis] + np.arange(sequence_length)
    return take(x, places, -1)


# Windows by name: cosines with one period a piece.
COSINES = {"hann": 0.5, "hamming": 0.54}


def known_window(who: str, window: Any, length: int, fft_length: int, kind: str) -> np.ndarray:
    """Return the weights of a piece, in the middle of ``fft_length`` entries."""
    if fft_length < length:
        raise ArgumentError(
            who,
            "the transform is shorter than a piece",
            expected="fft_length >= sequence_length",
            received={"fft_length": fft_length, "sequence_length": length},
        )
    before = (fft_length - length) // 2
    if window is None:
        return np.ones(fft_length, kind)
    if isinstance(window, str):
        mean = lookup("window", window, COSINES, who)
        weights = mean - (1 - mean) * np.cos(2 * np.pi * np.arange(length) / length)
    else:
        weights = convert_to_numpy(window)
    if weights.shape != (length,):
        raise ShapeError(
            who,
            "the window is not as long as a piece",
            expected=f"shape ({length},)",
            received={"window.shape": weights.shape},
        )
    return np.pad(weights, (before, fft_length - length - before)).astype(kind)


@in_keras("math.STFT")
@composed
def stft(
    x: Any,
    *,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> tuple[Any, Any]:
    """Find the frequencies of short pieces: `rfft` of each piece times a window.

    Parameters
    ----------
    x : array or tensor of floats, (.., T)
    sequence_length : int > 0, how long each piece is
    sequence_stride : int > 0, the distance of pieces
    fft_length : int >= sequence_length, to which the windows are filled up with zeros
    window : "hann", "hamming", an array (sequence_length,), or None for no weights
    center : bool, whether the pieces' middles begin at x_0: then x is mirrored at its ends

    Returns
    -------
    pair of arrays (.., pieces, fft_length // 2 + 1), real and imaginary parts

    Source
    ------
    J. B. Allen 1977, Short term spectral analysis.

    Examples
    --------
    >>> real, imaginary = stft(np.ones(16), 8, 4, 8)
    >>> real.shape
    (5, 5)
    """
    _require_pieces("stft", sequence_length, sequence_stride)
    x = array(x)
    if np.dtype(dtype(x)).kind != "f":
        raise DtypeError("stft", "the signals are whole numbers", expected="floats")
    weights = known_window("stft", window, sequence_length, fft_length, dtype(x))
    if center:
        size, rim = shape(x)[-1], fft_length // 2
        if size <= rim:
            raise ShapeError(
                "stft",
                "the signals are too short to be mirrored",
                expected=f"more than {rim} entries",
                received={"shape": shape(x)},
            )
        x = take(x, np.pad(np.arange(size), rim, mode="reflect"), -1)
    pieces = extract_sequences(x, fft_length, sequence_stride)
    return rfft(multiply(pieces, weights), fft_length)


@in_keras("math.ISTFT")
@composed
def istft(
    x: Any,
    *,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    """Go back from the frequencies of short pieces: the reverse of `stft`.

    The pieces y_n overlap with windows w: x = Σ w y_n / Σ w^2.

    Parameters
    ----------
    x : pair of arrays or tensors (.., pieces, bins), real and imaginary parts
    sequence_length, sequence_stride, fft_length, window, center : as they were in `stft`
    length : int, how many entries to return; None for all that the pieces reach

    Returns
    -------
    array or tensor, (.., T)

    Source
    ------
    D. W. Griffin, J. S. Lim 1984, equation 6.

    Examples
    --------
    >>> istft(stft(np.arange(16.0), 8, 4, 8), 8, 4, 8).round(6)[:4]
    array([0., 1., 2., 3.])
    """
    _require_pieces("istft", sequence_length, sequence_stride)
    z = packed("istft", x)
    if len(shape(z)) < 3:
        raise ShapeError(
            "istft",
            "there are no pieces",
            expected="shapes (.., pieces, bins)",
            received={"shape": shape(z)[:-1]},
        )
    kind = dtype(z)
    weights = known_window("istft", window, sequence_length, fft_length, kind)
    *around, count, _, _ = shape(z)
    pieces = multiply(packed_irfft(z, fft_length=fft_length), weights)
    total = fft_length + sequence_stride * (count - 1)

    def laid(columns: Any) -> Any:
        """Return pieces (B, fft_length, count), added where they overlap: (B, total)."""
        line = fold(columns, (1, total), (1, fft_length), 1, 0, (1, sequence_stride))
        return reshape(line, (-1, total))

    columns = reshape(swapaxes(pieces, -1, -2), (-1, fft_length, count))
    norm = laid(np.broadcast_to((weights**2)[:, np.newaxis], (1, fft_length, count)))
    y = divide(laid(columns), where(greater(norm, 1e-10), norm, 1.0))
    start = fft_length // 2 if center else 0
    end = start + length if length is not None else total - start
    y = get_item(y, (slice(None), slice(start, end)))
    y = pad(y, ((0, 0), (0, max(end - total, 0))))
    return reshape(y, (*around, shape(y)[-1]))
