"""Metrics of numbers: how far predictions are from the truth, and how well they follow it."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import config, losses, ops, tape
from melpy.configurable import is_ours
from melpy.errors import ArgumentError, ShapeError, lookup, warn
from melpy.losses.base import along, paired, same_rank
from melpy.metrics.base import Mean, MeanMetricWrapper, Metric, Number, array
from melpy.metrics.written import as_ops_take, is_one_a_sample
from melpy.tensor import mask_of

__all__ = [
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "PearsonCorrelation",
    "R2Score",
    "RootMeanSquaredError",
    "concordance_correlation",
    "pearson_correlation",
]


class MeanSquaredError(MeanMetricWrapper):
    """The mean of (y_pred - y_true)^2.

    Parameters
    ----------
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ..., D), result ().
    """

    direction = "down"

    def __init__(self, name: str | None = "mean_squared_error", dtype: str | None = None) -> None:
        super().__init__(losses.mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """The mean of |y_pred - y_true|.

    Parameters
    ----------
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ..., D), result ().
    """

    direction = "down"

    def __init__(self, name: str | None = "mean_absolute_error", dtype: str | None = None) -> None:
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """The mean of 100 |y_pred - y_true| / max(|y_true|, epsilon).

    Parameters
    ----------
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ..., D), result ().
    """

    direction = "down"

    def __init__(
        self, name: str | None = "mean_absolute_percentage_error", dtype: str | None = None
    ) -> None:
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """The mean of (log(1 + y_pred) - log(1 + y_true))^2.

    Parameters
    ----------
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ..., D), result ().
    """

    direction = "down"

    def __init__(
        self, name: str | None = "mean_squared_logarithmic_error", dtype: str | None = None
    ) -> None:
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class LogCoshError(MeanMetricWrapper):
    """The mean of log cosh(y_pred - y_true).

    Parameters
    ----------
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ..., D), result ().
    """

    direction = "down"

    def __init__(self, name: str | None = "logcosh", dtype: str | None = None) -> None:
        super().__init__(losses.log_cosh, name, dtype)


class RootMeanSquaredError(Mean):
    """sqrt(mean (y_pred - y_true)^2), over all samples.

    Parameters
    ----------
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, ...), result ().

    Examples
    --------
    >>> from melpy import metrics
    >>> metrics.RootMeanSquaredError()([[0.0], [0.0]], [[3.0], [3.0]])
    3.0
    """

    direction = "down"

    def __init__(
        self, name: str | None = "root_mean_squared_error", dtype: str | None = None
    ) -> None:
        super().__init__(name, dtype)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in a batch."""
        with tape.no_grad():
            t, y = paired(*as_ops_take(array(y_true), self._floats(y_pred)))
            super().update_state(ops.square(y - t), sample_weight)

    def is_whole(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> bool:
        """Return whether there is no mask, and at most one weight a sample."""
        return (
            is_ours(type(self).update_state)
            and mask_of(y_pred) is None
            and self._floats(y_pred) is array(y_pred)
            and (sample_weight is None or is_one_a_sample(sample_weight, len(y_pred)))
        )

    def result(self) -> float:
        """Return the root so far."""
        return Number(super().result() ** 0.5)


def _similarity(y_true: Any, y_pred: Any, axis: int = -1) -> np.ndarray:
    return -losses.cosine_similarity(y_true, y_pred, axis)


class CosineSimilarity(MeanMetricWrapper):
    """The mean of y_true . y_pred / (|y_true| |y_pred|), from -1, opposite, to 1, alike.

    Parameters
    ----------
    name, dtype : as in `Metric`
    axis : int, along which the vectors lie

    Notes
    -----
    Labels and predictions (N, ..., D), result ().
    """

    direction = "up"
    implied = ("axis",)

    def __init__(
        self, name: str | None = "cosine_similarity", dtype: str | None = None, axis: int = -1
    ) -> None:
        super().__init__(_similarity, name, dtype, axis=axis)
        self.axis = axis


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> np.ndarray:
    """r = cov(t, y) / (std t std y) along an axis.

    Labels and predictions (N, ..., D), values (N, ...), the shape without the axis.
    """
    t, y = (np.asarray(x) for x in paired(y_true, y_pred))
    t, y = t - t.mean(axis=axis, keepdims=True), y - y.mean(axis=axis, keepdims=True)
    return np.mean(
        (t / t.std(axis=axis, keepdims=True)) * (y / y.std(axis=axis, keepdims=True)), axis=axis
    )


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> np.ndarray:
    """r = 2 cov(t, y) / (var t + var y + (mean t - mean y)^2 + epsilon) along an axis.

    Labels and predictions (N, ..., D), values (N, ...), the shape without the axis.
    """
    t, y = (np.asarray(x) for x in paired(y_true, y_pred))
    mean_t, mean_y = t.mean(axis=axis, keepdims=True), y.mean(axis=axis, keepdims=True)
    spread = t.var(axis=axis, keepdims=True) + y.var(axis=axis, keepdims=True)
    norm = spread + (mean_t - mean_y) ** 2 + config.epsilon()
    return np.mean(2 * (t - mean_t) * (y - mean_y) / norm, axis=axis)


class PearsonCorrelation(MeanMetricWrapper):
    """The mean of r = cov(t, y) / (std t std y), each along an axis.

    Parameters
    ----------
    name, dtype : as in `Metric`
    axis : int

    Notes
    -----
    Labels and predictions (N, ..., D), result ().
    """

    direction = "up"

    def __init__(
        self, name: str | None = "pearson_correlation", dtype: str | None = None, axis: int = -1
    ) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)
        self.axis = axis


