"""Losses of overlapping areas, for segmentation."""

from __future__ import annotations

from typing import Any

from melpy import config, ops
from melpy.losses.base import paired
from melpy.losses.regression import ShapedLoss

__all__ = [
    "Dice",
    "Tversky",
    "dice",
    "tversky",
]


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """loss = 1 - 2 sum t y / (sum t + sum y + epsilon), over axes or all.

    Labels and predictions (N, ..., D), losses () over all axes, else the shape without ``axis``.
    """
    t, y, one = _measured(y_true, y_pred)
    both = ops.sum(t * y, axis=axis)
    total = ops.sum(t * one, axis=axis) + ops.sum(y, axis=axis) + config.epsilon() * one
    return 1.0 - both * 2.0 / total


def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None
) -> Any:
    """loss = 1 - o / (o + alpha sum t (1 - y) + beta sum y (1 - t) + epsilon), o = sum t y.

    Labels and predictions (N, ..., D), losses () over all axes, else the shape without ``axis``.
    """
    t, y, one = _measured(y_true, y_pred)
    both = ops.sum(t * y, axis=axis)
    missed, invented = ops.sum((one - y) * t, axis=axis), ops.sum(y * (1.0 - t), axis=axis)
    return 1.0 - both / (both + missed * alpha + invented * beta + config.epsilon() * one)


def _measured(y_true: Any, y_pred: Any) -> tuple[Any, Any, Any]:
    """Return labels, predictions, and what 1 is among these: their sums shall not overflow.

    Probabilities stay as they are; greater predictions are measured by the greatest.
    """
    t, y = paired(y_true, y_pred)
    unit = ops.max(ops.absolute(ops.stop_gradient(y)), initial=1.0)
    return t, y / unit, 1.0 / unit


class Dice(ShapedLoss):
    """loss = 1 - 2 sum t y / (sum t + sum y + epsilon), for masks t and probabilities y.

    Parameters
    ----------
    axis : int, tuple of ints, or None: the axes over which the overlap is taken
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., D), losses () over all axes, else the shape without ``axis``;
    () once reduced.

    Source
    ------
    F. Milletari et al. 2016, V-Net, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import losses
    >>> round(float(losses.Dice()(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]]))), 4)
    0.3333
    """

    function = staticmethod(dice)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Any = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype, axis=axis)


class Tversky(ShapedLoss):
    """loss = 1 - o / (o + alpha sum t (1 - y) + beta sum y (1 - t) + epsilon), o = sum t y.

    Parameters
    ----------
    alpha : float >= 0, the weight of what is missed
    beta : float >= 0, the weight of what is invented
    axis : int, tuple of ints, or None: the axes over which the overlap is taken
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., D), losses () over all axes, else the shape without ``axis``;
    () once reduced.

    Source
    ------
    S. Salehi et al. 2017, Tversky loss function for image segmentation.
    """

    function = staticmethod(tversky)

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Any = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype, alpha=alpha, beta=beta, axis=axis)
