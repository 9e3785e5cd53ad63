"""Metrics of right and wrong positives and negatives: counts, precision, recall, the matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import config
from melpy.errors import ArgumentError, DataError, ShapeError
from melpy.losses.base import along, same_rank
from melpy.metrics.base import Metric, MetricVariable, Number, array

__all__ = [
    "ConfusionMatrix",
    "Counted",
    "FalseNegatives",
    "FalsePositives",
    "Precision",
    "Recall",
    "TrueNegatives",
    "TruePositives",
    "classes",
    "ratio",
    "tally",
]

KINDS = ("true_positives", "false_positives", "true_negatives", "false_negatives")
LOWEST = -1e10  # below every prediction


def ratio(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return x / y, and 0 where y is 0."""
    return np.divide(x, y, out=np.zeros(np.broadcast(x, y).shape), where=np.asarray(y) != 0)


class Counted(Metric):
    """Counts of true and false positives and negatives, one a threshold. Abstract.

    A prediction is positive where it is larger than the threshold.
    """

    kinds: tuple[str, ...] = KINDS
    top_k: int | None = None
    class_id: int | None = None

    def __init__(self, thresholds: Any, dtype: str | None, name: str | None) -> None:
        super().__init__(dtype, name)
        self._points = np.atleast_1d(np.asarray(thresholds, np.float64))
        wrong = [t for t in self.thresholds if not (-1e-6 <= t <= 1 + 1e-6 or t == LOWEST)]
        if wrong:
            raise ArgumentError(
                type(self).__name__,
                "a threshold is out of range",
                expected="floats in [0, 1]",
                received={"thresholds": wrong},
            )

    @property
    def thresholds(self) -> list[float]:
        """The thresholds, as floats."""
        return self._points.tolist()

    def _make(self, shape: tuple[int, ...]) -> None:
        for kind in self.kinds:
            setattr(self, kind, self.add_weight(shape, name=kind))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch; labels that are not 0 are positive."""
        y, t = same_rank(self._floats(y_pred), array(y_true))
        if t.shape != y.shape:
            raise ShapeError(
                type(self).__name__,
                "labels and predictions have different shapes",
                expected=f"labels of shape {y.shape}",
                received={"y_true.shape": t.shape},
            )
        if self.top_k is not None:
            y = _only_largest(y, self.top_k)
        weight = None if sample_weight is None else np.asarray(sample_weight, np.float64)
        if weight is not None:
            weight = np.broadcast_to(along(weight, y.shape, type(self).__name__), y.shape)
        if self.class_id is not None:
            if y.ndim < 2 or not -y.shape[-1] <= self.class_id < y.shape[-1]:
                raise ShapeError(
                    type(self).__name__,
                    "class_id needs one prediction a class",
                    expected=f"shape (N, C), with class {self.class_id} among the C classes",
                    received={"y_pred.shape": y.shape},
                )
            t, y = t[..., self.class_id], y[..., self.class_id]
            weight = None if weight is None else weight[..., self.class_id]
        self._take(t != 0, y, np.ones(y.shape) if weight is None else weight)

    def _take(self, t: np.ndarray, y: np.ndarray, weight: np.ndarray) -> None:
        self._add(tally(t.ravel(), y.ravel(), weight.ravel(), self._points))

    def _add(self, counts: tuple[np.ndarray, ...]) -> None:
        for kind, count in zip(KINDS, counts, strict=True):
            if kind in self.kinds:
                getattr(self, kind).assign_add(count)

    def _one(self, values: np.ndarray) -> Any:
        return Number(values[0]) if len(values) == 1 else values


def _only_largest(y: np.ndarray, k: int) -> np.ndarray:
    """Return the k largest of each row, and `LOWEST` for the others."""
    largest = np.argsort(-y, axis=-1, kind="stable")[..., :k]
    chosen = np.zeros(y.shape, bool)
    np.put_along_axis(chosen, largest, True, axis=-1)
    return np.where(chosen, y, y.dtype.type(LOWEST))


def _is_even(points: np.ndarray) -> bool:
    even = np.arange(len(points)) / max(len(points) - 1, 1)
    return len(points) > 2 and bool(np.allclose(points, even, atol=2 * config.epsilon()))


def tally(
    t: np.ndarray, y: np.ndarray, weight: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return true and false positives, true and false negatives at thresholds; each (P,).

    One pass over the samples: each falls between two thresholds, and is positive for those below.

    Parameters
    ----------
    t : array (N,) of bools, the labels
    y : array (N,), the predictions
    weight : array (N,)
    points : array (P,), the thresholds, in any order

    Examples
    --------
    >>> tally(np.array([True, False]), np.array([0.9, 0.4]), np.ones(2), np.array([0.5]))
    (array([1.]), array([0.]), array([1.]), array([0.]))
    """
    order = np.argsort(points, kind="stable")
    count = len(points)
    if _is_even(points):  # Keras's own rounding where a prediction is at a threshold
        inside = np.where(np.isnan(y), 0, np.clip(y, 0, 1))  # NaN is above no threshold
        below = np.ceil(inside * y.dtype.type(count - 1)).astype(np.intp)
        if points[0] < 0:
            below = np.maximum(below, 1)
    else:
        below = np.searchsorted(points[order].astype(y.dtype), y, side="left")
        below[np.isnan(y)] = 0
    sums = []
    for of_class in (t, ~t):
        here = np.bincount(below, weight * of_class, minlength=count + 1)
        above = np.empty(count)
        above[order] = here[::-1].cumsum()[::-1][1:]  # how much lies above each threshold
        sums.append((above, here.sum() - above))
    (tp, fn), (fp, tn) = sums
    return tp, fp, tn, fn


