"""Kernels that make a convolution a short-time Fourier transform."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy import config
from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.initializers.base import Initializer

__all__ = ["SCALINGS", "STFT", "known_window"]


def _tukey(T: int, share: float = 0.5) -> np.ndarray:
    """Return ones whose ends, ``share`` of all, fall to 0 as a cosine does."""
    if T < 2:
        return np.ones(T)
    from_the_end = np.minimum(np.arange(T), np.arange(T)[::-1]) / (T - 1)
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.minimum(from_the_end / share, 0.5))


WINDOWS: dict[str, Callable[[int], np.ndarray]] = {
    "bartlett": np.bartlett,
    "blackman": np.blackman,
    "boxcar": np.ones,
    "hamming": np.hamming,
    "hann": np.hanning,
    "tukey": _tukey,
}
SCALINGS: dict[Any, Callable[[np.ndarray], float]] = {
    None: lambda w: 1.0,
    "density": lambda w: float(np.sqrt(np.square(w).sum())),
    "spectrum": lambda w: float(np.abs(w).sum()),
}
SIDES = {"real": np.cos, "imag": np.sin}


class STFT(Initializer):
    """K[t, 0, k] = w_t cos(-2 pi t k / F) / s, or sin: one side of frequency k of a piece.

    Parameters
    ----------
    side : "real" or "imag"
    window : "hann", "hamming", "blackman", "bartlett", "boxcar", "tukey", an array of the piece's
        length, or None for no weights w and s = 1
    scaling : "density" for s = sqrt(sum w^2), "spectrum" for s = sum |w|, None for s = 1
    periodic : bool, whether the window goes on after its last entry, or mirrors its first there

    Raises
    ------
    ArgumentError : an unknown side, window or scaling
    ShapeError : a shape other than (T, 1, F // 2 + 1), or a window that is not as long as T

    Source
    ------
    J. B. Allen 1977, Short term spectral analysis.

    Examples
    --------
    >>> STFT("real", window=None)((2, 1, 3))[:, 0]
    array([[ 1.,  1.,  1.],
           [ 1.,  0., -1.]], dtype=float32)
    """

    def __init__(
        self,
        side: str = "real",
        window: str | Sequence[float] | None = "hann",
        scaling: str | None = "density",
        periodic: bool = False,
    ) -> None:
        self.side = side
        self._wave = lookup("side", side, SIDES, "STFT")
        self.window = known_window(window, "STFT")
        self.scaling, self.periodic = scaling, periodic
        named = {name: scale for name, scale in SCALINGS.items() if name is not None}
        self._scale = (
            SCALINGS[None] if scaling is None else lookup("scaling", scaling, named, "STFT")
        )

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> np.ndarray:
        """Return the kernel (T, 1, F // 2 + 1)."""
        if len(shape) != 3 or shape[1] != 1 or shape[2] < 2:
            raise ShapeError(
                "STFT",
                "the kernel is not that of a transform",
                expected="shape (T, 1, F // 2 + 1)",
                received={"shape": tuple(shape)},
            )
        T, _, bins = shape
        turns = np.outer(np.arange(T), np.arange(bins)) / (2 * (bins - 1))
        kernel = self._wave(-2 * np.pi * turns)
        if self.window is not None:
            w = self._weights(T)
            kernel = kernel * (w / self._scale(w))[:, np.newaxis]
        # A sine of whole half turns is 0, which a rounded pi misses.
        kernel = np.where(np.abs(kernel) < 1e-15, 0.0, kernel)
        return np.asarray(kernel[:, np.newaxis], dtype or config.floatx())

    def _weights(self, T: int) -> np.ndarray:
        if isinstance(self.window, str):
            return WINDOWS[self.window](T + 1)[:-1] if self.periodic else WINDOWS[self.window](T)
        w = np.asarray(self.window, float)
        if w.shape != (T,):
            raise ShapeError(
                "STFT",
                "the window is not as long as a piece",
                expected=f"shape ({T},)",
                received={"window.shape": w.shape},
            )
        return w


def known_window(window: Any, who: str) -> Any:
    """Return a window as it is, or refuse an unknown name."""
    if isinstance(window, str):
        lookup("window", window, WINDOWS, who)
    elif window is not None and np.ndim(window) != 1:
        raise ArgumentError(
            who,
            "the window is no row of weights",
            expected=f"one of {', '.join(WINDOWS)}, an array of one axis, or None",
            received={"window": window},
        )
    return window
