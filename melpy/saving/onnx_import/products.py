"""Operators of ONNX that multiply matrices, normalize, and attend."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from melpy import ops, probing
from melpy.saving.onnx_import.nodes import (
    Node,
    dtype_of,
    effort,
    operator,
    require,
    room,
    typed,
    value_of,
)
from melpy.saving.onnx_import.windows import conv_of, of_channels

__all__: list[str] = []


@operator("MatMul", plain=True)
def matmul(node: Node, a: Any, b: Any) -> Any:
    """Return the product of matrices."""
    if a.shape and b.shape:
        room(node, (*a.shape[:-1], b.shape[-1] if len(b.shape) > 1 else 1), dtype_of(a))
    return ops.matmul(a, b)


@operator("Gemm")
def gemm(node: Node, a: Any, b: Any, c: Any = None) -> Any:
    """Return alpha a b + beta c, a and b transposed on demand."""
    a = ops.transpose(a) if node.get("transA", 0) else a
    b = ops.transpose(b) if node.get("transB", 0) else b
    room(node, (a.shape[0], b.shape[1]), dtype_of(a))
    y, alpha, beta = ops.matmul(a, b), node.get("alpha", 1.0), node.get("beta", 1.0)
    y = y if alpha == 1 else ops.multiply(y, np.asarray(alpha, dtype_of(y)))
    if c is None or beta == 0:
        return y
    return ops.add(y, c if beta == 1 else ops.multiply(c, np.asarray(beta, dtype_of(c))))


@operator("Einsum")
def einsum(node: Node, *xs: Any) -> Any:
    """Return sums of products, by Einstein's convention."""
    equation = node.get("equation", "").replace(" ", "")
    terms, arrow, output = equation.partition("->")
    sizes = {
        letter: size
        for term, x in zip(terms.split(","), xs, strict=False)
        for letter, size in zip(term.replace("...", ""), x.shape, strict=False)
    }
    if arrow and "..." not in equation:
        room(node, [sizes.get(letter, 1) for letter in output], dtype_of(xs[0]))
    effort(node, products=math.prod(sizes.values()))
    return ops.einsum(equation, *xs)


@operator("MatMulInteger", "ConvInteger")
def of_integers(node: Node, a: Any, b: Any, a_zero: Any = None, b_zero: Any = None) -> Any:
    """Return the product, or the convolution, of whole numbers less their zeros, as int32."""
    a, b = ops.cast(a, "int64"), ops.cast(b, "int64")
    if a_zero is not None:
        zero = ops.cast(a_zero, "int64")
        rows = len(zero.shape) == 1 and zero.shape[0] > 1
        a = ops.subtract(a, ops.expand_dims(zero, -1) if rows else zero)
    if b_zero is not None:
        zero = ops.cast(b_zero, "int64")
        filters = node.op == "ConvInteger" and len(zero.shape) == 1
        b = ops.subtract(b, ops.reshape(zero, (-1, *[1] * (len(b.shape) - 1))) if filters else zero)
    if node.op == "MatMulInteger":
        return ops.cast(ops.matmul(a, b), "int32")
    a, b = ops.cast(a, "float64"), ops.cast(b, "float64")  # exact: sums stay below 2^53
    return ops.cast(conv_of(node, a, b, node.get("group", 1)), "int32")


