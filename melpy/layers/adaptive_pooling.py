"""Pooling to a size that is asked for."""

from __future__ import annotations

from typing import Any

from melpy import ops
from melpy.layers.arguments import Shape
from melpy.layers.spatial import Spatial
from melpy.ops.spatial import whole

__all__ = [
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
]


class AdaptivePooling(Spatial):
    """A layer that makes as many values of each channel as are asked for. Abstract."""

    pool: Any  # the op
    settled = ("output_size",)

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        self.output_size = whole(output_size, self.rank, "output_size", type(self).__name__)

    def call_last(self, x: Any) -> Any:
        """Return the pooled input."""
        return type(self).pool(x, output_size=self.output_size, data_format="channels_last")

    def last_shape(self, shape: Shape) -> Shape:
        """Return (N, *output_size, C)."""
        return (shape[0], *self.output_size, shape[-1])


class AdaptiveAveragePooling1D(AdaptivePooling):
    """Average windows of sequences (N, T, C); as `AdaptiveAveragePooling2D`, along one axis.

    Notes
    -----
    Input (N, T, C), output (N, output_size, C).
    """

    whole = True
    rank = 1
    pool = staticmethod(ops.adaptive_average_pool)


class AdaptiveAveragePooling2D(AdaptivePooling):
    """Average windows of nearly equal sizes, as many as are asked for.

    Parameters
    ----------
    output_size : int or pair of ints > 0, how many windows there are along each axis
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, H, W, C), output (N, *output_size, C). Window n of k along an axis reaches from
    ⌊n size / k⌋ to before ⌈(n + 1) size / k⌉.

    Source
    ------
    K. He, X. Zhang, S. Ren, J. Sun 2014, Spatial pyramid pooling, section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> AdaptiveAveragePooling2D(3)(np.ones((2, 7, 5, 4))).shape
    (2, 3, 3, 4)
    """

    whole = True
    rank = 2
    pool = staticmethod(ops.adaptive_average_pool)


class AdaptiveAveragePooling3D(AdaptivePooling):
    """Average windows of nearly equal sizes, in volumes (N, D, H, W, C).

    Parameters and windows are those of `AdaptiveAveragePooling2D`, along three axes.

    Notes
    -----
    Input (N, D, H, W, C), output (N, *output_size, C).
    """

    whole = True
    rank = 3
    pool = staticmethod(ops.adaptive_average_pool)


class AdaptiveMaxPooling1D(AdaptivePooling):
    """Keep the largest of windows of sequences (N, T, C); as `AdaptiveMaxPooling2D`.

    Notes
    -----
    Input (N, T, C), output (N, output_size, C).
    """

    whole = True
    rank = 1
    pool = staticmethod(ops.adaptive_max_pool)


class AdaptiveMaxPooling2D(AdaptivePooling):
    """Keep the largest of windows of nearly equal sizes, as many as are asked for.

    Parameters
    ----------
    output_size : int or pair of ints > 0, how many windows there are along each axis
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, H, W, C), output (N, *output_size, C). Window n of k along an axis reaches from
    ⌊n size / k⌋ to before ⌈(n + 1) size / k⌉.

    Source
    ------
    K. He, X. Zhang, S. Ren, J. Sun 2014, Spatial pyramid pooling, section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> AdaptiveMaxPooling2D(3)(np.ones((2, 7, 5, 4))).shape
    (2, 3, 3, 4)
    """

    whole = True
    rank = 2
    pool = staticmethod(ops.adaptive_max_pool)


class AdaptiveMaxPooling3D(AdaptivePooling):
    """Keep the largest of windows of nearly equal sizes, in volumes (N, D, H, W, C).

    Parameters and windows are those of `AdaptiveMaxPooling2D`, along three axes.

    Notes
    -----
    Input (N, D, H, W, C), output (N, *output_size, C).
    """

    whole = True
    rank = 3
    pool = staticmethod(ops.adaptive_max_pool)
