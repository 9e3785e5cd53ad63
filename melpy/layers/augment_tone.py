"""Layers that change how light and dark lie in images: solarized, stretched, equalized."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import ArgumentError
from melpy.layers.augment import Factor, each, interval, per_image
from melpy.layers.augment_color import BYTES, ColorLayer, RandomColorLayer
from melpy.layers.base import Shape
from melpy.layers.checks import not_negative, positive
from melpy.tensor import Tensor

__all__ = [
    "AutoContrast",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "Equalization",
    "Solarization",
]


class Solarization(RandomColorLayer):
    """While training, y = x + a cut to the range; where that is at least t, its opposite.

    Parameters
    ----------
    addition_factor : two floats in [0, 1], between which an image's a lies, of 255; or one f, for
        [0, f)
    threshold_factor : the same for t; 0, the default, turns every value into its opposite
    value_range : (low, high), between which the values of the images lie
    seed : int or None, for the next one of the process's stream

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> Solarization(threshold_factor=(0.0, 0.0))(np.array([[[0.0, 100.0, 255.0]]])).numpy()
    array([[[255., 155.,   0.]]], dtype=float32)
    """

    def __init__(
        self,
        addition_factor: Factor = 0.0,
        threshold_factor: Factor = 0.0,
        value_range: Sequence[float] = BYTES,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range=value_range, seed=seed, **kwargs)
        who = "Solarization"
        self.addition_factor = interval(addition_factor, "addition_factor", who, low=0.0)
        self.threshold_factor = interval(threshold_factor, "threshold_factor", who, low=0.0)

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return a and t."""
        a, t = (
            self.evenly(per_image(shape), (low, high * 255), seed)
            for low, high in (self.addition_factor, self.threshold_factor)
        )
        return {"additions": a, "thresholds": t}

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images, solarized."""
        a, t = (each(transformation[name], images.dtype) for name in ("additions", "thresholds"))
        x = ops.clip(ops.add(self.scaled(images, BYTES), a), *BYTES)
        y = ops.where(ops.less(x, t), x, ops.subtract(255, x))
        return self.scaled_back(y, BYTES)


class AutoContrast(ColorLayer):
    """Stretch each channel of each image to the whole range; the same at inference.

    Parameters
    ----------
    value_range : (low, high), between which the values of the images lie

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape. A channel of one value stays as it
    is.

    Examples
    --------
    >>> import numpy as np
    >>> AutoContrast()(np.array([[[50.0], [100.0], [150.0]]])).numpy()[0, :, 0]
    array([  0. , 127.5, 255. ], dtype=float32)
    """

    def __init__(self, value_range: Sequence[float] = BYTES, **kwargs: Any) -> None:
        super().__init__(value_range=value_range, **kwargs)

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images, stretched."""
        x = self.scaled(images, BYTES)
        axes = (self.height_axis, self.height_axis + 1)
        low, high = (f(x, axis=axes, keepdims=True) for f in (ops.min, ops.max))
        flat = ops.equal(low, high)
        scale = ops.divide(255.0, ops.where(flat, 1.0, ops.subtract(high, low)))
        y = ops.clip(ops.multiply(ops.subtract(x, low), scale), *BYTES)
        return ops.where(flat, images, self.scaled_back(y, BYTES))


class Equalization(ColorLayer):
    """While training, make all values about equally frequent, in each channel of the batch.

    Parameters
    ----------
    value_range : (low, high), between which the values of the images lie
    bins : int > 0, how many values are told apart
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape.
    """

    def __init__(
        self,
        value_range: Sequence[float] = BYTES,
        bins: int = 256,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range=value_range, data_format=data_format, **kwargs)
        self.bins = positive(bins, "bins", "Equalization")

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images, equalized while training."""
        images = ops.cast(images, self.dtype)
        return super().transform_images(images, transformation) if training else images

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images, equalized."""
        x = np.asarray(self.scaled(images, BYTES))
        axis = -1 if self.data_format == "channels_last" else -3
        channels = [self._equalized(channel) for channel in np.moveaxis(x, axis, 0)]
        return Tensor.of(self.scaled_back(np.stack(channels, axis), BYTES), None)

    def _equalized(self, x: np.ndarray) -> np.ndarray:
        last = self.bins - 1
        bins = (x * last / 255).astype(np.int32).clip(0, last)
        counts = np.bincount(bins.ravel(), minlength=self.bins)
        if np.count_nonzero(counts) < 2:
            return x
        until = counts.cumsum()
        least = until[until > 0][0]
        parts = ((until - least) * 255).astype(
            x.dtype
        )  # of its type: halves are rounded as in Keras
        table = np.round(parts / x.dtype.type(max(until[-1] - least, 1))).clip(*BYTES)
        return table[(x / 255 * last).clip(0, last).astype(np.int32)]


