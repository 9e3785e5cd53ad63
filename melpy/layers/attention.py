"""Attention: each position gathers what it needs from the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import ShapeError
from melpy.layers.activation import without_masked
from melpy.layers.arguments import Shape
from melpy.layers.base import Layer
from melpy.layers.checks import fraction, positive
from melpy.layers.core import EinsumDense
from melpy.layers.noise import Dropout

__all__ = ["AdditiveAttention", "Attention", "MultiHeadAttention"]


def weights_of(scores: Any, mask: Any) -> Any:
    """Return softmax(scores) over the last axis, 0 where the mask is False."""
    if mask is not None:
        scores = without_masked(scores, mask)
    return ops.softmax(scores, axis=-1)


def causal(T: int, S: int) -> np.ndarray:
    """Return the mask (1, T, S) with which position t sees none behind it."""
    return np.tri(T, S, dtype=bool)[np.newaxis]


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
        who = "MultiHeadAttention"
        self.num_heads = positive(num_heads, "num_heads", who)
        self.key_dim = positive(key_dim, "key_dim", who)
        self.value_dim = positive(value_dim or key_dim, "value_dim", who)
        self.dropout = fraction(dropout, "dropout", who)
        self.use_bias, self.use_gate, self.seed = use_bias, use_gate, seed
        self.sliding_window = sliding_window
        if sliding_window is not None:
            positive(sliding_window, "sliding_window", who)
        sizes = (output_shape,) if isinstance(output_shape, int) else output_shape
        self.output_sizes = None if sizes is None else tuple(sizes)
        axes = (attention_axes,) if isinstance(attention_axes, int) else attention_axes
        self.attention_axes = None if axes is None else tuple(axes)
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
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
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
        self.key_dense = self._projection(rank, rank - 1, (H, K), "key")
        self.key_dense.ensure_built(key_shape)
        if self.use_gate:
            self._gate_dense = self._projection(rank, rank - 1, (H, V), "gate")
            self._gate_dense.ensure_built(query_shape)
        self.value_dense = self._projection(rank, rank - 1, (H, V), "value")
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
        mask = self._mask(
            query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask
        )
        q = self._heads(self.query_dense(query)) * (1 / math.sqrt(self.key_dim))
        k, v = self._heads(self.key_dense(key)), self._heads(self.value_dense(value))
        scores = ops.matmul(q, ops.swapaxes(k, -1, -2))  # (..,H,T,K) (..,H,K,S) -> (..,H,T,S)
        if mask is not None:
            if mask.ndim == query.ndim:  # (N, T, S): the same for all heads
                mask = np.expand_dims(mask, -3)
            if mask.ndim < scores.ndim:
                mask = mask.reshape(
                    mask.shape[0], *(1,) * (scores.ndim - mask.ndim), *mask.shape[1:]
                )
        weights = weights_of(scores, mask)
        if return_attention_scores and mask is not None:
            weights = weights * np.asarray(mask, weights.dtype)  # 0 for a query that sees nothing
        thinned = self._dropout_layer(weights, training=training) if self.dropout else weights
        y = self._unheads(ops.matmul(thinned, v), query.shape)
        if self.use_gate:
            y = y * ops.sigmoid(self._gate_dense(query))
        y = self.output_dense(y)
        if not return_attention_scores:
            return y
        axes = self._axes(query.ndim)  # (.., H, T, S) -> (.., H, *T's axes, *S's axes)
        sizes = [x.shape[axis] for x in (query, key) for axis in axes]
        return y, ops.reshape(weights, (*weights.shape[:-2], *sizes))

    def _others(self, rank: int) -> list[int]:
        """Return the axes between batch and features that do not attend."""
        return [axis for axis in range(1, rank - 1) if axis not in self._axes(rank)]

    def _axes(self, rank: int) -> list[int]:
        return [axis % rank for axis in self.attention_axes or ()]

    def _heads(self, x: Any) -> Any:
        """Return (N, .., T, H, K) as (N, others, H, T, K), the attending axes as one."""
        rank = x.ndim - 1
        others, axes = self._others(rank), self._axes(rank)
        x = ops.transpose(x, (0, *others, rank - 1, *axes, rank))
        kept = x.shape[: len(others) + 2]
        return ops.reshape(x, (*kept, math.prod(x.shape[len(kept) : -1]), x.shape[-1]))

    def _unheads(self, y: Any, query_shape: Shape) -> Any:
        """Return (N, others, H, T, V) as (N, .., T, H, V): the inverse of `_heads`."""
        rank = len(query_shape)
        others, axes = self._others(rank), self._axes(rank)
        sizes = [query_shape[axis] for axis in axes]
        y = ops.reshape(y, (*y.shape[: len(others) + 2], *sizes, y.shape[-1]))
        order = [0, *others, rank - 1, *axes, rank]  # where each axis belongs
        return ops.transpose(y, tuple(int(n) for n in np.argsort(order)))

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
        masks = [None if attention_mask is None else np.asarray(attention_mask, bool)]
        if query_mask is not None:
            masks.append(np.asarray(query_mask, bool)[:, :, np.newaxis])  # (N, T, 1)
        for mask in (value_mask, key_mask):
            if mask is not None:
                masks.append(np.asarray(mask, bool)[:, np.newaxis])  # (N, 1, S)
        if use_causal_mask:
            masks.append(causal(query.shape[1], value.shape[1]))
        if self.sliding_window is not None:
            far = np.subtract.outer(np.arange(query.shape[1]), np.arange(value.shape[1]))
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


class Attention(Layer):
    """y = softmax(score(query, key)) value, without projections.

    Parameters
    ----------
    use_scale : bool, whether a learned scale multiplies the scores
    score_mode : "dot", or "concat" for sum tanh(query + key)
    dropout : float in [0, 1], of the weights
    seed : int or None

    Notes
    -----
    Inputs a list [query (N, T, K), value (N, S, V)], or with key (N, S, K) as a third; mask a list
    [query_mask, value_mask]. Output (N, T, V).

    Source
    ------
    M.-T. Luong et al. 2015, section 3.1 ("dot").
    """

    supports_masking = True

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.use_scale, self.score_mode, self.seed = use_scale, score_mode, seed
        self.dropout = fraction(dropout, "dropout", type(self).__name__)
        self._dropout_layer = None
        if self.dropout:
            self._dropout_layer = Dropout(self.dropout, seed=seed, dtype=self.dtype)

    def build(self, input_shape: Any) -> None:
        """Make the scales."""
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def scores(self, query: Any, key: Any) -> Any:
        """Return (N, T, S)."""
        if self.score_mode == "dot":
            scores = ops.matmul(query, ops.swapaxes(key, -1, -2))
            return scores * self.scale if self.use_scale else scores
        both = ops.expand_dims(query, 2) + ops.expand_dims(key, 1)  # (N,T,S,K)
        if self.use_scale:
            both = both * self.scale
        return ops.sum(ops.tanh(both), axis=-1) * self.concat_score_weight

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return what each query gathers."""
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = (*(mask or ()), None, None)[:2]
        seen: Any = None
        if value_mask is not None:
            seen = np.asarray(value_mask, bool)[:, np.newaxis]
        if use_causal_mask:
            lower = causal(query.shape[1], key.shape[1])
            seen = lower if seen is None else seen & lower
        weights = weights_of(self.scores(query, key), seen)
        thinned = weights
        if self._dropout_layer is not None:
            thinned = self._dropout_layer(weights, training=training)
        y = ops.matmul(thinned, value)
        if query_mask is not None:
            y = y * np.asarray(query_mask, y.dtype)[..., np.newaxis]
        return (y, weights) if return_attention_scores else y

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the query's mask."""
        return mask[0] if mask else None

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return (N, T, V)."""
        return (*input_shape[0][:-1], input_shape[1][-1])


class AdditiveAttention(Attention):
    """y = softmax(sum scale tanh(query + key)) value, without projections.

    Parameters
    ----------
    use_scale : bool, whether a learned scale (K,) multiplies the terms of each score
    dropout : float in [0, 1], of the weights

    Notes
    -----
    Inputs and output as in `Attention`.

    Source
    ------
    D. Bahdanau et al. 2015, section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> AdditiveAttention()([np.ones((2, 3, 4)), np.ones((2, 5, 4))]).shape
    (2, 3, 4)
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Make the scale."""
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")

    def scores(self, query: Any, key: Any) -> Any:
        """Return (N, T, S)."""
        terms = ops.tanh(ops.expand_dims(query, 2) + ops.expand_dims(key, 1))  # (N,T,S,K)
        return ops.sum(terms * self.scale if self.use_scale else terms, axis=-1)