@operator("BatchNormalization")
def batch_normalization(node: Node, x: Any, scale: Any, bias: Any, mean: Any, variance: Any) -> Any:
    """Return scale (x - mean) / sqrt(variance + epsilon) + bias, a channel at a time."""
    epsilon, kind = np.asarray(node.get("epsilon", 1e-5), dtype_of(mean)), dtype_of(x)
    momentum = node.get("momentum", 0.9)
    training = node.get("training_mode", 0)
    seen_mean, seen_variance = mean, variance
    if training:
        axes = tuple(n for n in range(len(x.shape)) if n != 1)
        seen_mean, seen_variance = ops.mean(x, axis=axes), ops.var(x, axis=axes)
    spread = [of_channels(v, x) if len(x.shape) > 1 else v
              for v in (scale, bias, seen_mean, seen_variance)]  # fmt: skip
    factor = ops.divide(spread[0], ops.sqrt(ops.add(spread[3], epsilon)))
    y = ops.add(ops.multiply(ops.subtract(x, spread[2]), factor), spread[1])
    y = y if dtype_of(y) == kind else ops.cast(y, str(kind))
    if not training or node.outputs == 1:
        return y
    old, new = np.asarray(momentum, dtype_of(mean)), np.asarray(1 - momentum, dtype_of(mean))
    return y, *(
        ops.add(ops.multiply(running, old), ops.multiply(seen, new))
        for running, seen in ((mean, seen_mean), (variance, seen_variance))
    )


@operator("LayerNormalization")
def layer_normalization(node: Node, x: Any, scale: Any, bias: Any = None) -> Any:
    """Return scale (x - mean) / sqrt(variance + epsilon) + bias, over the axes from one on."""
    rank, kind = len(x.shape), str(dtype_of(x))
    axes = tuple(range(node.get("axis", -1) % rank, rank))
    wide = typed(node, node.get("stash_type", 1))
    z = x if kind in (wide, "float64") else ops.cast(x, wide)
    mean = ops.mean(z, axis=axes, keepdims=True)
    variance = ops.mean(ops.square(ops.subtract(z, mean)), axis=axes, keepdims=True)
    root = ops.rsqrt(ops.add(variance, np.asarray(node.get("epsilon", 1e-5), dtype_of(z))))
    y = ops.multiply(ops.cast(ops.multiply(ops.subtract(z, mean), root), kind), scale)
    y = y if bias is None else ops.add(y, bias)
    return y if node.outputs == 1 else (y, mean, root)


@operator("RMSNormalization")
def rms_normalization(node: Node, x: Any, scale: Any) -> Any:
    """Return scale x / sqrt(mean(x^2) + epsilon), over the axes from one on."""
    rank, kind = len(x.shape), str(dtype_of(x))
    axes = tuple(range(node.get("axis", -1) % rank, rank))
    wide = typed(node, node.get("stash_type", 1))
    z = x if kind in (wide, "float64") else ops.cast(x, wide)
    power = ops.mean(ops.square(z), axis=axes, keepdims=True)
    root = ops.rsqrt(ops.add(power, np.asarray(node.get("epsilon", 1e-5), dtype_of(z))))
    return ops.multiply(ops.cast(ops.multiply(z, root), kind), scale)


def _standard(x: Any, axes: tuple[int, ...], epsilon: float) -> Any:
    return ops.standardize(x, axis=axes, epsilon=epsilon)


@operator("InstanceNormalization")
def instance_normalization(node: Node, x: Any, scale: Any, bias: Any) -> Any:
    """Return each channel of each sample with mean 0 and variance 1, scaled."""
    z = _standard(x, tuple(range(2, len(x.shape))), node.get("epsilon", 1e-5))
    return ops.add(ops.multiply(z, of_channels(scale, x)), of_channels(bias, x))