class ContrastLimitedAdaptiveHistogramEqualization(ColorLayer):
    """Make values about equally frequent in each part of each image; the same at inference.

    Each channel is cut into a grid of tiles. What a tile makes of a value is the share of its
    pixels that have at most that value; a pixel gets a mix of what the four nearest tiles make.

    Parameters
    ----------
    value_range : (low, high), between which the values of the images lie
    clip_limit : float >= 0: no value of a tile counts more than that many times the mean of all
        256; what it exceeds is spread over all. 0 for no limit
    tile_grid_size : two ints > 0, how many tiles one below another, and side by side
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape. Images come out in the type in which
    they came in. Source: K. Zuiderveld, Contrast limited adaptive histogram equalization, in
    Graphics Gems IV (1994).

    Examples
    --------
    >>> x = np.array([[[0.0], [10.0]], [[20.0], [30.0]]])
    >>> layer = ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(1, 1), clip_limit=0)
    >>> layer(x).numpy()[..., 0]
    array([[  0.,  85.],
           [170., 255.]], dtype=float32)
    """

    def __init__(
        self,
        value_range: Sequence[float] = BYTES,
        clip_limit: float = 4.0,
        tile_grid_size: Sequence[int] = (8, 8),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range=value_range, data_format=data_format, **kwargs)
        who = "ContrastLimitedAdaptiveHistogramEqualization"
        self.clip_limit = not_negative(clip_limit, "clip_limit", who)
        if np.shape(tile_grid_size) != (2,):
            raise ArgumentError(
                who,
                "the grid of tiles is none",
                expected="two ints > 0",
                received={"tile_grid_size": tile_grid_size},
            )
        self.tile_grid_size = tuple(positive(n, "tile_grid_size", who) for n in tile_grid_size)

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images, equalized, in their own type."""
        return ops.cast(self.through(self.change, images, transformation), images.dtype)

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images, equalized."""
        x = np.asarray(self.scaled(ops.cast(images, "float32"), BYTES))
        is_last = self.data_format == "channels_last"
        planes = np.moveaxis(x, -1, 1) if is_last else x  # (N, C, H, W)
        y = self._equalized(planes)
        y = np.moveaxis(y, 1, -1) if is_last else y
        return Tensor.of(np.asarray(self.scaled_back(y, BYTES)), None)

    def _equalized(self, x: np.ndarray) -> np.ndarray:
        (N, C, H, W), (rows, columns) = x.shape, self.tile_grid_size
        high, wide = -(-H // rows), -(-W // columns)  # of a tile
        beyond = ((0, 0), (0, 0), (0, high * rows - H), (0, wide * columns - W))
        values = np.pad(x, beyond, mode="symmetric").clip(*BYTES).astype(np.int32)
        tiles = values.reshape(N, C, rows, high, columns, wide).swapaxes(3, 4)
        tables = self._tables(tiles.reshape(-1, high * wide)).reshape(N, C, rows, columns, 256)
        tables = np.pad(tables, ((0, 0), (0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
        n, c = np.ogrid[:N, :C]
        n, c = n[..., np.newaxis, np.newaxis], c[..., np.newaxis, np.newaxis]
        (top, down), (left, right) = _between(H, high), _between(W, wide)
        pixels = values[..., :H, :W]

        def mixed(row: np.ndarray) -> np.ndarray:  # of the tables beside each other in a row
            row = row[:, np.newaxis]
            return (1 - right) * tables[n, c, row, left, pixels] + right * tables[
                n, c, row, left + 1, pixels
            ]

        down = down[:, np.newaxis]
        return (1 - down) * mixed(top) + down * mixed(top + 1)

    def _tables(self, tiles: np.ndarray) -> np.ndarray:
        """Return what each tile, a row of values, makes of each of the 256 values."""
        T, count = tiles.shape
        places = tiles + 256 * np.arange(T)[:, np.newaxis]
        counts = np.bincount(places.ravel(), minlength=256 * T).reshape(T, 256).astype("float32")
        if self.clip_limit:
            kept = np.minimum(counts, np.float32(self.clip_limit * count / 256))
            counts = kept + (counts - kept).sum(axis=1, keepdims=True) / 256
        until = counts.cumsum(axis=1, dtype="float32")
        least = until.min(axis=1, keepdims=True)
        rest = count - least
        return ((until - least) * 255 / np.where(rest == 0, 1, rest)).clip(*BYTES)


def _between(size: int, tile: int) -> tuple[np.ndarray, np.ndarray]:
    """Return of each pixel the tile before it, one more at the rim, and how near the next is."""
    at = (np.arange(size, dtype="float32") - tile / 2) / tile + 1
    before = np.floor(at).astype(np.int32)
    return before, (at - before).astype("float32")
