"""Metrics: numbers to look at, averaged over all samples seen since the last reset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from melpy.configurable import Configurable, find

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "Mean",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "SparseCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "get",
    "resolve",
]


class Metric(Configurable):
    """A running number. Abstract: subclasses define ``values``, one number a sample.

    Parameters
    ----------
    name : str, the key in the history
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.reset_state()

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Return one number a sample. Abstract."""
        raise NotImplementedError

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch."""
        values = np.asarray(self.values(np.asarray(y_true), np.asarray(y_pred)), dtype=np.float64)
        self._add(values, sample_weight)

    def _add(self, values: np.ndarray, sample_weight: Any) -> None:
        weight = np.ones(()) if sample_weight is None else np.asarray(sample_weight, np.float64)
        weight = np.broadcast_to(
            weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim)), values.shape
        )
        self.total += float((values * weight).sum())
        self.count += float(weight.sum())

    def result(self) -> float:
        """Return the mean so far, 0 if nothing was seen."""
        return self.total / self.count if self.count else 0.0

    def reset_state(self) -> None:
        """Forget everything seen."""
        self.total, self.count = 0.0, 0.0


class Mean(Metric):
    """The mean of the numbers given."""

    def __init__(self, name: str = "mean") -> None:
        super().__init__(name)

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in numbers, each with a weight."""
        self._add(np.asarray(values, np.float64), sample_weight)


class Accuracy(Metric):
    """How often labels and predictions are equal."""

    def __init__(self, name: str = "accuracy") -> None:
        super().__init__(name)

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Return 1 where they are equal."""
        return _shaped(y_true, y_pred) == y_pred


class BinaryAccuracy(Metric):
    """How often predictions above a threshold meet labels of 1.

    Parameters
    ----------
    threshold : float
    """

    def __init__(self, name: str = "binary_accuracy", threshold: float = 0.5) -> None:
        super().__init__(name)
        self.threshold = threshold

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Return the share of right entries along the last axis."""
        hits = _shaped(y_true, y_pred) == (y_pred > self.threshold)
        return hits.mean(axis=-1)


class CategoricalAccuracy(Metric):
    """How often the largest prediction is at the one-hot label's class."""

    def __init__(self, name: str = "categorical_accuracy") -> None:
        super().__init__(name)

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Return 1 where the classes are equal."""
        return y_true.argmax(axis=-1) == y_pred.argmax(axis=-1)


class SparseCategoricalAccuracy(Metric):
    """How often the largest prediction is at the label, a class number."""

    def __init__(self, name: str = "sparse_categorical_accuracy") -> None:
        super().__init__(name)

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Return 1 where the classes are equal."""
        return y_true.reshape(y_pred.shape[:-1]) == y_pred.argmax(axis=-1)


class TopKCategoricalAccuracy(Metric):
    """How often the one-hot label's class is among the k largest predictions.

    Parameters
    ----------
    k : int > 0
    """

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy") -> None:
        super().__init__(name)
        self.k = k

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Return 1 where fewer than k predictions are larger than the class's own."""
        own = np.take_along_axis(y_pred, y_true.argmax(axis=-1)[..., np.newaxis], axis=-1)
        return (y_pred > own).sum(axis=-1) < self.k


class MeanSquaredError(Metric):
    """The mean of (y_pred - y_true)^2."""

    def __init__(self, name: str = "mean_squared_error") -> None:
        super().__init__(name)

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Return the mean square along the last axis."""
        return ((y_pred - _shaped(y_true, y_pred)) ** 2).mean(axis=-1)


class MeanAbsoluteError(Metric):
    """The mean of |y_pred - y_true|."""

    def __init__(self, name: str = "mean_absolute_error") -> None:
        super().__init__(name)

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Return the mean distance along the last axis."""
        return np.abs(y_pred - _shaped(y_true, y_pred)).mean(axis=-1)


class _FittingAccuracy(Metric):
    """The accuracy that the shapes of labels and predictions ask for, whatever the loss."""

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Return one number a sample."""
        metric: Metric = CategoricalAccuracy()
        if y_pred.shape[-1] == 1:
            metric = BinaryAccuracy()
        elif y_true.ndim < y_pred.ndim or y_true.shape[-1] == 1:
            metric = SparseCategoricalAccuracy()
        return metric.values(y_true, y_pred)


class _FunctionMetric(Metric):
    """A user's function of (y_true, y_pred), averaged."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        super().__init__(getattr(function, "__name__", "metric"))
        self.function = function

    def values(self, y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
        """Return what the function returns."""
        return np.asarray(self.function(y_true, y_pred))


def _shaped(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    return y_true.reshape(y_pred.shape) if y_true.size == y_pred.size else y_true


def get(identifier: Any) -> Metric:
    """Return the metric of a name ("mse", "CategoricalAccuracy"), a config, or itself."""
    aliases = {"mse": "MeanSquaredError", "mae": "MeanAbsoluteError"}
    if callable(identifier) and not isinstance(identifier, type):
        return _FunctionMetric(identifier)
    metric = find("metric", identifier, Metric, globals(), aliases)
    if isinstance(identifier, str) and identifier in aliases:
        metric.name = identifier
    return metric


def resolve(identifier: Any) -> Metric:
    """Return a metric; "accuracy" is the one that fits the labels, under the name it was given."""
    return (
        _FittingAccuracy(identifier)
        if isinstance(identifier, str) and identifier in ("accuracy", "acc")
        else get(identifier)
    )
