"""Hinge losses: nothing to pay once the right side is reached with a margin of 1."""

from __future__ import annotations

from typing import Any

from melpy import ops
from melpy.losses.base import paired
from melpy.losses.regression import ShapedLoss

__all__ = [
    "CategoricalHinge",
    "Hinge",
    "SquaredHinge",
    "categorical_hinge",
    "hinge",
    "squared_hinge",
]


def hinge(y_true: Any, y_pred: Any) -> Any:
    """loss = mean max(1 - y_true y_pred, 0) along the last axis, y_true -1 or 1.

    Labels and predictions (N, ..., D), losses (N, ...).
    """
    t, y = paired(y_true, y_pred)
    return ops.mean(ops.maximum(1.0 - _signs(t) * y, 0.0), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """loss = mean max(1 - y_true y_pred, 0)^2 along the last axis, y_true -1 or 1.

    Labels and predictions (N, ..., D), losses (N, ...).
    """
    t, y = paired(y_true, y_pred)
    return ops.mean(ops.square(ops.maximum(1.0 - _signs(t) * y, 0.0)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """loss = max(1 + max_c (1 - t_c) y_c - sum_c t_c y_c, 0), t one-hot.

    Labels and predictions (N, ..., C), losses (N, ...).
    """
    t, y = paired(y_true, y_pred)
    right, wrong = ops.sum(t * y, axis=-1), ops.max((1.0 - t) * y, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)


for _function in (hinge, squared_hinge, categorical_hinge):
    _function.is_of_ops = True  # type: ignore[attr-defined]


def _signs(t: Any) -> Any:
    """Return labels of 0 and 1 as -1 and 1, and others as they are."""
    are_bits = ops.all(ops.logical_or(ops.equal(t, 0.0), ops.equal(t, 1.0)))
    return ops.where(are_bits, ops.subtract(ops.multiply(t, 2.0), 1.0), t)


class Hinge(ShapedLoss):
    """loss = mean max(1 - y_true y_pred, 0), for labels -1 and 1; 0 and 1 serve too.

    Parameters
    ----------
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., D), losses (N, ...); () once reduced.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import losses
    >>> float(losses.Hinge()(np.array([[1.0, -1.0]]), np.array([[0.5, 0.5]])))
    1.0
    """

    function = staticmethod(hinge)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "hinge",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class SquaredHinge(ShapedLoss):
    """loss = mean max(1 - y_true y_pred, 0)^2, for labels -1 and 1; 0 and 1 serve too.

    Parameters
    ----------
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., D), losses (N, ...); () once reduced.
    """

    function = staticmethod(squared_hinge)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "squared_hinge",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class CategoricalHinge(ShapedLoss):
    """loss = max(1 + max_c (1 - t_c) y_c - sum_c t_c y_c, 0), for one-hot labels.

    Parameters
    ----------
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., C), losses (N, ...); () once reduced.
    """

    function = staticmethod(categorical_hinge)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_hinge",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
