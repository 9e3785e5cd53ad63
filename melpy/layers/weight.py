"""Weights: tensors that layers own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from melpy.errors import DataError
from melpy.tensor import Tensor

__all__ = ["Weight", "claim", "limited_weights"]


class Weight(Tensor):
    """A tensor that a layer owns; training may change it.

    Write to it by `assign`: models lay out what they compute from weights for single samples, and
    a write into ``value`` itself, ``w.value[0] = 1``, goes unnoticed there.

    Parameters
    ----------
    value : array, the first values
    trainable : bool, whether training changes it (its layer may be frozen beside)
    name : str, "kernel"
    regularizer : regularizer or None, its penalty is added to the loss
    constraint : constraint or None, applied after each step
    path : str, the layer's name and the weight's: "dense/kernel"
    """

    __slots__ = ("constraint", "path", "regularizer", "trainable")

    def __init__(
        self,
        value: Any,
        trainable: bool = True,
        name: str = "",
        regularizer: Any = None,
        constraint: Any = None,
        path: str = "",
    ) -> None:
        super().__init__(value, name=name)
        self.trainable = trainable
        self.requires_grad = trainable and self.dtype.kind == "f"
        self.regularizer, self.constraint = regularizer, constraint
        self.path = path or name

    of = Tensor.of  # what is computed from a weight is a tensor, not a weight

    def assign_add(self, value: Any) -> Tensor:
        """Add to the values in place."""
        return self.assign(self.value + np.asarray(value))

    def assign_sub(self, value: Any) -> Tensor:
        """Subtract from the values in place."""
        return self.assign(self.value - np.asarray(value))


# What the weights of a model that is being loaded may still take, in bytes; no limit otherwise.
_left_bytes: ContextVar[list[int] | None] = ContextVar("left_bytes", default=None)


@contextmanager
def limited_weights(size_bytes: int) -> Iterator[None]:
    """Let the weights that are made inside take so much memory together, and no more."""
    token = _left_bytes.set([size_bytes])
    try:
        yield
    finally:
        _left_bytes.reset(token)


def claim(shape: Sequence[int], dtype: Any) -> None:
    """Refuse, before memory is taken, a weight that no file of that size can hold."""
    left = _left_bytes.get()
    if left is not None:
        left[0] -= math.prod(shape) * np.dtype(dtype).itemsize
        if left[0] < 0:
            raise DataError(
                "load_model",
                f"it asks for a weight of shape {tuple(shape)}, for which the file is too small",
                expected="weights that are in the file",
            )
