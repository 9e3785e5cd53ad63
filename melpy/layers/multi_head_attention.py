"""Attention of several heads, with projections."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import ArgumentError, ShapeError
from melpy.initializers import Initializer
from melpy.layers.activation import masked
from melpy.layers.arguments import Shape
from melpy.layers.attention import causal
from melpy.layers.base import Layer
from melpy.layers.checks import fraction, positive, whole_numbers_of
from melpy.layers.core import EinsumDense
from melpy.layers.noise import Dropout

__all__ = ["MultiHeadAttention"]


class MultiHeadAttention(Layer):
    """y = concat_h softmax(Q_h K_h^T / sqrt(key_dim)) V_h, projected; Q, K, V are projections too.

    Parameters
    ----------
    num_heads : int > 0, H
    key_dim : int > 0, K, of each head's queries and keys
    value_dim : int > 0, V, key_dim by default
    dropout : float in [0, 1], of the attention's weights
    use_bias : bool, in the projections
    output_shape : int or tuple of ints, the features of y, the query's by default
    attention_axes : ints, the axes that attend, all between batch and features by default
    sliding_window : int > 0, with which position t sees none that is so far away, or farther; None
        for all
    flash_attention : accepted as in Keras
    kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, kernel_constraint,
    bias_constraint : of every projection
    activity_regularizer : regularizer or None
    use_gate : bool, whether the heads' outputs are multiplied with sigmoid(query W + b)
    seed : int or None, for the dropout

    Notes
    -----
    Inputs query (N, T, C), value (N, S, D), key (N, S, D), value by default; output (N, T, C), and
    with ``return_attention_scores`` the weights (N, H, T, S). Weights: query, key, value and output
    kernels (C, H, K), (D, H, K), (D, H, V), (H, V, C), each followed by its bias; with use_gate one
    more kernel (C, H, V) before that of value.

    Source
    ------
    A. Vaswani et al. 2017, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.ones((2, 5, 8))
    >>> MultiHeadAttention(num_heads=2, key_dim=4)(x, x).shape
    (2, 5, 8)
    """

    whole = True
    supports_masking = True

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: int | Sequence[int] | None = None,
        attention_axes: int | Sequence[int] | None = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        who = type(self).__name__
        self.num_heads = self.key_heads = positive(num_heads, "num_heads", who)
        self.key_dim = positive(key_dim, "key_dim", who)
        self.value_dim = positive(key_dim if value_dim is None else value_dim, "value_dim", who)
        self.dropout = fraction(dropout, "dropout", who)
        self.use_bias, self.use_gate, self.seed = use_bias, use_gate, seed
        self.sliding_window = sliding_window
        if sliding_window is not None:
            positive(sliding_window, "sliding_window", who)
        self.output_sizes = whole_numbers_of(output_shape, "output_shape", who)
        self.attention_axes = whole_numbers_of(attention_axes, "attention_axes", who)
        if flash_attention and dropout:
            raise ArgumentError(
                who,
                "flash attention has no dropout, as in Keras",
                expected="flash_attention or dropout",
                received={"flash_attention": flash_attention, "dropout": dropout},
            )
        self.flash_attention = flash_attention
        self.rules("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.rules("bias", bias_initializer, bias_regularizer, bias_constraint)

    def _projection(self, rank: int, kept: int, made: Sequence[int], name: str) -> EinsumDense:
        """Return a dense layer from the last axes of a tensor to the axes ``made``.

        ``kept`` axes come first and stay; a head's tensor has two axes that are used up.
        """
        letters = "abcdefghijklmnop"
        used = letters[kept:rank]
        new = letters[rank : rank + len(made)]
        equation = f"{letters[:rank]},{used}{new}->{letters[:kept]}{new}"
        return EinsumDense(
            equation,
            (*(None,) * (kept - 1), *made),
            bias_axes=new if self.use_bias else None,
            kernel_initializer=_anew(self.kernel_initializer),
            bias_initializer=_anew(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            name=name,
            dtype=self.dtype,
        )

    def build(self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None) -> None:
        """Make the four projections."""
        key_shape = value_shape if key_shape is None else key_shape
        self._check(query_shape, value_shape, key_shape)
        H, K, V = self.num_heads, self.key_dim, self.value_dim
        rank = len(query_shape)
        self.query_dense = self._projection(rank, rank - 1, (H, K), "query")
        self.query_dense.ensure_built(query_shape)
        self.key_dense = self._projection(rank, rank - 1, (self.key_heads, K), "key")
        self.key_dense.ensure_built(key_shape)
        if self.use_gate:
            self._gate_dense = self._projection(rank, rank - 1, (H, V), "gate")
            self._gate_dense.ensure_built(query_shape)
        self.value_dense = self._projection(rank, rank - 1, (self.key_heads, V), "value")
        self.value_dense.ensure_built(value_shape)
        if self.attention_axes is None:
            self.attention_axes = tuple(range(1, rank - 1))
        if self.dropout:
            self._dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=self.dtype)
        made = self.output_sizes or (query_shape[-1],)
        self.output_dense = self._projection(rank + 1, rank - 1, made, "attention_output")  # type: ignore[arg-type]
        self.output_dense.ensure_built((*query_shape[:-1], H, V))

    def _check(self, query: Shape, value: Shape, key: Shape) -> None:
        if not len(query) == len(value) == len(key) or len(query) < 3 or value[1:-1] != key[1:-1]:
            raise ShapeError(
                "call",
                "query, value and key do not go together",
                expected="query (N, T, C), value (N, S, D), key (N, S, E)",
                received={"query": tuple(query), "value": tuple(value), "key": tuple(key)},
            )

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return what each query gathers; with ``return_attention_scores`` the weights too."""
        key = value if key is None else key
        if self.flash_attention and return_attention_scores:
            raise ArgumentError(
                "call",
                "flash attention keeps no scores, as in Keras",
                expected="return_attention_scores=False",
                received={"return_attention_scores": True},
            )
        mask = self._mask(
            query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask
        )
        q, k, v = (
            self._heads(dense(x))
            for dense, x in (
                (self.query_dense, query), (self.key_dense, key), (self.value_dense, value)
            )
        )  # fmt: skip
        if self.key_heads != self.num_heads:  # (B,S,G,K) -> (B,S,H,K)
            k, v = (ops.repeat(x, self.num_heads // self.key_heads, axis=2) for x in (k, v))
        bias = None if mask is None else self._bias(mask, query.shape, q)
        scale, weights = 1 / math.sqrt(self.key_dim), None
        if return_attention_scores or (self.dropout and training):
            q, k, v = (ops.swapaxes(x, 1, 2) for x in (q, k, v))  # (B,T,H,K) -> (B,H,T,K)
            scores = ops.matmul(q * scale, ops.swapaxes(k, -1, -2))  # -> (B,H,T,S)
            weights = ops.softmax(scores if bias is None else scores + bias, axis=-1)
            if return_attention_scores and bias is not None:
                weights = weights * np.equal(bias, 0).astype(
                    weights.dtype
                )  # 0 where nothing is seen
            thinned = self._dropout_layer(weights, training=training) if self.dropout else weights
            y = ops.swapaxes(ops.matmul(thinned, v), 1, 2)
        else:
            y = ops.attention(q, k, v, bias, scale=scale)
        y = self._unheads(y, query.shape)
        if self.use_gate:
            y = y * ops.sigmoid(self._gate_dense(query))
        y = self.output_dense(y)
        if not return_attention_scores:
            return y
        others, axes = self._others(query.ndim), self._axes(query.ndim)
        batch = (query.shape[0], *(query.shape[axis] for axis in others))
        sizes = [x.shape[axis] for x in (query, key) for axis in axes]
        return y, ops.reshape(weights, (*batch, self.num_heads, *sizes))

    def _others(self, rank: int) -> list[int]:
        """Return the axes between batch and features that do not attend."""
        return [axis for axis in range(1, rank - 1) if axis not in self._axes(rank)]

    def _axes(self, rank: int) -> list[int]:
        return [axis % rank for axis in self.attention_axes or ()]

    def _heads(self, x: Any) -> Any:
        """Return (N, .., T, H, K) as (B, T, H, K): all that attend as one axis, B the others."""
        rank = x.ndim - 1
        if rank == 3:
            return x
        others, axes = self._others(rank), self._axes(rank)
        x = ops.transpose(x, (0, *others, *axes, rank - 1, rank))
        B = math.prod(x.shape[: len(others) + 1])
        return ops.reshape(x, (B, math.prod(x.shape[len(others) + 1 : -2]), *x.shape[-2:]))

    def _unheads(self, y: Any, query_shape: Shape) -> Any:
        """Return (B, T, H, V) as (N, .., T, H, V): the inverse of `_heads`."""
        rank = len(query_shape)
        if rank == 3:
            return y
        order = [0, *self._others(rank), *self._axes(rank)]  # where each axis belongs
        y = ops.reshape(y, (*(query_shape[axis] for axis in order), *y.shape[-2:]))
        back = tuple(int(n) for n in np.argsort(order))
        return ops.transpose(y, (*back, rank - 1, rank))

    def _bias(self, mask: np.ndarray, query_shape: tuple[int, ...], q: Any) -> np.ndarray:
        """Return what masks add to the scores (B, H, T, S): much, where a position is not seen."""
        others = self._others(len(query_shape))
        batch = (query_shape[0], *(query_shape[axis] for axis in others))
        missing = len(batch) + 3 - mask.ndim  # (T, S) is for all samples, (N, T, S) for all heads
        mask = mask.reshape(*mask.shape[:-2], *(1,) * missing, *mask.shape[-2:])
        if len(batch) > 1:
            mask = np.broadcast_to(mask, (*batch, *mask.shape[-3:]))
            mask = mask.reshape(math.prod(batch), *mask.shape[-3:])
        return masked(mask, q.dtype)

    def _mask(
        self,
        query: Any,
        value: Any,
        query_mask: Any,
        value_mask: Any,
        key_mask: Any,
        attention_mask: Any,
        use_causal_mask: bool,
    ) -> Any:
        """Return all masks as one (N, T, S), or None."""
        masks = [None if attention_mask is None else np.asanyarray(attention_mask, bool)]
        if query_mask is not None:
            masks.append(np.asanyarray(query_mask, bool)[:, :, np.newaxis])  # (N, T, 1)
        for mask in (value_mask, key_mask):
            if mask is not None:
                masks.append(np.asanyarray(mask, bool)[:, np.newaxis])  # (N, 1, S)
        # Positions lie along the axes that attend, one behind the other.
        T, S = (math.prod(x.shape[axis] for axis in self._axes(x.ndim)) for x in (query, value))
        if use_causal_mask:
            masks.append(causal(T, S))
        if self.sliding_window is not None:
            far = np.subtract.outer(np.arange(T), np.arange(S))
            masks.append((np.abs(far) < self.sliding_window)[np.newaxis])
        found = [mask for mask in masks if mask is not None]
        whole: Any = None
        for mask in found:
            whole = mask if whole is None else whole & mask
        return whole

    def compute_output_shape(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> Shape:
        """Return the query's shape, with the output's features."""
        self._check(query_shape, value_shape, key_shape or value_shape)
        return (*query_shape[:-1], *(self.output_sizes or query_shape[-1:]))


def _anew(initializer: Any) -> Any:
    """Return an equal initializer, which draws other values unless it was given a seed."""
    return initializer.clone() if isinstance(initializer, Initializer) else initializer
