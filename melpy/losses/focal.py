"""Focal cross-entropies: samples that are right already weigh less."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import config, ops
from melpy.losses import checks
from melpy.losses.base import as_float, paired
from melpy.losses.crossentropy import (
    CrossentropyLoss,
    smoothed_bits,
    smoothed_classes,
)
from melpy.ops.crossentropy import clipped

__all__ = [
    "BinaryFocalCrossentropy",
    "CategoricalFocalCrossentropy",
    "binary_focal_crossentropy",
    "categorical_focal_crossentropy",
]


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """loss = mean (1 - q)^gamma (-log q), q the probability of the truth, along an axis.

    Labels and predictions (N, ..., D), losses (N, ...), the shape without the axis.
    """
    t, y = paired(y_true, y_pred)
    checks.same_shape("binary_focal_crossentropy", t, y)
    t = smoothed_bits(t, label_smoothing)
    p = ops.sigmoid(y) if from_logits else y
    inside = clipped(p)
    losses = -(ops.log(inside) * t + ops.log(1 - inside) * (1 - t))
    right = p * t + (1 - p) * (1 - t)
    if gamma < 1:  # at 1 the power has no slope
        right = ops.minimum(right, 1 - config.epsilon())
    losses = ops.power(1 - right, gamma) * losses
    if apply_class_balancing:
        losses = losses * (t * alpha + (1 - t) * (1 - alpha))
    return ops.mean(losses, axis=axis)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """loss = -sum_c alpha t_c (1 - p_c)^gamma log p_c along an axis.

    Labels and predictions (N, ..., C), losses (N, ...), the shape without the axis.
    """
    who, y_pred = "categorical_focal_crossentropy", as_float(y_pred)
    checks.several_classes(who, y_pred.shape, axis)
    t = as_float(y_true, y_pred.dtype)
    if t.shape != y_pred.shape and (t.ndim == 0 or t.shape[axis] != y_pred.shape[axis]):
        checks.distributions(who, np.asarray(t), y_pred.shape, axis)
    t = smoothed_classes(t, label_smoothing, axis)
    p = ops.softmax(y_pred, axis=axis) if from_logits else y_pred
    p = clipped(ops.divide(p, ops.sum(p, axis=axis, keepdims=True)))
    weight = ops.power(1 - p, gamma) * as_float(alpha, p.dtype)
    return -ops.sum(weight * ops.log(p) * t, axis=axis)


class BinaryFocalCrossentropy(CrossentropyLoss):
    """loss = mean (1 - q)^gamma (-log q), with q = p where t = 1 and 1 - p where t = 0.

    Parameters
    ----------
    apply_class_balancing : bool, whether alpha weighs the two classes
    alpha : float in [0, 1], the weight of class 1; class 0 has 1 - alpha
    gamma : float >= 0, how much less the easy samples weigh; with 0 this is cross-entropy
    from_logits : bool, whether predictions are logits z, p = sigmoid(z)
    label_smoothing : float in [0, 1]: t becomes t (1 - s) + s / 2
    axis : int, the axis that is averaged
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., D), losses (N, ...), the shape without the axis; () once
    reduced.

    Source
    ------
    T.-Y. Lin et al. 2017, Focal loss for dense object detection, equations 4 and 5.
    """

    function = staticmethod(binary_focal_crossentropy)

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(
            name, reduction, dtype, apply_class_balancing=apply_class_balancing, alpha=alpha,
            gamma=gamma, from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip

    def check(self, y_true: np.ndarray, output_shape: tuple[int | None, ...]) -> None:
        """Refuse labels that are no probabilities."""
        checks.one_shape("BinaryFocalCrossentropy", y_true, output_shape)
        checks.probabilities("BinaryFocalCrossentropy", y_true)


class CategoricalFocalCrossentropy(CrossentropyLoss):
    """loss = -sum_c alpha_c t_c (1 - p_c)^gamma log p_c, for one-hot labels.

    Parameters
    ----------
    alpha : float, or one a class
    gamma : float >= 0, how much less the easy samples weigh
    from_logits : bool, whether predictions are logits
    label_smoothing : float in [0, 1]: t becomes t (1 - s) + s / C
    axis : int, the classes' axis
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., C), losses (N, ...), the shape without the axis; () once
    reduced.

    Source
    ------
    T.-Y. Lin et al. 2017, Focal loss for dense object detection, equation 5.
    """

    function = staticmethod(categorical_focal_crossentropy)

    def __init__(
        self,
        alpha: Any = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(
            name, reduction, dtype, alpha=alpha, gamma=gamma, from_logits=from_logits,
            label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip

    def check(self, y_true: np.ndarray, output_shape: tuple[int | None, ...]) -> None:
        """Refuse labels that are no distributions over the classes."""
        checks.distributions("CategoricalFocalCrossentropy", y_true, output_shape, self.axis)
