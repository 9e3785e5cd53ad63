"""Nodes of images, sequences and volumes that become layers: their channels stand last from there.

So a network of convolutions turns its input once, and once more where it becomes rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import layers
from melpy.ops.spatial import transposed_cut
from melpy.saving.onnx_import.maker import Maker, builder
from melpy.saving.onnx_import.nodes import Node, require
from melpy.saving.onnx_import.values import Value
from melpy.saving.onnx_import.windows import Windows, cuts_of, ends_of

__all__ = ["are_learnt"]

LAST = {"data_format": "channels_last"}
FLOATS = ("float32", "float64")


def are_learnt(x: Value, *weights: Value | None) -> bool:
    """Return whether weights are constants of the float type that x has."""
    return str(x.dtype) in FLOATS and all(
        w is None or (w.is_constant and w.dtype == x.dtype) for w in weights
    )


def _of_rank(name: str, rank: int) -> Any:
    """Return a layer's class for sequences, images or volumes."""
    return getattr(layers, name.format(rank))


def _padding(windows: Windows, sizes: Sequence[Any], ends: Sequence[Any]) -> str | None:
    """Return Keras's name of what is around, None where it has none."""
    if not any(map(sum, ends)):
        return "valid"
    return "same" if list(ends) == windows.same(sizes, "SAME_UPPER") else None


def _surrounded(maker: Maker, x: Any, ends: Sequence[Any]) -> Any:
    """Return the tensor with zeros around it, by a layer."""
    rank = len(ends)
    width = tuple(ends[0]) if rank == 1 else tuple(tuple(pair) for pair in ends)
    made = _of_rank("ZeroPadding{}D", rank)
    return made(width, **LAST, name=maker.name("padding"), dtype=str(x.dtype))(x)


@builder("Conv")
def conv(maker: Maker, node: Node, x: Value, w: Value, b: Value | None = None) -> Any:
    """Make a convolution: kernel (D,C,kH,kW) -> (kH,kW,C,D)."""
    rank, sizes = w.rank - 2, x.shape[2:]
    if not are_learnt(x, w, b) or rank not in (1, 2, 3) or x.rank != w.rank or not x.shape[1]:
        return None
    groups, windows = node.get("group", 1), Windows(node, w.shape[2:])
    require(
        x.shape[1] == groups * w.shape[1] and w.shape[0] % groups == 0, node,
        "its kernel does not fit the channels", channels=x.shape[1], kernel=w.shape, group=groups,
    )  # fmt: skip
    ends = windows.around(sizes)
    if None in ends or (max(windows.strides) > 1 and max(windows.dilations) > 1):
        return None
    tensor, padding = x.turned(True), _padding(windows, sizes, ends)
    if padding is None:
        tensor, padding = _surrounded(maker, tensor, ends), "valid"
    options: dict[str, Any] = {
        "kernel_size": windows.kernel, "strides": windows.strides, "padding": padding,
        "dilation_rate": windows.dilations, "use_bias": b is not None, **LAST,
    }  # fmt: skip
    kernel = w.array
    each = w.shape[0] // groups
    even = len(set(windows.strides)) == 1 and len(set(windows.dilations)) == 1
    if groups > 1 and w.shape[1] == 1 and rank < 3 and even:
        made = _of_rank("DepthwiseConv{}D", rank)
        options["depth_multiplier"] = each
        kernel = kernel.reshape(groups, each, *windows.kernel)  # (C,M,kH,kW) -> (kH,kW,C,M)
        kernel = np.moveaxis(kernel, (0, 1), (-2, -1))
    else:
        made = _of_rank("Conv{}D", rank)
        options |= {"filters": w.shape[0], "groups": groups}
        kernel = np.moveaxis(kernel, (1, 0), (-2, -1))
    arrays = [kernel] if b is None else [kernel, b.array]
    y = maker.layer(made, tensor, arrays, shared=(w, b), **options)
    return maker.value(node, [x], y, last=True)


