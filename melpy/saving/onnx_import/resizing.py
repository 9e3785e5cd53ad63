"""Resize: images, and any other arrays, in another size, axis by axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import ops
from melpy.saving.onnx_import.nodes import (
    Node,
    dtype_of,
    effort,
    numbers,
    operator,
    require,
    room,
    unsupported,
    value_of,
)

__all__ = ["sizes_of"]


def _middles(node: Node, new: int, old: int, scale: float, roi: tuple[float, float]) -> np.ndarray:
    """Return where the new places lie among the old ones, by the node's kind of coordinates."""
    n, kind = np.arange(new), node.get("coordinate_transformation_mode", "half_pixel")
    if kind == "half_pixel":
        return (n + 0.5) / scale - 0.5
    if kind == "half_pixel_symmetric":
        adjusted = new / (scale * old)  # what was rounded away of the new size
        return old / 2 * (1 - adjusted) + (n + 0.5) / scale - 0.5
    if kind == "pytorch_half_pixel":
        return (n + 0.5) / scale - 0.5 if new > 1 else np.zeros(new)
    if kind == "asymmetric":
        return n / scale
    if kind == "tf_half_pixel_for_nn":
        return (n + 0.5) / scale
    if kind == "align_corners":  # of the size before it is cut to a whole number
        return n * (old - 1) / (scale * old - 1) if scale * old != 1 else np.zeros(new)
    if kind == "tf_crop_and_resize":
        start, end = roi
        if new > 1:
            return start * (old - 1) + n * (end - start) * (old - 1) / (new - 1)
        return np.full(new, 0.5 * (start + end) * (old - 1))
    raise unsupported(node, "its coordinates are unknown", mode=kind)


def _nearest(node: Node, middles: np.ndarray) -> np.ndarray:
    kind = node.get("nearest_mode", "round_prefer_floor")
    if kind == "round_prefer_floor":
        return np.ceil(middles - 0.5)
    if kind == "round_prefer_ceil":
        return np.floor(middles + 0.5)
    require(kind in ("floor", "ceil"), node, "its nearest_mode is unknown", nearest_mode=kind)
    return np.floor(middles) if kind == "floor" else np.ceil(middles)


def _cubic(x: np.ndarray, a: float) -> np.ndarray:
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def _matrix(node: Node, middles: np.ndarray, old: int, scale: float) -> np.ndarray:
    """Return the matrix (new, old) of one axis: how much each old place weighs in each new one."""
    cubic = node.get("mode") == "cubic"
    stretch = min(scale, 1.0) if node.get("antialias", 0) else 1.0
    reach = math.ceil((2 if cubic else 1) / stretch)
    a = node.get("cubic_coeff_a", -0.75)
    starts = np.floor(middles).astype(int)
    room(node, (len(middles), old), "float64")
    effort(node, steps=8 * reach, entries=32 * reach * len(middles))
    matrix = np.zeros((len(middles), old))
    for step in range(1 - reach, reach + 1):
        places = starts + step
        apart = (middles - places) * stretch
        weights = _cubic(apart, a) if cubic else np.maximum(1 - np.abs(apart), 0)
        inside = (places >= 0) & (places < old)
        if node.get("exclude_outside", 0):
            weights = np.where(inside, weights, 0)
        np.add.at(matrix, (np.arange(len(middles)), np.clip(places, 0, old - 1)), weights)
    if node.get("exclude_outside", 0) or stretch < 1:
        matrix /= matrix.sum(axis=1, keepdims=True)
    return matrix


