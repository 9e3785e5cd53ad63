"""Operators of ONNX that move, join, cut, repeat and surround, and those that make arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from melpy import ops
from melpy.saving.onnx_import.nodes import (
    Node,
    dtype_of,
    numbers,
    operator,
    require,
    room,
    typed,
    unsupported,
    value_of,
)
from melpy.saving.onnx_import.reducing import axes_of

__all__ = ["cut_of", "halves"]


@operator("Reshape", reads=(1,))
def reshape(node: Node, x: Any, shape: Any = None) -> Any:
    """Return x in another shape; 0 is the size that x has there, -1 what is left."""
    sizes = list(node.get("shape", ())) if shape is None else numbers(shape)
    if not node.get("allowzero", 0):
        require(
            all(size or n < len(x.shape) for n, size in enumerate(sizes)), node,
            "a size of 0 stands for an axis that is not there", shape=sizes,
        )  # fmt: skip
        sizes = [size or x.shape[n] for n, size in enumerate(sizes)]
    return ops.reshape(x, tuple(sizes))


@operator("Transpose", plain=True)
def transpose(node: Node, x: Any) -> Any:
    """Return x with its axes in another order."""
    return ops.transpose(x, axes=tuple(node.get("perm") or reversed(range(len(x.shape)))))


@operator("Flatten")
def flatten(node: Node, x: Any) -> Any:
    """Return a matrix: the axes before one, and those from there."""
    axis = node.get("axis", 1)
    axis = axis + len(x.shape) if axis < 0 else axis
    before, after = x.shape[:axis], x.shape[axis:]
    if None not in after:
        return ops.reshape(x, (-1 if None in before else math.prod(before), math.prod(after)))
    return ops.reshape(x, (math.prod(before), -1))


@operator("Squeeze", reads=(1,), plain=True)
def squeeze(node: Node, x: Any, axes: Any = None) -> Any:
    """Return x without axes of size 1, the named ones or all."""
    return ops.squeeze(x, axis=axes_of(node, len(x.shape), axes))


@operator("Unsqueeze", reads=(1,), plain=True)
def unsqueeze(node: Node, x: Any, axes: Any = None) -> Any:
    """Return x with further axes of size 1."""
    named = node.get("axes") if axes is None else numbers(axes)
    return ops.expand_dims(x, axis=axes_of(node, len(x.shape) + len(named or ()), axes) or ())


@operator("Concat", layout="axis", plain=True)
def concat(node: Node, *xs: Any) -> Any:
    """Return arrays one behind the other."""
    room(node, [sum(math.prod(s or 1 for s in x.shape) for x in xs)], dtype_of(xs[0]))
    return ops.concatenate(list(xs), axis=node.get("axis", 1))


@operator("Split", reads=(1,), layout="axis")
def split(node: Node, x: Any, sizes: Any = None) -> Any:
    """Return pieces along an axis: of given sizes, or as many as there are outputs."""
    axis, size = node.get("axis", 0), x.shape[node.get("axis", 0)]
    lengths = node.get("split") if sizes is None else numbers(sizes)
    if lengths is None:
        require(size is not None, node, "the size that it splits is not known")
        count = node.get("num_outputs", node.outputs)
        each = -(-size // count)
        starts = [min(each * n, size) for n in range(min(count, node.outputs + 1))]
        lengths = np.diff([*starts, size]).tolist()
    asked, rest = lengths[: node.outputs], lengths[node.outputs :]
    require(
        len(asked) == node.outputs and (size is None or sum(lengths) == size), node,
        "the pieces are not as long as what is split", split=asked, size=size,
    )  # fmt: skip
    lengths = [*asked, sum(rest)] if rest else asked  # what is not asked for is one piece
    pieces = ops.split(x, np.cumsum(lengths)[:-1].tolist(), axis=axis)
    return pieces[0] if node.outputs == 1 else pieces


def cut_of(node: Node, shape: Any, given: Any) -> tuple[slice, ...]:
    """Return the slices that a Slice names: by attributes until version 9, by inputs since."""
    if node.opset < 10:
        starts, ends = node.get("starts"), node.get("ends")
        axes, steps = node.get("axes"), None
    else:
        starts, ends, axes, steps = (
            None if x is None else numbers(x) for x in (*given, *[None] * (4 - len(given)))
        )
    require(
        starts is not None and ends is not None and len(starts) == len(ends), node,
        "it has not one end for each start", starts=starts, ends=ends,
    )  # fmt: skip
    axes = range(len(starts)) if axes is None else axes
    cut = [slice(None)] * len(shape)
    for axis, start, end, step in zip(axes, starts, ends, steps or [1] * len(starts), strict=True):
        require(
            -len(shape) <= axis < len(shape) and step, node, "an axis or a step is out of range",
            axis=axis, step=step,
        )  # fmt: skip
        size = shape[axis]
        if size is not None:  # as Python's, which counts from the end in the same way
            start, end = max(start, -size - (step < 0)), max(end, -size - 1)
        if step < 0 and (end < -(2**31) or (size is not None and end < -size)):
            end = None
        start = None if step > 0 and start == 0 else start
        end = None if end is not None and step > 0 and end >= 2**31 - 1 else end
        cut[axis] = slice(start, end, None if step == 1 else step)
    return tuple(cut)


@operator("Slice", reads=(1, 2, 3, 4), layout="axes", plain=True)
def slice_(node: Node, x: Any, *given: Any) -> Any:
    """Return a part of x, from starts to ends by steps."""
    return ops.get_item(x, key=cut_of(node, x.shape, given))


@operator("Expand", reads=(1,))
def expand(node: Node, x: Any, shape: Any) -> Any:
    """Return x repeated to a shape that it broadcasts to."""
    sizes = np.broadcast_shapes(x.shape, tuple(numbers(shape)))
    room(node, sizes, dtype_of(x))
    return ops.broadcast_to(x, shape=sizes)


@operator("Tile", reads=(1,))
def tile(node: Node, x: Any, repeats: Any) -> Any:
    """Return x several times along each axis."""
    times = numbers(repeats)
    room(node, [s * t for s, t in zip(x.shape, times, strict=True)], dtype_of(x))
    return ops.tile(x, repeats=tuple(times))


MODES = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap"}


@operator("Pad", reads=(1, 2, 3), layout="axes")
def pad(node: Node, x: Any, pads: Any = None, value: Any = None, axes: Any = None) -> Any:
    """Return x with more, or with less where a number is negative, around it."""
    rank, mode = len(x.shape), node.get("mode", "constant")
    told = node.get("pads", node.get("paddings")) if pads is None else numbers(pads)
    along = list(range(rank)) if axes is None else [n % rank for n in numbers(axes)]
    require(
        mode in MODES and told is not None and len(told) == 2 * len(along), node,
        "its pads are not two an axis, or its mode is unknown", pads=told, mode=mode,
    )  # fmt: skip
    width, cut = [(0, 0)] * rank, [slice(None)] * rank
    for axis, before, after in zip(along, told[: len(along)], told[len(along) :], strict=True):
        width[axis] = max(before, 0), max(after, 0)
        cut[axis] = slice(-before if before < 0 else None, after if after < 0 else None)
    room(node, [s + sum(w) for s, w in zip(x.shape, width, strict=True) if s], dtype_of(x))
    if any(c != slice(None) for c in cut):
        x = ops.get_item(x, key=tuple(cut))
    if not any(map(sum, width)):
        return x
    if mode != "constant":
        return ops.pad(x, tuple(width), mode=MODES[mode])
    fill = node.get("value", 0.0) if value is None else value_of(value).reshape(-1)[0]
    return ops.pad(x, tuple(width), constant_values=np.asarray(fill, dtype_of(x)).item())


@operator("Shape", reads=())
def shape_of(node: Node, x: Any) -> Any:
    """Return the sizes of x, all or some of them."""
    start, end = node.get("start", 0), node.get("end")
    return np.array(tuple(x.shape)[start:end], np.int64)


@operator("Size")
def size_of(node: Node, x: Any) -> Any:
    """Return the number of entries of x."""
    return np.array(math.prod(x.shape), np.int64)


@operator("Range", reads=(0, 1, 2))
def range_(node: Node, start: Any, limit: Any, delta: Any) -> Any:
    """Return start, start + delta, ... before the limit."""
    first, last, step = (value_of(x).reshape(-1)[0] for x in (start, limit, delta))
    require(step != 0, node, "its delta is 0")
    count = max(int(np.ceil((float(last) - float(first)) / float(step))), 0)
    room(node, [count], first.dtype)
    return (first + np.arange(count) * step).astype(first.dtype)


@operator("Constant")
def constant(node: Node) -> Any:
    """Return what an attribute holds."""
    kinds = {"value": None, "value_float": "float32", "value_floats": "float32"}
    kinds |= {"value_int": "int64", "value_ints": "int64"}
    for name, kind in kinds.items():
        if node.get(name) is not None:
            return np.asarray(node.get(name), kind)
    raise unsupported(node, "it holds a sparse tensor or texts", has=list(node.attributes))


@operator("ConstantOfShape", reads=(0,))
def constant_of_shape(node: Node, shape: Any) -> Any:
    """Return an array of one value."""
    value, sizes = np.asarray(node.get("value", np.zeros(1, np.float32))), tuple(numbers(shape))
    room(node, sizes, value.dtype)
    return np.broadcast_to(value.reshape(()), sizes).copy()


@operator("EyeLike")
def eye_like(node: Node, x: Any) -> Any:
    """Return ones on a diagonal, in the shape of x."""
    kind = typed(node, node.get("dtype")) if node.get("dtype") else str(dtype_of(x))
    room(node, x.shape, kind)
    rows, columns = x.shape
    return np.eye(rows, columns, node.get("k", 0)).astype(kind)


@operator("Trilu", reads=(1,))
def trilu(node: Node, x: Any, k: Any = None) -> Any:
    """Return the upper or the lower triangle of matrices."""
    offset = 0 if k is None else numbers(k)[0]
    return (ops.triu if node.get("upper", 1) else ops.tril)(x, k=offset)


def halves(node: Node, x: Any) -> tuple[int, Any]:
    """Return the size of a block of DepthToSpace and SpaceToDepth, and the shape of x."""
    block = node.get("blocksize", 0)
    require(block > 0 and len(x.shape) == 4, node, "it is for images of 4 axes", blocksize=block)
    return block, tuple(x.shape)


@operator("DepthToSpace")
def depth_to_space(node: Node, x: Any) -> Any:
    """Return larger images of fewer channels, (N, C b^2, H, W) -> (N, C, H b, W b)."""
    b, (N, C, H, W) = halves(node, x)
    last = node.get("mode", "DCR") == "DCR"
    parts, order = (
        ((N, b, b, C // b**2, H, W), (0, 3, 4, 1, 5, 2))
        if last
        else ((N, C // b**2, b, b, H, W), (0, 1, 4, 2, 5, 3))
    )
    y = ops.transpose(ops.reshape(x, parts), axes=order)
    return ops.reshape(y, (N, C // b**2, H * b, W * b))


@operator("SpaceToDepth")
def space_to_depth(node: Node, x: Any) -> Any:
    """Return smaller images of more channels, (N, C, H b, W b) -> (N, C b^2, H, W)."""
    b, (N, C, H, W) = halves(node, x)
    parts = ops.reshape(x, (N, C, H // b, b, W // b, b))
    order = (0, 3, 5, 1, 2, 4) if node.get("mode", "DCR") == "DCR" else (0, 1, 3, 5, 2, 4)
    return ops.reshape(ops.transpose(parts, axes=order), (N, C * b**2, H // b, W // b))


@operator("ReverseSequence", reads=(1,))
def reverse_sequence(node: Node, x: Any, lengths: Any) -> Any:
    """Return each sequence with its first so many steps in reverse."""
    time, batch = node.get("time_axis", 0), node.get("batch_axis", 1)
    steps, ends = np.arange(x.shape[time]), value_of(lengths).reshape(-1, 1)
    rows = np.where(steps < ends, np.minimum(ends, len(steps)) - 1 - steps, steps)  # (N,T)
    places = rows if batch < time else rows.T
    places = places.reshape([s if n in (time, batch) else 1 for n, s in enumerate(x.shape)])
    return ops.take_along_axis(x, np.broadcast_to(places, x.shape), axis=time)


@operator("CenterCropPad", reads=(1,))
def center_crop_pad(node: Node, x: Any, shape: Any) -> Any:
    """Return the middle of x, or x in the middle of zeros."""
    rank, sizes = len(x.shape), numbers(shape)
    axes = [n % rank for n in node.get("axes") or range(rank)]
    width, cut = [(0, 0)] * rank, [slice(None)] * rank
    for axis, size in zip(axes, sizes, strict=True):
        more = size - x.shape[axis]
        if more > 0:
            width[axis] = more // 2, more - more // 2
        else:
            cut[axis] = slice(-more // 2, -more // 2 + size)
    room(node, sizes, dtype_of(x))
    return ops.pad(ops.get_item(x, key=tuple(cut)), tuple(width))
