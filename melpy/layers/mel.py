"""Spectrograms on the scale that ears have."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import budget, ops
from melpy.errors import ArgumentError
from melpy.layers.arguments import Shape
from melpy.layers.base import Layer
from melpy.layers.checks import not_negative, positive
from melpy.ops.sequences import known_window

__all__ = ["MelSpectrogram"]


class MelSpectrogram(Layer):
    """y = |stft(x)|^mag_exp M, the loudness in bands of equal width in mel, 1127 ln(1 + f / 700).

    Parameters
    ----------
    fft_length : int > 0, F, of the transform
    sequence_stride : int > 0, s, the distance of pieces
    sequence_length : int in [1, F], how long each piece is, F by default
    window : "hann", "hamming", an array (sequence_length,), or None
    sampling_rate : int > 0, entries of the signal a second
    num_mel_bins : int > 0, B
    min_freq, max_freq : floats >= 0, in Hz, where the bands begin and end; max_freq is half the
        sampling rate by default
    power_to_db : bool, whether y becomes 10 log10(max(y, min_power) / max(|ref_power|, min_power))
    top_db : float, how far below the largest value of all such a value may lie
    mag_exp : float, 1 for magnitudes, 2 for powers
    min_power, ref_power : floats

    Notes
    -----
    Input (T,) or (N, T), output (B, T') or (N, B, T') with T' = 1 + T // s. It has no weights.

    Raises
    ------
    ArgumentError : pieces longer than the transform; sizes that are no numbers > 0

    Source
    ------
    S. S. Stevens, J. Volkmann, E. B. Newman 1937; S. Young et al., The HTK Book, section 5.4.

    Examples
    --------
    >>> import numpy as np
    >>> layer = MelSpectrogram(64, 16, sampling_rate=8000, num_mel_bins=10)
    >>> layer(np.sin(np.arange(200.0))).shape
    (10, 13)
    """

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Any = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        who = type(self).__name__
        self.fft_length = positive(fft_length, "fft_length", who)
        self.sequence_stride = positive(sequence_stride, "sequence_stride", who)
        self.sequence_length = positive(sequence_length or fft_length, "sequence_length", who)
        budget.need(64 * self.fft_length, f"{who}, fft_length={fft_length}")
        known_window(who, window, self.sequence_length, fft_length, self.dtype)  # or refused
        self.window = window
        self.sampling_rate = positive(sampling_rate, "sampling_rate", who)
        self.num_mel_bins = positive(num_mel_bins, "num_mel_bins", who)
        self.min_freq = not_negative(min_freq, "min_freq", who)
        self.max_freq = max_freq or sampling_rate // 2
        if not self.min_freq < self.max_freq:
            raise ArgumentError(
                who,
                "the bands end before they begin",
                expected="min_freq < max_freq",
                received={"min_freq": min_freq, "max_freq": self.max_freq},
            )
        self.power_to_db, self.top_db, self.mag_exp = power_to_db, top_db, mag_exp
        self.min_power, self.ref_power = min_power, ref_power
        self._bands: np.ndarray | None = None  # made once, at the first call

    def call(self, inputs: Any) -> Any:
        """Return the spectrogram."""
        if inputs.dtype.kind != "f":  # as a file of sound has them
            inputs = ops.cast(inputs, self.dtype)
        if self._bands is None:
            self._bands = self.linear_to_mel_weight_matrix(
                self.num_mel_bins, self.fft_length // 2 + 1, self.sampling_rate,
                self.min_freq, self.max_freq, self.dtype,
            )  # fmt: skip
        real, imag = ops.stft(
            inputs, self.sequence_length, self.sequence_stride, self.fft_length, self.window
        )
        powers = ops.square(real) + ops.square(imag)
        y = ops.matmul(ops.power(powers, self.mag_exp / 2), self._bands)
        return ops.swapaxes(self._decibels(y) if self.power_to_db else y, -1, -2)

    def _decibels(self, y: Any) -> Any:
        least = self.min_power
        reference = 10 * np.log10(max(abs(self.ref_power), least))
        y = 10 * ops.log10(ops.maximum(y, least)) - reference
        return ops.maximum(y, ops.max(y) - self.top_db)

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int = 20,
        num_spectrogram_bins: int = 129,
        sampling_rate: float = 8000,
        lower_edge_hertz: float = 125.0,
        upper_edge_hertz: float = 3800.0,
        dtype: str = "float32",
    ) -> np.ndarray:
        """Return M (num_spectrogram_bins, num_mel_bins): triangles that overlap by half, in mel."""
        frequencies = np.linspace(0.0, sampling_rate / 2, num_spectrogram_bins)[:, np.newaxis]
        edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), num_mel_bins + 2)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        mel = _mel(frequencies)
        rising, falling = (mel - low) / (middle - low), (high - mel) / (high - middle)
        bands = np.maximum(0.0, np.minimum(rising, falling))
        bands[0] = 0.0  # the mean of the signal is no sound
        return bands.astype(dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (B, T') or (N, B, T')."""
        *N, T = input_shape
        rim = 2 * (self.fft_length // 2) - self.fft_length  # 0, or -1 for odd lengths
        steps = None if T is None else 1 + (T + rim) // self.sequence_stride
        return (*N, self.num_mel_bins, steps)


def _mel(frequency: Any) -> Any:
    return 1127.0 * np.log1p(frequency / 700.0)
