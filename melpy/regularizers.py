"""Penalties on weights, added to the loss."""

from __future__ import annotations

from typing import Any

from melpy import ops
from melpy.configurable import Configurable, find
from melpy.tensor import Tensor

__all__ = ["L1", "L1L2", "L2", "Regularizer", "get"]


class Regularizer(Configurable):
    """A function of a weight that returns a scalar penalty. Abstract."""

    def __call__(self, w: Tensor) -> Tensor:
        """Return the penalty of a weight."""
        raise NotImplementedError


class L1L2(Regularizer):
    """l1 sum |w| + l2 sum w^2. R. Tibshirani 1996 (l1); A. Hoerl, R. Kennard 1970 (l2)."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = l1 or 0.0, l2 or 0.0

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

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)


class L2(L1L2):
    """l2 sum w^2."""

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)


def get(identifier: Any) -> Regularizer | None:
    """Return the regularizer of a name ("l2"), a config, itself, or None for None."""
    if identifier is None:
        return None
    return find("regularizer", identifier, Regularizer, globals())
