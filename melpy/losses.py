"""Losses: Keras's names, arguments and numbers.

A loss gives one value a sample; ``reduction`` says what becomes of them. A sample's weight
multiplies its value, and the mean still divides by the number of values, as in Keras 3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from melpy import config, ops
from melpy.configurable import Configurable, find
from melpy.errors import ArgumentError, DataError, ShapeError, lookup
from melpy.tape import Variable
from melpy.tensor import Tensor

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "get",
]

REDUCTIONS: dict[str | None, Callable[[Any], Any]] = {
    "sum_over_batch_size": ops.mean,
    "mean": ops.mean,
    "sum": ops.sum,
    "none": ops.linear,
}


class Loss(Configurable):
    """A function of labels and predictions that training makes small. Abstract.

    Parameters
    ----------
    reduction : "sum_over_batch_size" (the mean), "sum", or None for one value a sample
    name : str
    """

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "") -> None:
        lookup("reduction", reduction or "none", REDUCTIONS, type(self).__name__)  # type: ignore[arg-type]
        self.reduction = reduction or "none"
        self.name = name

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one value a sample. Abstract."""
        raise NotImplementedError

    def check(self, y_true: np.ndarray, output_shape: tuple[int | None, ...]) -> None:
        """Refuse labels that cannot be meant for predictions of this shape; (N, ...)."""
        if y_true.shape[1:] != tuple(output_shape[1:]):
            raise ShapeError(
                type(self).__name__,
                "labels and predictions have different shapes",
                expected=f"labels of shape {('N', *output_shape[1:])}".replace("'", ""),
                received={"y.shape": y_true.shape},
            )

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        y_true = np.asarray(y_true)
        if not isinstance(y_pred, Variable | np.ndarray):
            y_pred = np.asarray(y_pred, config.floatx())
        losses = self.call(y_true, y_pred)
        if sample_weight is not None:
            losses = ops.multiply(losses, self._weights(sample_weight, losses))
        return REDUCTIONS[self.reduction](losses)

    def _weights(self, sample_weight: Any, losses: Any) -> np.ndarray:
        """Return weights that broadcast along the samples; (N, 1) serves as (N,)."""
        weight = np.asarray(sample_weight, dtype=losses.dtype)
        if weight.ndim == losses.ndim + 1 and weight.shape[-1] == 1:
            weight = weight[..., 0]
        sizes = zip(weight.shape, losses.shape, strict=False)
        if weight.ndim > losses.ndim or any(size not in (1, whole) for size, whole in sizes):
            raise ShapeError(
                type(self).__name__,
                "the sample weights do not fit the samples",
                expected=f"shape {losses.shape}, or its first axes",
                received={"sample_weight.shape": weight.shape},
            )
        return weight.reshape(weight.shape + (1,) * (losses.ndim - weight.ndim))


class Regression(Loss):
    """A loss of differences, averaged over the last axis. Abstract."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one value a sample."""
        if y_true.shape != y_pred.shape and y_true.size == y_pred.size:
            y_true = y_true.reshape(y_pred.shape)  # (N,) labels for (N, 1) predictions
        difference = ops.subtract(y_pred, y_true.astype(y_pred.dtype))
        return ops.mean(self.of_difference(difference), axis=-1)

    def of_difference(self, difference: Any) -> Any:
        """Return the loss of each difference. Abstract."""
        raise NotImplementedError

    def check(self, y_true: np.ndarray, output_shape: tuple[int | None, ...]) -> None:
        """Refuse labels of another shape; (N,) serves for (N, 1)."""
        if not (y_true.ndim == 1 and tuple(output_shape[1:]) == (1,)):
            super().check(y_true, output_shape)


class MeanSquaredError(Regression):
    """loss = mean (y_pred - y_true)^2."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error"
    ) -> None:
        super().__init__(reduction, name)

    def of_difference(self, difference: Any) -> Any:
        """Return the squares."""
        return ops.square(difference)


class MeanAbsoluteError(Regression):
    """loss = mean |y_pred - y_true|."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error"
    ) -> None:
        super().__init__(reduction, name)

    def of_difference(self, difference: Any) -> Any:
        """Return the absolute values."""
        return ops.absolute(difference)


