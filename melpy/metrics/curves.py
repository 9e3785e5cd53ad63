"""Metrics over all thresholds: the area under a curve, and one rate at a value of another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy import budget, config
from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.metrics.base import MetricVariable, Number
from melpy.metrics.confusion import Counted, ratio, tally
from melpy.ops import sigmoid

__all__ = [
    "AUC",
    "PrecisionAtRecall",
    "RecallAtPrecision",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
]

CURVES = {"ROC": "ROC", "PR": "PR", "PRGAIN": "PRGAIN"}
HEIGHTS: dict[str, Callable[..., Any]] = {
    "interpolation": lambda y: (y[:-1] + y[1:]) / 2,
    "minoring": lambda y: np.minimum(y[:-1], y[1:]),
    "majoring": lambda y: np.maximum(y[:-1], y[1:]),
}


class Rates(Counted):
    """What the four counts say. Abstract."""

    true_positives: MetricVariable
    false_positives: MetricVariable
    true_negatives: MetricVariable
    false_negatives: MetricVariable
    direction = "up"

    def _counts(self) -> tuple[np.ndarray, ...]:
        return tuple(getattr(self, kind).array for kind in self.kinds)

    def _recall(self) -> np.ndarray:
        return ratio(
            self.true_positives.array, self.true_positives.array + self.false_negatives.array
        )

    def _precision(self) -> np.ndarray:
        return ratio(
            self.true_positives.array, self.true_positives.array + self.false_positives.array
        )

    def _specificity(self) -> np.ndarray:
        return ratio(
            self.true_negatives.array, self.true_negatives.array + self.false_positives.array
        )


class AUC(Rates):
    """The area under the ROC curve, or under the precision-recall curve, a sum over thresholds.

    Parameters
    ----------
    num_thresholds : int > 1, evenly spaced ones
    curve : "ROC", "PR" (precision over recall) or "PRGAIN"
    summation_method : "interpolation", "minoring" or "majoring", the height of each strip
    name, dtype : as in `Metric`
    thresholds : list of floats in [0, 1], instead of evenly spaced ones
    multi_label : bool, whether each label has its own curve; the result is their mean
    num_labels : int or None, L, how many labels, where multi_label
    label_weights : list of floats or None, one a label
    from_logits : bool, whether predictions are logits z, p = sigmoid(z)

    Notes
    -----
    Labels and predictions (N, ...), result (); with multi_label (N, L), a curve for each of L
    labels.

    Source
    ------
    J. Davis, M. Goadrich 2006, The relationship between precision-recall and ROC curves, for the
    interpolation of "PR"; P. Flach, M. Kull 2015, Precision-recall-gain curves.

    Examples
    --------
    >>> from melpy import metrics
    >>> metrics.AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
    0.75
    """

    implied = ("thresholds",)

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: str | None = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Sequence[float] | None = None,
        from_logits: bool = False,
    ) -> None:
        if thresholds is None and num_thresholds <= 1:
            raise ArgumentError(
                "AUC",
                "num_thresholds is out of range",
                expected="an int of at least 2",
                received={"num_thresholds": num_thresholds},
            )
        budget.take(64 * num_thresholds, f"{num_thresholds} thresholds of AUC")
        if num_labels and not multi_label:
            raise ArgumentError(
                "AUC",
                "num_labels is only for multi_label=True",
                received={"num_labels": num_labels},
            )
        inner = (
            np.arange(1, num_thresholds - 1) / (num_thresholds - 1)
            if thresholds is None
            else np.sort(np.asarray(thresholds, np.float64))
        )
        # The outermost thresholds leave nothing out: all is above the first, none above the last.
        super().__init__([-config.epsilon(), *inner, 1 + config.epsilon()], dtype, name)
        self.num_thresholds = len(self._points)
        self.curve = lookup("curve", str(curve).upper(), CURVES, "AUC")
        self.summation_method = str(summation_method).lower()
        lookup("summation_method", self.summation_method, HEIGHTS, "AUC")
        self.multi_label, self.num_labels = multi_label, num_labels
        self.label_weights = (
            None if label_weights is None else np.asarray(label_weights, np.float64)
        )
        self._from_logits = from_logits
        if not multi_label:
            self._make((self.num_thresholds,))
        elif num_labels:
            self._make((self.num_thresholds, num_labels))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch; labels that are not 0 are positive."""
        y = self._floats(y_pred)
        if self.multi_label and y.ndim != 2:
            raise ShapeError(
                "AUC",
                "several labels need predictions of rank 2",
                expected="shape (N, num_labels)",
                received={"y_pred.shape": y.shape},
            )
        if not self._variables:
            self._make((self.num_thresholds, y.shape[1]))
        super().update_state(y_true, sigmoid(y) if self._from_logits else y, sample_weight)

    def _take(self, t: np.ndarray, y: np.ndarray, weight: np.ndarray) -> None:
        if not self.multi_label:
            weight = weight if self.label_weights is None else weight * self.label_weights
            super()._take(t, y, weight)
            return
        columns = [tally(t[:, n], y[:, n], weight[:, n], self._points) for n in range(y.shape[1])]
        self._add(tuple(np.stack(counts, axis=1) for counts in zip(*columns, strict=True)))

    def result(self) -> float:
        """Return the area so far."""
        if not self._variables:
            return Number(0)
        strips = (
            self._interpolated()
            if (self.curve, self.summation_method) == ("PR", "interpolation")
            else self._strips()
        )
        areas = strips.sum(axis=0)
        if not self.multi_label:
            return Number(areas)
        if self.label_weights is None:
            return Number(areas.mean())
        return Number(ratio((areas * self.label_weights).sum(), self.label_weights.sum()))

    def _strips(self) -> np.ndarray:
        """Return width times height between neighbouring thresholds."""
        if self.curve == "ROC":
            tn, fp = self.true_negatives.array, self.false_positives.array
            x, y = ratio(fp, fp + tn), self._recall()
        elif self.curve == "PR":
            x, y = self._recall(), self._precision()
        else:
            tp, fp, tn, fn = self._counts()
            odds = ratio(tp + fn, tn + fp)
            x = np.maximum(np.where(tp == 0, 0.0, 1 - odds * ratio(fn, tp)), 0)
            y = np.where(tp == 0, 1.0, 1 - odds * ratio(fp, tp))
        return (x[:-1] - x[1:]) * HEIGHTS[self.summation_method](y)

    def _interpolated(self) -> np.ndarray:
        """Return the area under each piece of the precision-recall curve.

        Between two thresholds true positives grow linearly with all positives p: tp = a + b p.
        Precision tp / p is then no line, and its integral over recall is
        b (dtp + a log(p1 / p2)) / (tp + fn).
        """
        tp, fp, _, fn = self._counts()
        p = tp + fp
        d_tp, d_p = tp[:-1] - tp[1:], np.maximum(p[:-1] - p[1:], 0)
        slope = ratio(d_tp, d_p)
        intercept = tp[1:] - slope * p[1:]
        both = (p[:-1] > 0) & (p[1:] > 0)
        growth = np.log(np.where(both, ratio(p[:-1], np.maximum(p[1:], 0)), 1.0))
        return ratio(slope * (d_tp + intercept * growth), np.maximum(tp[1:] + fn[1:], 0))


