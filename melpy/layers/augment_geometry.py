"""Layers that move images at random while training: each image by an affine map of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import lookup
from melpy.layers.augment import Factor, RandomImageLayer, interval
from melpy.ops.mixing import INTERPOLATIONS

__all__ = ["RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom"]


FILL_MODES = {name: name for name in ("reflect", "constant", "wrap", "nearest")}


class RandomAffine(RandomImageLayer):
    """What layers share that move each image by a map of its own; see `affine_transform`. Abstract.

    Parameters
    ----------
    fill_mode : "reflect", "constant", "wrap" or "nearest": what lies beyond an image's rim
    interpolation : "bilinear" or "nearest"
    seed : int or None, for the next one of the process's stream
    fill_value : float, with fill_mode "constant"
    data_format : "channels_last", "channels_first", or None for the setting
    """

    def __init__(
        self,
        *,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        who = type(self).__name__
        lookup("fill_mode", fill_mode, FILL_MODES, who)
        self.fill_mode = fill_mode
        self.interpolation = lookup("interpolation", interpolation, INTERPOLATIONS, who)
        self.fill_value = fill_value

    def change(self, images: Any) -> Any:
        """Return the images, each moved."""
        H, W = self.size(images.shape)
        N = images.shape[0] if images.ndim == 4 else 1
        return ops.affine_transform(
            images,
            self.maps(N, H, W),
            self.interpolation,
            self.fill_mode,
            self.fill_value,
            self.data_format,
        )

    def maps(self, N: int, H: int, W: int) -> np.ndarray:
        """Draw N maps from new places (w, h) to old ones: rows a0, a1, a2, b0, b1, b2, 0, 0."""
        raise NotImplementedError


def _rows(*columns: Any) -> np.ndarray:
    """Return six numbers, or six columns of N, as the rows of N maps."""
    zero = np.zeros_like(columns[2])
    return np.stack(np.broadcast_arrays(*columns, zero, zero), axis=-1)  # (N, 8)


class RandomRotation(RandomAffine):
    """While training, turn each image about its middle.

    Parameters
    ----------
    factor : two floats in [-1, 1], between which the angle lies, in whole turns, positive ones
        counter-clockwise; or one, for [-factor, factor)
    fill_mode : "reflect", "constant", "wrap" or "nearest": what lies beyond an image's rim
    interpolation : "bilinear" or "nearest"
    seed : int or None, for the next one of the process's stream
    fill_value : float, with fill_mode "constant"
    data_format : "channels_last", "channels_first", or None for the setting

    Examples
    --------
    >>> x = np.arange(4.0).reshape(2, 2, 1)
    >>> np.round(RandomRotation((0.25, 0.25))(x, training=True).numpy()[..., 0], 6)
    array([[1., 3.],
           [0., 2.]], dtype=float32)
    """

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode=fill_mode,
            interpolation=interpolation,
            seed=seed,
            fill_value=fill_value,
            data_format=data_format,
            **kwargs,
        )
        self.factor = interval(factor, "factor", "RandomRotation")

    def maps(self, N: int, H: int, W: int) -> np.ndarray:
        """Draw N rotations."""
        angle = 2 * np.pi * self.generator.uniform(*self.factor, N)
        cos, sin = np.cos(angle), np.sin(angle)
        w, h = (W - 1) / 2, (H - 1) / 2  # the middle, which stays
        return _rows(cos, -sin, w - w * cos + h * sin, sin, cos, h - w * sin - h * cos)


class RandomTranslation(RandomAffine):
    """While training, shift each image.

    Parameters
    ----------
    height_factor : two floats in [-1, 1], between which the shift down lies, as a share of the
        height; or one, for [-height_factor, height_factor)
    width_factor : the same for the shift to the right, as a share of the width
    fill_mode : "reflect", "constant", "wrap" or "nearest": what lies beyond an image's rim
    interpolation : "bilinear" or "nearest"
    seed : int or None, for the next one of the process's stream
    fill_value : float, with fill_mode "constant"
    data_format : "channels_last", "channels_first", or None for the setting

    Examples
    --------
    >>> x = np.arange(1.0, 5.0).reshape(1, 4, 1)
    >>> shift = RandomTranslation(0, (0.25, 0.25), fill_mode="constant")
    >>> shift(x, training=True).numpy()[0, :, 0]
    array([0., 1., 2., 3.], dtype=float32)
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode=fill_mode,
            interpolation=interpolation,
            seed=seed,
            fill_value=fill_value,
            data_format=data_format,
            **kwargs,
        )
        self.height_factor = interval(height_factor, "height_factor", "RandomTranslation")
        self.width_factor = interval(width_factor, "width_factor", "RandomTranslation")

    def maps(self, N: int, H: int, W: int) -> np.ndarray:
        """Draw N shifts."""
        down = H * self.generator.uniform(*self.height_factor, N)
        right = W * self.generator.uniform(*self.width_factor, N)
        return _rows(1.0, 0.0, -right, 0.0, 1.0, -down)