def sizes_of(
    node: Node, shape: Sequence[int], axes: Sequence[int], scales: Any, sizes: Any
) -> tuple[list[int], list[float]]:
    """Return the new sizes along some axes, and by how much each is larger."""
    if sizes is None:
        require(
            scales is not None and len(scales) == len(axes) and min(scales, default=1.0) > 0, node,
            "it has not one scale > 0 an axis", scales=scales,
        )  # fmt: skip
        new = [math.floor(shape[a] * s) for a, s in zip(axes, scales, strict=True)]
        return new, list(scales)
    require(
        len(sizes) == len(axes) and min(sizes, default=1) > 0, node,
        "it has not one size > 0 an axis", sizes=sizes,
    )  # fmt: skip
    ratios = [n / shape[a] for a, n in zip(axes, sizes, strict=True)]
    policy = node.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return list(sizes), ratios
    ratio = (min if policy == "not_larger" else max)(ratios)
    return [math.floor(ratio * shape[a] + 0.5) for a in axes], [ratio] * len(axes)


@operator("Resize", "Upsample", reads=(1, 2, 3), layout="axes")
def resize(node: Node, x: Any, *given: Any) -> Any:
    """Return x in another size, by its nearest entries, or interpolated along each axis."""
    rank = len(x.shape)
    roi, scales, sizes = _given(node, given)
    axes = [n % rank for n in node.get("axes") or range(rank)]
    new, ratios = sizes_of(node, x.shape, axes, scales, sizes)
    room(node, new, dtype_of(x))
    kind = dtype_of(x)
    y = ops.cast(x, "float64") if kind.kind != "f" and node.get("mode") != "nearest" else x
    if node.get("mode") == "cubic" and any(
        new[n] != x.shape[a] and a < rank - 4 for n, a in enumerate(axes)
    ):
        raise unsupported(node, "cubic interpolation is for the last axes", axes=axes)
    outside: Any = False
    for n, axis in enumerate(axes):
        old, size, ratio = x.shape[axis], new[n], ratios[n]
        cropped = node.get("coordinate_transformation_mode") == "tf_crop_and_resize"
        if size == old and ratio == 1 and not (cropped and roi):
            continue
        span = (roi[n], roi[n + len(axes)]) if roi else (0.0, 1.0)
        middles = _middles(node, size, old, ratio, span)
        y = _along(node, y, axis, middles, ratio)
        if cropped:
            beyond = (middles < 0) | (middles > old - 1)
            outside = outside | beyond.reshape([-1 if m == axis else 1 for m in range(rank)])
    if np.any(outside):
        fill = np.asarray(node.get("extrapolation_value", 0.0), dtype_of(y))
        y = ops.where(np.broadcast_to(outside, y.shape), fill, y)
    return y if dtype_of(y) == kind else ops.cast(ops.round(y), str(kind))


def _given(node: Node, given: Sequence[Any]) -> tuple[Any, Any, Any]:
    """Return roi, scales and sizes, whose places are other ones in older versions."""
    if node.op == "Upsample" and not given:
        return None, node.get("scales"), None
    places = (None, *given, None) if node.opset < 11 else (*given, *[None] * (3 - len(given)))
    roi, scales, sizes = places[:3]
    told = [None if v is None else [float(n) for n in value_of(v).reshape(-1)] for v in
            (roi, scales)]  # fmt: skip
    return told[0] or None, told[1] or None, (None if sizes is None else numbers(sizes)) or None


def _along(node: Node, x: Any, axis: int, middles: np.ndarray, scale: float) -> Any:
    """Return x resized along one axis."""
    old, rank = x.shape[axis], len(x.shape)
    mode = node.get("mode", "nearest")
    old_kind = {"half_pixel": "asymmetric"} if node.opset < 11 else {}
    if old_kind and "coordinate_transformation_mode" not in node.attributes:
        middles = np.arange(len(middles)) / scale
    if mode == "nearest":
        places = _nearest(node, middles) if node.opset >= 11 else np.floor(middles)
        return ops.take(x, indices=np.clip(places, 0, old - 1).astype(np.int64), axis=axis)
    require(mode in ("linear", "cubic", "bilinear"), node, "its mode is unknown", mode=mode)
    matrix = _matrix(node, middles, old, scale).T.astype(dtype_of(x))
    if axis == rank - 1:
        return ops.matmul(x, matrix)
    return ops.moveaxis(ops.matmul(ops.moveaxis(x, axis, -1), matrix), -1, axis)
