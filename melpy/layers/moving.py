"""What layers share whose pixels come from elsewhere in the image."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import lookup
from melpy.layers.augment import RandomImageLayer
from melpy.ops.mixing import INTERPOLATIONS

__all__ = ["MovingLayer"]


class MovingLayer(RandomImageLayer):
    """What layers share whose pixels come from elsewhere in the image. Abstract.

    Parameters
    ----------
    interpolation : "bilinear" or "nearest"
    fill_value : float, of what lies beyond an image's rim
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting
    """

    def __init__(
        self, *, interpolation: str = "bilinear", fill_value: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.interpolation = lookup(
            "interpolation", interpolation, INTERPOLATIONS, type(self).__name__
        )
        self.fill_value = fill_value

    boxes_in_batches = False  # whether boxes (M, 4) come back as (1, M, 4), as some of Keras's do

    def moved(self, images: Any, transformation: Any, interpolation: str) -> Any:
        """Return images (N, H, W, C), moved as was drawn. Abstract."""
        raise NotImplementedError

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images, each moved."""
        return self.moved(images, transformation, self.interpolation)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the masks, moved as their images are, no value between two others."""
        if not training or transformation is None:
            return segmentation_masks
        return self.through(
            lambda masks, drawn: self.moved(masks, drawn, "nearest"),
            segmentation_masks,
            transformation,
        )

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the boxes, moved as their images are."""
        if not training or transformation is None:
            return bounding_boxes
        size = self.size_of(transformation)
        if self.boxes_in_batches:
            boxes = bounding_boxes["boxes"]
            batch = ops.reshape(boxes, (-1, *np.shape(boxes)[-2:]))
            bounding_boxes = {**bounding_boxes, "boxes": batch}
        return self.move_boxes(
            bounding_boxes, lambda boxes: self.moved_boxes(boxes, transformation, *size), size
        )

    def size_of(self, transformation: Any) -> tuple[int, int]:
        """Return height and width of the images for which something was drawn."""
        return self.size(tuple(int(n) for n in transformation["input_shape"]))

    def moved_boxes(self, boxes: Any, transformation: Any, H: int, W: int) -> Any:
        """Return boxes (N, M, 4), left, top, right, bottom in pixels, moved. Abstract."""
        raise NotImplementedError
