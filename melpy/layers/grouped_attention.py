"""Attention in which several heads of queries share one head of keys and values."""

from __future__ import annotations

from typing import Any

from melpy.errors import ArgumentError, ShapeError
from melpy.layers.arguments import Shape
from melpy.layers.checks import positive
from melpy.layers.multi_head_attention import MultiHeadAttention

__all__ = ["GroupedQueryAttention"]


def _kept_as(name: str) -> Any:
    """Return a property that is kept under another name."""
    return property(lambda self: vars(self)[name], lambda self, value: setattr(self, name, value))


class GroupedQueryAttention(MultiHeadAttention):
    """y = concat_h softmax(Q_h K_g^T / sqrt(head_dim)) V_g, projected; g = h // (H / G).

    Parameters
    ----------
    head_dim : int > 0, K, of each head's queries, keys and values
    num_query_heads : int > 0, H
    num_key_value_heads : int > 0, G, by which H is divisible; 1 is multi-query attention, H
        multi-head attention
    dropout : float in [0, 1], of the attention's weights
    use_bias : bool, in the projections
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
    Inputs query (N, T, C), value (N, S, C), key (N, S, D), value by default; output (N, T, C), and
    with ``return_attention_scores`` the weights (N, H, T, S). Weights: query, key, value and output
    kernels (C, H, K), (D, G, K), (C, G, K), (H, K, C), each followed by its bias; with use_gate one
    more kernel (C, H, K) before that of value. Its public name is ``GroupQueryAttention``, as in
    Keras.

    Raises
    ------
    ArgumentError : H is not divisible by G
    ShapeError : inputs that are no sequences, or do not go together

    Source
    ------
    J. Ainslie et al. 2023, section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.ones((2, 5, 8))
    >>> layer = GroupedQueryAttention(head_dim=4, num_query_heads=4, num_key_value_heads=2)
    >>> layer(x, x).shape, layer.key_dense.kernel.shape
    ((2, 5, 8), (8, 2, 4))
    """

    whole = True
    # Keras's files name the projections of this class so, and those of the other otherwise.
    query_dense, key_dense = _kept_as("_query_dense"), _kept_as("_key_dense")
    value_dense, output_dense = _kept_as("_value_dense"), _kept_as("_output_dense")

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
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
        who = type(self).__name__
        self.head_dim = positive(head_dim, "head_dim", who)
        self.num_query_heads = positive(num_query_heads, "num_query_heads", who)
        self.num_key_value_heads = positive(num_key_value_heads, "num_key_value_heads", who)
        if num_query_heads % num_key_value_heads:
            raise ArgumentError(
                who,
                "the heads of queries do not share those of keys evenly",
                expected="num_query_heads divisible by num_key_value_heads",
                received={
                    "num_query_heads": num_query_heads,
                    "num_key_value_heads": num_key_value_heads,
                },
            )
        super().__init__(
            num_query_heads,
            head_dim,
            dropout=dropout,
            use_bias=use_bias,
            sliding_window=sliding_window,
            flash_attention=flash_attention,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            use_gate=use_gate,
            seed=seed,
            **kwargs,
        )
        self.key_heads = num_key_value_heads

    def _check(self, query: Shape, value: Shape, key: Shape) -> None:
        super()._check(query, value, key)
        if len(query) != 3:
            raise ShapeError(
                "call",
                "the inputs are no batches of sequences",
                expected="query (N, T, C)",
                received={"query": tuple(query)},
            )

    def compute_output_shape(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> Shape:
        """Return the query's shape."""
        if query_shape[-1] != value_shape[-1]:
            raise ShapeError(
                "call",
                "query and value have different numbers of features",
                expected=f"value (N, S, {query_shape[-1]})",
                received={"query": tuple(query_shape), "value": tuple(value_shape)},
            )
        return super().compute_output_shape(query_shape, value_shape, key_shape)