class ConcordanceCorrelation(MeanMetricWrapper):
    """The mean of r = 2 cov(t, y) / (var t + var y + (mean t - mean y)^2), each along an axis.

    Parameters
    ----------
    name, dtype : as in `Metric`
    axis : int

    Notes
    -----
    Labels and predictions (N, ..., D), result ().

    Source
    ------
    L. Lin 1989, A concordance correlation coefficient to evaluate reproducibility.
    """

    direction = "up"

    def __init__(
        self, name: str | None = "concordance_correlation", dtype: str | None = None, axis: int = -1
    ) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)
        self.axis = axis


class R2Score(Metric):
    """R2 = 1 - sum (y_pred - y_true)^2 / sum (y_true - mean y_true)^2, for each output.

    Parameters
    ----------
    class_aggregation : "uniform_average" and "variance_weighted_average" make one number of the
        outputs' scores; None keeps them apart
    num_regressors : int >= 0, how many inputs there are, for the adjusted score
        1 - (1 - R2) (n - 1) / (n - p - 1); 0 for the plain one
    name, dtype : as in `Metric`

    Notes
    -----
    Labels and predictions (N, D), result (), or (D,) where nothing is aggregated.

    Examples
    --------
    >>> from melpy import metrics
    >>> metrics.R2Score()([[1.0], [2.0], [3.0]], [[1.0], [2.0], [4.0]])
    0.5
    """

    direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: str | None = None,
    ) -> None:
        super().__init__(dtype, name)
        kinds = dict.fromkeys(("uniform_average", "variance_weighted_average"))
        if class_aggregation is not None:
            lookup("class_aggregation", class_aggregation, kinds, "R2Score")
        if num_regressors < 0:
            raise ArgumentError(
                "R2Score",
                "num_regressors is out of range",
                expected="an int of at least 0",
                received={"num_regressors": num_regressors},
            )
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_weight(name="num_samples")
        self._built = False

    def _build(self, outputs: int) -> None:
        self.squared_sum = self.add_weight((outputs,), name="squared_sum")
        self.sum = self.add_weight((outputs,), name="sum")
        self.total_mse = self.add_weight((outputs,), name="residual")
        self.count = self.add_weight((outputs,), name="count")
        self.squared_sum.spread_about = self.sum, self.count
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch."""
        y = self._floats(y_pred)
        t, y = same_rank(array(y_true).astype(np.float64), y)
        if t.ndim != 2 or t.shape != y.shape:
            raise ShapeError(
                "R2Score",
                "labels and predictions do not fit",
                expected="both of shape (N, D)",
                received={"y_true.shape": t.shape, "y_pred.shape": y.shape},
            )
        if not self._built:
            self._build(y.shape[1])
        weight = np.asarray(1.0 if sample_weight is None else sample_weight, np.float64)
        weight = np.broadcast_to(along(weight, t.shape, "R2Score"), t.shape)
        # Squares are taken from the mean so far: from 0 they would lose a small spread far from it.
        count, total = weight.sum(axis=0), (t * weight).sum(axis=0)
        mean = total / np.where(count, count, 1)
        seen, before = self.count.array, self.sum.array
        shift = mean - before / np.where(seen, seen, 1)
        apart = shift**2 * seen * count / np.where(seen + count, seen + count, 1)
        self.squared_sum.assign_add((weight * (t - mean) ** 2).sum(axis=0) + apart)
        self.sum.assign_add(total)
        self.total_mse.assign_add(((t - y) ** 2 * weight).sum(axis=0))
        self.count.assign_add(count)
        self.num_samples.assign_add(t.size)

    def result(self) -> Any:
        """Return the score so far: a float, or an array (D,) where nothing is aggregated."""
        if not self._built:
            return Number(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self.sum.array / self.count.array
            rounding = self.count.array * (8 * np.finfo(np.float64).eps * mean) ** 2
            total = np.where(self.squared_sum.array <= rounding, 0.0, self.squared_sum.array)
            scores = 1 - self.total_mse.array / total
        scores = np.where(np.isinf(scores), 0.0, scores)
        score: Any = scores
        if self.class_aggregation == "uniform_average":
            score = Number(scores.mean())
        elif self.class_aggregation == "variance_weighted_average":
            score = Number((total * scores).sum() / total.sum())
        n, p = float(self.num_samples.array), self.num_regressors
        if p == 0:
            return score
        if p >= n - 1:
            warn(
                "R2Score: there are too few samples for as many regressors; the score is the plain "
                f"one. Expected more than {p + 1} samples; received {n:.0f}.",
                UserWarning,
            )
            return score
        adjusted = 1 - (1 - score) * (n - 1) / (n - p - 1)
        return Number(adjusted) if isinstance(score, float) else adjusted
