"""What a layer tells of its inside, to who looks on: `model.trace(inside=True)` and the Lab."""

from __future__ import annotations

from typing import Any

from melpy import activations
from melpy.layers.taking import Taking

__all__ = ["Shown"]


class Shown(Taking):
    """What a layer is made of, beside what comes out. Abstract."""

    activates_last = False  # whether the last thing that ``call`` does is ``activation``
    activation: Any

    def kinks(self) -> tuple[float, ...]:
        """Return where the slope of the layer's activation jumps."""
        return activations.KINKS.get(self.activation, ()) if self.activates_last else ()

    def channels_last(self, x: Any) -> Any:
        """Return an array of the layer's layout as images (N, H, W, C)."""
        return x

    def convolution_geometry(self, shape: tuple[int, ...]) -> Any:
        """Return strides, pads, dilation and groups of what kernels convolve; None for no such.

        Parameters
        ----------
        shape : of the input, as images (N, H, W, C)
        """
        return None

    def pooling_geometry(self, shape: tuple[int, ...]) -> Any:
        """Return "max" or "average", window, strides and pads of a pooling; None for no such.

        Parameters
        ----------
        shape : of the input, as images (N, H, W, C)
        """
        return None
