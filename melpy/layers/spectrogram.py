"""Sound as pictures: which frequencies a signal has, piece by piece."""

from __future__ import annotations

import math
from typing import Any

from melpy import config, initializers, ops
from melpy.errors import ArgumentError, DtypeError, lookup, warn
from melpy.initializers.stft import SCALINGS, known_window
from melpy.layers.arguments import Shape
from melpy.layers.base import Layer, known_format
from melpy.layers.checks import positive
from melpy.layers.input_spec import InputSpec
from melpy.layers.spatial import known_padding, output_size

__all__ = ["STFTSpectrogram"]

MODES = {n: n for n in ("log", "magnitude", "psd", "real", "imag", "angle", "stft")}


class STFTSpectrogram(Layer):
    """z[t, k] = sum_n w_n x[t s + n] exp(-2 pi i n k / F), by convolutions that may learn.

    Parameters
    ----------
    mode : what of z comes out: "real", "imag", "angle", "magnitude" sqrt(max(|z|^2, epsilon)),
        "log" of that, "psd" |z|^2, twice that where -k is another frequency than k, or "stft", the
        real parts and then the imaginary ones
    frame_length : int > 0, L, how long each piece is
    frame_step : int in [1, L], s, the distance of pieces, L // 2 by default
    fft_length : int >= L, F, the smallest power of two by default
    window : a name that `initializers.STFT` knows, an array (L,), or None
    periodic : bool, whether the window goes on after its last entry, or mirrors its first there
    scaling : "density" divides by sqrt(sum w^2), "spectrum" by sum |w|, None does not
    padding : "valid" or "same"
    expand_dims : bool, whether frequencies and channels are two axes
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, T, C), output (N, T', C B) with B = F // 2 + 1 bins (2 B with "stft"), or with
    ``expand_dims`` (N, T', B, C). Channels first: (N, C, T), (N, C B, T'), (N, C, T', B). Weights:
    real_kernel and imag_kernel (L, 1, B), those of them that the mode asks for.

    Raises
    ------
    ArgumentError : an unknown mode, scaling, padding or window; sizes that do not go together
    DtypeError : signals of whole numbers

    Source
    ------
    J. B. Allen 1977, Short term spectral analysis.

    Examples
    --------
    >>> import numpy as np
    >>> layer = STFTSpectrogram("magnitude", frame_length=8, window=None)
    >>> signal = np.cos(2 * np.pi * np.arange(12.0) / 4)  # two turns in eight steps
    >>> np.round(np.asarray(layer(signal.reshape(1, 12, 1)))[0], 2)
    array([[0., 0., 4., 0., 0.],
           [0., 0., 4., 0., 0.]], dtype=float32)
    """

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Any = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        who = type(self).__name__
        self.mode = lookup("mode", mode, MODES, who)
        self.frame_length = positive(frame_length, "frame_length", who)
        self.frame_step, self.fft_length = frame_step, fft_length
        self._step = max(frame_length // 2, 1) if frame_step is None else frame_step
        if not 1 <= self._step <= frame_length:
            raise ArgumentError(
                who,
                "frame_step leaves parts of the signal out",
                expected=f"an int from 1 to frame_length, {frame_length}",
                received={"frame_step": frame_step},
            )
        usual = 2 ** math.ceil(math.log2(frame_length))
        length = usual if fft_length is None else fft_length
        if length < frame_length:
            raise ArgumentError(
                who,
                "the transform is shorter than a piece",
                expected=f"fft_length >= frame_length, {frame_length}",
                received={"fft_length": fft_length},
            )
        if length & (length - 1):
            warn(f"{who}: fft_length={length} is no power of two.")
        self._bins = length // 2 + 1
        self.window, self.periodic = known_window(window, who), periodic
        self.scaling = scaling
        if scaling is not None:
            lookup("scaling", scaling, {n: n for n in SCALINGS if n}, who)
        self.padding = known_padding(padding, who, ("valid", "same"))
        self.expand_dims = expand_dims
        self.data_format = known_format(data_format, who)

    def _own_spec(self) -> InputSpec:
        return InputSpec(ndim=3)

    def build(self, input_shape: Shape) -> None:
        """Make the kernels of the sides that the mode asks for."""
        for side, other in (("real", "imag"), ("imag", "real")):
            if self.mode != other:
                kernel = self.add_weight(
                    (self.frame_length, 1, self._bins),
                    initializers.STFT(side, self.window, self.scaling, self.periodic),
                    name=f"{side}_kernel",
                )
                setattr(self, f"{side}_kernel", kernel)

    def call(self, inputs: Any) -> Any:
        """Return the spectrogram."""
        if inputs.dtype.kind != "f":
            raise DtypeError("call", "the signals are whole numbers", expected="floats")
        first = self.data_format == "channels_first"
        x = inputs if first else ops.swapaxes(inputs, 1, 2)  # (N,C,T)
        N, C, T = x.shape
        y = self._values(ops.reshape(x, (N * C, T, 1)))
        y = ops.reshape(y, (N, C, *y.shape[1:]))  # (N,C,T',B)
        if self.expand_dims:
            return y if first else ops.transpose(y, (0, 2, 3, 1))
        if first:
            return ops.reshape(ops.swapaxes(y, 2, 3), (N, -1, y.shape[2]))
        return ops.reshape(ops.swapaxes(y, 1, 2), (N, y.shape[2], -1))

    def _side(self, x: Any, kernel: Any) -> Any:
        return ops.conv(
            x, kernel, strides=self._step, padding=self.padding, data_format="channels_last"
        )

    def _values(self, x: Any) -> Any:
        """Return what the mode asks for of signals (M, T, 1), as (M, T', B)."""
        mode = self.mode
        if mode == "real":
            return self._side(x, self.real_kernel)
        imag = self._side(x, self.imag_kernel)
        if mode == "imag":
            return imag
        real = self._side(x, self.real_kernel)
        if mode == "angle":
            return ops.arctan2(imag, real)
        if mode == "stft":
            return ops.concatenate([real, imag], axis=-1)
        power = ops.square(real) + ops.square(imag)
        if mode == "psd":
            return power + ops.pad(power[..., 1:-1], ((0, 0), (0, 0), (1, 1)))
        magnitude = ops.sqrt(ops.maximum(power, config.epsilon()))
        return magnitude if mode == "magnitude" else ops.log(magnitude)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (N, T', C B), or (N, T', B, C) with ``expand_dims``; channels first likewise."""
        first = self.data_format == "channels_first"
        N, C, T = input_shape if first else (input_shape[0], input_shape[2], input_shape[1])
        B = self._bins * (2 if self.mode == "stft" else 1)
        steps = output_size(T, self.frame_length, self._step, self.padding)
        if self.expand_dims:
            return (N, C, steps, B) if first else (N, steps, B, C)
        features = None if C is None else C * B
        return (N, features, steps) if first else (N, steps, features)