@operator("GroupNormalization")
def group_normalization(node: Node, x: Any, scale: Any, bias: Any) -> Any:
    """Return each group of channels of each sample with mean 0 and variance 1, scaled."""
    groups, shape = node.get("num_groups", 1), tuple(x.shape)
    require(groups > 0 and shape[1] % groups == 0, node, "its groups do not divide the channels",
            num_groups=groups, channels=shape[1])  # fmt: skip
    split = ops.reshape(x, (shape[0], groups, shape[1] // groups, *shape[2:]))
    z = _standard(split, tuple(range(2, len(split.shape))), node.get("epsilon", 1e-5))
    if node.opset < 21:  # one scale a group
        ones = (groups, *[1] * (len(shape) - 1))
        z = ops.add(ops.multiply(z, ops.reshape(scale, ones)), ops.reshape(bias, ones))
        return ops.reshape(z, shape)
    z = ops.reshape(z, shape)
    return ops.add(ops.multiply(z, of_channels(scale, x)), of_channels(bias, x))


@operator("MeanVarianceNormalization")
def mean_variance_normalization(node: Node, x: Any) -> Any:
    """Return x with mean 0 and variance 1 along axes."""
    axes = tuple(node.get("axes") or (0, 2, 3))
    z = ops.subtract(x, ops.mean(x, axis=axes, keepdims=True))
    root = ops.sqrt(ops.mean(ops.square(z), axis=axes, keepdims=True))
    return ops.divide(z, ops.add(root, np.asarray(1e-9, dtype_of(x))))


def _heads(node: Node, x: Any, name: str) -> Any:
    """Return (N, T, heads D) as (N, heads, T, D)."""
    count = node.get(name, 0)
    require(count > 0 and x.shape[-1] % count == 0, node, f"its {name} divide no features",
            heads=count, shape=tuple(x.shape))  # fmt: skip
    parts = ops.reshape(x, (x.shape[0], x.shape[1], count, x.shape[-1] // count))
    return ops.transpose(parts, axes=(0, 2, 1, 3))


FEW = 2  # keys that tell a shape as well as all
SCORES = 6  # arrays of their size at once: with a bias, masked, their softmax and what it takes


@operator("Attention", reads=(6,))
def attention(
    node: Node, q: Any, k: Any, v: Any, mask: Any = None, past_k: Any = None, past_v: Any = None,
    lengths: Any = None,
) -> Any:  # fmt: skip
    """Return softmax(q k^T scale + mask) v, head by head, and what is kept for further steps."""
    flat = len(q.shape) == 3
    if flat:
        q = _heads(node, q, "q_num_heads")
        k, v = (_heads(node, x, "kv_num_heads") for x in (k, v))
    if past_k is not None:
        k, v = ops.concatenate([past_k, k], axis=2), ops.concatenate([past_v, v], axis=2)
    present = k, v
    if probing.is_describing() and node.outputs < 4:  # what comes out has not the scores' size
        k, v = (ops.get_item(x, key=(..., slice(FEW), slice(None))) for x in (k, v))
        mask = None if mask is None else ops.get_item(mask, key=(..., slice(FEW)))
    before = 0 if past_k is None else past_k.shape[2]
    N, heads, L, D = q.shape
    times, S, kind = heads // k.shape[1], k.shape[2], str(dtype_of(q))
    if times > 1:  # several heads share keys and values
        k, v = ops.repeat(k, times, axis=1), ops.repeat(v, times, axis=1)
    scale = node.get("scale") or 1 / math.sqrt(D)
    room(node, (SCORES, N, heads, L, S), kind)
    effort(node, products=N * heads * L * S * (D + v.shape[-1] + 64))  # 64 of them an exponential
    root = np.asarray(math.sqrt(scale), dtype_of(q))
    scores = ops.matmul(
        ops.multiply(q, root), ops.multiply(ops.transpose(k, axes=(0, 1, 3, 2)), root)
    )
    bias = _bias(node, mask, lengths, (L, S), before, kind)
    cap = node.get("softcap", 0.0)
    if cap:
        limit = np.asarray(cap, kind)
        scores = ops.multiply(ops.tanh(ops.divide(scores, limit)), limit)
    masked = scores if bias is None else ops.add(scores, bias)
    wide = node.get("softmax_precision")
    z = ops.cast(masked, typed(node, wide)) if wide else masked
    weights = ops.softmax(z, axis=-1)
    if bias is not None:  # rows in which nothing may be seen see nothing
        none = np.asarray(-np.inf, dtype_of(z))
        weights = ops.where(
            ops.equal(ops.max(z, axis=-1, keepdims=True), none), np.asarray(0, dtype_of(z)), weights
        )
    weights = ops.cast(weights, kind)
    y = ops.matmul(weights, v)
    if flat:
        y = ops.transpose(y, axes=(0, 2, 1, 3))
        y = ops.reshape(y, (N, L, heads * v.shape[-1]))
    mode = node.get("qk_matmul_output_mode", 0)
    seen = (scores, scores, masked, weights)[mode]
    return (y, *present, seen)[: node.outputs] if node.outputs > 1 else y


def _bias(
    node: Node, mask: Any, lengths: Any, sizes: tuple[int, int], before: int, kind: str
) -> Any:
    """Return what is added to the scores: 0 where a key may be seen, -inf where not, or a mask."""
    L, S = sizes
    hidden, none = np.asarray(-np.inf, kind), np.asarray(0, kind)
    total: Any = None
    if mask is not None:
        if mask.shape[-1] < S:  # what the mask does not tell of is hidden
            width = [*[(0, 0)] * (len(mask.shape) - 1), (0, S - mask.shape[-1])]
            fill = False if dtype_of(mask).kind == "b" else -np.inf
            mask = ops.pad(mask, tuple(width), constant_values=fill)
        total = ops.where(mask, none, hidden) if dtype_of(mask).kind == "b" else mask
    seen = None
    if lengths is not None:
        counts = value_of(lengths).reshape(-1).astype(np.int64)  # (N,)
        seen = (np.arange(S) < counts[:, np.newaxis])[:, np.newaxis, np.newaxis]  # (N,1,1,S)
    starts = np.full(1, before) if lengths is None or before else counts - L  # (1,) or (N,)
    steps = starts[:, np.newaxis, np.newaxis] + np.arange(L)[:, np.newaxis]  # (N,L,1)
    ahead = (np.arange(S) - steps)[:, np.newaxis]  # (N,1,L,S), how far a key is ahead of a query
    left, right = node.get("left_window_size", -1), node.get("right_window_size", -1)
    limits = [ahead <= 0] if node.get("is_causal", 0) else []
    limits += [ahead >= -left] if left >= 0 else []
    limits += [ahead <= right] if right >= 0 else []
    for limit in limits:
        seen = limit if seen is None else seen & limit
    if seen is not None:
        shut = np.where(seen, none, hidden)
        total = shut if total is None else ops.add(total, shut)
    return total


@operator("RotaryEmbedding")
def rotary_embedding(node: Node, x: Any, cos: Any, sin: Any, places: Any = None) -> Any:
    """Return x with pairs of features turned by angles of their places."""
    flat, shape = len(x.shape) == 3, tuple(x.shape)
    if flat:
        x = ops.reshape(x, (*shape[:2], node.get("num_heads", 1), -1))
    else:
        x = ops.transpose(x, axes=(0, 2, 1, 3))  # (N,heads,T,D) -> (N,T,heads,D)
    D = node.get("rotary_embedding_dim", 0) or x.shape[-1]
    if places is not None:
        cos, sin = (ops.take(table, indices=places, axis=0) for table in (cos, sin))
    cos, sin = (
        ops.expand_dims(ops.get_item(t, key=(..., slice(0, D // 2))), 2) for t in (cos, sin)
    )
    turned, rest = (
        ops.get_item(x, key=(..., slice(0, D))),
        ops.get_item(x, key=(..., slice(D, None))),
    )
    if node.get("interleaved", 0):
        a, b = (ops.get_item(turned, key=(..., slice(n, None, 2))) for n in (0, 1))
    else:
        a, b = (ops.get_item(turned, key=(..., slice(*ends)))
                for ends in ((0, D // 2), (D // 2, D)))  # fmt: skip
    real = ops.subtract(ops.multiply(cos, a), ops.multiply(sin, b))
    imaginary = ops.add(ops.multiply(sin, a), ops.multiply(cos, b))
    if node.get("interleaved", 0):
        made = ops.reshape(ops.stack([real, imaginary], axis=-1), turned.shape)
    else:
        made = ops.concatenate([real, imaginary], axis=-1)
    y = ops.concatenate([made, rest], axis=-1)
    return ops.reshape(y, shape) if flat else ops.transpose(y, axes=(0, 2, 1, 3))
