"""Boxes around objects in images: how they are written, moved, compared, and told from anchors."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import config, ops
from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.layers.boxes import affine_transform, clip_to_image_size, convert_format, crop, pad

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "compute_ciou",
    "compute_iou",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "pad",
]

MIDDLES = {name: name for name in ("center_xywh", "center_yxhw")}


def _sizes(image_shape: Any) -> tuple[Any, Any]:
    """Return an image's height and width, or Nones."""
    return (None, None) if image_shape is None else (image_shape[0], image_shape[1])


def _corners(boxes: Any, form: str, image_shape: Any, who: str) -> Any:
    """Return boxes as left, top, right, bottom in pixels, (..., 4)."""
    if "rel" in form and image_shape is None:
        raise ArgumentError(
            who,
            "shares of an image need its size",
            expected="image_shape, (height, width, channels)",
            received={"bounding_box_format": form, "image_shape": image_shape},
        )
    return convert_format(boxes, form, "xyxy", *_sizes(image_shape))


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Any = None,
) -> Any:
    """How much boxes overlap: the area that two share, by the area that they cover together.

    Parameters
    ----------
    boxes1, boxes2 : (N, L, 4) or (L, 4), and (N, M, 4) or (M, 4)
    bounding_box_format : as in `convert_format`
    use_masking : bool, whether pairs with a box of which all four numbers are negative get
        ``mask_val``
    mask_val : float
    image_shape : (height, width, channels), for boxes in shares of the image

    Returns
    -------
    array or tensor, (N, L, M), or (L, M) if neither has N

    Raises
    ------
    ShapeError : boxes of another rank
    ArgumentError : image_shape is missing

    Examples
    --------
    >>> a, b = np.array([[0, 0, 2, 2]]), np.array([[0, 0, 2, 1], [5, 5, 6, 6]])
    >>> compute_iou(a, b, "xyxy").round(3)
    array([[0.5, 0. ]], dtype=float32)
    """
    who = "compute_iou"
    given = [boxes if hasattr(boxes, "shape") else np.asarray(boxes) for boxes in (boxes1, boxes2)]
    if any(len(boxes.shape) not in (2, 3) for boxes in given):
        raise ShapeError(
            who,
            "these are no lists of boxes",
            expected="shapes (N, M, 4) or (M, 4)",
            received={"shapes": [tuple(boxes.shape) for boxes in given]},
        )
    one, two = (_corners(boxes, bounding_box_format, image_shape, who) for boxes in given)
    one, two = ops.expand_dims(one, -2), ops.expand_dims(two, -3)  # (..., L, 1, 4), (..., 1, M, 4)
    shared = _shared(one, two)
    iou = shared / (_area(one) + _area(two) - shared + config.epsilon())
    if not use_masking:
        return iou
    first, second = (ops.less(ops.max(boxes, axis=-1), 0) for boxes in given)
    none = ops.logical_or(ops.expand_dims(first, -1), ops.expand_dims(second, -2))
    return ops.where(none, ops.cast(mask_val, iou.dtype), iou)


def _area(boxes: Any) -> Any:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _shared(one: Any, two: Any) -> Any:
    """Return the areas that boxes share, the others broadcast against each."""
    ends = ops.minimum(one[..., 2:], two[..., 2:])
    sides = ops.maximum(ends - ops.maximum(one[..., :2], two[..., :2]), 0)
    return sides[..., 0] * sides[..., 1]


def compute_ciou(
    boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Any = None
) -> Any:
    """Complete IoU: IoU - d^2/c^2 - v^2/(1 - IoU + v), d between the middles, v of the proportions.

    c is the diagonal of the smallest box around both, and v is
    4/pi^2 (arctan(w1/h1) - arctan(w2/h2))^2.

    Parameters
    ----------
    boxes1, boxes2 : (..., 4), which broadcast; the first boxes are compared, the second, ...
    bounding_box_format : as in `convert_format`
    image_shape : (height, width, channels), for boxes in shares of the image

    Returns
    -------
    array or tensor, (...)

    Raises
    ------
    ArgumentError : image_shape is missing

    Source
    ------
    Z. Zheng et al., Distance-IoU loss (2020), equations 7 to 11.

    Examples
    --------
    >>> a = np.array([0, 0, 2, 2])
    >>> float(compute_ciou(a, a, "xyxy").round(3)), float(compute_ciou(a, a + 2, "xyxy").round(3))
    (1.0, -0.25)
    """
    one, two = (
        _corners(boxes, bounding_box_format, image_shape, "compute_ciou")
        for boxes in (boxes1, boxes2)
    )
    tiny = config.epsilon()
    w1, h1, w2, h2 = (
        boxes[..., n + 2] - boxes[..., n] + n * tiny for boxes in (one, two) for n in (0, 1)
    )
    shared = _shared(one, two)
    iou = shared / (w1 * h1 + w2 * h2 - shared + 2 * tiny)
    around = ops.maximum(one[..., 2:], two[..., 2:]) - ops.minimum(one[..., :2], two[..., :2])
    apart = (one[..., :2] + one[..., 2:] - two[..., :2] - two[..., 2:]) / 2
    far = ops.sum(apart**2, axis=-1) / (ops.sum(around**2, axis=-1) + tiny)
    v = 4 / np.pi**2 * (ops.arctan(w2 / h2) - ops.arctan(w1 / h1)) ** 2
    return iou - far - v * v / (v - iou + (1 + tiny))


