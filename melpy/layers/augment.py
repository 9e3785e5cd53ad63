"""Layers that change images at random while training: mirrored, cut, lit otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import ops, random
from melpy.errors import ArgumentError, lookup
from melpy.layers.base import Shape
from melpy.layers.checks import positive
from melpy.layers.preprocessing import ImageLayer

__all__ = [
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomImageLayer",
    "interval",
    "range_of",
]

Factor = float | Sequence[float]
MODES = {name: name for name in ("horizontal", "vertical", "horizontal_and_vertical")}


class RandomImageLayer(ImageLayer):
    """What layers share that change each image by a draw of its own. Abstract.

    Parameters
    ----------
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    They act where ``training`` is True, which is a call's default outside of a model.
    """

    def __init__(self, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = random.generator(seed)

    def call(self, inputs: Any, training: bool = True) -> Any:
        """Return the changed images while training, else the images; of a dict, its "images"."""
        if isinstance(inputs, dict):
            require_images(inputs)
            return {**inputs, **self.changed(inputs, training)}
        return self.changed({"images": inputs}, training)["images"]

    def changed(self, data: dict[str, Any], training: bool) -> dict[str, Any]:
        """Return what of the data becomes something else."""
        images = ops.cast(data["images"], self.dtype)
        if training:
            self.size(images.shape)
            images = self.change(images)
        return {"images": images}

    def change(self, images: Any) -> Any:
        """Return the images after a new draw. Abstract."""
        raise NotImplementedError

    def draw(self, images: Any, interval: tuple[float, float]) -> np.ndarray:
        """Return a number from [low, high) for each image, of shape (N, 1, 1, 1)."""
        N = images.shape[0] if images.ndim == 4 else 1
        return self.generator.uniform(*interval, (N, *[1] * (images.ndim - 1)))


def require_images(data: dict[str, Any]) -> None:
    """Refuse a dict without images, or with what would not fit the changed ones any more."""
    if "images" not in data or data.keys() & {"bounding_boxes", "segmentation_masks"}:
        raise ArgumentError(
            "call",
            "this is no dict of images that can be changed",
            expected='"images", and "labels" where there are some',
            received={"keys": list(data)},
        )


def interval(
    factor: Factor, name: str, who: str, low: float = -1.0, high: float = 1.0
) -> tuple[float, float]:
    """Return (lower, upper): a pair, sorted; of a number f, (-f, f) inside [low, high]."""
    try:
        pair = [float(f) for f in ([factor] if np.ndim(factor) == 0 else factor)]  # type: ignore
    except (TypeError, ValueError):
        pair = []
    if len(pair) not in (1, 2) or not all(low <= f <= high for f in pair):
        raise ArgumentError(
            who,
            f"{name} is out of range",
            expected=f"a number in [{low:g}, {high:g}], or two",
            received={name: factor},
        )
    if len(pair) == 1:
        return max(-abs(pair[0]), low), abs(pair[0])
    return min(pair), max(pair)


class RandomFlip(RandomImageLayer):
    """While training, mirror each image with probability 1/2.

    Parameters
    ----------
    mode : "horizontal" for left and right, "vertical" for top and bottom, or
        "horizontal_and_vertical" for both at once, a half turn
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting

    Examples
    --------
    >>> x = np.tile([1.0, 2.0], (4, 1)).reshape(4, 1, 2, 1)
    >>> RandomFlip("horizontal", seed=0)(x, training=True).numpy()[:, 0, :, 0]
    array([[1., 2.],
           [2., 1.],
           [2., 1.],
           [2., 1.]], dtype=float32)
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.mode = lookup("mode", mode, MODES, "RandomFlip")

    def change(self, images: Any) -> Any:
        """Return the images, about half of them mirrored."""
        flipped = self.draw(images, (0.0, 1.0)) <= 0.5
        axes = [axis for axis, way in ((self.height_axis, "vertical"),
                                       (self.height_axis + 1, "horizontal"))
                if way in self.mode]  # fmt: skip
        return ops.where(flipped, ops.flip(images, tuple(axes)), images)


class RandomCrop(RandomImageLayer):
    """While training, cut out a part of the images at a place drawn for the batch; else resize.

    Parameters
    ----------
    height, width : int > 0, in pixels
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting
    name : str or None

    Notes
    -----
    At inference the largest part of the new aspect ratio, in the middle, is resized. Keras says
    so too, though its 3.15 leaves the images as they are.
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, name=name, **kwargs)
        self.height = positive(height, "height", "RandomCrop")
        self.width = positive(width, "width", "RandomCrop")

    def call(self, inputs: Any, training: bool = True) -> Any:
        """Return a part of the images, in the new size."""
        images = ops.cast(inputs, self.dtype)
        H, W = self.size(images.shape)
        oH, oW = self.height, self.width
        if not training:
            return self._resized(images, crop_to_aspect_ratio=True)
        if min(H - oH, W - oW) > 0:
            top, left = self.generator.integers((H - oH + 1, W - oW + 1)).tolist()
        else:  # where the middle of the new aspect ratio begins
            top = (H - max(min(H, W * oH // oW), 1)) // 2
            left = (W - max(min(W, H * oW // oH), 1)) // 2
        part = self.window(images, top, left, oH, oW)
        return part if self.size(part.shape) == (oH, oW) else self._resized(part)

    def _resized(self, images: Any, **options: Any) -> Any:
        size = self.height, self.width
        return ops.image.resize(images, size, data_format=self.data_format, **options)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (N, height, width, C)."""
        return self.sized(input_shape, self.height, self.width)


class RandomContrast(RandomImageLayer):
    """While training, y = (x - m) f + m with an image's f, m each channel's mean over it.

    Parameters
    ----------
    factor : two floats in [0, 1]: f lies in [1 - first, 1 + second), first the smaller one; or
        one float, f in [1, 1 + factor), as in Keras 3.15
    value_range : (low, high), what the results are limited to
    seed : int or None, for the next one of the process's stream
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        lower, upper = interval(factor, "factor", "RandomContrast", low=0.0)
        self.factor = lower, upper
        self.value_range = range_of(value_range, "RandomContrast")

    def change(self, images: Any) -> Any:
        """Return the images with more or less contrast."""
        f = self.draw(images, (1 - self.factor[0], 1 + self.factor[1])).astype(images.dtype)
        axes = (self.height_axis, self.height_axis + 1)
        m = ops.mean(images, axis=axes, keepdims=True)
        y = ops.add(ops.multiply(ops.subtract(images, m), f), m)
        return ops.clip(y, *self.value_range)


class RandomBrightness(RandomImageLayer):
    """While training, y = x + f (high - low) with an image's f.

    Parameters
    ----------
    factor : two floats in [-1, 1], between which f lies; or one, for [-factor, factor)
    value_range : (low, high), what the results are limited to
    seed : int or None, for the next one of the process's stream
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.factor = interval(factor, "factor", "RandomBrightness")
        self.value_range = range_of(value_range, "RandomBrightness")

    def change(self, images: Any) -> Any:
        """Return the images, lighter or darker."""
        low, high = self.value_range
        lift = self.draw(images, self.factor) * (high - low)
        return ops.clip(ops.add(images, lift.astype(images.dtype)), low, high)


def range_of(value_range: Sequence[float], who: str) -> tuple[float, float]:
    """Return (lower, upper) of the range in which an image's values lie, or refuse it."""
    if not isinstance(value_range, list | tuple) or len(value_range) != 2:
        raise ArgumentError(
            who,
            "value_range is no range",
            expected="two numbers",
            received={"value_range": value_range},
        )
    return min(value_range), max(value_range)