class _Count(Counted):
    """A count at thresholds. Abstract."""

    def __init__(
        self, thresholds: Any = None, name: str | None = None, dtype: str | None = None
    ) -> None:
        super().__init__(0.5 if thresholds is None else thresholds, dtype, name)
        self._make(self._points.shape)

    def result(self) -> Any:
        """Return the count so far: a float, or an array (P,) for several thresholds."""
        return self._one(getattr(self, self.kinds[0]).array.copy())


class TruePositives(_Count):
    """How many predictions above the threshold have a label of 1.

    Parameters
    ----------
    thresholds : float or list of floats in [0, 1]; 0.5 by default
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ...), result (), or (P,) for P thresholds.

    Examples
    --------
    >>> from melpy import metrics
    >>> metrics.TruePositives()([1, 1, 0], [0.9, 0.2, 0.8])
    1.0
    """

    kinds = ("true_positives",)


class FalsePositives(_Count):
    """How many predictions above the threshold have a label of 0.

    Parameters
    ----------
    thresholds : float or list of floats in [0, 1]; 0.5 by default
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ...), result (), or (P,) for P thresholds.
    """

    kinds = ("false_positives",)


class TrueNegatives(_Count):
    """How many predictions up to the threshold have a label of 0.

    Parameters
    ----------
    thresholds : float or list of floats in [0, 1]; 0.5 by default
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ...), result (), or (P,) for P thresholds.
    """

    kinds = ("true_negatives",)


class FalseNegatives(_Count):
    """How many predictions up to the threshold have a label of 1.

    Parameters
    ----------
    thresholds : float or list of floats in [0, 1]; 0.5 by default
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ...), result (), or (P,) for P thresholds.
    """

    kinds = ("false_negatives",)


class _Share(Counted):
    """True positives over themselves and something else. Abstract."""

    direction = "up"

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        self.top_k, self.class_id = top_k, class_id
        usual = 0.5 if top_k is None else LOWEST  # the k largest are positive, whatever they are
        super().__init__(usual if thresholds is None else thresholds, dtype, name)
        self._make(self._points.shape)

    def result(self) -> Any:
        """Return the share so far: a float, or an array (P,) for several thresholds."""
        hits, others = (getattr(self, kind).array for kind in self.kinds)
        return self._one(ratio(hits, hits + others))


