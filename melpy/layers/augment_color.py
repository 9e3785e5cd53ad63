"""Layers that change the colours of images at random while training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import config, ops
from melpy.layers.arguments import Shape
from melpy.layers.augment import Factor, RandomImageLayer, interval, range_of
from melpy.layers.checks import fraction, positive
from melpy.tensor import Tensor

__all__ = [
    "AutoContrast",
    "Equalization",
    "RandomColorDegeneration",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
    "Solarization",
]

BYTES = (0, 255)


class ColorLayer(RandomImageLayer):
    """What layers share that change colours, which lie in a range. Abstract.

    Parameters
    ----------
    value_range : (low, high), between which the values of the images lie
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting
    """

    def __init__(self, *, value_range: Sequence[float] = BYTES, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value_range = range_of(value_range, type(self).__name__)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def scaled(self, images: Any, to: Sequence[float]) -> Any:
        """Return the values brought from ``value_range`` to another range."""
        return _scaled(images, self.value_range, to)

    def scaled_back(self, images: Any, of: Sequence[float]) -> Any:
        """Return the values brought from another range to ``value_range``."""
        return _scaled(images, of, self.value_range)

    def limited(self, images: Any) -> Any:
        """Return the values, none of them outside of ``value_range``."""
        return ops.clip(images, *self.value_range)

    def drawn(self, images: Any, interval: tuple[float, float]) -> np.ndarray:
        """Return a number from [low, high) for each image, of the images' type."""
        return self.draw(images, interval).astype(images.dtype)

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


class Solarization(ColorLayer):
    """While training, y = x + a cut to the range; where that is at least t, its opposite.

    Parameters
    ----------
    addition_factor : two floats in [0, 1], between which an image's a lies, of 255; or one f, for
        [0, f)
    threshold_factor : the same for t; 0, the default, turns every value into its opposite
    value_range : (low, high), between which the values of the images lie
    seed : int or None, for the next one of the process's stream

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

    def change(self, images: Any) -> Any:
        """Return the images, solarized."""
        a, t = (
            self.drawn(images, (low, high * 255))
            for low, high in (self.addition_factor, self.threshold_factor)
        )
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
    A channel of one value stays as it is.

    Examples
    --------
    >>> import numpy as np
    >>> AutoContrast()(np.array([[[50.0], [100.0], [150.0]]])).numpy()[0, :, 0]
    array([  0. , 127.5, 255. ], dtype=float32)
    """

    def __init__(self, value_range: Sequence[float] = BYTES, **kwargs: Any) -> None:
        super().__init__(value_range=value_range, **kwargs)

    def changed(self, data: dict[str, Any], training: bool) -> dict[str, Any]:
        """Return the images, while training and after."""
        return super().changed(data, True)

    def change(self, images: Any) -> Any:
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

    def change(self, images: Any) -> Any:
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


class RandomInvert(ColorLayer):
    """While training, y = high - x of some images.

    Parameters
    ----------
    factor : two floats in [0, 1], between which the probability lies, drawn for each image; or one
        f, for [0, f)
    value_range : (low, high), between which the values of the images lie
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting
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

    def change(self, images: Any) -> Any:
        """Return the images, some of them inverted."""
        chosen = self.draw(images, (0.0, 1.0)) < self.draw(images, self.factor)
        return ops.where(chosen, ops.subtract(self.value_range[1], images), images)


class RandomGrayscale(RandomImageLayer):
    """While training, take the colours away from some images; they keep three channels.

    Parameters
    ----------
    factor : float in [0, 1], the probability
    data_format : "channels_last", "channels_first", or None for the setting
    seed : int or None, for the next one of the process's stream
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

    def change(self, images: Any) -> Any:
        """Return the images, some of them grey."""
        grey = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        return ops.where(self.draw(images, (0.0, 1.0)) < self.factor, grey, images)


class FactorLayer(ColorLayer):
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


class RandomColorDegeneration(FactorLayer):
    """While training, y = x + f (grey - x) with an image's f, grey being the image without colours.

    Parameters
    ----------
    factor : two floats in [-1, 1], between which f lies: 0 for the image, 1 for grey; or one f0,
        for [-f0, f0)
    value_range : (low, high), what the results are limited to
    data_format : "channels_last", "channels_first", or None for the setting
    seed : int or None, for the next one of the process's stream
    """

    def change(self, images: Any) -> Any:
        """Return the images, less colourful."""
        f = self.drawn(images, self.factor)
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
    """

    bounds = (0.0, 1.0)

    def change(self, images: Any) -> Any:
        """Return the images in other hues."""
        sign = np.where(self.draw(images, (0.0, 1.0)) > 0.5, -1, 1)
        turn = (sign * self.draw(images, self.factor) / 2).astype(images.dtype)
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
    """

    def change(self, images: Any) -> Any:
        """Return the images in stronger or weaker colours."""
        f = self.draw(images, self.factor)
        times = (f / (1 - f + config.epsilon())).astype(images.dtype)
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
    """

    bounds = (0.0, 1.0)

    def change(self, images: Any) -> Any:
        """Return the images, sharper or smoother."""
        axis = -1 if self.data_format == "channels_last" else -3
        batch = images if images.ndim == 4 else ops.expand_dims(images, 0)
        kernel = np.ones((3, 3, batch.shape[axis], 1), images.dtype) / 13
        kernel[1, 1] *= 5
        smooth = ops.depthwise_conv(batch, kernel, padding="same", data_format=self.data_format)
        smooth = ops.reshape(smooth, images.shape)
        f = 1 - 2 * self.drawn(images, self.factor)
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

    Examples
    --------
    >>> import numpy as np
    >>> RandomPosterization((2, 2))(np.array([[[3.0, 100.0, 255.0]]])).numpy()
    array([[[  0.,  64., 192.]]], dtype=float32)
    """

    bounds = (1.0, 8.0)

    def change(self, images: Any) -> Any:
        """Return the images in fewer colours."""
        low, high = map(int, self.factor)
        N = images.shape[0] if images.ndim == 4 else 1
        bits = self.generator.integers(low, max(high, low + 1), (N, *[1] * (images.ndim - 1)))
        step = (2.0 ** (8 - bits)).astype(images.dtype)
        whole = ops.floor(self.scaled(images, BYTES))
        return self.scaled_back(ops.multiply(ops.floor(ops.divide(whole, step)), step), BYTES)