class RandomZoom(RandomAffine):
    """While training, shrink or enlarge each image about its middle.

    Parameters
    ----------
    height_factor : two floats in (-1, 1], between which f lies: what was (1 + f) H pixels high
        becomes H, so f > 0 zooms out; or one, for [-height_factor, height_factor)
    width_factor : the same for the width, or None for the f of the height
    fill_mode : "reflect", "constant", "wrap" or "nearest": what lies beyond an image's rim
    interpolation : "bilinear" or "nearest"
    seed : int or None, for the next one of the process's stream
    fill_value : float, with fill_mode "constant"
    data_format : "channels_last", "channels_first", or None for the setting

    Examples
    --------
    >>> x = np.arange(1.0, 4.0).reshape(1, 3, 1)
    >>> zoom = RandomZoom(0, (-0.5, -0.5))
    >>> zoom(x, training=True).numpy()[0, :, 0]
    array([1.5, 2. , 2.5], dtype=float32)
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor | None = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode=fill_mode,
            interpolation=interpolation,
            seed=seed,
            fill_value=fill_value,
            data_format=data_format,
            **kwargs,
        )
        least = float(np.nextafter(-1, 0))  # at -1 nothing of the image would be seen
        self.height_factor = interval(height_factor, "height_factor", "RandomZoom", least)
        self.width_factor = (
            None
            if width_factor is None
            else interval(width_factor, "width_factor", "RandomZoom", least)
        )

    def maps(self, N: int, H: int, W: int) -> np.ndarray:
        """Draw N zooms."""
        high = wide = 1 + self.generator.uniform(*self.height_factor, N)
        if self.width_factor is not None:
            wide = 1 + self.generator.uniform(*self.width_factor, N)
        return _rows(wide, 0.0, (W - 1) / 2 * (1 - wide), 0.0, high, (H - 1) / 2 * (1 - high))


class RandomShear(RandomAffine):
    """While training, push each image's rows, and its columns, aside in proportion to their place.

    Parameters
    ----------
    x_factor : two floats in [0, 1], between which lies how far a row is pushed for each row above
        it; or one f, for [-f, f); the two directions are as likely
    y_factor : the same of columns
    interpolation : "bilinear" or "nearest"
    fill_mode : "reflect", "constant", "wrap" or "nearest": what lies beyond an image's rim
    fill_value : float, with fill_mode "constant"
    data_format : "channels_last", "channels_first", or None for the setting
    seed : int or None, for the next one of the process's stream
    """

    def __init__(
        self,
        x_factor: Factor = 0.0,
        y_factor: Factor = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode=fill_mode,
            interpolation=interpolation,
            seed=seed,
            fill_value=fill_value,
            data_format=data_format,
            **kwargs,
        )
        self.x_factor = _both_ways(x_factor, "x_factor")
        self.y_factor = _both_ways(y_factor, "y_factor")

    def maps(self, N: int, H: int, W: int) -> np.ndarray:
        """Draw N shears."""
        sign = np.where(self.generator.uniform(size=N) > 0.5, -1, 1)
        x, y = (sign * self.generator.uniform(*f, N) for f in (self.x_factor, self.y_factor))
        return _rows(1.0, x, np.zeros(N), y, 1.0, np.zeros(N))


def _both_ways(factor: Factor, name: str) -> tuple[float, float]:
    """Return a pair of shears; of one number f, (-f, f)."""
    low, high = interval(factor, name, "RandomShear", low=0.0)
    return (-high, high) if np.ndim(factor) == 0 else (low, high)