class Precision(_Share):
    """true positives / (true positives + false positives).

    Parameters
    ----------
    thresholds : float or list of floats in [0, 1]; 0.5 by default
    top_k : int or None; then the k largest predictions of a sample are its positives
    class_id : int or None, the only class that is looked at, on the last axis
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ...), result (), or (P,) for P thresholds.

    Examples
    --------
    >>> from melpy import metrics
    >>> metrics.Precision()([0, 1, 1, 1], [0.8, 0.3, 0.7, 0.9]) == 2 / 3
    True
    """

    kinds = ("true_positives", "false_positives")


class Recall(_Share):
    """true positives / (true positives + false negatives).

    Parameters
    ----------
    thresholds : float or list of floats in [0, 1]; 0.5 by default
    top_k : int or None; then the k largest predictions of a sample are its positives
    class_id : int or None, the only class that is looked at, on the last axis
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ...), result (), or (P,) for P thresholds.

    Examples
    --------
    >>> from melpy import metrics
    >>> metrics.Recall()([0, 1, 1, 1, 1], [0.8, 0.3, 0.7, 0.9, 0.6])
    0.75
    """

    kinds = ("true_positives", "false_negatives")


def classes(values: Any, num_classes: int, sparse: bool, axis: int = -1) -> np.ndarray:
    """Return class numbers, flat: the values themselves, or where they are largest."""
    values = array(values)
    return (values if sparse else values.argmax(axis=axis)).reshape(-1).astype(np.intp)


def matrix(t: np.ndarray, y: np.ndarray, weight: np.ndarray | None, num_classes: int) -> np.ndarray:
    """Return how often class t was taken for class y: an array (C, C) of [t, y]."""
    counts = np.bincount(t * num_classes + y, weight, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


class ConfusionMatrix(Metric):
    """How often each class was taken for each: row the label, column the prediction.

    Parameters
    ----------
    num_classes : int > 0
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ...) or (N, ..., C), result (C, C).

    Labels are class numbers, or one-hot; predictions are class numbers, or one number a class, of
    which the largest counts; one number in [0, 1] a sample is class 1 where it is above 0.5.

    Examples
    --------
    >>> from melpy import metrics
    >>> metrics.ConfusionMatrix(2)([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    array([[1., 0.],
           [1., 1.]])
    """

    total: MetricVariable

    def __init__(
        self,
        num_classes: int,
        name: str | None = "confusion_matrix",
        dtype: str | None = None,
    ) -> None:
        super().__init__(dtype, name)
        self.num_classes = num_classes
        self.total = self.add_weight((num_classes, num_classes), name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch."""
        t, y = array(y_true), array(y_pred)
        several = y.ndim > 1 and y.shape[-1] == self.num_classes > 1
        samples = y.shape[:-1] if several or (y.ndim > 1 and y.shape[-1] == 1) else y.shape
        if not several and y.dtype.kind == "f" and (y != np.floor(y)).any():
            y = y > 0.5
        one_hot = t.ndim == len(samples) + 1 and t.shape[-1] == self.num_classes > 1
        t = classes(t, self.num_classes, sparse=not one_hot)
        y = classes(y, self.num_classes, sparse=not several)
        for name, numbers in (("y_true", t), ("y_pred", y)):
            wrong = numbers[(numbers < 0) | (numbers >= self.num_classes)]
            if wrong.size:
                raise DataError(
                    "ConfusionMatrix",
                    f"{name} holds class {wrong[0]}",
                    expected=f"whole numbers from 0 to {self.num_classes - 1}",
                )
        weight = None
        if sample_weight is not None:
            weight = along(np.asarray(sample_weight, np.float64), samples, "ConfusionMatrix")
            weight = np.broadcast_to(weight, samples).reshape(-1)
        self.total.assign_add(matrix(t, y, weight, self.num_classes))

    def result(self) -> np.ndarray:
        """Return the matrix so far, an array (C, C)."""
        return self.total.array.copy()
