"""Metrics that are means of a loss: cross-entropies, divergences, hinges."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import losses
from melpy.metrics.base import MeanMetricWrapper, array, masked

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "Hinge",
    "KLDivergence",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
]


class BinaryCrossentropy(MeanMetricWrapper):
    """The mean of -(t log p + (1 - t) log(1 - p)).

    Parameters
    ----------
    name, dtype : as in `Metric`
    from_logits : bool, whether predictions are logits
    label_smoothing : float in [0, 1]: t becomes t (1 - s) + s / 2

    Notes
    -----
    Labels and predictions (N, ..., D), result ().
    """

    direction = "down"

    def __init__(
        self,
        name: str | None = "binary_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
    ) -> None:
        super().__init__(
            losses.binary_crossentropy, name, dtype,
            from_logits=from_logits, label_smoothing=label_smoothing,
        )  # fmt: skip
        self.from_logits, self.label_smoothing = from_logits, label_smoothing


class CategoricalCrossentropy(MeanMetricWrapper):
    """The mean of -sum_c t_c log p_c, for one-hot labels or distributions.

    Parameters
    ----------
    name, dtype : as in `Metric`
    from_logits : bool, whether predictions are logits
    label_smoothing : float in [0, 1]: t becomes t (1 - s) + s / C
    axis : int, the classes' axis

    Notes
    -----
    Labels and predictions (N, ..., C), result ().
    """

    direction = "down"

    def __init__(
        self,
        name: str | None = "categorical_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        label_smoothing: float = 0,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.categorical_crossentropy, name, dtype,
            from_logits=from_logits, label_smoothing=label_smoothing, axis=axis,
        )  # fmt: skip
        self.from_logits, self.label_smoothing, self.axis = from_logits, label_smoothing, axis


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """The mean of -log p_t, for labels that are class numbers t.

    Parameters
    ----------
    name, dtype : as in `Metric`
    from_logits : bool, whether predictions are logits
    ignore_class : int or None, a label whose losses are 0
    axis : int, the classes' axis

    Notes
    -----
    Labels (N, ...) or (N, ..., 1), predictions (N, ..., C), result ().

    Ignored samples still count in the mean, as 0, unless there are sample weights: Keras's rule.
    """

    direction = "down"

    def __init__(
        self,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: str | None = None,
        from_logits: bool = False,
        ignore_class: int | None = None,
        axis: int = -1,
    ) -> None:
        super().__init__(
            losses.sparse_categorical_crossentropy, name, dtype,
            from_logits=from_logits, ignore_class=ignore_class, axis=axis,
        )  # fmt: skip
        self.from_logits, self.ignore_class, self.axis = from_logits, ignore_class, axis

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in a batch."""
        if self.ignore_class is not None and sample_weight is not None:
            shape = np.delete(np.shape(array(y_pred)), self.axis)
            valid = (array(y_true) != self.ignore_class).reshape(shape)
            sample_weight = masked(sample_weight, valid, type(self).__name__)
        super().update_state(y_true, y_pred, sample_weight)


class KLDivergence(MeanMetricWrapper):
    """The mean of sum y_true log(y_true / y_pred).

    Parameters
    ----------
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ..., D), result ().
    """

    direction = "down"

    def __init__(self, name: str | None = "kl_divergence", dtype: str | None = None) -> None:
        super().__init__(losses.kl_divergence, name, dtype)


class Poisson(MeanMetricWrapper):
    """The mean of y_pred - y_true log y_pred.

    Parameters
    ----------
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ..., D), result ().
    """

    direction = "down"

    def __init__(self, name: str | None = "poisson", dtype: str | None = None) -> None:
        super().__init__(losses.poisson, name, dtype)


class Hinge(MeanMetricWrapper):
    """The mean of max(1 - y_true y_pred, 0), for labels -1 and 1, or 0 and 1.

    Parameters
    ----------
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ..., D), result ().
    """

    direction = "down"

    def __init__(self, name: str | None = "hinge", dtype: str | None = None) -> None:
        super().__init__(losses.hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """The mean of max(1 - y_true y_pred, 0)^2, for labels -1 and 1, or 0 and 1.

    Parameters
    ----------
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ..., D), result ().
    """

    direction = "down"

    def __init__(self, name: str | None = "squared_hinge", dtype: str | None = None) -> None:
        super().__init__(losses.squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """The mean of max(1 + max_c (1 - t_c) y_c - sum_c t_c y_c, 0), for one-hot labels.

    Parameters
    ----------
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ..., C), result ().
    """

    direction = "down"

    def __init__(self, name: str | None = "categorical_hinge", dtype: str | None = None) -> None:
        super().__init__(losses.categorical_hinge, name, dtype)
