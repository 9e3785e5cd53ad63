"""Metrics: numbers to look at, over all samples seen since the last reset.

Keras's names, arguments and numbers; the sums are kept in float64. A result is a float, or an array
where there are several numbers, such as `F1Score`'s of each class. Sample weights are (), (N,),
(N, 1), or of the first or last axes of what is averaged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from melpy import custom, losses
from melpy.configurable import find, plain
from melpy.losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from melpy.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from melpy.metrics.base import Mean, MeanMetricWrapper, Metric, Sum, array
from melpy.metrics.confusion import (
    ConfusionMatrix,
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from melpy.metrics.curves import (
    AUC,
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from melpy.metrics.f_score import F1Score, FBetaScore
from melpy.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from melpy.metrics.of_losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    Hinge,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from melpy.metrics.regression import (
    ConcordanceCorrelation,
    CosineSimilarity,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    PearsonCorrelation,
    R2Score,
    RootMeanSquaredError,
    concordance_correlation,
    pearson_correlation,
)

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "ConfusionMatrix",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
    "deserialize",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "pearson_correlation",
    "poisson",
    "resolve",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]

FITTING = ("accuracy", "acc", "crossentropy", "ce")  # settled by the first labels' shapes
ALIASES = {
    "bce": "BinaryCrossentropy",
    "mae": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "mse": "MeanSquaredError",
    "msle": "MeanSquaredLogarithmicError",
}


def get(identifier: Any) -> Any:
    """Return the metric of a name ("mse", "CategoricalAccuracy") or of a config.

    Metrics and functions are returned as they are, and None is None.

    Examples
    --------
    >>> get("mse")
    <MeanSquaredError name=mean_squared_error>
    """
    identifier = custom.unwrapped(identifier, __all__)
    if identifier is None or (callable(identifier) and not isinstance(identifier, type)):
        return identifier
    return find("metric", identifier, Metric, globals(), ALIASES)


def require_known(identifier: Any) -> None:
    """Refuse what `resolve` will refuse, before labels and predictions are seen."""
    is_fitting = isinstance(identifier, str) and identifier.lower() in FITTING
    if not is_fitting and not isinstance(identifier, Metric):
        get(identifier)


def resolve(identifier: Any, loss: Any = None) -> Metric:
    """Return the metric object that `compile` means; one that was named has that name.

    Parameters
    ----------
    identifier : name, metric, config, or function of (y_true, y_pred); "accuracy" and "acc" are
        the accuracy that fits the shapes of the first labels and predictions, "crossentropy" and
        "ce" the cross-entropy
    loss : loss object or None; a fitting cross-entropy takes logits where the loss does
    """
    named = isinstance(identifier, str)
    if named and identifier.lower() in ("accuracy", "acc"):
        return FittingMetric("accuracy", identifier)
    if named and identifier.lower() in ("crossentropy", "ce"):
        from_logits = bool(getattr(loss, "from_logits", False))
        return FittingMetric("crossentropy", identifier, from_logits=from_logits)
    found = get(identifier)
    metric = found if isinstance(found, Metric) else MeanMetricWrapper(found)
    if named:
        metric.name = identifier
    return metric


def serialize(metric: Any) -> Any:
    """Return a metric as a config, a function as its name."""
    return plain(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the metric of `serialize`'s result.

    Parameters
    ----------
    config : config or name
    custom_objects : classes and functions of your own, by name
    """
    is_config = isinstance(config, Mapping)
    own = (custom_objects or {}).get(config["class_name"] if is_config else config)
    if own is None:
        return get(config)
    return own(**config["config"]) if is_config else own


class FittingMetric(MeanMetricWrapper):
    """The accuracy or the cross-entropy that labels and predictions ask for, chosen once.

    Parameters
    ----------
    kind : "accuracy" or "crossentropy"
    name : str
    kwargs : arguments of the function that is chosen
    """

    def __init__(self, kind: str, name: str, **kwargs: Any) -> None:
        super().__init__(self._choose, name, **kwargs)
        self._kind = kind
        self.direction = "up" if kind == "accuracy" else "down"

    def _choose(self, y_true: Any, y_pred: Any, **options: Any) -> Any:
        shapes = array(y_true).shape, array(y_pred).shape
        prefix = {"Binary": "binary", "Categorical": "categorical"}.get(
            losses.fitting(*shapes), "sparse_categorical"
        )
        self._fn = globals()[f"{prefix}_{self._kind}"]
        return self._fn(y_true, y_pred, **options)