@builder("ConvTranspose")
def conv_transpose(maker: Maker, node: Node, x: Value, w: Value, b: Value | None = None) -> Any:
    """Make a transposed convolution, and cut its ends: kernel (C,D,kH,kW) -> (kH,kW,D,C)."""
    rank, sizes = w.rank - 2, x.shape[2:]
    if not are_learnt(x, w, b) or rank not in (1, 2, 3) or x.rank != w.rank or not x.shape[1]:
        return None
    windows = Windows(node, w.shape[2:])
    strides = windows.strides
    is_told = node.get("output_shape") and None in sizes
    both = max(strides) > 1 and max(windows.dilations) > 1
    if node.get("group", 1) != 1 or is_told or both:
        return None
    cuts, more = cuts_of(node, windows, [size or 1 for size in sizes])
    if any(n >= s for n, s in zip(more, strides, strict=True)):
        return None
    usual = [transposed_cut("same", span, s, None, "conv_transpose")
             for span, s in zip(windows.spans, strides, strict=True)]  # fmt: skip
    is_same = not any(more) and [tuple(cut) for cut in cuts] == usual
    options: dict[str, Any] = {
        "filters": w.shape[1], "kernel_size": windows.kernel, "strides": strides,
        "padding": "same" if is_same else "valid", "dilation_rate": windows.dilations,
        "output_padding": None if is_same else tuple(more), "use_bias": b is not None, **LAST,
    }  # fmt: skip
    kernel = np.moveaxis(w.array, (1, 0), (-2, -1))
    arrays = [kernel] if b is None else [kernel, b.array]
    made = _of_rank("Conv{}DTranspose", rank)
    y = maker.layer(made, x.turned(True), arrays, shared=(w, b), **options)
    if not is_same and any(map(sum, cuts)):
        width = tuple(cuts[0]) if rank == 1 else tuple(map(tuple, cuts))
        cut = _of_rank("Cropping{}D", rank)
        name = maker.name("cropping")
        y = cut(width, **LAST, name=name, dtype=str(x.dtype))(y)
    return maker.value(node, [x], y, last=True)


@builder("MaxPool", "AveragePool")
def pool(maker: Maker, node: Node, x: Value) -> Any:
    """Make a pooling; what is around the maxima is less than anything."""
    windows = Windows(node, tuple(node.get("kernel_shape", ())))
    rank, sizes, highest = len(windows.kernel), x.shape[2:], node.op == "MaxPool"
    around = windows.around(sizes)
    if str(x.dtype) not in FLOATS or rank > 3 or x.rank != rank + 2 or node.outputs > 1:
        return None
    if max(windows.dilations) > 1 or None in around:
        return None
    more = windows.beyond(sizes, around)
    if None in more:
        return None
    ends = ends_of(around, more)
    tensor, padding = x.turned(True), _padding(windows, sizes, ends)
    counted = node.get("count_include_pad", 0)
    if not highest and counted and padding == "same":
        padding = None  # Keras's mean is of what is inside
    if padding is None and highest:
        around = [0, *(a for a, _ in ends), 0, 0, *(b for _, b in ends), 0]
        least = [tensor, np.array(around), np.asarray(-np.inf, x.dtype)]
        tensor = maker.as_layer(Node("Pad", 13), least, [False] * 3, maker.name("padding"))
    elif padding is None and counted and not any(more):
        tensor = _surrounded(maker, tensor, ends)
    elif padding is None:
        return None
    made = _of_rank("MaxPooling{}D" if highest else "AveragePooling{}D", rank)
    options = {"pool_size": windows.kernel, "strides": windows.strides,
               "padding": padding or "valid"}  # fmt: skip
    y = maker.layer(made, tensor, **options, **LAST)
    return maker.value(node, [x], y, last=True)


@builder("GlobalMaxPool", "GlobalAveragePool")
def global_pool(maker: Maker, node: Node, x: Value) -> Any:
    """Make a pooling of whole images."""
    if str(x.dtype) not in FLOATS or x.rank not in (3, 4, 5):
        return None
    name = "GlobalMaxPooling{}D" if node.op == "GlobalMaxPool" else "GlobalAveragePooling{}D"
    made = _of_rank(name, x.rank - 2)
    y = maker.layer(made, x.turned(True), keepdims=True, **LAST)
    return maker.value(node, [x], y, last=True)


@builder("BatchNormalization")
def batch_normalization(
    maker: Maker, node: Node, x: Value, scale: Value, bias: Value, mean: Value, var: Value
) -> Any:
    """Make a normalization of channels, with its moving averages."""
    weights = scale, bias, mean, var
    if not are_learnt(x, *weights) or node.get("training_mode", 0) or node.outputs > 1:
        return None
    if x.rank < 2 or any(w.shape != (x.shape[1],) for w in weights):
        return None
    y = maker.layer(
        layers.BatchNormalization, x.turned(True), [w.array for w in weights], shared=weights,
        axis=-1, momentum=node.get("momentum", 0.9), epsilon=node.get("epsilon", 1e-5),
    )  # fmt: skip
    return maker.value(node, [x], y, last=True)


