"""Layers that change images at random while training: mirrored, lit otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import ops, random
from melpy.errors import ArgumentError, lookup
from melpy.layers.base import Shape
from melpy.layers.images import ImageLayer, images_of

__all__ = [
    "Factor",
    "RandomBrightness",
    "RandomContrast",
    "RandomFlip",
    "RandomImageLayer",
    "count",
    "each",
    "interval",
    "per_image",
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
    bounding_box_format : in which boxes come and go, or None

    Notes
    -----
    They act where ``training`` is True, which is a call's default outside of a model.
    """

    def __init__(self, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = random.SeedGenerator(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw what is to be done to images, or to a dict of them.

        Parameters
        ----------
        data : images (N, H, W, C) or (H, W, C), or a dict of "images" and what belongs to them
        training : bool; if it is False nothing is drawn: None
        seed : int or `random.SeedGenerator`, or None for the layer's own
        """
        images = images_of(data, self)
        return self.draw(tuple(images.shape), seed) if training else None

    def draw(self, shape: Shape, seed: Any) -> Any:
        """Return what is to be done to images of a shape. Abstract."""
        raise NotImplementedError

    def evenly(self, shape: Sequence[int], low_high: Sequence[float], seed: Any) -> np.ndarray:
        """Return numbers from [low, high)."""
        low, high = low_high
        return random.uniform(shape, low, high, seed=self.generator if seed is None else seed)

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return images (N, H, W, C) changed as was drawn, and as they are when not training."""
        if not training or transformation is None:
            return ops.cast(images, self.dtype)
        return super().transform_images(images, transformation)


def count(shape: Shape) -> int:
    """Return how many images have a shape."""
    return (shape[0] or 0) if len(shape) == 4 else 1


def per_image(shape: Shape) -> tuple[int, ...]:
    """Return the shape of a number for each image, with an axis for each of the images'."""
    return (count(shape), 1, 1, 1) if len(shape) == 4 else (1, 1, 1)


def each(values: Any, dtype: Any = None) -> np.ndarray:
    """Return a value for each image as (N, 1, 1, 1)."""
    values = ops.convert_to_numpy(values)
    return values.reshape(-1, 1, 1, 1).astype(dtype or values.dtype)


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

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape.

    Examples
    --------
    >>> x = np.tile([1.0, 2.0], (4, 1)).reshape(4, 1, 2, 1)
    >>> RandomFlip("horizontal", seed=0)(x, training=True).numpy()[:, 0, :, 0]
    array([[2., 1.],
           [2., 1.],
           [2., 1.],
           [1., 2.]], dtype=float32)
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

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return which images are to be mirrored."""
        flips = self.evenly(per_image(shape), (0.0, 1.0), seed) <= 0.5
        return {"flips": flips, "input_shape": shape}

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images, about half of them mirrored."""
        axes = [axis for axis, way in ((self.height_axis, "vertical"),
                                       (self.width_axis, "horizontal"))
                if way in self.mode]  # fmt: skip
        return ops.where(each(transformation["flips"]), ops.flip(images, tuple(axes)), images)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the boxes, mirrored as their images are."""
        if not training or transformation is None:
            return bounding_boxes
        H, W = size = self.size(tuple(transformation["input_shape"]))
        flips = each(transformation["flips"])[..., 0]

        def move(boxes: Any) -> Any:
            x, y, right, bottom = ops.split(boxes, 4, axis=-1)
            if "horizontal" in self.mode:
                x, right = W - right, W - x
            if "vertical" in self.mode:
                y, bottom = H - bottom, H - y
            return ops.where(flips, ops.concatenate([x, y, right, bottom], axis=-1), boxes)

        return self.move_boxes(bounding_boxes, move, size)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the masks, mirrored as their images are."""
        return self.transform_images(segmentation_masks, transformation, training)


class RandomContrast(RandomImageLayer):
    """While training, y = (x - m) f + m with an image's f, m each channel's mean over it.

    Parameters
    ----------
    factor : two floats in [0, 1]: f lies in [1 - first, 1 + second), first the smaller one; or
        one float, f in [1, 1 + factor), as in Keras 3.15
    value_range : (low, high), what the results are limited to
    seed : int or None, for the next one of the process's stream

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape.
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

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return f."""
        between = 1 - self.factor[0], 1 + self.factor[1]
        return {"contrast_factor": self.evenly(per_image(shape), between, seed)}

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images with more or less contrast."""
        f = each(transformation["contrast_factor"], images.dtype)
        m = ops.mean(images, axis=(self.height_axis, self.width_axis), keepdims=True)
        y = ops.add(ops.multiply(ops.subtract(images, m), f), m)
        return ops.clip(y, *self.value_range)


class RandomBrightness(RandomImageLayer):
    """While training, y = x + f (high - low) with an image's f.

    Parameters
    ----------
    factor : two floats in [-1, 1], between which f lies; or one, for [-factor, factor)
    value_range : (low, high), what the results are limited to
    seed : int or None, for the next one of the process's stream

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape.
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

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return what is to be added."""
        low, high = self.value_range
        return {"rgb_delta": self.evenly(per_image(shape), self.factor, seed) * (high - low)}

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images, lighter or darker."""
        lift = each(transformation["rgb_delta"], images.dtype)
        return ops.clip(ops.add(images, lift), *self.value_range)


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
