"""Layers that change the colours of images at random while training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import config, ops
from melpy.layers.augment import Factor, RandomImageLayer, count, each, interval, range_of
from melpy.layers.base import Shape
from melpy.layers.checks import fraction
from melpy.layers.images import ImageLayer

__all__ = [
    "BYTES",
    "ColorLayer",
    "RandomColorDegeneration",
    "RandomColorLayer",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
]

BYTES = (0, 255)


class ColorLayer(ImageLayer):
    """What layers share that change colours, which lie in a range. Abstract.

    Parameters
    ----------
    value_range : (low, high), between which the values of the images lie
    data_format : "channels_last", "channels_first", or None for the setting
    """

    def __init__(self, *, value_range: Sequence[float] = BYTES, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value_range = range_of(value_range, type(self).__name__)

    def scaled(self, images: Any, to: Sequence[float]) -> Any:
        """Return the values brought from ``value_range`` to another range."""
        return _scaled(images, self.value_range, to)

    def scaled_back(self, images: Any, of: Sequence[float]) -> Any:
        """Return the values brought from another range to ``value_range``."""
        return _scaled(images, of, self.value_range)

    def limited(self, images: Any) -> Any:
        """Return the values, none of them outside of ``value_range``."""
        return ops.clip(images, *self.value_range)

    def with_channel(self, images: Any, number: int, channel: Any) -> Any:
        """Return images with one of three channels in the place of another."""
        axis = -1 if self.data_format == "channels_last" else -3
        channels = ops.split(images, 3, axis=axis)
        channels[number] = channel(channels[number])
        return ops.concatenate(channels, axis=axis)


def _scaled(images: Any, low_high: Sequence[float], to: Sequence[float]) -> Any:
    (low, high), (least, most) = low_high, to
    if (low, high) == (least, most):
        return images
    shares = ops.divide(ops.subtract(images, low), high - low)
    return ops.add(ops.multiply(shares, most - least), least)


class RandomColorLayer(RandomImageLayer, ColorLayer):
    """What layers share that change colours at random. Abstract.

    Parameters
    ----------
    value_range : (low, high), between which the values of the images lie
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting
    """


class RandomInvert(RandomColorLayer):
    """While training, y = high - x of some images.

    Parameters
    ----------
    factor : two floats in [0, 1], between which the probability lies, drawn for each image; or one
        f, for [0, f)
    value_range : (low, high), between which the values of the images lie
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape.
    """

    def __init__(
        self,
        factor: Factor = 1.0,
        value_range: Sequence[float] = BYTES,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range=value_range, seed=seed, data_format=data_format, **kwargs)
        self.factor = interval(factor, "factor", "RandomInvert", low=0.0)

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return which images are inverted."""
        N = count(shape)
        chosen = self.evenly((N,), (0.0, 1.0), seed) < self.evenly((N,), self.factor, seed)
        return {"apply_inversion": chosen}

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images, some of them inverted."""
        chosen = each(transformation["apply_inversion"])
        return ops.where(chosen, ops.subtract(self.value_range[1], images), images)


class RandomGrayscale(RandomImageLayer):
    """While training, take the colours away from some images; they keep three channels.

    Parameters
    ----------
    factor : float in [0, 1], the probability
    data_format : "channels_last", "channels_first", or None for the setting
    seed : int or None, for the next one of the process's stream

    Notes
    -----
    Input (N, H, W, 3) or (H, W, 3), output of the same shape.
    """

    def __init__(
        self,
        factor: float = 0.5,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        self.factor = fraction(factor, "factor", "RandomGrayscale")

    def draw(self, shape: Shape, seed: Any) -> np.ndarray:
        """Return which images are grey, (N, 1, 1, 1)."""
        return self.evenly((count(shape), 1, 1, 1), (0.0, 1.0), seed) < self.factor

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images, some of them grey."""
        grey = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        return ops.where(each(transformation), grey, images)


