"""An embedding that also leads back: from vectors to a score for each row of its table."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import ArgumentError
from melpy.layers.base import Shape, float_type
from melpy.layers.embedding import Embedding
from melpy.tensor import set_mask

__all__ = ["ReversibleEmbedding"]


class ReversibleEmbedding(Embedding):
    """y = E[x], (N, ...) -> (N, ..., D); with ``reverse`` y = x E^T, (N, ..., D) -> (N, ..., V).

    Parameters
    ----------
    input_dim : int > 0, V, rows of the table, one more than the largest number
    output_dim : int > 0, D
    tie_weights : bool, whether the way back multiplies with E transposed, or with a matrix of its
        own
    embeddings_initializer : initializer, of both matrices
    embeddings_regularizer : regularizer or None, of E
    embeddings_constraint : constraint or None, of E
    mask_zero : bool, whether 0 stands for no entry, which the layers behind then leave out
    reverse_dtype : "float32", "float64", of the way back, or None for the layer's own
    logit_soft_cap : float > 0, c of c tanh(y / c) in the place of y on the way back; None for y

    Notes
    -----
    Weights: embeddings (V, D), and reverse_embeddings (D, V) where they are not tied.

    Source
    ------
    O. Press, L. Wolf 2016, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> layer = ReversibleEmbedding(10, 4)
    >>> vectors = layer(np.array([[1, 2, 3]]))
    >>> vectors.shape, layer(vectors, reverse=True).shape
    ((1, 3, 4), (1, 3, 10))
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        self.tie_weights = tie_weights
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer,
            embeddings_regularizer,
            embeddings_constraint,
            mask_zero,
            **kwargs,
        )
        who = type(self).__name__
        self.reverse_dtype = None if reverse_dtype is None else float_type(reverse_dtype, who)
        if logit_soft_cap is not None and not logit_soft_cap > 0:
            raise ArgumentError(
                who,
                "logit_soft_cap is no bound",
                expected="a float > 0, or None",
                received={"logit_soft_cap": logit_soft_cap},
            )
        self.logit_soft_cap = logit_soft_cap

    def build(self, input_shape: Shape | None = None) -> None:
        """Make the table, and the matrix of the way back where it is another one."""
        super().build(input_shape)
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                (self.output_dim, self.input_dim),
                self.embeddings_initializer,
                name="reverse_embeddings",
            )

    def call(self, inputs: Any, reverse: bool = False) -> Any:
        """Return the rows, or with ``reverse`` a score for each row."""
        if reverse:
            return self._scores(inputs)
        rows = super().call(inputs)
        if self.mask_zero:
            set_mask(rows, np.asanyarray(super().compute_mask(inputs)))
        return rows

    def _scores(self, x: Any) -> Any:
        matrix = ops.transpose(self.embeddings) if self.tie_weights else self.reverse_embeddings
        dtype = self.reverse_dtype or self.dtype
        y = ops.matmul(ops.cast(x, dtype), ops.cast(matrix, dtype))
        if self.logit_soft_cap is None:
            return y
        return ops.tanh(y / self.logit_soft_cap) * self.logit_soft_cap

    def _rule(self, first: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Return None: ``call`` itself says which way it goes, and attaches the mask."""
        return None

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return None: ``call`` attaches the mask of the one way that has one."""
        return None

    def compute_output_shape(self, input_shape: Shape, reverse: bool = False) -> Shape:
        """Return (N, ..., D), or with ``reverse`` (N, ..., V)."""
        if reverse:
            return (*input_shape[:-1], self.input_dim)
        return super().compute_output_shape(input_shape)