class _At(Rates):
    """The largest rate among thresholds where another rate is at least a value. Abstract."""

    def __init__(
        self,
        what: str,
        value: float,
        num_thresholds: int,
        class_id: int | None,
        name: str | None,
        dtype: str | None,
    ) -> None:
        if not 0 <= value <= 1:
            raise ArgumentError(
                type(self).__name__,
                f"{what} is out of range",
                expected="a float in [0, 1]",
                received={what: value},
            )
        if num_thresholds <= 0:
            raise ArgumentError(
                type(self).__name__,
                "num_thresholds is out of range",
                expected="an int of at least 1",
                received={"num_thresholds": num_thresholds},
            )
        budget.take(64 * num_thresholds, f"{num_thresholds} thresholds of {type(self).__name__}")
        points = np.linspace(0, 1, num_thresholds) if num_thresholds > 1 else [0.5]
        super().__init__(points, dtype, name)
        self.class_id, self.num_thresholds, self.value = class_id, num_thresholds, value
        self._make(self._points.shape)

    def _best(self, held: np.ndarray, wanted: np.ndarray) -> float:
        return Number(np.where(held >= self.value, wanted, 0.0).max())


class SensitivityAtSpecificity(_At):
    """The largest recall where tn / (tn + fp) is at least ``specificity``.

    Parameters
    ----------
    specificity : float in [0, 1]
    num_thresholds : int > 0, evenly spaced in [0, 1]
    class_id : int or None, the only class that is looked at, on the last axis
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ...), result ().
    """

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__("specificity", specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def result(self) -> float:
        """Return the largest sensitivity so far."""
        return self._best(self._specificity(), self._recall())


class SpecificityAtSensitivity(_At):
    """The largest tn / (tn + fp) where the recall is at least ``sensitivity``.

    Parameters
    ----------
    sensitivity : float in [0, 1]
    num_thresholds : int > 0, evenly spaced in [0, 1]
    class_id : int or None, the only class that is looked at, on the last axis
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ...), result ().
    """

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__("sensitivity", sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def result(self) -> float:
        """Return the largest specificity so far."""
        return self._best(self._recall(), self._specificity())


class PrecisionAtRecall(_At):
    """The largest precision where the recall is at least ``recall``.

    Parameters
    ----------
    recall : float in [0, 1]
    num_thresholds : int > 0, evenly spaced in [0, 1]
    class_id : int or None, the only class that is looked at, on the last axis
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ...), result ().
    """

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__("recall", recall, num_thresholds, class_id, name, dtype)
        self.recall = recall

    def result(self) -> float:
        """Return the largest precision so far."""
        return self._best(self._recall(), self._precision())


class RecallAtPrecision(_At):
    """The largest recall where the precision is at least ``precision``.

    Parameters
    ----------
    precision : float in [0, 1]
    num_thresholds : int > 0, evenly spaced in [0, 1]
    class_id : int or None, the only class that is looked at, on the last axis
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ...), result ().
    """

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__("precision", precision, num_thresholds, class_id, name, dtype)
        self.precision = precision

    def result(self) -> float:
        """Return the largest recall so far."""
        return self._best(self._precision(), self._recall())
