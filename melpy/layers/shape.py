"""Layers that lay the same values out anew."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import ArgumentError, ShapeError
from melpy.layers.arguments import Shape
from melpy.layers.base import Layer, known_format, require_rank
from melpy.layers.checks import positive

__all__ = ["Flatten", "Permute", "RepeatVector", "Reshape"]


class Flatten(Layer):
    """Lay each sample's values end to end: (N, ...) -> (N, D), the channels running fastest.

    Parameters
    ----------
    data_format : "channels_last", "channels_first", or None for the setting
    """

    whole = True

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = known_format(data_format, type(self).__name__)

    def call(self, inputs: Any) -> Any:
        """Return the rows."""
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = ops.moveaxis(inputs, 1, -1)  # (N,C,...) -> (N,...,C): rows as channels_last
        return ops.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (N, D)."""
        sizes = input_shape[1:]
        return (input_shape[0], None if None in sizes else math.prod(sizes))  # type: ignore[arg-type]


class Reshape(Layer):
    """Give each sample another shape: (N, ...) -> (N, *target_shape).

    Parameters
    ----------
    target_shape : tuple of ints, one of them may be -1
    """

    needs_build = False
    whole = True

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        sizes = tuple(target_shape)
        whole = all(isinstance(s, int | np.integer) and s >= -1 for s in sizes)
        if not whole or sizes.count(-1) > 1:
            raise ArgumentError(
                "Reshape",
                "the new shape is not made of sizes",
                expected="whole numbers of at least 0, and at most one -1, for what is left",
                received={"target_shape": target_shape},
            )
        self.target_shape = sizes

    def call(self, inputs: Any) -> Any:
        """Return the reshaped samples."""
        shape = self.compute_output_shape(inputs.shape)
        return ops.reshape(inputs, (inputs.shape[0], *shape[1:]))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (N, *target_shape), with -1 worked out."""
        if None in input_shape[1:]:
            return (input_shape[0], *(None if s == -1 else s for s in self.target_shape))
        size = math.prod(input_shape[1:])  # type: ignore[arg-type]
        known = math.prod(s for s in self.target_shape if s != -1)
        unknown = self.target_shape.count(-1)
        if (
            unknown > 1
            or (unknown and (not known or size % known))
            or (not unknown and size != known)
        ):
            raise ShapeError(
                "call",
                f"{size} values a sample do not fill the new shape",
                expected="the same number of values, at most one size -1",
                received={"shape": tuple(input_shape), "target_shape": self.target_shape},
            )
        return (
            input_shape[0],
            *(size // known if s == -1 else s for s in self.target_shape),
        )


class Permute(Layer):
    """Reorder each sample's axes.

    Parameters
    ----------
    dims : tuple of ints, a permutation of 1 .. number of axes; axis 0 is the batch

    Notes
    -----
    Input (N, ...), output of shape (N, *its other sizes in the new order).
    """

    whole = True

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if sorted(dims) != list(range(1, len(dims) + 1)):
            raise ArgumentError(
                "Permute",
                "dims is no permutation of the samples' axes",
                expected=f"the numbers 1 to {len(dims)}, each once",
                received={"dims": tuple(dims)},
            )
        self.dims = tuple(dims)

    def call(self, inputs: Any) -> Any:
        """Return the samples with their axes in the new order."""
        require_rank(inputs.shape, len(self.dims) + 1, f"of {len(self.dims) + 1} axes")
        return ops.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the sizes in the new order."""
        require_rank(input_shape, len(self.dims) + 1, f"of {len(self.dims) + 1} axes")
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))


class RepeatVector(Layer):
    """Repeat each row: (N, C) -> (N, n, C).

    Parameters
    ----------
    n : int > 0
    """

    whole = True

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = positive(n, "n", "RepeatVector")

    def call(self, inputs: Any) -> Any:
        """Return the repeated rows."""
        require_rank(inputs.shape, 2, "(N, C)")
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (N, n, C)."""
        require_rank(input_shape, 2, "(N, C)")
        return (input_shape[0], self.n, input_shape[1])
