"""Embedding and Masking: from whole numbers to vectors, and which steps count."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import ops
from melpy.kernels import threads
from melpy.layers.base import Layer, Shape
from melpy.layers.checks import positive
from melpy.ops.registry import OutOfRangeError

__all__ = ["Embedding", "Masking"]


class Embedding(Layer):
    """Look each whole number up in a table: y = E[x], (N, ...) -> (N, ..., D).

    Parameters
    ----------
    input_dim : int > 0, rows of the table, one more than the largest number
    output_dim : int > 0, D
    embeddings_initializer : initializer
    embeddings_regularizer : regularizer or None
    embeddings_constraint : constraint or None
    mask_zero : bool, whether 0 stands for no entry, which the layers behind then leave out
    weights : array (input_dim, D), or a list of it, to begin with; None for the initializer's

    Notes
    -----
    Weight: embeddings (input_dim, D). Numbers of a float type are cut to whole ones.

    Examples
    --------
    >>> import numpy as np
    >>> table = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])
    >>> np.asarray(Embedding(3, 2, weights=table)(np.array([[2, 1]])))
    array([[[3., 4.],
            [1., 2.]]], dtype=float32)
    """

    whole = True

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.input_dim = positive(input_dim, "input_dim", "Embedding")
        self.output_dim = positive(output_dim, "output_dim", "Embedding")
        self.rules(
            "embeddings", embeddings_initializer, embeddings_regularizer, embeddings_constraint
        )
        self.mask_zero = self.supports_masking = mask_zero
        self.autocast = False  # a large number would not survive float32
        if weights is not None:
            self.ensure_built((None,))
            one = isinstance(weights, list) and len(weights) == 1
            self.set_weights(weights if one else [np.asarray(weights)])

    def build(self, input_shape: Shape | None = None) -> None:
        """Make the table (input_dim, D)."""
        self.embeddings = self.ruled_weight("embeddings", (self.input_dim, self.output_dim))

    def _is_whole(self) -> bool:
        return super()._is_whole() and not self.mask_zero

    def call(self, inputs: Any) -> Any:
        """Return the rows."""
        rows = ops.cast(inputs, "int64")
        if threads.is_noted():  # a program finds out itself
            rows = ops.where(rows < 0, self.input_dim, rows)
            return ops.take(self.embeddings, rows, axis=0)
        least = int(np.min(np.asarray(rows), initial=0))
        if least < 0:
            raise OutOfRangeError(
                "call",
                "a negative number stands for no row",
                expected=f"numbers from 0 to {self.input_dim - 1}",
                received={"smallest": least},
            )
        return ops.take(self.embeddings, rows, axis=0)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return where the numbers are not 0, with mask_zero."""
        return np.asanyarray(inputs) != 0 if self.mask_zero else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (N, ..., D)."""
        return (*input_shape, self.output_dim)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer, without the values of its weights."""
        return {name: value for name, value in super().get_config().items() if name != "weights"}


class Masking(Layer):
    """Leave out the steps all of whose values are mask_value, (N, T, C).

    Parameters
    ----------
    mask_value : float

    Notes
    -----
    Input (N, T, C), output of the same shape. The layers behind that know masks skip those steps;
    their values become 0.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy.layers import SimpleRNN
    >>> count = SimpleRNN(1, None, kernel_initializer="ones", recurrent_initializer="ones")
    >>> x = np.array([[[5.0], [-1.0], [5.0]]])
    >>> np.asarray(count(Masking(-1.0)(x)))
    array([[10.]], dtype=float32)
    """

    supports_masking = True
    needs_build = False

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value

    def call(self, inputs: Any) -> Any:
        """Return the input, with 0 where a step is left out."""
        return ops.where(self.compute_mask(inputs)[..., np.newaxis], inputs, 0.0)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return which steps have a value other than mask_value."""
        return np.any(np.asanyarray(inputs) != self.mask_value, axis=-1)
