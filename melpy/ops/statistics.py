"""Moments, and what is normalized by them; attention by weighted means."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from melpy import config
from melpy.errors import ArgumentError, ShapeError, warn
from melpy.ops.activations import tanh
from melpy.ops.attention import attention
from melpy.ops.choice import where
from melpy.ops.comparison import logical_and
from melpy.ops.creation import array, floating
from melpy.ops.elementwise import add, divide, multiply, rsqrt, square, subtract
from melpy.ops.gates import softmax
from melpy.ops.indexing import repeat
from melpy.ops.norm import standardize
from melpy.ops.products import matmul
from melpy.ops.reduction import mean
from melpy.ops.registry import composed, in_keras
from melpy.ops.shaping import reshape, transpose
from melpy.ops.variance import var

__all__ = [
    "batch_normalization", "dot_product_attention", "layer_normalization", "moments",
    "rms_normalization",
]  # fmt: skip

KERAS_ROOM = "nn"


@composed
def moments(x: Any, *, axes: Any, keepdims: bool = False, synchronized: bool = False) -> Any:
    """Return mean and variance over some axes.

    Any shape -> twice that shape without the axes.

    Examples
    --------
    >>> [value.item() for value in moments(np.array([1.0, 3.0]), 0)]
    [2.0, 1.0]
    """
    if synchronized:
        raise ArgumentError(
            "moments", "there is one process only", received={"synchronized": synchronized}
        )
    axes = tuple(axes) if isinstance(axes, list | tuple) else axes
    return mean(x, axes, keepdims), var(x, axes, keepdims)


def _along(values: Any, shape: Any, axes: Any) -> Any:
    """Return values of some axes with size 1 along all others."""
    if values is None or len(values.shape) == len(shape):
        return values
    return reshape(values, tuple(shape[n] if n in axes else 1 for n in range(len(shape))))


@in_keras("nn.BatchNorm", made=("axis", "epsilon"))
@composed
def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 1e-3,
) -> Any:
    """Return scale (x - mean) / √(variance + epsilon) + offset, along one axis.

    Any shape -> the same shape; mean, variance, offset and scale (C,), the size of the axis.

    Examples
    --------
    >>> batch_normalization(np.array([[3.0]]), np.array([1.0]), np.array([4.0]), -1, epsilon=0.0)
    array([[1.]])
    """
    x = floating(x)
    axes = (axis % len(x.shape),)
    mean, variance, offset, scale = (
        _along(v if v is None else array(v), x.shape, axes) for v in (mean, variance, offset, scale)
    )
    factor = rsqrt(add(variance, epsilon))
    factor = factor if scale is None else multiply(factor, scale)
    y = multiply(subtract(x, mean), factor)
    return y if offset is None else add(y, offset)


@in_keras("nn.LayerNorm")
@composed
def layer_normalization(
    x: Any,
    gamma: Any = None,
    beta: Any = None,
    *,
    axis: Any = -1,
    epsilon: float | None = None,
    rms_scaling: bool = False,
) -> Any:
    """Return gamma (x - mean) / √(variance + epsilon) + beta, with the moments over some axes.

    With ``rms_scaling``, which is out of date, it is gamma x / √(variance + epsilon).

    Any shape -> the same shape; gamma and beta are of the sizes of the axes.

    Examples
    --------
    >>> layer_normalization(np.array([1.0, 3.0]), epsilon=1e-12)
    array([-1.,  1.])
    """
    x = floating(x)
    axes = (axis,) if isinstance(axis, int) else axis
    axes = tuple(n % len(x.shape) for n in axes)
    epsilon = config.epsilon() if epsilon is None else epsilon
    gamma, beta = (_along(v if v is None else array(v), x.shape, axes) for v in (gamma, beta))
    if rms_scaling:
        warn(
            "layer_normalization: rms_scaling divides by the deviation, not by the root of the "
            "mean square. Call rms_normalization for that.",
            UserWarning,
        )
        y, beta = multiply(x, rsqrt(add(var(x, axes, True), epsilon))), None
    else:
        y = standardize(x, axis=axes, epsilon=epsilon)
    y = y if gamma is None else multiply(y, gamma)
    return y if beta is None else add(y, beta)


@in_keras("nn.RMSNorm")
@composed(whole=True)
def rms_normalization(
    x: Any, scale: Any = None, *, axis: Any = -1, epsilon: float | None = None
) -> Any:
    """Return scale x / √(mean of x^2 + epsilon), with the mean over some axes.

    Any shape -> the same shape; scale is of the sizes of the axes.

    Examples
    --------
    >>> rms_normalization(np.array([3.0, 3.0]), epsilon=0.0)
    array([1., 1.])
    """
    x = floating(x)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    epsilon = config.epsilon() if epsilon is None else epsilon
    y = multiply(x, rsqrt(add(mean(square(x), axes, True), epsilon)))
    if scale is None:
        return y
    return multiply(y, _along(array(scale), x.shape, [n % len(x.shape) for n in axes]))


@in_keras(call=("scale",))
@composed
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    *,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """Return softmax(scale Q K^T + bias) V for every head.

    Parameters
    ----------
    query : array or tensor, (N, T, heads, D)
    key, value : arrays or tensors, (N, S, heads, D), (N, S, heads, V); the heads may be
        fewer, a divisor of the query's: then several share a key
    bias, mask : arrays, (N, heads, T, S) or what broadcasts to it; False in the mask leaves out
    scale : float, or None for 1 / √D
    is_causal : bool, whether time t sees no later one
    flash_attention : None or False: there is no other algorithm here
    attn_logits_soft_cap : float c, or None; the scores become c tanh(score / c)

    Returns
    -------
    array or tensor, (N, T, heads, V)

    Examples
    --------
    >>> x = np.ones((1, 2, 1, 3))
    >>> dot_product_attention(x, x, x).shape
    (1, 2, 1, 3)
    """
    query, key, value = floating(query), floating(key), floating(value)
    if {len(x.shape) for x in (query, key, value)} != {4}:
        raise ShapeError(
            "dot_product_attention",
            "the inputs have not 4 axes",
            expected="shapes (N, T, heads, D), (N, S, heads, D), (N, S, heads, D)",
            received={"shapes": [tuple(x.shape) for x in (query, key, value)]},
        )
    if flash_attention:
        raise ArgumentError(
            "dot_product_attention",
            "there is no flash attention on a CPU",
            expected="flash_attention=None or False",
            received={"flash_attention": flash_attention},
        )
    groups = query.shape[2] // key.shape[2]
    if groups > 1:  # each key serves several heads of the query
        key, value = repeat(key, groups, 2), repeat(value, groups, 2)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    seen = mask
    if is_causal:
        causal = np.tri(query.shape[1], key.shape[1], dtype=bool)
        seen = causal if mask is None else logical_and(mask, causal)
    if attn_logits_soft_cap is None:
        if seen is not None:
            unseen = where(seen, array(0.0, query.dtype), _unseen(query.dtype))
            bias = unseen if bias is None else add(bias, unseen)
        return attention(query, key, value, _of_four_axes(bias), scale=scale)
    queries = transpose(query, (0, 2, 1, 3))  # (N, T, heads, D) -> (N, heads, T, D)
    scores = multiply(matmul(queries, transpose(key, (0, 2, 3, 1))), scale)  # -> (N, heads, T, S)
    if bias is not None:
        scores = add(scores, bias)
    scores = multiply(tanh(divide(scores, attn_logits_soft_cap)), attn_logits_soft_cap)
    if seen is not None:
        scores = where(seen, scores, _unseen(scores.dtype))
    attended = matmul(softmax(scores), transpose(value, (0, 2, 1, 3)))
    return transpose(attended, (0, 2, 1, 3))


def _unseen(dtype: Any) -> float:
    # not -inf: a row that sees nothing is then a mean, as in Keras, and no NaN
    return float(np.finfo(str(dtype)).min) * 0.7


def _of_four_axes(bias: Any) -> Any:
    """Return a bias that broadcasts against scores with all of their axes."""
    return bias if bias is None else reshape(bias, ((1,) * (4 - len(bias.shape)) + bias.shape))
