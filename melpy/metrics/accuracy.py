"""Accuracies: how often a prediction is right."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import config
from melpy.errors import ShapeError
from melpy.kernels import dispatch as kernels
from melpy.kernels.spec import tally as spec
from melpy.losses.base import same_rank
from melpy.metrics.base import MeanMetricWrapper, array

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "accuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]


def _as_numbers(hits: np.ndarray) -> np.ndarray:
    return hits.astype(config.floatx())


def _hits(who: str, t: np.ndarray, y: np.ndarray, hint: str = "") -> np.ndarray:
    """Return where classes t are those at the largest of y, one class a row of y."""
    rows = y.shape[:-1]
    if y.ndim == 0 or t.ndim > len(rows) or not _meet(t.shape, rows):
        raise ShapeError(
            who,
            "labels and predictions do not fit",
            expected=f"one label for each of the predictions' rows, shape {rows}",
            received={"labels": t.shape, "y_pred.shape": y.shape},
            mend=hint,
        )
    return np.asarray(t == y.argmax(axis=-1))


def _meet(shape: tuple[int, ...], rows: tuple[int, ...]) -> bool:
    """Return whether shapes broadcast, as in NumPy."""
    ends = zip(shape[::-1], rows[::-1], strict=False)
    return all(a == b or 1 in (a, b) for a, b in ends)


def accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """y = 1 where labels and predictions are equal, else 0.

    Labels and predictions (N, ...), values (N, ...).
    """
    t, y = same_rank(array(y_true), array(y_pred))
    return _as_numbers(t.astype(y.dtype, copy=False) == y)


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> np.ndarray:
    """y = 1 where a prediction is above the threshold and the label is 1, or neither, else 0.

    Labels and predictions (N, ...), values (N, ...).
    """
    t, y = same_rank(array(y_true), array(y_pred))
    if _are_bits(t, y):
        return kernels.threshold_hits(t, y, threshold)
    return _as_numbers(t == (y > threshold))


def categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """y = 1 where the largest prediction is at the one-hot label's class, else 0.

    Labels and predictions (N, ..., C), values (N, ...).
    """
    t, y = array(y_true), array(y_pred)
    if _are_pairs(t, y):
        return kernels.class_hits(t, y)
    return _as_numbers(_hits("categorical_accuracy", t.argmax(axis=-1), y))


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """y = 1 where the largest prediction is at the label, a class's number, else 0.

    Labels (N, ...) or (N, ..., 1), predictions (N, ..., C), values (N, ...).
    """
    t, y = _without_column(array(y_true), array(y_pred)), array(y_pred)
    if _fit_kernels(t, y) and _is_label_a_row(t, y):
        rows = y.reshape(-1, y.shape[-1])  # (...,C) -> (M,C)
        return kernels.label_hits(t.reshape(-1), rows).reshape(t.shape)
    hint = "Use categorical_accuracy for one-hot labels."
    return _as_numbers(_hits("sparse_categorical_accuracy", t, y, hint))


def _without_column(t: np.ndarray, y: np.ndarray) -> np.ndarray:
    return t[..., 0] if t.ndim and t.ndim == y.ndim and t.shape[-1] == 1 else t


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> np.ndarray:
    """y = 1 where the one-hot label's class is among the k largest predictions, else 0.

    Labels and predictions (N, ..., C), values (N, ...).
    """
    return sparse_top_k_categorical_accuracy(array(y_true).argmax(axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> np.ndarray:
    """y = 1 where the label's class is among the k largest predictions, else 0.

    Labels (N, ...) or (N, ..., 1), predictions (N, ..., C), values (N, ...). With
    ``from_sorted_ids``, the predictions are classes, the likeliest first.
    """
    t, y = _without_column(array(y_true), array(y_pred)), array(y_pred)
    if t.shape != y.shape[:-1] or y.ndim == 0:
        raise ShapeError(
            "sparse_top_k_categorical_accuracy",
            "labels and predictions do not fit",
            expected="labels (N,) and predictions (N, C)",
            received={"labels": t.shape, "y_pred.shape": y.shape},
        )
    if from_sorted_ids:
        return _as_numbers((t[..., np.newaxis] == y[..., :k]).any(axis=-1))
    # A class is among them where fewer than k predictions are larger than its own.
    rows = y.reshape(-1, y.shape[-1])  # (...,C) -> (M,C)
    if _fit_kernels(t, y):
        return kernels.top_hits(t.reshape(-1), rows, k).reshape(t.shape)
    return _as_numbers(spec.top_hits(t.reshape(-1), rows, k).reshape(t.shape))


# Which arrays are work of kernels alone; a model's program asks.


def _fit_kernels(t: np.ndarray, y: np.ndarray) -> bool:
    """Return whether labels are numbers, and predictions of the float type of what comes out."""
    is_number = t.dtype.kind in "iub" or t.dtype in (np.float32, np.float64)
    return is_number and y.dtype == config.floatx() and y.size > 0


def _are_pairs(t: np.ndarray, y: np.ndarray) -> bool:
    return t.ndim == 2 and t.shape == y.shape and t.dtype == y.dtype == config.floatx()


def _is_label_a_row(t: np.ndarray, y: np.ndarray) -> bool:
    return y.ndim > 0 and t.shape == y.shape[:-1]


def _are_bits(t: np.ndarray, y: np.ndarray, **options: Any) -> bool:
    alike = t.shape == y.shape or (*t.shape, 1) == y.shape or t.shape == (*y.shape, 1)
    return _fit_kernels(t, y) and alike


def _are_labels(t: np.ndarray, y: np.ndarray, from_sorted_ids: bool = False, **_: Any) -> bool:
    return _fit_kernels(t, y) and _is_label_a_row(_without_column(t, y), y) and not from_sorted_ids


for _function, _is_whole in (
    (binary_accuracy, _are_bits),
    (categorical_accuracy, _are_pairs),
    (sparse_categorical_accuracy, _are_labels),
    (sparse_top_k_categorical_accuracy, _are_labels),
):
    _function.is_whole = _is_whole  # type: ignore[attr-defined]


class Accuracy(MeanMetricWrapper):
    """How often labels and predictions are equal.

    Parameters
    ----------
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ...), result ().

    Examples
    --------
    >>> from melpy import metrics
    >>> metrics.Accuracy()([1, 2, 3, 4], [1, 2, 3, 5])
    0.75
    """

    direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: str | None = None) -> None:
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """How often predictions above a threshold meet labels of 1, and others labels of 0.

    Parameters
    ----------
    name, dtype : as in `Metric`
    threshold : float

    Notes
    -----
    Labels and predictions (N, ...), result ().

    Examples
    --------
    >>> from melpy import metrics
    >>> metrics.BinaryAccuracy()([1, 0, 1, 1], [0.9, 0.2, 0.4, 0.6])
    0.75
    """

    direction = "up"

    def __init__(
        self,
        name: str | None = "binary_accuracy",
        dtype: str | None = None,
        threshold: float = 0.5,
    ) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)
        self.threshold = threshold


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is at the one-hot label's class.

    Parameters
    ----------
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ..., C), result ().
    """

    direction = "up"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: str | None = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is at the label, a class's number.

    Parameters
    ----------
    name, dtype : as in `Metric`

    Notes
    -----
    Labels (N, ...) or (N, ..., 1), predictions (N, ..., C), result ().

    Examples
    --------
    >>> from melpy import metrics
    >>> metrics.SparseCategoricalAccuracy()([1, 0], [[0.1, 0.9], [0.4, 0.6]])
    0.5
    """

    direction = "up"

    def __init__(
        self, name: str | None = "sparse_categorical_accuracy", dtype: str | None = None
    ) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the one-hot label's class is among the k largest predictions.

    Parameters
    ----------
    k : int > 0
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ..., C), result ().
    """

    direction = "up"

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: str | None = None
    ) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)
        self.k = k


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the label, a class's number, is among the k largest predictions.

    Parameters
    ----------
    k : int > 0
    name, dtype : as in `Metric`
    from_sorted_ids : bool, whether predictions are classes already, the likeliest first

    Notes
    -----
    Labels (N, ...) or (N, ..., 1), predictions (N, ..., C), result ().
    """

    direction = "up"
    implied = ("from_sorted_ids",)

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: str | None = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(
            sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids
        )
        self.k, self.from_sorted_ids = k, from_sorted_ids
