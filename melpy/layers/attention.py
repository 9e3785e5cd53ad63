"""Attention without projections: each position gathers what it needs from the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import ArgumentError, lookup
from melpy.layers.activation import without_masked
from melpy.layers.arguments import Shape
from melpy.layers.base import Layer
from melpy.layers.checks import fraction
from melpy.layers.noise import Dropout

__all__ = ["AdditiveAttention", "Attention"]


def causal(T: int, S: int) -> np.ndarray:
    """Return the mask (1, T, S) with which position t sees none behind it."""
    return np.tri(T, S, dtype=bool)[np.newaxis]


def _require_several(name: str, values: Any) -> None:
    """Refuse what is no list of a query's, a value's and perhaps a key's."""
    is_list = isinstance(values, list | tuple) and not any(isinstance(v, int) for v in values)
    if not is_list or len(values) not in (2, 3):  # ints are those of one shape
        raise ArgumentError(
            "call",
            f"{name} is no list of two or three",
            expected="[query, value] or [query, value, key]",
            received={"length": len(values)} if is_list else {"type": type(values).__name__},
        )


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

    whole = True
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
        modes = {"dot": "dot", "concat": "concat"}
        self.score_mode = lookup("score mode", score_mode, modes, type(self).__name__)
        self.use_scale, self.seed = use_scale, seed
        self.dropout = fraction(dropout, "dropout", type(self).__name__)
        self._dropout_layer = None
        if self.dropout:
            self._dropout_layer = Dropout(self.dropout, seed=seed, dtype=self.dtype)

    def build(self, input_shape: Any) -> None:
        """Make the scales."""
        _require_several("inputs", input_shape)
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
        _require_several("inputs", inputs)
        if mask is not None:
            _require_several("mask", mask)
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = mask[:2] if mask else (None, None)
        seen: Any = None
        if value_mask is not None:
            seen = np.asanyarray(value_mask, bool)[:, np.newaxis]
        if use_causal_mask:
            lower = causal(query.shape[1], key.shape[1])
            seen = lower if seen is None else seen & lower
        scores = self.scores(query, key)
        weights = ops.softmax(scores if seen is None else without_masked(scores, seen), axis=-1)
        thinned = weights
        if self._dropout_layer is not None:
            thinned = self._dropout_layer(weights, training=training)
        y = ops.matmul(thinned, value)
        if query_mask is not None:
            y = y * np.asanyarray(query_mask, y.dtype)[..., np.newaxis]
        return (y, thinned) if return_attention_scores else y

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the query's mask."""
        if mask is None:
            return None
        _require_several("mask", mask)
        return mask[0]

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
    Inputs a list [query (N, T, K), value (N, S, V)], or with key (N, S, K) as a third; output (N,
    T, V). Masks as in `Attention`.

    Source
    ------
    D. Bahdanau et al. 2015, section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> AdditiveAttention()([np.ones((2, 3, 4)), np.ones((2, 5, 4))]).shape
    (2, 3, 4)
    """

    whole = True

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Make the scale."""
        _require_several("inputs", input_shape)
        if self.use_scale:
            self.scale = self.add_weight((input_shape[0][-1],), "glorot_uniform", name="scale")

    def scores(self, query: Any, key: Any) -> Any:
        """Return (N, T, S)."""
        terms = ops.tanh(ops.expand_dims(query, 2) + ops.expand_dims(key, 1))  # (N,T,S,K)
        return ops.sum(terms * self.scale if self.use_scale else terms, axis=-1)
