"""The layer that gives every image the same number of boxes."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import ops
from melpy.layers.boxes import known_boxes
from melpy.layers.checks import positive
from melpy.layers.images import ImageLayer

__all__ = ["MaxNumBoundingBoxes"]


class MaxNumBoundingBoxes(ImageLayer):
    """Give every image the same number of boxes: the first ones, and what stands for none.

    Parameters
    ----------
    max_number : int > 0
    fill_value : int, the numbers and the label of a box that is none

    Notes
    -----
    Input a dict of "images" (N, H, W, C) and "bounding_boxes", a dict of "boxes" (N, M, 4) and
    "labels" (N, M); output the same with max_number in the place of M.

    Examples
    --------
    >>> boxes = {"boxes": np.ones((1, 2, 4)), "labels": np.array([[5, 6]])}
    >>> data = {"images": np.ones((1, 8, 8, 3)), "bounding_boxes": boxes}
    >>> made = MaxNumBoundingBoxes(3, bounding_box_format="xyxy")(data)["bounding_boxes"]
    >>> made["labels"].numpy()
    array([[ 5,  6, -1]])
    """

    def __init__(self, max_number: int, fill_value: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_number = positive(max_number, "max_number", "MaxNumBoundingBoxes")
        self.fill_value = int(fill_value)

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images."""
        return images

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return as many boxes of each image."""
        made = known_boxes(bounding_boxes, "MaxNumBoundingBoxes")
        axis = made["boxes"].ndim - 2

        def filled(x: Any) -> Any:
            x = ops.take(x, np.arange(min(x.shape[axis], self.max_number)), axis=axis)
            beyond = [(0, 0)] * x.ndim
            beyond[axis] = (0, self.max_number - x.shape[axis])
            return ops.pad(x, beyond, constant_values=self.fill_value)

        return {**made, "boxes": filled(made["boxes"]), "labels": filled(made["labels"])}
