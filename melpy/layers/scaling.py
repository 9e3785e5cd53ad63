"""Normalization by length alone: no mean is taken away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from melpy import ops
from melpy.errors import DtypeError, ShapeError
from melpy.layers.activation import SameShape
from melpy.layers.arguments import Shape

__all__ = ["RMSNormalization", "UnitNormalization"]


class RMSNormalization(SameShape):
    """y = scale x / sqrt(mean of x^2 + epsilon), each sample by itself.

    Parameters
    ----------
    axis : int or ints, the axes whose mean is taken, the features' by default
    epsilon : float > 0

    Notes
    -----
    Input (N, ...), output of the same shape. Weights: scale, of the sizes along ``axis``.

    Source
    ------
    B. Zhang, R. Sennrich 2019, equation 4.

    Examples
    --------
    >>> import numpy as np
    >>> RMSNormalization(epsilon=0.0)(np.array([[3.0, -3.0]])).numpy()
    array([[ 1., -1.]], dtype=float32)
    """

    whole = True
    supports_masking = False  # as in Keras

    def __init__(
        self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.axis, self.epsilon = axis, epsilon

    def build(self, input_shape: Shape) -> None:
        """Make scale."""
        axes = _known_axes(self.axis, input_shape)
        self.scale = self.add_weight([input_shape[n] or 0 for n in axes], "ones", name="scale")

    def call(self, inputs: Any) -> Any:
        """Return the input, scaled."""
        axes = _known_axes(self.axis, inputs.shape)
        return ops.rms_normalization(inputs, self.scale, axes, self.epsilon)


class UnitNormalization(SameShape):
    """y = x / sqrt(sum of x^2), each sample by itself: vectors of length 1.

    Parameters
    ----------
    axis : int or ints, the axes that make up a vector, the features' by default

    Notes
    -----
    Input (N, ...), output of the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> np.round(UnitNormalization()(np.array([[3.0, 4.0]])).numpy(), 6)
    array([[0.6, 0.8]], dtype=float32)
    """

    whole = True

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axis, int | list | tuple):
            raise DtypeError(
                "UnitNormalization",
                "axis is no axis",
                expected="an int or a list of ints",
                received={"axis": axis},
            )
        self.axis = axis

    def call(self, inputs: Any) -> Any:
        """Return the input, scaled."""
        return ops.normalize(inputs, _known_axes(self.axis, inputs.shape), epsilon=1e-12)


def _known_axes(axis: int | Sequence[int], shape: Shape) -> tuple[int, ...]:
    """Return the axes from the first one on, in order."""
    axes = (axis,) if isinstance(axis, int) else axis
    if any(not -len(shape) <= n < len(shape) for n in axes):
        raise ShapeError("build", f"input has no axis {axis}", received={"shape": tuple(shape)})
    return tuple(sorted(n % len(shape) for n in axes))
