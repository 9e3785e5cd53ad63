"""Layers that move images at random while training: each image by a map of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import lookup
from melpy.layers.augment import Factor, count, interval
from melpy.layers.base import Shape
from melpy.layers.boxes import affine_transform
from melpy.layers.moving import MovingLayer

__all__ = ["RandomRotation", "RandomShear", "RandomTranslation", "RandomZoom"]


FILL_MODES = {name: name for name in ("reflect", "constant", "wrap", "nearest")}


class RandomAffine(MovingLayer):
    """What layers share that move each image by a map of its own; see `affine_transform`. Abstract.

    Parameters
    ----------
    fill_mode : "reflect", "constant", "wrap" or "nearest": what lies beyond an image's rim
    interpolation : "bilinear" or "nearest"
    seed : int or None, for the next one of the process's stream
    fill_value : float, with fill_mode "constant"
    data_format : "channels_last", "channels_first", or None for the setting
    """

    def __init__(self, *, fill_mode: str = "reflect", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fill_mode = lookup("fill_mode", fill_mode, FILL_MODES, type(self).__name__)

    def moved(self, images: Any, transformation: Any, interpolation: str) -> Any:
        """Return the images, each moved by its map."""
        return ops.affine_transform(
            images,
            self.maps(transformation, *self.size(images.shape)),
            interpolation,
            self.fill_mode,
            self.fill_value,
            self.data_format,
        )

    def maps(self, transformation: Any, H: int, W: int) -> np.ndarray:
        """Return maps from new places (w, h) to old ones: rows a0, a1, a2, b0, b1, b2, 0, 0."""
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

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape.

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

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return the angles, in degrees, and the maps that they make."""
        (H, W), N = self.size(shape), count(shape)
        turns = [360 * f for f in self.factor]
        angle = self.evenly((N,), turns, seed)
        cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        w, h = (W - 1) / 2, (H - 1) / 2  # the middle, which stays
        maps = _rows(cos, -sin, w - w * cos + h * sin, sin, cos, h - w * sin - h * cos)
        return {
            "angle": angle,
            "rotation_matrix": maps if len(shape) == 4 else maps[0],
            "image_height": H,
            "image_width": W,
            "batch_size": N,
        }

    def maps(self, transformation: Any, H: int, W: int) -> np.ndarray:
        """Return the rotations."""
        return np.atleast_2d(ops.convert_to_numpy(transformation["rotation_matrix"]))

    def size_of(self, transformation: Any) -> tuple[int, int]:
        """Return height and width of the images for which something was drawn."""
        return transformation["image_height"], transformation["image_width"]

    def moved_boxes(self, boxes: Any, transformation: Any, H: int, W: int) -> Any:
        """Return upright boxes around the turned ones."""
        angle = ops.convert_to_numpy(transformation["angle"])
        zero = np.zeros_like(angle)
        return affine_transform(boxes, angle, zero, zero, zero + 1, zero, zero, H, W)


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

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape.

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

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return the shifts to the right and down, in pixels."""
        (H, W), N = self.size(shape), count(shape)
        down = H * self.evenly((N, 1), self.height_factor, seed)
        right = W * self.evenly((N, 1), self.width_factor, seed)
        return {"translations": np.concatenate([right, down], axis=1), "input_shape": shape}

    def maps(self, transformation: Any, H: int, W: int) -> np.ndarray:
        """Return the shifts."""
        right, down = ops.convert_to_numpy(transformation["translations"]).T
        return _rows(1.0, 0.0, -right, 0.0, 1.0, -down)

    def moved_boxes(self, boxes: Any, transformation: Any, H: int, W: int) -> Any:
        """Return the boxes, shifted."""
        shift = np.tile(ops.convert_to_numpy(transformation["translations"]), 2)
        return ops.add(boxes, shift[:, np.newaxis].astype(boxes.dtype))


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

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape.

    Examples
    --------
    >>> x = np.arange(1.0, 4.0).reshape(1, 3, 1)
    >>> zoom = RandomZoom(0, (-0.5, -0.5))
    >>> zoom(x, training=True).numpy()[0, :, 0]
    array([1.5, 2. , 2.5], dtype=float32)
    """

    boxes_in_batches = True

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

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return what the sizes of the images' parts are multiplied by."""
        high, wide = (
            None if f is None else self.evenly((count(shape), 1), (1 + f[0], 1 + f[1]), seed)
            for f in (self.height_factor, self.width_factor)
        )
        return {
            "height_zoom": high,
            "width_zoom": high if wide is None else wide,
            "input_shape": shape,
        }

    def maps(self, transformation: Any, H: int, W: int) -> np.ndarray:
        """Return the zooms."""
        wide, high = (
            ops.convert_to_numpy(transformation[f"{name}_zoom"]).ravel()
            for name in ("width", "height")
        )
        return _rows(wide, 0.0, (W - 1) / 2 * (1 - wide), 0.0, high, (H - 1) / 2 * (1 - high))

    def moved_boxes(self, boxes: Any, transformation: Any, H: int, W: int) -> Any:
        """Return the boxes, as they lie in the part that is seen."""
        wide, _, left, _, high, top, _, _ = self.maps(transformation, H, W).T
        start, scale = (
            np.stack(pair * 2, axis=-1)[:, np.newaxis].astype(boxes.dtype)
            for pair in ([left, top], [wide, high])
        )
        return ops.divide(ops.subtract(boxes, start), scale)


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

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape.
    """

    boxes_in_batches = True

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

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return how far rows and columns are pushed."""
        each_way = (count(shape), 1)
        sign = np.where(self.evenly(each_way, (0.0, 1.0), seed) > 0.5, -1, 1)
        y, x = (self.evenly(each_way, f, seed) for f in (self.y_factor, self.x_factor))
        return {"shear_factor": sign * np.concatenate([x, y], axis=1), "input_shape": shape}

    def maps(self, transformation: Any, H: int, W: int) -> np.ndarray:
        """Return the shears."""
        x, y = ops.convert_to_numpy(transformation["shear_factor"]).T
        return _rows(1.0, x, np.zeros_like(x), y, 1.0, np.zeros_like(x))

    def moved_boxes(self, boxes: Any, transformation: Any, H: int, W: int) -> Any:
        """Return upright boxes around the pushed ones, in shares of the image as Keras does."""
        shear = ops.convert_to_numpy(transformation["shear_factor"]).reshape(-1, 2, 1, 1)
        sx, sy = np.moveaxis(shear, 1, 0).astype(boxes.dtype)
        sides = np.array([W, H, W, H], boxes.dtype)
        x, y, right, bottom = ops.split(ops.divide(boxes, sides), 4, axis=-1)
        rows = ops.where(sx < 0, y, bottom), ops.where(sx < 0, bottom, y)
        x, right = ops.subtract(x, sx * rows[0]), ops.subtract(right, sx * rows[1])
        columns = ops.where(sy > 0, right, x), ops.where(sy > 0, x, right)
        y, bottom = ops.subtract(y, sy * columns[0]), ops.subtract(bottom, sy * columns[1])
        return ops.multiply(ops.concatenate([x, y, right, bottom], axis=-1), sides)


def _both_ways(factor: Factor, name: str) -> tuple[float, float]:
    """Return a pair of shears; of one number f, (-f, f)."""
    low, high = interval(factor, name, "RandomShear", low=0.0)
    return (-high, high) if np.ndim(factor) == 0 else (low, high)