@builder("InstanceNormalization", "GroupNormalization")
def group_normalization(maker: Maker, node: Node, x: Value, scale: Value, bias: Value) -> Any:
    """Make a normalization of groups of channels; those of one channel each are instances."""
    if not are_learnt(x, scale, bias) or x.rank < 3 or not x.shape[1]:
        return None
    groups = -1 if node.op == "InstanceNormalization" else node.get("num_groups", 1)
    arrays = [scale.array, bias.array]
    if groups > 0 and (groups > x.shape[1] or x.shape[1] % groups):
        return None
    if groups > 0 and node.opset < 21:  # one number a group
        arrays = [np.repeat(a, x.shape[1] // groups) for a in arrays]
    if any(a.shape != (x.shape[1],) for a in arrays):
        return None
    # Ones and zeros that nobody named as weights stand for no scale and no offset.
    scaled, centered = (
        bool((array != usual).any()) or name.endswith((".weight", ".bias"))
        for array, usual, name in zip(arrays, (1, 0), maker.proto.input[1:], strict=True)
    )
    kept = [a for a, used in zip(arrays, (scaled, centered), strict=True) if used]
    y = maker.layer(
        layers.GroupNormalization, x.turned(True), kept, shared=(scale, bias), groups=groups,
        axis=-1, epsilon=node.get("epsilon", 1e-5), scale=scaled, center=centered,
    )  # fmt: skip
    made = maker.value(node, [x], y, last=True)
    made.origin = node.having(**{"is plain": not (scaled or centered) or None}), [x]
    return made


@builder("PRelu")
def prelu(maker: Maker, node: Node, x: Value, slope: Value) -> Any:
    """Make a PReLU, of one slope a channel or one for each place."""
    if not are_learnt(x, slope) or x.rank < 2 or slope.rank > x.rank:
        return None
    array = slope.array.reshape((1,) * (x.rank - slope.rank) + slope.shape)
    last = x.last
    if last:
        array = np.moveaxis(array, 1, -1)
    tensor = x.tensor
    own = tensor.shape[1:]
    shared = [n for n, size in enumerate(array.shape) if n and size == 1 and own[n - 1] != 1]
    if array.shape[0] != 1 or any(
        size != (1 if n in shared else own[n - 1]) for n, size in enumerate(array.shape) if n
    ):
        return None
    y = maker.layer(layers.PReLU, tensor, [array[0]], shared=(slope,), shared_axes=shared or None)
    return maker.value(node, [x], y, last=last)


@builder("Resize", "Upsample")
def resize(maker: Maker, node: Node, x: Value, *given: Value | None) -> Any:
    """Make an upsampling of images by whole numbers, where Keras has the same one."""
    places = given if node.op == "Upsample" or node.opset < 11 else given[1:]
    told = places[0] if places else None
    scales = node.get("scales") if told is None else told.array
    if x.rank != 4 or str(x.dtype) not in FLOATS or scales is None or len(scales) != 4:
        return None
    if any(g is not None and not g.is_constant for g in given) or node.get("axes"):
        return None
    size = tuple(int(s) for s in scales[2:])
    if [*size] != [*scales[2:]] or [*scales[:2]] != [1, 1] or min(size) < 1:
        return None
    mode, old = node.get("mode", "nearest"), node.opset < 11
    kind = "asymmetric" if old else node.get("coordinate_transformation_mode", "half_pixel")
    rounds = node.get("nearest_mode", "round_prefer_floor")
    if mode == "nearest" and (old or (kind, rounds) == ("asymmetric", "floor")
                              or kind == "half_pixel"):  # fmt: skip
        interpolation = "nearest"
        if kind == "half_pixel" and rounds in ("floor", "ceil"):
            return None
    elif (
        mode == "linear"
        and kind in ("half_pixel", "pytorch_half_pixel")
        and (
            kind == "half_pixel"
            or all(s is None or s * n > 1 for s, n in zip(x.shape[2:], size, strict=True))
        )
    ):
        interpolation = "bilinear"
    else:
        return None
    if node.get("exclude_outside", 0) or node.get("antialias", 0):
        return None
    y = maker.layer(
        layers.UpSampling2D, x.turned(True), size=size, interpolation=interpolation, **LAST
    )
    return maker.value(node, [x], y, last=True)
