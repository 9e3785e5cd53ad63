"""Layers that give images another size: interpolated, or cut out of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import lookup
from melpy.layers.augment import RandomImageLayer
from melpy.layers.boxes import crop
from melpy.layers.checks import positive
from melpy.layers.images import ImageLayer, Size, images_of

__all__ = ["CenterCrop", "RandomCrop", "Resizing"]

Window = tuple[Any, Any, int, int]  # top, left, height, width


class SizeLayer(ImageLayer):
    """What layers share that give images another size. Abstract.

    Parameters
    ----------
    height, width : int > 0, in pixels
    data_format : "channels_last", "channels_first", or None for the setting
    """

    def __init__(self, *, height: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.height = positive(height, "height", type(self).__name__)
        self.width = positive(width, "width", type(self).__name__)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return (N, height, width, C)."""
        if isinstance(input_shape, dict):
            return super().compute_output_shape(input_shape)
        return self.sized(input_shape, self.height, self.width)

    def part(self, images: Any, window: Window) -> Any:
        """Return a part of the images, brought to the layer's size."""
        top, left, height, width = window
        rest = (slice(None),) * (-self.height_axis - 2)
        key = (Ellipsis, slice(top, top + height), slice(left, left + width), *rest)
        part = ops.get_item(images, key)
        size = self.height, self.width
        if self.size(part.shape) == size:
            return part
        return ops.image.resize(part, size, data_format=self.data_format)

    def boxes_of_part(self, bounding_boxes: Any, size: Size, window: Window) -> dict[str, Any]:
        """Return boxes as they lie in a part, brought to the layer's size."""
        scale = np.array([self.width / window[3], self.height / window[2]] * 2, "float32")
        return self.move_boxes(
            bounding_boxes,
            lambda boxes: ops.multiply(crop(boxes, *window), scale),
            size,
            (self.height, self.width),
        )

    def middle(self, size: Size) -> Window:
        """Return the largest part of the new aspect ratio, in the middle."""
        H, W = size
        h = max(min(H, W * self.height // self.width), 1)
        w = max(min(W, H * self.width // self.height), 1)
        return (H - h) // 2, (W - w) // 2, h, w


class Resizing(SizeLayer):
    """Give images another size, rows and columns interpolated; see ``ops.image.resize``.

    Parameters
    ----------
    height, width : int > 0, in pixels
    interpolation : "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5"
    crop_to_aspect_ratio : bool, cut the images to the new aspect ratio first, in the middle
    pad_to_aspect_ratio : bool, frame them to the new aspect ratio first
    fill_mode : "constant"
    fill_value : float, the frame's value
    antialias : bool, whether shrinking averages over all old pixels that a new one covers
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output (N, height, width, C) or (height, width, C). Whole
    numbers stay whole, of their own type. Boxes of zeros, or of -1, stay none: zeros.

    Examples
    --------
    >>> Resizing(1, 2)(np.arange(8.0).reshape(2, 4, 1)).numpy()[0, :, 0]
    array([2.5, 4.5], dtype=float32)
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(height=height, width=width, data_format=data_format, **kwargs)
        lookup("interpolation", interpolation, ops.resizing.FILTERS, "Resizing")
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode, self.fill_value, self.antialias = fill_mode, fill_value, antialias

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Size:
        """Return height and width of the images."""
        return self.size(images_of(data, self).shape)

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images in their new size."""
        return self._resized(images, self.interpolation)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the masks in their new size, no value between two others."""
        return self._resized(segmentation_masks, "nearest")

    def _resized(self, images: Any, interpolation: str) -> Any:
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the boxes as they lie in the images of the new size."""
        given = bounding_boxes["boxes"]
        given = given if hasattr(given, "shape") else np.asarray(given)
        none = ops.logical_or(*(ops.all(ops.equal(given, n), -1, keepdims=True) for n in (-1, 0)))
        size = tuple(transformation)
        new = self.height, self.width
        y, x = (new_side / side for new_side, side in zip(new, size, strict=True))
        if self.pad_to_aspect_ratio or self.crop_to_aspect_ratio:
            x = y = min(x, y) if self.pad_to_aspect_ratio else max(x, y)
        left, top = (new[1] - size[1] * x) // 2, (new[0] - size[0] * y) // 2
        if not self.pad_to_aspect_ratio:  # what is cut off, rounded as Keras does
            left, top = -((size[1] * x - new[1]) // 2), -((size[0] * y - new[0]) // 2)
        scale, shift = (np.array(pair * 2, "float32") for pair in ([x, y], [left, top]))
        made = self.move_boxes(
            bounding_boxes, lambda b: ops.add(ops.multiply(b, scale), shift), size, new
        )
        return {**made, "boxes": ops.where(none, 0.0, made["boxes"])}


class CenterCrop(SizeLayer):
    """Cut out the middle of the images; smaller ones are cut to the aspect ratio and resized.

    Parameters
    ----------
    height, width : int > 0, in pixels
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output (N, height, width, C) or (height, width, C).

    Examples
    --------
    >>> CenterCrop(1, 2)(np.arange(12.0).reshape(3, 4, 1)).numpy()[0, :, 0]
    array([5., 6.], dtype=float32)
    """

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(height=height, width=width, data_format=data_format, **kwargs)

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> dict[str, Any]:
        """Return "input_shape", the images'."""
        return {"input_shape": tuple(images_of(data, self).shape)}

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the middle of the images."""
        return self.part(images, self._window(self.size(images.shape)))

    def _window(self, size: Size) -> Window:
        H, W = size
        if min(H - self.height, W - self.width) < 0:
            return self.middle(size)
        return (H - self.height) // 2, (W - self.width) // 2, self.height, self.width

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the boxes as they lie in the middle."""
        size = self.size(tuple(transformation["input_shape"]))
        return self.boxes_of_part(bounding_boxes, size, self._window(size))

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the middle of the masks."""
        return self.transform_images(segmentation_masks, transformation, training)


class Corner(tuple[int, int]):
    """Where a part begins, (top, left), and the ``size`` of the images that it is a part of."""

    size: Size

    @classmethod
    def of(cls, top: int, left: int, size: Size) -> Corner:
        """Return the corner of a part of images of a size."""
        made = cls((top, left))
        made.size = size
        return made


class RandomCrop(SizeLayer, RandomImageLayer):
    """While training, cut out a part of the images at a place drawn for the batch; else resize.

    Parameters
    ----------
    height, width : int > 0, in pixels
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting
    name : str or None

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output (N, height, width, C) or (height, width, C). At
    inference the largest part of the new aspect ratio, in the middle, is resized. Keras says so
    too, though its 3.15 leaves the images as they are.
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
        super().__init__(
            height=height, width=width, seed=seed, data_format=data_format, name=name, **kwargs
        )

    def get_random_transformation(
        self, data: Any, training: bool = True, seed: Any = None
    ) -> tuple[int, int]:
        """Return the row and the column at which the part begins."""
        size = H, W = self.size(images_of(data, self).shape)
        h, w = self.height, self.width
        if not training or min(H - h, W - w) <= 0:
            return Corner.of(*self.middle(size)[:2], size)
        top, left = (
            int(self.evenly((), (0.0, float(room)), seed)) for room in (H - h + 1, W - w + 1)
        )
        return Corner.of(top, left, size)

    def _window(self, size: Size, transformation: Any, training: bool) -> Window:
        if not training:
            return self.middle(size)
        top, left = transformation
        return top, left, min(self.height, size[0] - top), min(self.width, size[1] - left)

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a part of the images, in the new size."""
        images = ops.cast(images, self.dtype)
        window = self._window(self.size(images.shape), transformation, training)
        return self.part(images, window)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the boxes as they lie in the part."""
        # a corner that was made elsewhere does not tell; shares are then of the part
        top, left = transformation
        size = getattr(transformation, "size", (top + self.height, left + self.width))
        window = self._window(size, transformation, training)
        return self.boxes_of_part(bounding_boxes, size, window)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return a part of the masks, in the new size."""
        return self.transform_images(segmentation_masks, transformation, training)