def _middles(form: str, variance: Any, who: str) -> Any:
    """Return the variance as an array or None; refuse a form that has no middle, or another."""
    lookup("encoding format", form, MIDDLES, who)
    if variance is not None and np.shape(variance)[-1:] != (4,):
        raise ArgumentError(
            who, "a variance has four numbers", expected="4", received={"variance": variance}
        )
    return None if variance is None else ops.cast(np.asarray(variance), "float32")


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """Tell boxes from anchors: ((middle - middle') / size', log(size / size')), ' of the anchor's.

    Parameters
    ----------
    anchors : (M, 4)
    boxes : (N, M, 4) or (M, 4)
    anchor_format, box_format : as in `convert_format`
    encoding_format : "center_yxhw" or "center_xywh", the order of the four numbers
    variance : 4 floats by which they are divided, or None
    image_shape : (height, width, channels), for boxes in shares of the image

    Returns
    -------
    array or tensor, the shape of boxes

    Raises
    ------
    UnknownNameError : encoding_format is neither
    ArgumentError : variance has not four numbers

    Examples
    --------
    >>> anchors, boxes = np.array([[0, 0, 10, 10]]), np.array([[5, 0, 15, 10]])
    >>> encode_box_to_deltas(anchors, boxes, "xyxy", "xyxy")
    array([[0. , 0.5, 0. , 0. ]], dtype=float32)
    """
    variance = _middles(encoding_format, variance, "encode_box_to_deltas")
    height, width = _sizes(image_shape)
    anchors = convert_format(anchors, anchor_format, encoding_format, height, width)
    boxes = convert_format(boxes, box_format, encoding_format, height, width)
    of_anchors, of_boxes = (ops.maximum(x[..., 2:], config.epsilon()) for x in (anchors, boxes))
    places = (boxes[..., :2] - anchors[..., :2]) / of_anchors
    deltas = ops.concatenate([places, ops.log(of_boxes / of_anchors)], axis=-1)
    return deltas if variance is None else deltas / variance


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """Return the boxes that deltas tell from anchors; the inverse of `encode_box_to_deltas`.

    Parameters
    ----------
    anchors : (M, 4), or a dict of several
    boxes_delta : (N, M, 4) or (M, 4), or a dict of several
    anchor_format, box_format : as in `convert_format`
    encoded_format : "center_yxhw" or "center_xywh", the order of the four numbers
    variance : 4 floats by which they were divided, or None
    image_shape : (height, width, channels), for boxes in shares of the image

    Returns
    -------
    array or tensor, the shape of boxes_delta, or a dict of them

    Raises
    ------
    UnknownNameError : encoded_format is neither
    ArgumentError : variance has not four numbers

    Examples
    --------
    >>> anchors, deltas = np.array([[0, 0, 10, 10]]), np.array([[0.0, 0.5, 0.0, 0.0]])
    >>> decode_deltas_to_boxes(anchors, deltas, "xyxy", "xyxy")
    array([[ 5.,  0., 15., 10.]], dtype=float32)
    """
    scale = _middles(encoded_format, variance, "decode_deltas_to_boxes")
    if isinstance(anchors, dict) and isinstance(boxes_delta, dict):
        options = anchor_format, box_format, encoded_format, variance, image_shape
        return {
            level: decode_deltas_to_boxes(of_level, boxes_delta[level], *options)
            for level, of_level in anchors.items()
        }
    height, width = _sizes(image_shape)
    anchors = convert_format(anchors, anchor_format, encoded_format, height, width)
    deltas = ops.cast(boxes_delta, anchors.dtype)
    if scale is not None:
        deltas = deltas * scale
    sizes = anchors[..., 2:]
    boxes = ops.concatenate(
        [deltas[..., :2] * sizes + anchors[..., :2], ops.exp(deltas[..., 2:]) * sizes], axis=-1
    )
    return convert_format(boxes, encoded_format, box_format, height, width)
