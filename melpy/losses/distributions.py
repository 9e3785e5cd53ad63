"""Losses between distributions, and of counts."""

from __future__ import annotations

from typing import Any

from melpy import config, ops
from melpy.losses.base import paired
from melpy.losses.regression import ShapedLoss

__all__ = [
    "KLDivergence",
    "Poisson",
    "kl_divergence",
    "poisson",
]


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """loss = sum y_true log(y_true / y_pred) along the last axis, both clipped to [epsilon, 1].

    Labels and predictions (N, ..., D), losses (N, ...).
    """
    t, y = paired(y_true, y_pred)
    t, y = (ops.clip(x, config.epsilon(), 1.0) for x in (t, y))
    return ops.sum(ops.log(t / y) * t, axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """loss = mean (y_pred - y_true log(y_pred + epsilon)) along the last axis.

    Labels and predictions (N, ..., D), losses (N, ...).
    """
    t, y = paired(y_true, y_pred)
    return ops.mean(y - ops.log(y + config.epsilon()) * t, axis=-1)


for _function in (kl_divergence, poisson):
    _function.is_of_ops = True  # type: ignore[attr-defined]


class KLDivergence(ShapedLoss):
    """loss = sum y_true log(y_true / y_pred), both clipped to [epsilon, 1].

    Parameters
    ----------
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., D), losses (N, ...); () once reduced.

    Source
    ------
    S. Kullback, R. Leibler 1951, On information and sufficiency.
    """

    function = staticmethod(kl_divergence)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class Poisson(ShapedLoss):
    """loss = mean (y_pred - y_true log(y_pred + epsilon)), for counts and their expected numbers.

    Parameters
    ----------
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., D), losses (N, ...); () once reduced.
    """

    function = staticmethod(poisson)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "poisson",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
