"""Pooling: windows, or the whole of each channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import lookup
from melpy.layers.arguments import Shape
from melpy.layers.spatial import Spatial, known_padding, output_size, refuse_empty
from melpy.ops.spatial import Layout, pads, whole

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
    "Pooling2D",
]


class WindowPooling(Spatial):
    """A layer that makes one value of each window. Abstract; ``pool`` is the op."""

    pool: Any
    needs_build = False
    settled = ("pool_size", "strides")

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, name=name, **kwargs)
        who = type(self).__name__
        self.pool_size = whole(pool_size, self.rank, "pool_size", who)
        self.strides = (
            self.pool_size if strides is None else whole(strides, self.rank, "strides", who)
        )
        self.padding = known_padding(padding, who)

    def call_last(self, x: Any) -> Any:
        """Return the pooled input."""
        return type(self).pool(
            x,
            pool_size=self.pool_size,
            strides=self.strides,
            padding=self.padding,
            data_format="channels_last",
        )

    def pooling_geometry(self, shape: tuple[int, ...]) -> Any:
        """Return "max" or "average", window, strides and pads; see `Shown`."""
        if self.rank == 3:
            return None
        layout = Layout(self.rank, False)
        window = layout.each(self.pool_size, "pool_size", "call")
        strides = layout.each(self.strides, "strides", "call")
        kind = "max" if type(self).pool is ops.max_pool else "average"
        return kind, window, strides, pads(self.padding, tuple(shape[1:3]), window, strides, "call")

    def as_max_pooling(self) -> tuple[int, ...] | None:
        """Return the windows, where they lie side by side and their largest values are kept."""
        is_tiled = self.padding == "valid" and self.strides == self.pool_size
        is_max = type(self).pool is ops.max_pool
        return self.pool_size if is_max and is_tiled and not self.channels_first else None

    def last_shape(self, shape: Shape) -> Shape:
        """Return (N, oH, oW, C)."""
        geometry = zip(shape[1:-1], self.pool_size, self.strides, strict=True)
        sizes = [output_size(size, window, step, self.padding) for size, window, step in geometry]
        refuse_empty(sizes, shape)
        return (shape[0], *sizes, shape[-1])


class MaxPooling1D(WindowPooling):
    """Keep each window's largest value, along sequences (N, T, C); as `MaxPooling2D`.

    Notes
    -----
    Input (N, T, C), output (N, oT, C).
    """

    whole = True
    joins = True
    rank = 1
    pool = staticmethod(ops.max_pool)


class MaxPooling2D(WindowPooling):
    """Keep each window's largest value.

    Parameters
    ----------
    pool_size : int or pair of ints > 0
    strides : int or pair of ints > 0, pool_size by default
    padding : "valid" or "same"
    data_format : "channels_last", "channels_first", or None for the setting
    name : str or None

    Notes
    -----
    Input (N, H, W, C), output (N, oH, oW, C).

    Examples
    --------
    >>> import numpy as np
    >>> MaxPooling2D()(np.arange(4.0).reshape(1, 2, 2, 1)).item()
    3.0
    """

    whole = True
    joins = True
    rank = 2
    pool = staticmethod(ops.max_pool)


class AveragePooling1D(WindowPooling):
    """Average each window, along sequences (N, T, C); as `AveragePooling2D`.

    Notes
    -----
    Input (N, T, C), output (N, oT, C).
    """

    whole = True
    rank = 1
    pool = staticmethod(ops.average_pool)


class AveragePooling2D(WindowPooling):
    """Average each window; padded cells do not count.

    Parameters
    ----------
    pool_size : int or pair of ints > 0
    strides : int or pair of ints > 0, pool_size by default
    padding : "valid" or "same"
    data_format : "channels_last", "channels_first", or None for the setting
    name : str or None

    Notes
    -----
    Input (N, H, W, C), output (N, oH, oW, C).
    """

    whole = True
    rank = 2
    pool = staticmethod(ops.average_pool)


class MaxPooling3D(WindowPooling):
    """Keep each box's largest value, in volumes (N, D, H, W, C); as `MaxPooling2D`.

    Notes
    -----
    Input (N, D, H, W, C), output (N, oD, oH, oW, C).

    Examples
    --------
    >>> import numpy as np
    >>> MaxPooling3D()(np.arange(8.0).reshape(1, 2, 2, 2, 1)).item()
    7.0
    """

    whole = True
    rank = 3
    pool = staticmethod(ops.max_pool)


class AveragePooling3D(WindowPooling):
    """Average each box, in volumes (N, D, H, W, C); as `AveragePooling2D`.

    Notes
    -----
    Input (N, D, H, W, C), output (N, oD, oH, oW, C).
    """

    whole = True
    rank = 3
    pool = staticmethod(ops.average_pool)


MODES = {"max": MaxPooling2D, "average": AveragePooling2D}


def Pooling2D(pool_size: Any = 2, strides: Any = None, mode: str = "max", **kwargs: Any) -> Any:  # noqa: N802
    """Return the pooling layer of the paper's ``mode``, "max" or "average".

    Notes
    -----
    Input (N, H, W, C), output (N, oH, oW, C).
    """
    return lookup("mode", mode, MODES, "Pooling2D")(pool_size, strides, **kwargs)


class GlobalPooling(Spatial):
    """A layer that makes one value of each channel. Abstract; ``reduce`` is the op."""

    reduce: Any
    needs_build = False

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.keepdims = keepdims

    def call_last(self, x: Any) -> Any:
        """Return (N, C), or (N, 1, 1, C) with keepdims."""
        axes = tuple(range(1, self.rank + 1))
        return type(self).reduce(x, axis=axes, keepdims=self.keepdims)

    def pooling_geometry(self, shape: tuple[int, ...]) -> Any:
        """Return the whole image as one window; see `Shown`."""
        if self.rank == 3:
            return None
        whole = tuple(shape[1:3])
        kind = "max" if type(self).reduce is ops.max else "average"
        return kind, whole, whole, ((0, 0), (0, 0))

    def last_shape(self, shape: Shape) -> Shape:
        """Return (N, C), or (N, 1, 1, C) with keepdims."""
        ones = (1,) * self.rank if self.keepdims else ()
        return (shape[0], *ones, shape[-1])


class GlobalAveragePooling1D(GlobalPooling):
    """Average each channel over the steps that are not masked: (N, T, C) -> (N, C).

    Parameters
    ----------
    data_format : "channels_last", "channels_first", or None for the setting
    keepdims : bool, keep the steps' axis as 1
    """

    whole = True
    rank = 1
    supports_masking = True
    reduce = staticmethod(ops.mean)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the averages."""
        if mask is None:
            return super().call(inputs)
        self.check_rank(inputs.shape)
        axis = 2 if self.channels_first else 1
        steps = np.expand_dims(np.asanyarray(mask, inputs.dtype), 3 - axis)
        total = ops.sum(inputs * steps, axis=axis, keepdims=self.keepdims)
        return total / steps.sum(axis=axis, keepdims=self.keepdims)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return None: there are no steps any more."""


class GlobalAveragePooling2D(GlobalPooling):
    """Average each channel over the image: (N, H, W, C) -> (N, C). M. Lin et al. 2014.

    Parameters
    ----------
    data_format : "channels_last", "channels_first", or None for the setting
    keepdims : bool, keep the image axes as 1
    """

    whole = True
    rank = 2
    reduce = staticmethod(ops.mean)


class GlobalMaxPooling1D(GlobalPooling):
    """Keep each channel's largest value: (N, T, C) -> (N, C); as `GlobalMaxPooling2D`."""

    whole = True
    rank = 1
    reduce = staticmethod(ops.max)


class GlobalMaxPooling2D(GlobalPooling):
    """Keep each channel's largest value: (N, H, W, C) -> (N, C).

    Parameters
    ----------
    data_format : "channels_last", "channels_first", or None for the setting
    keepdims : bool, keep the image axes as 1
    """

    whole = True
    rank = 2
    reduce = staticmethod(ops.max)


class GlobalAveragePooling3D(GlobalPooling):
    """Average each channel: (N, D, H, W, C) -> (N, C); as `GlobalAveragePooling2D`."""

    whole = True
    rank = 3
    reduce = staticmethod(ops.mean)


class GlobalMaxPooling3D(GlobalPooling):
    """Keep each channel's largest value: (N, D, H, W, C) -> (N, C); as `GlobalMaxPooling2D`."""

    whole = True
    rank = 3
    reduce = staticmethod(ops.max)