class FactorLayer(RandomColorLayer):
    """What layers share that change colours by one factor. Abstract.

    Parameters
    ----------
    factor : two floats in ``bounds``, between which an image's factor lies; or one
    value_range : (low, high), between which the values of the images lie
    data_format : "channels_last", "channels_first", or None for the setting
    seed : int or None, for the next one of the process's stream
    """

    bounds = (-1.0, 1.0)

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = BYTES,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range=value_range, data_format=data_format, seed=seed, **kwargs)
        low, high = self.bounds
        self.factor = interval(factor, "factor", type(self).__name__, low=low, high=high)

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return a factor for each image."""
        return {"factor": self.evenly((count(shape),), self.factor, seed)}


class RandomColorDegeneration(FactorLayer):
    """While training, y = x + f (grey - x) with an image's f, grey being the image without colours.

    Parameters
    ----------
    factor : two floats in [-1, 1], between which f lies: 0 for the image, 1 for grey; or one f0,
        for [-f0, f0)
    value_range : (low, high), what the results are limited to
    data_format : "channels_last", "channels_first", or None for the setting
    seed : int or None, for the next one of the process's stream

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape.
    """

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return a factor for each image, (N, 1, 1, 1)."""
        return {"factor": each(super().draw(shape, seed)["factor"])}

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images, less colourful."""
        f = each(transformation["factor"], images.dtype)
        grey = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        return self.limited(ops.add(images, ops.multiply(f, ops.subtract(grey, images))))


class RandomHue(FactorLayer):
    """While training, turn the hue of each image by f half turns of the colour wheel, or -f.

    Parameters
    ----------
    factor : two floats in [0, 1], between which f lies; or one f0, for [0, f0)
    value_range : (low, high), between which the values of the images lie
    data_format : "channels_last", "channels_first", or None for the setting
    seed : int or None, for the next one of the process's stream

    Notes
    -----
    Input (N, H, W, 3) or (H, W, 3), output of the same shape.
    """

    bounds = (0.0, 1.0)

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return how far each image's hue is turned, in whole turns."""
        sign = np.where(self.evenly((count(shape),), (0.0, 1.0), seed) > 0.5, -1, 1)
        return {"factor": sign * super().draw(shape, seed)["factor"] / 2}

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images in other hues."""
        turn = each(transformation["factor"], images.dtype)
        hsv = ops.image.rgb_to_hsv(self.scaled(images, (0, 1)), data_format=self.data_format)
        hsv = self.with_channel(hsv, 0, lambda h: ops.mod(ops.add(h, turn), 1.0))
        rgb = ops.image.hsv_to_rgb(hsv, data_format=self.data_format)
        return self.scaled_back(ops.clip(rgb, 0, 1), (0, 1))


class RandomSaturation(FactorLayer):
    """While training, multiply the saturation of each image by f / (1 - f).

    Parameters
    ----------
    factor : two floats in [-1, 1], between which f lies: 0 for grey, 0.5 for the image, 1 for
        colours as strong as can be; or one f0, for [-f0, f0)
    value_range : (low, high), what the saturations are limited to
    data_format : "channels_last", "channels_first", or None for the setting
    seed : int or None, for the next one of the process's stream

    Notes
    -----
    Input (N, H, W, 3) or (H, W, 3), output of the same shape.
    """

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return what each image's saturation is multiplied by."""
        f = super().draw(shape, seed)["factor"]
        return {"factor": f / (1 - f + config.epsilon())}

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images in stronger or weaker colours."""
        times = each(transformation["factor"], images.dtype)
        hsv = ops.image.rgb_to_hsv(images, data_format=self.data_format)
        hsv = self.with_channel(hsv, 1, lambda s: self.limited(ops.multiply(s, times)))
        return ops.image.hsv_to_rgb(hsv, data_format=self.data_format)


class RandomSharpness(FactorLayer):
    """While training, y = x + (1 - 2 f) (smooth - x), smooth being the image, blurred a little.

    Parameters
    ----------
    factor : two floats in [0, 1], between which an image's f lies: 0 for smooth, 0.5 for the image,
        1 for one that is sharper; or one f0, for [0, f0)
    value_range : (low, high), what the results are limited to
    data_format : "channels_last", "channels_first", or None for the setting
    seed : int or None, for the next one of the process's stream

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape.
    """

    bounds = (0.0, 1.0)

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images, sharper or smoother."""
        axis = -1 if self.data_format == "channels_last" else -3
        kernel = np.ones((3, 3, images.shape[axis], 1), images.dtype) / 13
        kernel[1, 1] *= 5
        smooth = ops.depthwise_conv(images, kernel, padding="same", data_format=self.data_format)
        f = 1 - 2 * each(transformation["factor"], images.dtype)
        return self.limited(ops.add(images, ops.multiply(f, ops.subtract(smooth, images))))


class RandomPosterization(FactorLayer):
    """While training, keep only some of the eight bits of each value.

    Parameters
    ----------
    factor : two ints from 1 to 8, between which the number of bits lies, the second left out unless
        they are the same; or one f, for [1, f)
    value_range : (low, high), between which the values of the images lie
    data_format : "channels_last", "channels_first", or None for the setting
    seed : int or None, for the next one of the process's stream

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape.

    Examples
    --------
    >>> import numpy as np
    >>> RandomPosterization((2, 2))(np.array([[[3.0, 100.0, 255.0]]])).numpy()
    array([[[  0.,  64., 192.]]], dtype=float32)
    """

    bounds = (1.0, 8.0)

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return how many bits of each image go."""
        low, high = map(int, self.factor)
        bits = np.floor(self.evenly((count(shape),), (low, max(high, low + 1)), seed))
        return {"shift_factor": 8 - bits.astype("uint8")}

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images in fewer colours."""
        step = 2 ** each(transformation["shift_factor"], images.dtype)
        whole = ops.floor(self.scaled(images, BYTES))
        return self.scaled_back(ops.multiply(ops.floor(ops.divide(whole, step)), step), BYTES)
