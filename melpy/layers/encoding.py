"""What layers of categories share: the forms in which they give their indices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import budget, config, ops, tape
from melpy.errors import ArgumentError, DtypeError, lookup
from melpy.layers.arguments import Shape
from melpy.layers.base import Layer
from melpy.strings import as_strings
from melpy.tensor import Tensor

__all__ = ["CategoryLayer", "categories", "encoded", "encoded_shape"]

MODES = ("int", "one_hot", "multi_hot", "count")
OLD_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


class CategoryLayer(Layer):
    """What layers share whose input is categories, and whose output has modes. Abstract.

    Parameters
    ----------
    output_mode : one of ``modes``
    modes : tuple of str, those that the class has
    sparse : False: arrays here are dense
    dtype : type of the output, `config.floatx` by default

    Notes
    -----
    Indices come out as they are with "int". With the other modes there are ``depth`` numbers:
    "one_hot" for each index, "multi_hot" and "count" for each sample, which is along the second
    axis (the only one of a vector). An index out of range leaves no trace in them.
    """

    takes_text = True

    def __init__(
        self,
        *,
        output_mode: str = "int",
        modes: Sequence[str] = MODES,
        sparse: bool = False,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        who = type(self).__name__
        output_mode = OLD_MODES.get(output_mode, output_mode)
        self.output_mode = lookup("output_mode", output_mode, {m: m for m in modes}, who)
        if sparse:
            raise ArgumentError(
                who,
                "sparse outputs are not supported",
                expected="sparse=False: arrays here are dense",
                received={"sparse": sparse},
            )
        self.sparse = False
        self.dtype = _number_type(dtype, who)

    def _as_input(self, inputs: Any) -> Any:
        """Return arrays of strings or of numbers, as they come."""
        if isinstance(inputs, list | tuple) and any(hasattr(x, "__array__") for x in inputs):
            return [categories(x) for x in inputs]
        return categories(inputs)

    def depth(self) -> int | None:
        """Return how many numbers stand for a category outside of the mode "int". Abstract."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape; outside of the mode "int" with the axis of ``depth``."""
        return encoded_shape(tuple(input_shape), self.output_mode, self.depth())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer, as plain values."""
        made = super().get_config()
        return made | {"output_mode": self.output_mode} if "output_mode" in made else made


def _number_type(dtype: Any, who: str) -> str:
    """Return the name of a type of numbers, `config.floatx` for None; a Keras policy's too."""
    if isinstance(dtype, dict):
        dtype = dtype.get("config", {}).get("name")
    try:
        made = np.dtype(config.floatx() if dtype is None else dtype)
    except TypeError:
        made = np.dtype(object)
    if made.kind not in "fiu":
        raise DtypeError(
            who,
            "this is no type of numbers",
            expected="such as 'float32' or 'int64'",
            received={"dtype": dtype},
        )
    return made.name


def categories(x: Any, who: str = "call") -> np.ndarray:
    """Return an array of strings or of numbers."""
    x = tape.plain(x) if isinstance(x, tape.Variable) else getattr(x, "value", x)
    array = np.asanyarray(x, None if hasattr(x, "__array__") else object)
    if array.dtype == object and array.size and isinstance(array.flat[0], int | float | np.number):
        array = np.asarray(array.tolist())
    if array.dtype.kind in "fiub":
        return array
    return as_strings(x if array.dtype == object else array, who)


def encoded(
    indices: np.ndarray,
    mode: str,
    depth: int,
    dtype: Any,
    count_weights: Any = None,
) -> Any:
    """Return indices in an output mode; see `CategoryLayer`.

    Parameters
    ----------
    indices : array of whole numbers
    mode : "int", "one_hot", "multi_hot" or "count"
    depth : int, the number of categories
    dtype : type of the result
    count_weights : array or tensor of the indices' shape, what each counts, or None for 1
    """
    if mode == "int":
        return Tensor.of(indices.astype(dtype), None)
    if indices.ndim == 0:
        indices = indices[np.newaxis]
    if mode == "one_hot":
        if indices.ndim > 1 and indices.shape[-1] == 1:
            indices = indices[..., 0]
        return Tensor.of(np.asarray(ops.one_hot(indices, depth, dtype=dtype)), None)
    axis = 1 if indices.ndim > 1 else 0
    if count_weights is not None:  # on the record: they may have been computed from weights
        rows = ops.one_hot(indices, depth, dtype=count_weights.dtype)
        return ops.sum(ops.multiply(rows, ops.expand_dims(count_weights, -1)), axis=axis)
    samples = np.moveaxis(indices, axis, -1)  # (N,T,...) -> (N,...,T)
    if tape.observer.get() is not None:  # who is to see ops: they take more memory
        total = ops.sum(ops.one_hot(samples, depth, dtype=dtype), axis=-2)
        total = ops.minimum(total, 1) if mode == "multi_hot" else total
        return Tensor.of(np.asarray(total), None)
    rows = samples.reshape(math.prod(samples.shape[:-1]), samples.shape[-1])
    known = (rows >= 0) & (rows < depth)
    budget.need(8 * len(rows) * depth, f"rows of {depth} categories")
    places = (rows + depth * np.arange(len(rows))[:, np.newaxis])[known]
    counts = np.bincount(places, minlength=len(rows) * depth)
    counts = np.minimum(counts, 1) if mode == "multi_hot" else counts
    return Tensor.of(counts.reshape(*samples.shape[:-1], depth).astype(dtype), None)


def encoded_shape(shape: Shape, mode: str, depth: int | None) -> Shape:
    """Return the shape that `encoded` gives."""
    if mode == "int":
        return shape
    if mode != "one_hot":
        return (*shape[:1], *shape[2:], depth) if len(shape) > 1 else (depth,)
    return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
