"""F scores: one number of precision and recall."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import config
from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.losses.base import along
from melpy.metrics.base import Metric, MetricVariable, Number, array

__all__ = ["F1Score", "FBetaScore"]

COUNTS = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")


class FBetaScore(Metric):
    """F = (1 + beta^2) precision recall / (beta^2 precision + recall), for each class.

    Parameters
    ----------
    average : None for one score a class; "macro" for their mean, "weighted" for the mean that
        weighs each with its number of labels, "micro" for one score of all classes' counts
    beta : float > 0, how much more recall weighs than precision
    threshold : float in (0, 1], above which a prediction is positive; None for the largest of
        each sample
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, C), result (C,), or () with an average.

    Source
    ------
    C. van Rijsbergen 1979, Information retrieval, chapter 7.
    """

    direction = "up"
    true_positives: MetricVariable
    false_positives: MetricVariable
    false_negatives: MetricVariable
    intermediate_weights: MetricVariable

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(dtype, name)
        who = type(self).__name__
        if average is not None:
            lookup("average", average, dict.fromkeys(("micro", "macro", "weighted")), who)
        if not isinstance(beta, float) or not beta > 0:
            raise ArgumentError(
                who, "beta is out of range", expected="a float > 0", received={"beta": beta}
            )
        if threshold is not None and not (isinstance(threshold, float) and 0 < threshold <= 1):
            raise ArgumentError(
                who,
                "threshold is out of range",
                expected="a float in (0, 1], or None",
                received={"threshold": threshold},
            )
        self.average, self.beta, self.threshold = average, beta, threshold
        self._axis = None if average == "micro" else 0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch; labels are one-hot, or 0 and 1."""
        t, y = array(y_true), self._floats(y_pred)
        if y.ndim != 2 or t.shape != y.shape:
            raise ShapeError(
                type(self).__name__,
                "labels and predictions do not fit",
                expected="both of shape (N, C), the labels one-hot",
                received={"y_true.shape": t.shape, "y_pred.shape": y.shape},
            )
        if not self._variables:
            for count in COUNTS:
                shape = () if self.average == "micro" else y.shape[1:]
                setattr(self, count, self.add_weight(shape, name=count))
        if self.threshold is None:  # a row of zeros has no largest
            positive = (y >= y.max(axis=-1, keepdims=True)) & (np.abs(y) > 1e-9)
        else:
            positive = y > self.threshold
        t = t.astype(np.float64)
        weight: Any = 1.0
        if sample_weight is not None:
            weight = along(np.asarray(sample_weight, np.float64), y.shape, type(self).__name__)
        for count, values in zip(
            COUNTS, (positive * t, positive * (1 - t), ~positive * t, t), strict=True
        ):
            getattr(self, count).assign_add((values * weight).sum(axis=self._axis))

    def result(self) -> Any:
        """Return the score so far: a float, or an array (C,) where nothing is averaged."""
        if not self._variables:
            return Number(0)
        tp, fp, fn, labels = (getattr(self, count).array for count in COUNTS)
        epsilon, square = config.epsilon(), self.beta**2
        precision, recall = tp / (tp + fp + epsilon), tp / (tp + fn + epsilon)
        score = (1 + square) * precision * recall / (square * precision + recall + epsilon)
        if self.average is None:
            return score
        if self.average == "weighted":
            return Number((score * labels / (labels.sum() + epsilon)).sum())
        return Number(np.mean(score))


class F1Score(FBetaScore):
    """F1 = 2 precision recall / (precision + recall), for each class.

    Parameters
    ----------
    average : None for one score a class; "macro" for their mean, "weighted" for the mean that
        weighs each with its number of labels, "micro" for one score of all classes' counts
    threshold : float in (0, 1], above which a prediction is positive; None for the largest of
        each sample
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, C), result (C,), or () with an average.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import metrics
    >>> metrics.F1Score()(np.eye(2), np.array([[0.6, 0.4], [0.7, 0.3]])).round(3)
    array([0.667, 0.   ])
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