class BinaryCrossentropy(Regression):
    """loss = -mean (t log p + (1 - t) log(1 - p)), p clipped to [epsilon, 1 - epsilon].

    Parameters
    ----------
    from_logits : bool, whether predictions are logits z, p = sigmoid(z); then nothing is clipped
    label_smoothing : float in [0, 1): t becomes t (1 - s) + s / 2
    axis : int, the axis that is averaged; -1
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
    ) -> None:
        super().__init__(reduction, name)
        self.from_logits, self.axis = from_logits, axis
        self.label_smoothing = _smoothing(label_smoothing, "BinaryCrossentropy")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one value a sample."""
        if y_true.shape != y_pred.shape and y_true.size == y_pred.size:
            y_true = y_true.reshape(y_pred.shape)
        t = y_true.astype(y_pred.dtype)
        t = t * (1 - self.label_smoothing) + 0.5 * self.label_smoothing
        if self.from_logits:  # log(1 + e^z) - t z, which does not overflow
            losses = ops.subtract(ops.softplus(y_pred), ops.multiply(y_pred, t))
        else:
            p = ops.clip(y_pred, config.epsilon(), 1 - config.epsilon())
            losses = -(ops.log(p) * t + ops.log(1 - p) * (1 - t))
        return ops.mean(losses, axis=self.axis)

    def check(self, y_true: np.ndarray, output_shape: tuple[int | None, ...]) -> None:
        """Refuse labels that are no probabilities."""
        super().check(y_true, output_shape)
        rows = y_true.reshape(len(y_true), -1)
        wrong = np.flatnonzero(((rows < 0) | (rows > 1)).any(axis=1))
        if wrong.size:
            raise DataError(
                "BinaryCrossentropy",
                f"label of row {wrong[0]} is no probability",
                expected="labels in [0, 1]",
                received={f"y[{wrong[0]}]": y_true[wrong[0]].tolist()},
            )


class Classification(Loss):
    """Cross-entropy over classes, in either form of label. Abstract."""

    def __init__(self, from_logits: bool, reduction: str | None, name: str) -> None:
        super().__init__(reduction, name)
        self.from_logits = from_logits

    def cross_entropy(self, target: np.ndarray, y_pred: Any) -> Any:
        """Return -sum_c target_c log p_c for distributions on the last axis.

        Probabilities that a softmax has just made are taken back to their logits, so that the
        gradient is p - target in one step; the numbers are those of the probabilities, clipped
        as Keras clips them.
        """
        shape = y_pred.shape[:-1]
        target = target.reshape(-1, target.shape[-1])  # (..., C) -> (N, C)
        logits = y_pred if self.from_logits else _logits_of(y_pred)
        if logits is not None:
            rows = logits if logits.ndim == 2 else ops.reshape(logits, (-1, logits.shape[-1]))
            epsilon = 0.0 if self.from_logits else config.epsilon()
            losses, _ = ops.softmax_cross_entropy(rows, target, epsilon=epsilon)
        else:
            p = ops.reshape(y_pred, (-1, y_pred.shape[-1]))
            p = ops.divide(p, ops.sum(p, axis=-1, keepdims=True))
            p = ops.clip(p, config.epsilon(), 1 - config.epsilon())
            losses = -ops.sum(ops.log(p) * target.astype(p.dtype), axis=-1)
        return losses if len(shape) == 1 else ops.reshape(losses, shape)


class CategoricalCrossentropy(Classification):
    """loss = -sum_c t_c log p_c, for one-hot labels or distributions.

    Parameters
    ----------
    from_logits : bool, whether predictions are logits; then nothing is clipped
    label_smoothing : float in [0, 1): t becomes t (1 - s) + s / C. C. Szegedy et al. 2016
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
    ) -> None:
        super().__init__(from_logits, reduction, name)
        self.label_smoothing = _smoothing(label_smoothing, "CategoricalCrossentropy")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one value a sample."""
        if y_true.shape != y_pred.shape:
            self.check(y_true, y_pred.shape)
        t = y_true.astype(y_pred.dtype, copy=False)
        if self.label_smoothing:
            t = t * (1 - self.label_smoothing) + self.label_smoothing / t.shape[-1]
        return self.cross_entropy(t, y_pred)

    def check(self, y_true: np.ndarray, output_shape: tuple[int | None, ...]) -> None:
        """Refuse labels that are no distributions over the classes."""
        C = output_shape[-1]
        if y_true.ndim != len(output_shape) or y_true.shape[1:] != tuple(output_shape[1:]):
            whole = y_true.ndim == 1 or y_true.shape[-1] == 1
            raise ShapeError(
                "CategoricalCrossentropy",
                "the labels are not one-hot",
                expected=f"labels of shape {('N', *output_shape[1:])}".replace("'", ""),
                received={"y.shape": y_true.shape},
                mend=f"Use SparseCategoricalCrossentropy, or to_categorical(y, {C})."
                if whole
                else "",
            )
        rows = y_true.reshape(len(y_true), -1, y_true.shape[-1])
        right = (rows >= 0).all(axis=(1, 2)) & (np.abs(rows.sum(axis=-1) - 1) < 1e-3).all(axis=1)
        if not right.all():
            row = int(np.flatnonzero(~right)[0])
            raise DataError(
                "CategoricalCrossentropy",
                f"label of row {row} is neither one-hot nor a distribution",
                expected="values of at least 0 that sum to 1",
                received={f"y[{row}]": y_true[row].tolist()},
            )


