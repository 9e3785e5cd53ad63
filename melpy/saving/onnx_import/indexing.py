"""Operators of ONNX that pick entries by their places, and put some there."""

from __future__ import annotations

import math
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

__all__: list[str] = []


@operator("Beside")
def beside(node: Node, x: Any, value: Any) -> Any:
    """Return a constant, whatever x is: a model's output that does not depend on its input."""
    return value


def _places(indices: Any, size: Any) -> Any:
    """Return places counted from the beginning, of which the negative ones count from the end."""
    if isinstance(indices, np.ndarray):
        return np.where(indices < 0, indices + (0 if size is None else size), indices)
    return ops.where(
        ops.less(indices, 0), ops.add(indices, np.asarray(size, dtype_of(indices))), indices
    )


@operator("Gather", plain=True)
def gather(node: Node, x: Any, indices: Any) -> Any:
    """Return the entries at some places along an axis."""
    axis = node.get("axis", 0)
    room(node, (*indices.shape, *x.shape[:axis], *x.shape[axis:][1:]), dtype_of(x))
    return ops.take(x, indices=indices, axis=axis)


@operator("GatherElements", "GatherElement")
def gather_elements(node: Node, x: Any, indices: Any) -> Any:
    """Return one entry a place along an axis."""
    axis = node.get("axis", 0) % len(x.shape)
    cut = tuple(slice(0, s) if n != axis else slice(None) for n, s in enumerate(indices.shape))
    if x.shape != indices.shape:
        x = ops.get_item(x, key=cut)
    return ops.take_along_axis(x, indices, axis=axis)


@operator("GatherND")
def gather_nd(node: Node, x: Any, indices: Any) -> Any:
    """Return the entries, or the blocks, at rows of places."""
    batch, shape = node.get("batch_dims", 0), tuple(indices.shape)
    depth = shape[-1]
    require(
        0 <= batch <= batch + depth <= len(x.shape), node, "a row of places has more axes than x",
        indices=shape, batch_dims=batch, shape=tuple(x.shape),
    )  # fmt: skip
    room(node, (*shape[:-1], *x.shape[batch + depth :]), dtype_of(x))
    key: list[Any] = []
    for n in range(batch):  # the place in the batch itself
        size = [1] * (len(shape) - 1)
        size[n] = shape[n]
        key.append(np.arange(shape[n]).reshape(size))
    key += [ops.get_item(indices, key=(..., n)) for n in range(depth)]
    return ops.get_item(x, key=tuple(key))


REDUCTIONS = {"none": None, "add": "add", "mul": "mul", "min": "min", "max": "max"}


def _reduction(node: Node) -> Any:
    told = node.get("reduction", "none")
    require(told in REDUCTIONS, node, "its reduction is unknown", reduction=told)
    return REDUCTIONS[told]


@operator("ScatterND")
def scatter_nd(node: Node, x: Any, indices: Any, updates: Any) -> Any:
    """Return x with other entries, or blocks, at rows of places."""
    sizes = np.array(x.shape[: indices.shape[-1]])
    return ops.scatter_update(x, _places(indices, sizes), updates, reduction=_reduction(node))


@operator("ScatterElements", "Scatter")
def scatter_elements(node: Node, x: Any, indices: Any, updates: Any) -> Any:
    """Return x with other entries, one a place along an axis."""
    axis = node.get("axis", 0) % len(x.shape)
    grid = list(np.indices(tuple(indices.shape), np.int64))
    along = ops.cast(_places(indices, x.shape[axis]), "int64")
    rows = ops.stack([along if n == axis else place for n, place in enumerate(grid)], axis=-1)
    return ops.scatter_update(x, rows, updates, reduction=_reduction(node))


@operator("OneHot", reads=(1, 2))
def one_hot(node: Node, indices: Any, depth: Any, values: Any) -> Any:
    """Return the second value where a class is, the first one elsewhere."""
    count, (off, on) = numbers(depth)[0], value_of(values)
    room(node, (*indices.shape, count), np.asarray(off).dtype)
    places = _places(ops.cast(indices, "int64"), count)
    hot = ops.one_hot(places, num_classes=count, axis=node.get("axis", -1), dtype="bool")
    return ops.where(hot, np.asarray(on), np.asarray(off))


@operator("NonZero", reads=(0,))
def nonzero(node: Node, x: Any) -> Any:
    """Return where x is not 0, a row an axis."""
    return np.array(np.nonzero(value_of(x)), np.int64)


@operator("Compress", reads=(1,))
def compress(node: Node, x: Any, condition: Any) -> Any:
    """Return the entries along an axis for which a condition holds."""
    places = np.flatnonzero(value_of(condition))
    axis = node.get("axis")
    return ops.take(x, indices=places, axis=axis)


@operator("Unique", reads=(0,))
def unique(node: Node, x: Any) -> Any:
    """Return the different entries, where they are first, their numbers and how often they come."""
    axis = node.get("axis")
    values, first, inverse, counts = np.unique(value_of(x), True, True, True, axis=axis)
    inverse = np.asarray(inverse).reshape(-1)
    if not node.get("sorted", 1):
        order = np.argsort(first)
        rank = np.argsort(order)
        values = np.take(values, order, axis=axis or 0)
        first, counts, inverse = first[order], counts[order], rank[inverse]
    made = values, *(np.asarray(x, np.int64) for x in (first, inverse, counts))
    return made[: node.outputs] if node.outputs > 1 else made[0]


