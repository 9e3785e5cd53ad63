"""Losses of numbers: how far a prediction is from the truth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from melpy import config, ops
from melpy.losses import checks
from melpy.losses.base import PairLoss, paired

__all__ = [
    "CosineSimilarity",
    "Huber",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "cosine_similarity",
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
]


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """loss = mean (y_pred - y_true)^2 along the last axis.

    Labels and predictions (N, ..., D), losses (N, ...).
    """
    t, y = paired(y_true, y_pred)
    return ops.mean(ops.square(y - t), axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """loss = mean |y_pred - y_true| along the last axis.

    Labels and predictions (N, ..., D), losses (N, ...).
    """
    t, y = paired(y_true, y_pred)
    return ops.mean(ops.absolute(y - t), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """loss = 100 mean |y_pred - y_true| / max(|y_true|, epsilon) along the last axis.

    Labels and predictions (N, ..., D), losses (N, ...).
    """
    t, y = paired(y_true, y_pred)
    scale = ops.maximum(ops.absolute(t), config.epsilon())
    return 100.0 * ops.mean(ops.absolute((y - t) / scale), axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """loss = mean (log(1 + y_pred) - log(1 + y_true))^2 along the last axis, none below epsilon.

    Labels and predictions (N, ..., D), losses (N, ...).
    """
    t, y = paired(y_true, y_pred)
    log_t, log_y = (ops.log(ops.maximum(x, config.epsilon()) + 1.0) for x in (t, y))
    return ops.mean(ops.square(log_y - log_t), axis=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """loss = mean of e^2 / 2 up to |e| = delta, delta (|e| - delta / 2) beyond, e the error.

    Labels and predictions (N, ..., D), losses (N, ...).
    """
    t, y = paired(y_true, y_pred)
    size = ops.absolute(y - t)
    near = ops.minimum(size, delta)
    return ops.mean(near * (size - near * 0.5), axis=-1)


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """loss = mean log cosh(y_pred - y_true) along the last axis.

    Labels and predictions (N, ..., D), losses (N, ...).
    """
    t, y = paired(y_true, y_pred)
    e = y - t  # log cosh e = e + log(1 + exp(-2 e)) - log 2, which does not overflow
    return ops.mean(e + ops.softplus(e * -2.0) - math.log(2.0), axis=-1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """loss = -y_true . y_pred / (|y_true| |y_pred|) along an axis.

    Labels and predictions (N, ..., D), losses (N, ...), the shape without the axis.
    """
    t, y = paired(y_true, y_pred)
    return -ops.sum(unit(t, axis) * unit(y, axis), axis=axis)


def unit(x: Any, axis: int) -> Any:
    """Return vectors of length 1; a vector of zeros stays."""
    least = max(config.epsilon(), math.sqrt(np.finfo(x.dtype).tiny))
    return x / ops.maximum(ops.euclidean_norm(x, axis=axis, keepdims=True), least)


for _function in (
    mean_squared_error, mean_absolute_error, mean_absolute_percentage_error,
    mean_squared_logarithmic_error, huber, log_cosh, cosine_similarity,
):  # fmt: skip
    _function.is_of_ops = True  # type: ignore[attr-defined]


class ShapedLoss(PairLoss):
    """A loss whose labels have the predictions' shape. Abstract."""

    def check(self, y_true: np.ndarray, output_shape: tuple[int | None, ...]) -> None:
        """Refuse labels of another shape; (N,) serves for (N, 1)."""
        checks.one_shape(type(self).__name__, y_true, output_shape, broadcast=True)


class MeanSquaredError(ShapedLoss):
    """loss = mean (y_pred - y_true)^2.

    Parameters
    ----------
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., D), losses (N, ...); () once reduced.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import losses
    >>> float(losses.MeanSquaredError()(np.array([[0.0, 2.0]]), np.array([[1.0, 5.0]])))
    5.0
    """

    function = staticmethod(mean_squared_error)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanAbsoluteError(ShapedLoss):
    """loss = mean |y_pred - y_true|.

    Parameters
    ----------
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., D), losses (N, ...); () once reduced.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import losses
    >>> float(losses.MeanAbsoluteError()(np.array([[0.0, 2.0]]), np.array([[1.0, 5.0]])))
    2.0
    """

    function = staticmethod(mean_absolute_error)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanAbsolutePercentageError(ShapedLoss):
    """loss = 100 mean |y_pred - y_true| / max(|y_true|, epsilon).

    Parameters
    ----------
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., D), losses (N, ...); () once reduced.
    """

    function = staticmethod(mean_absolute_percentage_error)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class MeanSquaredLogarithmicError(ShapedLoss):
    """loss = mean (log(1 + y_pred) - log(1 + y_true))^2, values below epsilon raised to it.

    Parameters
    ----------
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., D), losses (N, ...); () once reduced.
    """

    function = staticmethod(mean_squared_logarithmic_error)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class Huber(ShapedLoss):
    """loss = mean of e^2 / 2 up to |e| = delta, delta (|e| - delta / 2) beyond, e the error.

    Parameters
    ----------
    delta : float > 0, where the parabola becomes a line
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., D), losses (N, ...); () once reduced.

    Source
    ------
    P. Huber 1964, Robust estimation of a location parameter.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import losses
    >>> float(losses.Huber()(np.array([[0.0, 2.0]]), np.array([[1.0, 5.0]])))
    1.5
    """

    function = staticmethod(huber)
    implied = ("dtype", "delta")

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype, delta=delta)


class LogCosh(ShapedLoss):
    """loss = mean log cosh(y_pred - y_true): a parabola near 0, a line far from it.

    Parameters
    ----------
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., D), losses (N, ...); () once reduced.
    """

    function = staticmethod(log_cosh)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "log_cosh",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype)


class CosineSimilarity(ShapedLoss):
    """loss = -y_true . y_pred / (|y_true| |y_pred|), from -1, alike, to 1, opposite.

    Parameters
    ----------
    axis : int, along which the vectors lie
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., D), losses (N, ...), the shape without the axis; () once
    reduced.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import losses
    >>> float(losses.CosineSimilarity()(np.array([[3.0, 4.0]]), np.array([[3.0, 4.0]])).round(6))
    -1.0
    """

    function = staticmethod(cosine_similarity)
    implied = ("dtype", "axis")

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: str | None = None,
    ) -> None:
        super().__init__(name, reduction, dtype, axis=axis)
