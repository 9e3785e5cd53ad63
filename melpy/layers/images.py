"""What layers over images share: images alone, or a dict with what belongs to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from melpy import ops, random, tree
from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.foreign import in_graphs
from melpy.layers.base import Layer, Shape, known_format
from melpy.layers.boxes import FORMATS, clip_to_image_size, convert_format, known_boxes

__all__ = ["ImageLayer", "images_of"]

Size = tuple[int, int]


class Rooms:
    """The ops, under the names by which Keras's layers over images reach them."""

    numpy = core = nn = linalg = math = ops
    random = random

    def __getattr__(self, name: str) -> Any:
        return getattr(ops, name)


class ImageLayer(Layer):
    """What layers over images (N, H, W, C) or (H, W, C) share. Abstract.

    Parameters
    ----------
    data_format : "channels_last", "channels_first", or None for the setting
    bounding_box_format : "xyxy" or another of `utils.bounding_boxes.convert_format`, in which boxes
        come and go; None where there are none

    Notes
    -----
    They take images, or a dict of "images" and what belongs to them: "labels", "bounding_boxes", a
    dict of "boxes" (N, M, 4) and "labels" (N, M), and "segmentation_masks"; what else is in the
    dict stays. First ``get_random_transformation`` says what is to be done to a batch; then
    ``transform_images``, ``transform_labels``, ``transform_bounding_boxes`` and
    ``transform_segmentation_masks`` do it, to batches: a class of one's own may override each.
    """

    backend = Rooms()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("get_random_transformation", *(f"transform_{kind}" for kind in KINDS)):
            if name in vars(cls):
                setattr(cls, name, in_graphs(vars(cls)[name]))

    def __init__(
        self,
        *,
        data_format: str | None = None,
        bounding_box_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = known_format(data_format, type(self).__name__)
        self.height_axis = -3 if self.data_format == "channels_last" else -2
        self.width_axis = self.height_axis + 1
        if bounding_box_format is not None:
            name = str(bounding_box_format).lower()
            lookup("bounding_box_format", name, FORMATS, type(self).__name__)
        self.bounding_box_format = bounding_box_format

    def call(self, data: Any, training: bool = True) -> Any:
        """Return the changed images; of a dict, a dict with all that changes with them."""
        transformation = self.get_random_transformation(data, training=training)
        whole = data if isinstance(data, dict) else {"images": data}
        is_single = images_of(data, self).ndim == 3

        def changed(kind: str, part: Any) -> Any:
            if is_single:
                part = tree.map_structure(lambda x: ops.expand_dims(x, 0), part)
            transform = getattr(self, f"transform_{kind}")
            made = transform(part, transformation=transformation, training=training)
            return tree.map_structure(lambda x: x[0], made) if is_single else made

        made = dict(whole)
        for kind in KINDS:
            if kind in whole:
                part = whole[kind]
                if kind == "bounding_boxes":
                    self._require_form()
                    part = known_boxes(part, type(self).__name__)
                elif not hasattr(part, "shape"):
                    part = ops.convert_to_tensor(part)
                made[kind] = changed(kind, part)
        return made if isinstance(data, dict) else made["images"]

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Return what is to be done to images, or to a dict of them; None if nothing is drawn."""
        return None

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the changed images, (N, H, W, C), of the layer's type."""
        return self.through(self.change, ops.cast(images, self.dtype), transformation)

    def transform_labels(
        self, labels: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the labels of the changed images: what they were."""
        return labels

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the boxes as they lie in the changed images: where they were."""
        return bounding_boxes

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the masks of the changed images: what they were."""
        return segmentation_masks

    def change(self, images: Any, transformation: Any) -> Any:
        """Return images (N, H, W, C), changed. Abstract."""
        raise NotImplementedError

    def through(self, change: Callable[[Any, Any], Any], images: Any, transformation: Any) -> Any:
        """Return what a function of a batch makes of images, which may be a single one."""
        images = images if hasattr(images, "ndim") else ops.convert_to_tensor(images)
        if images.ndim == 3:
            return change(ops.expand_dims(images, 0), transformation)[0]
        return change(images, transformation)

    def move_boxes(
        self, bounding_boxes: Any, move: Callable[[Any], Any], size: Size, new: Size | None = None
    ) -> dict[str, Any]:
        """Return boxes moved, and cut off at the image's rim.

        Parameters
        ----------
        bounding_boxes : dict of "boxes" and "labels", in the layer's form
        move : function of boxes (N, M, 4), left, top, right, bottom in pixels
        size : the images' height and width
        new : those of the changed images, None for the same
        """
        form = self._require_form()
        made = convert_format(bounding_boxes, form, "xyxy", *size)
        boxes = made["boxes"]
        moved = move(ops.expand_dims(boxes, 0))[0] if boxes.ndim == 2 else move(boxes)
        made = clip_to_image_size({**made, "boxes": moved}, *(new or size))
        return convert_format(made, "xyxy", form, *(new or size))

    def _require_form(self) -> str:
        if self.bounding_box_format is None:
            raise ArgumentError(
                type(self).__name__,
                "boxes came, and nothing says in which form",
                expected='bounding_box_format, "xyxy" say',
                received={"bounding_box_format": None},
            )
        return self.bounding_box_format

    def _rule(self, first: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Return nothing for a dict: its entries are of several types."""
        return None if isinstance(first, dict) else super()._rule(first, args, kwargs)

    def size(self, shape: Shape) -> Size:
        """Return height and width of images of a shape, or refuse another rank."""
        if len(shape) not in (3, 4):
            layout = "(H, W, C)" if self.height_axis == -3 else "(C, H, W)"
            raise ShapeError(
                "call",
                f"images have {len(shape)} axes",
                expected=f"shape {layout} or {layout.replace('(', '(N, ')}",
                received={"shape": tuple(shape)},
            )
        return shape[self.height_axis] or 0, shape[self.width_axis] or 0

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        if isinstance(input_shape, dict):
            return super().compute_output_shape(input_shape)
        self.size(input_shape)
        return input_shape

    def sized(self, shape: Shape, height: int, width: int) -> Shape:
        """Return a shape with another height and width."""
        self.size(shape)
        sizes = list(shape)
        sizes[self.height_axis], sizes[self.width_axis] = height, width
        return tuple(sizes)


KINDS = ("images", "labels", "bounding_boxes", "segmentation_masks")


def images_of(data: Any, layer: ImageLayer) -> Any:
    """Return the images of what a layer was called on, or refuse it."""
    if isinstance(data, dict):
        if "images" not in data:
            raise ArgumentError(
                "call",
                "this is no dict of images that can be changed",
                expected='"images", and what belongs to them',
                received={"keys": list(data)},
            )
        data = data["images"]
    images = data if hasattr(data, "ndim") else ops.convert_to_tensor(data)
    layer.size(images.shape)
    return images
