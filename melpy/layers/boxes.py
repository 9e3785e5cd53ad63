"""Boxes around objects in images: the forms in which they are written, and how they move.

A box is four numbers. Boxes of images are a dict of "boxes", (N, M, 4) or (M, 4) of one image, and
"labels", (N, M) or (M,), -1 where a box is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import ArgumentError, ShapeError, UnsupportedError, lookup
from melpy.foreign import in_graphs

__all__ = ["affine_transform", "clip_to_image_size", "convert_format", "crop", "known_boxes", "pad"]

Boxes = Any  # an array or a tensor, (..., 4)
FORMATS = {
    name: name
    for name in (
        "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw",
        "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh",
    )
}  # fmt: skip


@in_graphs
def convert_format(
    boxes: Any,
    source: str,
    target: str,
    height: Any = None,
    width: Any = None,
    dtype: Any = "float32",
) -> Any:
    """Write boxes in another form.

    Parameters
    ----------
    boxes : array or tensor, (..., 4), or a dict whose "boxes" is one
    source, target : "xyxy" for left, top, right, bottom; "yxyx" for top, left, bottom, right;
        "xywh" for left, top, width, height; "center_xywh" and "center_yxhw" for the middle and the
        sizes; or with "rel_" before all but the last, in shares of the image's sizes. Small letters
        or capitals
    height, width : the image's, in pixels, where one of the two forms has shares
    dtype : the result's type

    Returns
    -------
    array or tensor, (..., 4), or a dict as the given one

    Raises
    ------
    ShapeError : the last axis is not 4
    UnknownNameError : a form of another name
    ArgumentError : height or width is missing

    Examples
    --------
    >>> convert_format(np.array([10, 20, 30, 60]), "xyxy", "center_xywh")
    array([20., 40., 20., 40.], dtype=float32)
    """
    if isinstance(boxes, Mapping):
        made = convert_format(boxes["boxes"], source, target, height, width, dtype)
        return {**boxes, "boxes": made}
    who = "convert_format"
    boxes = ops.cast(_four(boxes, who), dtype)
    source, target = (
        lookup("format", str(name).lower(), FORMATS, who) for name in (source, target)
    )
    relative = [name.startswith("rel_") for name in (source, target)]
    if any(relative) and (height is None or width is None):
        raise ArgumentError(
            who,
            "shares of an image need its size",
            expected="height and width, in pixels",
            received={"source": source, "target": target, "height": height, "width": width},
        )
    if source == target:
        return boxes
    corners = _corners(boxes, source.removeprefix("rel_"))
    if relative[0] != relative[1]:
        sizes = [ops.cast(size, dtype) for size in (width, height)] * 2
        scale = ops.multiply if relative[0] else ops.divide
        corners = [scale(corner, size) for corner, size in zip(corners, sizes, strict=True)]
    return _written(corners, target.removeprefix("rel_"))


def _four(boxes: Any, who: str) -> Any:
    boxes = boxes if hasattr(boxes, "shape") else np.asarray(boxes)
    if not boxes.ndim or boxes.shape[-1] != 4:
        raise ShapeError(
            who,
            "boxes have four numbers each",
            expected="shape (..., 4)",
            received={"boxes.shape": tuple(boxes.shape)},
        )
    return boxes


def _is_down_first(layout: str) -> bool:
    return layout.removeprefix("center_").startswith("y")


def _corners(boxes: Any, layout: str) -> list[Any]:
    """Return left, top, right and bottom, (..., 1) each."""
    x, y, w, h = ops.split(boxes, 4, axis=-1)
    if _is_down_first(layout):
        x, y, w, h = y, x, h, w
    if layout in ("xyxy", "yxyx"):
        return [x, y, w, h]
    if layout.startswith("center"):
        x, y = ops.subtract(x, ops.divide(w, 2)), ops.subtract(y, ops.divide(h, 2))
    return [x, y, ops.add(x, w), ops.add(y, h)]


def _written(corners: list[Any], layout: str) -> Any:
    """Return boxes in a form; the inverse of `_corners`."""
    x, y, right, bottom = corners
    if layout not in ("xyxy", "yxyx"):
        right, bottom = ops.subtract(right, x), ops.subtract(bottom, y)  # width and height
        if layout.startswith("center"):
            x, y = ops.add(x, ops.divide(right, 2)), ops.add(y, ops.divide(bottom, 2))
    down_first = _is_down_first(layout)
    parts = [y, x, bottom, right] if down_first else [x, y, right, bottom]
    return ops.concatenate(parts, axis=-1)


def _require_corners(bounding_box_format: str, who: str, known: tuple[str, ...] = ("xyxy",)) -> str:
    if bounding_box_format not in known:
        raise UnsupportedError(
            who,
            "boxes of this form are not taken",
            expected=" or ".join(map(repr, known)),
            received={"bounding_box_format": bounding_box_format},
            mend="Write them in that form with convert_format.",
        )
    return bounding_box_format


@in_graphs
def clip_to_image_size(
    bounding_boxes: dict[str, Any],
    height: Any = None,
    width: Any = None,
    bounding_box_format: str = "xyxy",
) -> dict[str, Any]:
    """Cut boxes off at the image's rim; the label of one of which nothing is left becomes -1.

    Parameters
    ----------
    bounding_boxes : dict of "boxes", (N, M, 4) or (M, 4), and, if there are some, "labels"
    height, width : the image's, in pixels; not needed for shares
    bounding_box_format : "xyxy" or "rel_xyxy"

    Returns
    -------
    dict, as the given one

    Raises
    ------
    UnsupportedError : boxes of another form
    ArgumentError : height or width is missing

    Examples
    --------
    >>> boxes = {"boxes": np.array([[-5.0, 2.0, 4.0, 20.0], [12.0, 0.0, 14.0, 3.0]]),
    ...          "labels": np.array([7, 8])}
    >>> clipped = clip_to_image_size(boxes, height=10, width=10)
    >>> clipped["boxes"][0], clipped["labels"]
    (array([ 0.,  2.,  4., 10.]), array([ 7, -1]))
    """
    who = "clip_to_image_size"
    form = _require_corners(bounding_box_format, who, ("xyxy", "rel_xyxy"))
    if form == "rel_xyxy":
        height = width = 1
    elif height is None or width is None:
        raise ArgumentError(
            who,
            "the image's size is missing",
            expected="height and width, in pixels",
            received={"height": height, "width": width},
        )
    boxes = _four(bounding_boxes["boxes"], who)
    made = crop(boxes, 0, 0, height, width)
    if bounding_boxes.get("labels") is None:
        return {**bounding_boxes, "boxes": made}
    x, y, right, bottom = ops.split(made, 4, axis=-1)
    area = ops.multiply(ops.subtract(right, x), ops.subtract(bottom, y))
    labels = bounding_boxes["labels"]
    labels = labels if hasattr(labels, "shape") else np.asarray(labels)
    left = ops.greater(ops.squeeze(area, -1), 0)
    if len(labels.shape) > len(left.shape):  # (..., M, C)
        left = ops.expand_dims(left, -1)
    return {**bounding_boxes, "boxes": made, "labels": ops.where(left, labels, -1)}


@in_graphs
def crop(
    boxes: Boxes,
    top: Any,
    left: Any,
    height: Any,
    width: Any,
    bounding_box_format: str = "xyxy",
) -> Boxes:
    """Return boxes as they lie in a part of their image, cut off at its rim.

    Parameters
    ----------
    boxes : array or tensor, (N, M, 4) or (M, 4)
    top, left : where the part begins, in pixels
    height, width : the part's, in pixels
    bounding_box_format : "xyxy"

    Returns
    -------
    array or tensor, the shape of boxes

    Raises
    ------
    UnsupportedError : boxes of another form

    Examples
    --------
    >>> crop(np.array([[10, 20, 50, 60]]), top=10, left=20, height=40, width=30)
    array([[ 0, 10, 30, 40]])
    """
    _require_corners(bounding_box_format, "crop")
    ends = [width, height, width, height]
    parts = zip(ops.split(_four(boxes, "crop"), 4, axis=-1), [left, top] * 2, ends, strict=True)
    moved = [ops.clip(ops.subtract(at, start), 0, end) for at, start, end in parts]
    return ops.concatenate(moved, axis=-1)


@in_graphs
def pad(
    boxes: Boxes,
    top: Any,
    left: Any,
    height: Any = None,
    width: Any = None,
    bounding_box_format: str = "xyxy",
) -> Boxes:
    """Return boxes as they lie in an image with rows above and columns to the left.

    Parameters
    ----------
    boxes : array or tensor, (N, M, 4) or (M, 4)
    top, left : how many rows and columns, in pixels
    height, width : the image's, not used
    bounding_box_format : "xyxy"

    Returns
    -------
    array or tensor, the shape of boxes

    Raises
    ------
    UnsupportedError : boxes of another form

    Examples
    --------
    >>> pad(np.array([[10, 20, 50, 60]]), top=1, left=2)
    array([[12, 21, 52, 61]])
    """
    _require_corners(bounding_box_format, "pad")
    return ops.add(_four(boxes, "pad"), np.array([left, top, left, top]))


@in_graphs
def affine_transform(
    boxes: Boxes,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: Any,
    width: Any,
    center_x: Any = None,
    center_y: Any = None,
    bounding_box_format: str = "xyxy",
) -> Boxes:
    """Return the smallest upright boxes around boxes that were turned, moved, scaled and sheared.

    Parameters
    ----------
    boxes : array or tensor, (N, M, 4), or (M, 4) of one image
    angle : (N,), counter-clockwise, in degrees
    translate_x, translate_y : (N,), to the right and down, as a share of the size less one pixel,
        before it is scaled
    scale : (N,), a factor
    shear_x, shear_y : (N,), in degrees
    height, width : the image's, in pixels
    center_x, center_y : what stays, as a share of the size less one pixel; None for the middle
    bounding_box_format : "xyxy"

    Returns
    -------
    array or tensor, the shape of boxes

    Raises
    ------
    UnsupportedError : boxes of another form

    Examples
    --------
    >>> one, zero = np.ones(1), np.zeros(1)
    >>> square = np.array([[[0.0, 0.0, 2.0, 2.0]]])
    >>> affine_transform(square, 90 * one, zero, zero, one, zero, zero, 11, 11).round(4)
    array([[[ 0.,  8.,  2., 10.]]])
    """
    who = "affine_transform"
    _require_corners(bounding_box_format, who)
    boxes = _four(boxes, who)
    if boxes.ndim == 2:
        one = ops.expand_dims(boxes, 0)
        given = angle, translate_x, translate_y, scale, shear_x, shear_y
        return affine_transform(one, *given, height, width, center_x, center_y)[0]
    middles = (0.5 if center_x is None else center_x, 0.5 if center_y is None else center_y)
    cx, cy = ops.convert_to_numpy(middles[0]) * (width - 1), middles[1] * (height - 1)
    turn, sx, sy = (np.radians(-ops.convert_to_numpy(x)) for x in (angle, shear_x, shear_y))
    tx, ty = (
        -ops.convert_to_numpy(share) * (size - 1)
        for share, size in ((translate_x, width), (translate_y, height))
    )
    a = np.cos(turn - sy) / np.cos(sy)
    b = a * np.tan(sx) + np.sin(turn)
    c = -np.sin(turn - sy) / np.cos(sy)
    d = np.cos(turn) - c * np.tan(sx)
    a, b, c, d = (k * ops.convert_to_numpy(scale) for k in (d, -b, -c, a))
    rows = [a, b, cx - a * (cx + tx) - b * (cy + ty), c, d, cy - c * (cx + tx) - d * (cy + ty)]
    a, b, e, c, d, f = (np.reshape(k, (-1, 1)).astype(boxes.dtype) for k in rows)  # (N, 1)
    x, y, right, bottom = (boxes[..., n] for n in range(4))  # (N, M)
    corners = [(x, y), (right, y), (right, bottom), (x, bottom)]
    return around([(a * x + b * y + e, c * x + d * y + f) for x, y in corners])


def around(points: list[tuple[Any, Any]]) -> Boxes:
    """Return the smallest upright boxes around points, a pair of (...) each: (..., 4)."""
    xs, ys = (ops.stack(list(at), axis=-1) for at in zip(*points, strict=True))
    ends = [ops.min(xs, axis=-1), ops.min(ys, axis=-1), ops.max(xs, axis=-1), ops.max(ys, axis=-1)]
    return ops.stack(ends, axis=-1)


def known_boxes(bounding_boxes: Any, who: str) -> dict[str, Any]:
    """Return boxes and labels as arrays, or refuse them; lists get as many of each image.

    Missing ones are boxes of zeros, with the label -1.
    """
    if not isinstance(bounding_boxes, Mapping) or not {"boxes", "labels"} <= set(bounding_boxes):
        raise ArgumentError(
            who,
            "these are no boxes",
            expected='a dict of "boxes" and "labels"',
            received={"bounding_boxes": bounding_boxes},
        )
    boxes, labels = (
        _dense(bounding_boxes[name], fill) for name, fill in (("boxes", 0), ("labels", -1))
    )
    if boxes.ndim not in (2, 3) or labels.ndim not in (boxes.ndim - 1, boxes.ndim):
        raise ShapeError(
            who,
            "boxes and labels do not go together",
            expected="boxes (N, M, 4) and labels (N, M), or (M, 4) and (M,)",
            received={"boxes.shape": tuple(boxes.shape), "labels.shape": tuple(labels.shape)},
        )
    return {**bounding_boxes, "boxes": ops.cast(_four(boxes, who), "float32"), "labels": labels}


def _dense(rows: Any, fill: int) -> Any:
    """Return an array; of lists of lists of several lengths too."""
    if hasattr(rows, "shape"):
        return rows
    rows = [np.asarray(row) for row in rows]
    if not all(row.ndim for row in rows):
        return np.asarray(rows)
    longest = max(map(len, rows), default=0)
    told = [row for row in rows if len(row)]  # an image without a box tells no type
    tail = told[0].shape[1:] if told else ()
    dense = np.full((len(rows), longest, *tail), fill, np.result_type(np.int32, *told))
    for place, row in zip(dense, rows, strict=True):
        place[: len(row)] = row.reshape(len(row), *tail)
    return dense
