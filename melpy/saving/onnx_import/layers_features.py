"""Nodes of rows and features that become layers, and those that only arrange them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from melpy import layers, ops
from melpy.saving.onnx_import.layers_images import FLOATS, are_learnt
from melpy.saving.onnx_import.layout import arranged
from melpy.saving.onnx_import.maker import Maker, builder
from melpy.saving.onnx_import.nodes import Node
from melpy.saving.onnx_import.sizes import are_same
from melpy.saving.onnx_import.values import Value, from_last, to_last

__all__: list[str] = []


@builder("Gemm")
def gemm(maker: Maker, node: Node, a: Value, b: Value, c: Value | None = None) -> Any:
    """Make a dense layer of a product with a constant, (D,C) -> (C,D) where it is transposed."""
    if not are_learnt(a, b, c) or node.get("transA", 0) or a.rank != 2 or b.rank != 2:
        return None
    kernel = b.array.T if node.get("transB", 0) else b.array
    units, arrays = kernel.shape[1], [kernel * np.asarray(node.get("alpha", 1.0), b.dtype)]
    if c is not None:
        if c.array.size not in (1, units) or c.array.size != max(c.shape, default=1):
            return None
        bias = c.array.reshape(-1) * np.asarray(node.get("beta", 1.0), c.dtype)
        arrays.append(np.broadcast_to(bias, (units,)))
    return _dense(maker, node, a, arrays, (b, c))


def _dense(maker: Maker, node: Node, x: Value, arrays: list[Any], shared: tuple) -> Any:
    if x.shape[-1] != arrays[0].shape[0] or 0 in arrays[0].shape:
        return None
    y = maker.layer(
        layers.Dense, x.first, arrays, shared=shared, units=arrays[0].shape[1],
        use_bias=len(arrays) == 2,
    )  # fmt: skip
    return maker.value(node, [x, shared[0]], y)


@builder("MatMul")
def matmul(maker: Maker, node: Node, a: Value, b: Value) -> Any:
    """Make a dense layer of a product with a constant, and of the bias that alone follows it."""
    if not are_learnt(a, b) or b.rank != 2 or a.rank < 2:
        return None
    adding = maker.row("Add")
    bias = maker.beside(adding[0], maker.proto) if adding else None
    if bias is not None and not (
        are_learnt(a, bias)
        and bias.array.size == b.shape[1]
        and bias.shape[-1:] == (b.shape[1],)
        and bias.rank <= a.rank
    ):
        bias = None
    arrays = [b.array] if bias is None else [b.array, bias.array.reshape(-1)]
    y = _dense(maker, node, a, arrays, (b, bias))
    if y is not None and bias is not None:
        maker.take_along(adding, y)
    return y


@builder("Gather")
def gather(maker: Maker, node: Node, x: Value, indices: Value) -> Any:
    """Make an embedding of rows of a table that are picked."""
    if not x.is_constant or x.rank != 2 or str(x.dtype) not in FLOATS or node.get("axis", 0) != 0:
        return None
    if not x.trained or 0 in x.shape or indices.dtype.kind not in "iu" or not indices.rank:
        return None
    y = maker.layer(
        layers.Embedding, indices.first, [x.array], shared=(x,), dtype=str(x.dtype),
        input_dim=x.shape[0], output_dim=x.shape[1],
    )  # fmt: skip
    return maker.value(node, [x, indices], y)


@builder("LayerNormalization")
def layer_normalization(
    maker: Maker, node: Node, x: Value, scale: Value, bias: Value | None = None
) -> Any:
    """Make a normalization of the features."""
    if not are_learnt(x, scale, bias) or node.outputs > 1 or x.rank < 2:
        return None
    if node.get("axis", -1) not in (-1, x.rank - 1) or scale.shape != (x.shape[-1],):
        return None
    if bias is not None and bias.shape != scale.shape:
        return None
    arrays = [scale.array] if bias is None else [scale.array, bias.array]
    y = maker.layer(
        layers.LayerNormalization, x.first, arrays, shared=(scale, bias), axis=-1,
        epsilon=node.get("epsilon", 1e-5), center=bias is not None,
    )  # fmt: skip
    return maker.value(node, [x], y)


def _leaky(node: Node) -> Any:
    slope = node.get("alpha", 0.01)
    return (layers.LeakyReLU, {"negative_slope": slope}) if slope >= 0 else None


def _elu(node: Node) -> Any:
    alpha = node.get("alpha", 1.0)
    return (layers.ELU, {"alpha": alpha}) if alpha >= 0 else None


def _gelu(node: Node) -> Any:
    return _act("gelu")(node) if node.get("approximate", "none") == "none" else None


def _act(name: str) -> Callable[[Node], Any]:
    return lambda node: (layers.Activation, {"activation": name})


ACTIVATIONS: dict[str, Callable[[Node], Any]] = {
    "Relu": lambda node: (layers.ReLU, {}), "LeakyRelu": _leaky, "Elu": _elu, "Gelu": _gelu,
    "Sigmoid": _act("sigmoid"), "Tanh": _act("tanh"), "Softplus": _act("softplus"),
    "Softsign": _act("softsign"), "Mish": _act("mish"), "HardSwish": _act("hard_silu"),
}  # fmt: skip


@builder(*ACTIVATIONS)
def activation(maker: Maker, node: Node, x: Value) -> Any:
    """Make a layer of an activation that Keras has."""
    found = ACTIVATIONS[node.op](node)
    if found is None or str(x.dtype) not in FLOATS or not x.rank:
        return None
    made, options = found
    y = maker.layer(made, x.tensor, **options)
    return maker.value(node, [x], y, last=x.last)


@builder("Clip")
def clip(maker: Maker, node: Node, x: Value, *limits: Value | None) -> Any:
    """Make a ReLU with a limit of a clip from 0 on."""
    if str(x.dtype) not in FLOATS or not x.rank:
        return None
    if node.opset < 11:
        low, high = node.get("min"), node.get("max")
    else:
        if any(v is not None and not v.is_constant for v in limits):
            return None
        found = [None if v is None else float(v.array.reshape(-1)[0]) for v in limits]
        low, high = (*found, None, None)[:2]
    if low != 0 or high is None or not 0 < high < np.inf:
        return None
    y = maker.layer(layers.ReLU, x.tensor, max_value=float(high))
    return maker.value(node, [x], y, last=x.last)


@builder("Softmax")
def softmax(maker: Maker, node: Node, x: Value) -> Any:
    """Make a softmax along one axis."""
    if str(x.dtype) not in FLOATS or not x.rank:
        return None
    if node.opset < 13:  # of all axes from one on: one of them here
        if node.get("axis", 1) % x.rank != x.rank - 1:
            return None
        node = Node(node.op, 13, {"axis": x.rank - 1}, node.outputs, node.name)
    own, (tensor,), last = arranged(node, [x])
    axis = own.get("axis", -1)
    y = maker.layer(layers.Softmax, tensor, axis=-1 if axis == x.rank - 1 else axis)
    return maker.value(node, [x], y, last=last)


MERGED = {"Add": layers.Add, "Mul": layers.Multiply, "Sub": layers.Subtract,
          "Max": layers.Maximum, "Min": layers.Minimum}  # fmt: skip


@builder(*MERGED)
def merged(maker: Maker, node: Node, *xs: Value) -> Any:
    """Make a layer of what joins tensors of one shape entry by entry."""
    first = xs[0]
    if str(first.dtype) not in FLOATS or first.rank < 2 or len(xs) < 2:
        return None
    for v in xs:
        if v.is_constant or not are_same(v.dims, first.dims):
            return None
    last = any(v.last for v in xs)
    y = maker.layer(MERGED[node.op], [v.turned(last) for v in xs])
    return maker.value(node, xs, y, last=last)


@builder("Concat")
def concat(maker: Maker, node: Node, *xs: Value) -> Any:
    """Make a layer of tensors one behind the other, but not of batches."""
    rank = xs[0].rank
    axis = node.get("axis", 1) % max(rank, 1)
    if str(xs[0].dtype) not in FLOATS or axis == 0 or len(xs) < 2:
        return None
    if any(v.is_constant or v.rank != rank for v in xs):
        return None
    own, tensors, last = arranged(node, xs)
    y = maker.layer(layers.Concatenate, tensors, axis=own.get("axis", 1) % rank)
    return maker.value(node, xs, y, last=last)


@builder("Dropout")
def dropout(maker: Maker, node: Node, x: Value, ratio: Value | None = None,
            training: Value | None = None) -> Any:  # fmt: skip
    """Make a dropout, which acts in training."""
    rate = node.get("ratio", 0.5)
    if ratio is not None:
        if not ratio.is_constant:
            return None
        rate = float(ratio.array.reshape(-1)[0])
    if str(x.dtype) not in FLOATS or not 0 <= rate < 1 or node.outputs > 1:
        return None
    if training is not None and (not training.is_constant or training.array.any()):
        return None
    y = maker.layer(layers.Dropout, x.tensor, rate=rate)
    return maker.value(node, [x], y, last=x.last)


@builder("Identity")
def identity(maker: Maker, node: Node, x: Value) -> Any:
    """Let the output be the input."""
    return x


@builder("Transpose")
def transpose(maker: Maker, node: Node, x: Value) -> Any:
    """Turn an array, or note only how it lies already."""
    perm = tuple(node.get("perm") or reversed(range(x.rank)))
    if sorted(perm) != list(range(x.rank)):
        return None
    dims = [x.dims[n] for n in perm]
    if perm == tuple(range(x.rank)):
        return x
    if x.rank > 2 and perm == (to_last if x.last else from_last)(x.rank):
        return Value(tensor=x.tensor, last=not x.last, dims=dims, dtype=x.dtype, fill=x.fill)
    axes = tuple(from_last(x.rank)[n] for n in perm) if x.last else perm
    y = ops.transpose(x.tensor, axes=axes)
    return Value(tensor=y, dims=dims, dtype=x.dtype, fill=x.fill)


@builder("Flatten")
def flatten(maker: Maker, node: Node, x: Value) -> Any:
    """Make rows of images."""
    if node.get("axis", 1) != 1 or str(x.dtype) not in FLOATS or x.rank < 2:
        return None
    if None in x.shape[1:]:
        return None
    # A single pixel has its channels in one order, wherever they stand.
    tensor = x.tensor if x.last and set(x.shape[2:]) == {1} else x.first
    y = maker.layer(layers.Flatten, tensor, data_format="channels_last")
    return maker.value(node, [x], y)
