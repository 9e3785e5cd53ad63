"""Penalties on weights, added to the loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from melpy import ops
from melpy.configurable import Configurable, find, plain, widened
from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.tensor import Tensor

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "serialize",
]


class Regularizer(Configurable):
    """A function of a weight that returns a scalar penalty; this one has none."""

    def __call__(self, w: Tensor) -> Any:
        """Return the penalty of a weight."""
        return 0.0


class L1L2(Regularizer):
    """l1 sum |w| + l2 sum w^2. R. Tibshirani 1996 (l1); A. Hoerl, R. Kennard 1970 (l2)."""

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1, self.l2 = _strength("l1", l1, 0.0), _strength("l2", l2, 0.0)

    def __call__(self, w: Tensor) -> Tensor:
        """Return the penalty of a weight."""
        penalty: Any = 0.0
        if self.l1:
            penalty = penalty + self.l1 * ops.sum(ops.absolute(w))
        if self.l2:
            penalty = penalty + self.l2 * ops.sum(ops.square(w))
        return penalty


class L1(L1L2):
    """l1 sum |w|."""

    def __init__(self, l1: float | None = 0.01) -> None:
        super().__init__(l1=_strength("l1", l1, 0.01))


class L2(L1L2):
    """l2 sum w^2."""

    def __init__(self, l2: float | None = 0.01) -> None:
        super().__init__(l2=_strength("l2", l2, 0.01))


class OrthogonalRegularizer(Regularizer):
    """factor times the mean |cosine| of the angles between all pairs of rows (or columns).

    Parameters
    ----------
    factor : float >= 0
    mode : "rows" or "columns", which of a matrix's vectors shall be orthogonal

    Source
    ------
    A. Brock et al. 2017, Neural photo editing, section 3.2, with cosines for dot products.

    Examples
    --------
    >>> import numpy as np
    >>> penalty = OrthogonalRegularizer(0.1)(np.array([[1.0, 0.0], [1.0, 1.0]]))
    >>> round(float(penalty), 6)  # 0.1 cos 45 degrees
    0.070711
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _strength("factor", factor, None)
        self.mode = lookup(
            "mode", mode, {"rows": "rows", "columns": "columns"}, type(self).__name__
        )

    def __call__(self, w: Any) -> Any:
        """Return the penalty of a weight, a matrix."""
        if len(w.shape) != 2:
            raise ShapeError(
                type(self).__name__,
                "only a matrix has rows and columns",
                expected="2 axes",
                received={"shape": tuple(w.shape)},
            )
        rows = w if self.mode == "rows" else ops.transpose(w)
        units = rows / ops.maximum(ops.euclidean_norm(rows, axis=1, keepdims=True), _TINY)
        size = rows.shape[0]
        cosines = ops.matmul(units, ops.transpose(units)) * (1.0 - np.eye(size, dtype=w.dtype))
        return self.factor * 0.5 * ops.sum(ops.absolute(cosines)) / (size * (size - 1.0) / 2.0)


_TINY = 1e-6  # keeps a row of zeros zero


def _strength(name: str, value: Any, default: float | None) -> float:
    value = default if value is None else value
    if not isinstance(value, int | float | np.number) or not 0 <= value < math.inf:
        raise ArgumentError(
            "regularizers",
            f"{name} is out of range",
            expected="a finite float >= 0",
            received={name: value},
        )
    return float(value)


l1, l1_l2, l2, orthogonal_regularizer = L1, L1L2, L2, OrthogonalRegularizer


def serialize(regularizer: Regularizer) -> dict[str, Any]:
    """Return a regularizer as plain values, which `deserialize` reads."""
    return plain(regularizer)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Regularizer:
    """Return the regularizer of a `serialize` result; ``custom_objects`` names further classes."""
    return find("regularizer", config, Regularizer, widened(globals(), custom_objects))


def get(identifier: Any) -> Callable[[Tensor], Any] | None:
    """Return the regularizer of a name ("l2"), a config, a class, itself, or None for None."""
    if identifier is None:
        return None
    if callable(identifier):
        return identifier() if isinstance(identifier, type) else identifier
    return find("regularizer", identifier, Regularizer, globals())