class SparseCategoricalCrossentropy(Classification):
    """loss = -log p_t, for labels that are class numbers t.

    Parameters
    ----------
    from_logits : bool, whether predictions are logits; then nothing is clipped
    """

    def __init__(
        self,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "sparse_categorical_crossentropy",
    ) -> None:
        super().__init__(from_logits, reduction, name)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one value a sample."""
        self.check(y_true, y_pred.shape)
        classes = y_true.reshape(*y_pred.shape[:-1], 1).astype(np.intp)
        target = np.zeros(y_pred.shape, y_pred.dtype)
        np.put_along_axis(target, classes, 1, axis=-1)
        return self.cross_entropy(target, y_pred)

    def check(self, y_true: np.ndarray, output_shape: tuple[int | None, ...]) -> None:
        """Refuse labels that are not class numbers in range."""
        C = output_shape[-1] or 0
        shape = y_true.shape[:-1] if y_true.ndim == len(output_shape) else y_true.shape
        if shape[1:] != tuple(output_shape[1:-1]) or (
            shape != y_true.shape and y_true.shape[-1] != 1
        ):
            one_hot = y_true.ndim == len(output_shape) and y_true.shape[-1] == C
            raise ShapeError(
                "SparseCategoricalCrossentropy",
                "the labels are not class numbers",
                expected=f"labels of shape {('N', *output_shape[1:-1])}".replace("'", ""),
                received={"y.shape": y_true.shape},
                mend="Use CategoricalCrossentropy for one-hot labels." if one_hot else "",
            )
        rows = y_true.reshape(len(y_true), -1)
        right = ((rows >= 0) & (rows < C) & (rows == np.floor(rows))).all(axis=1)
        if not right.all():
            row = int(np.flatnonzero(~right)[0])
            raise DataError(
                "SparseCategoricalCrossentropy",
                f"label of row {row} is out of range",
                expected=f"whole numbers from 0 to {C - 1}, the {C} classes of the output",
                received={f"y[{row}]": y_true[row].tolist()},
            )


def _smoothing(value: float, who: str) -> float:
    if not 0 <= value < 1:
        raise ArgumentError(
            who,
            "label_smoothing is out of range",
            expected="a float in [0, 1)",
            received={"label_smoothing": value},
        )
    return value


def _logits_of(y_pred: Any) -> Tensor | None:
    """Return what a softmax over the last axis, just recorded, was made from; or None."""
    node = y_pred.node if isinstance(y_pred, Variable) else None
    if node is None or node.op != "softmax":
        return None
    axis = node.options.get("axis", -1)
    return node.inputs[0] if axis in (-1, y_pred.value.ndim - 1) else None  # type: ignore[return-value]


def get(identifier: Any) -> Any:
    """Return the loss of a name ("mse", "CategoricalCrossentropy"), a config, or itself.

    A function of (y_true, y_pred) serves as it is.
    """
    aliases = {"mse": "MeanSquaredError", "mae": "MeanAbsoluteError"}
    if callable(identifier) and not isinstance(identifier, type | Loss):
        return _FunctionLoss(identifier)
    return find("loss", identifier, Loss, globals(), aliases)


class _FunctionLoss(Loss):
    """A user's function of (y_true, y_pred)."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        super().__init__(name=getattr(function, "__name__", "loss"))
        self.function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return what the function returns."""
        return self.function(y_true, y_pred)

    def check(self, y_true: np.ndarray, output_shape: tuple[int | None, ...]) -> None:
        """Leave it to the function."""