@operator("TensorScatter", reads=(2,))
def tensor_scatter(node: Node, past: Any, update: Any, written: Any = None) -> Any:
    """Return a store of steps with new ones written behind those of each sample."""
    axis = node.get("axis", -2) % len(past.shape)
    starts = np.zeros(past.shape[0], int) if written is None else np.array(numbers(written))
    steps = starts[:, np.newaxis] + np.arange(update.shape[axis])  # (N, T)
    if node.get("mode", "linear") == "circular":
        steps = steps % past.shape[axis]
    shape = [1] * len(past.shape)
    shape[0], shape[axis] = steps.shape
    along = np.broadcast_to(steps.reshape(shape), update.shape)
    grid = [along if n == axis else g for n, g in enumerate(np.indices(tuple(update.shape)))]
    return ops.scatter_update(past, np.stack(grid, axis=-1), update)


@operator("NonMaxSuppression", reads=(0, 1, 2, 3, 4))
def non_max_suppression(
    node: Node, boxes: Any, scores: Any, most: Any = None, overlap: Any = None, least: Any = None
) -> Any:
    """Return (batch, class, box) of the best boxes that overlap no better one by too much."""
    given, marks = value_of(boxes).astype(np.float64), value_of(scores)
    count, limit, floor = (
        default if x is None else value_of(x).reshape(-1)[0].item()
        for x, default in ((most, 0), (overlap, 0.0), (least, -math.inf))
    )
    if node.get("center_point_box", 0):
        x, y, w, h = np.moveaxis(given, -1, 0)
        given = np.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], -1)
    low, high = (
        np.minimum(given[..., :2], given[..., 2:]),
        np.maximum(given[..., :2], given[..., 2:]),
    )
    found = []
    for batch, label in np.ndindex(*marks.shape[:2]):
        own = marks[batch, label]
        effort(node, steps=2, entries=32 * len(own))  # a sort
        left = np.argsort(-own, kind="stable")
        left, kept = left[~(own[left] <= floor)], 0
        while len(left) and kept < count:  # the best of what is left, which loses what overlaps it
            effort(node, steps=4, entries=40 * len(left))
            best, left = left[0], left[1:]
            found.append((batch, label, best))
            left, kept = left[_overlaps(low[batch], high[batch], best, left) <= limit], kept + 1
    return np.array(found, np.int64).reshape(-1, 3)


def _overlaps(low: Any, high: Any, one: int, others: Any) -> np.ndarray:
    """Return the share of two boxes' union that both cover, of one box and each of others."""
    inside = np.minimum(high[one], high[others]) - np.maximum(low[one], low[others])
    both = np.prod(np.maximum(inside, 0), axis=-1)
    total = np.prod(high[one] - low[one]) + np.prod(high[others] - low[others], axis=-1) - both
    return np.divide(both, total, out=np.zeros_like(both), where=total > 0)


@operator("ai.onnx.ml.ArrayFeatureExtractor")
def array_feature_extractor(node: Node, x: Any, places: Any) -> Any:
    """Return some features, the entries along the last axis."""
    y = ops.take(x, indices=ops.reshape(places, (-1,)), axis=-1)
    return ops.reshape(y, (1, -1)) if len(x.shape) == 1 else y


@operator("ai.onnx.ml.Scaler")
def scaler(node: Node, x: Any) -> Any:
    """Return (x - offset) scale, feature by feature."""
    offset, scale = (np.asarray(node.get(k), np.float32) for k in ("offset", "scale"))
    return ops.multiply(ops.subtract(ops.cast(x, "float32"), offset), scale)


@operator("ai.onnx.ml.Binarizer")
def binarizer(node: Node, x: Any) -> Any:
    """Return 1 where x is above a threshold, 0 elsewhere."""
    above = ops.greater(x, np.asarray(node.get("threshold", 0.0), dtype_of(x)))
    return ops.cast(above, str(dtype_of(x)))


@operator("ai.onnx.ml.Normalizer")
def normalizer(node: Node, x: Any) -> Any:
    """Return x by the norm of its last axis."""
    told = node.get("norm", "MAX")
    if told == "MAX":
        size = ops.max(ops.absolute(x), axis=-1, keepdims=True)
    elif told in ("L1", "L2"):
        size = ops.sum(ops.absolute(x) if told == "L1" else ops.square(x), axis=-1, keepdims=True)
        size = size if told == "L1" else ops.sqrt(size)
    else:
        raise unsupported(node, "its norm is unknown", norm=told)
    return ops.divide(x, ops.where(ops.equal(size, 0), ops.ones_like(size), size))


@operator("ai.onnx.ml.LinearRegressor")
def linear_regressor(node: Node, x: Any) -> Any:
    """Return x W + b."""
    if node.get("post_transform", "NONE") != "NONE":
        raise unsupported(node, "it transforms its result", by=node.get("post_transform"))
    targets = node.get("targets", 1)
    weights = np.asarray(node.get("coefficients"), np.float32).reshape(targets, -1)
    bias = np.asarray(node.get("intercepts") or [0.0] * targets, np.float32)
    return ops.add(ops.matmul(ops.cast(x, "float32"), weights.T), bias)
