"""Pooling of images: windows, or the whole image."""

from __future__ import annotations

from typing import Any

from melpy import ops
from melpy.errors import lookup
from melpy.layers.base import Shape
from melpy.layers.conv import ImageLayer, output_size, refuse_empty
from melpy.ops.spatial import PADDINGS, whole

__all__ = [
    "AveragePooling2D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "MaxPooling2D",
    "Pooling2D",
]


class WindowPooling(ImageLayer):
    """A layer that makes one value of each window. Abstract; ``pool`` is the op."""

    pool: Any

    def __init__(
        self,
        pool_size: int | tuple[int, int] = (2, 2),
        strides: int | tuple[int, int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, **kwargs)
        who = type(self).__name__
        self.pool_size = whole(pool_size, 2, "pool_size", who)
        self.strides = self.pool_size if strides is None else whole(strides, 2, "strides", who)
        lookup("padding", padding, PADDINGS, who)
        self.padding = padding

    def call_images(self, x: Any) -> Any:
        """Return the pooled images."""
        return type(self).pool(
            x, pool_size=self.pool_size, strides=self.strides, padding=self.padding
        )

    def image_shape(self, shape: Shape) -> Shape:
        """Return (N, oH, oW, C)."""
        sizes = [
            output_size(size, window, stride, self.padding)
            for size, window, stride in zip(shape[1:3], self.pool_size, self.strides, strict=True)
        ]
        refuse_empty(sizes, shape)
        return (shape[0], *sizes, shape[3])


class MaxPooling2D(WindowPooling):
    """Keep each window's largest value.

    Parameters
    ----------
    pool_size : int or pair of ints > 0
    strides : int or pair of ints > 0, pool_size by default
    padding : "valid" or "same"
    data_format : "channels_last", "channels_first", or None for the setting

    Examples
    --------
    >>> import numpy as np
    >>> MaxPooling2D()(np.arange(4.0).reshape(1, 2, 2, 1)).item()
    3.0
    """

    pool = staticmethod(ops.max_pool)


class AveragePooling2D(WindowPooling):
    """Average each window; padded cells do not count.

    Parameters
    ----------
    pool_size : int or pair of ints > 0
    strides : int or pair of ints > 0, pool_size by default
    padding : "valid" or "same"
    data_format : "channels_last", "channels_first", or None for the setting
    """

    pool = staticmethod(ops.average_pool)


MODES = {"max": MaxPooling2D, "average": AveragePooling2D}


def Pooling2D(pool_size: Any = 2, strides: Any = None, mode: str = "max", **kwargs: Any) -> Any:  # noqa: N802
    """Return the pooling layer of the paper's ``mode``, "max" or "average"."""
    return lookup("mode", mode, MODES, "Pooling2D")(pool_size, strides, **kwargs)


class GlobalPooling(ImageLayer):
    """A layer that makes one value of each channel. Abstract; ``reduce`` is the op."""

    reduce: Any

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.keepdims = keepdims

    def call_images(self, x: Any) -> Any:
        """Return (N, C), or (N, 1, 1, C) with keepdims."""
        return type(self).reduce(x, axis=(1, 2), keepdims=self.keepdims)

    def image_shape(self, shape: Shape) -> Shape:
        """Return (N, C), or (N, 1, 1, C) with keepdims."""
        return (shape[0], 1, 1, shape[3]) if self.keepdims else (shape[0], shape[3])


class GlobalAveragePooling2D(GlobalPooling):
    """Average each channel over the image: (N, H, W, C) -> (N, C). M. Lin et al. 2014.

    Parameters
    ----------
    data_format : "channels_last", "channels_first", or None for the setting
    keepdims : bool, keep the image axes as 1
    """

    reduce = staticmethod(ops.mean)


class GlobalMaxPooling2D(GlobalPooling):
    """Keep each channel's largest value: (N, H, W, C) -> (N, C).

    Parameters
    ----------
    data_format : "channels_last", "channels_first", or None for the setting
    keepdims : bool, keep the image axes as 1
    """

    reduce = staticmethod(ops.max)
