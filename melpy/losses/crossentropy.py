"""Cross-entropies: what a prediction costs in nats, -log of the probability given to the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import config, ops
from melpy.errors import ArgumentError
from melpy.kernels import dispatch as kernels
from melpy.losses import checks
from melpy.losses.base import PairLoss, as_float, paired
from melpy.ops.crossentropy import clipped
from melpy.tape import Variable

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "SparseCategoricalCrossentropy",
    "binary_crossentropy",
    "categorical_crossentropy",
    "categorical_generalized_cross_entropy",
    "sparse_categorical_crossentropy",
]


def smoothed_bits(t: Any, label_smoothing: float) -> Any:
    """Return t (1 - s) + s / 2."""
    return t * (1 - label_smoothing) + 0.5 * label_smoothing if label_smoothing else t


def smoothed_classes(t: Any, label_smoothing: float, axis: int) -> Any:
    """Return t (1 - s) + s / C, C the number of classes along the axis."""
    if not label_smoothing:
        return t
    return t * (1 - label_smoothing) + label_smoothing / t.shape[axis]


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """loss = -mean (t log p + (1 - t) log(1 - p)) along an axis; see `BinaryCrossentropy`.

    Labels and predictions (N, ..., D), losses (N, ...), the shape without the axis.
    """
    t, y = paired(y_true, y_pred)
    checks.same_shape("binary_crossentropy", t, y)
    t = smoothed_bits(t, label_smoothing)
    if from_logits:  # log(1 + e^z) - t z, which does not overflow
        is_sure = ops.isinf(y)  # that the class is 1, or 0: right costs nothing, wrong infinity
        z = ops.where(is_sure, 0, y)
        of_sure = ops.where(ops.equal(t, ops.greater(y, 0)), 0, ops.absolute(y))
        losses = ops.subtract(ops.softplus(z), ops.multiply(z, t))
        losses = ops.where(is_sure, of_sure, losses)
    else:
        p = clipped(y)
        losses = -(ops.log(p) * t + ops.log(1 - p) * (1 - t))
    return ops.mean(losses, axis=axis)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """loss = -sum_c t_c log p_c, t one-hot or a distribution; see `CategoricalCrossentropy`.

    Labels and predictions (N, ..., C), losses (N, ...), the shape without the axis.
    """
    who, y_pred = "categorical_crossentropy", as_float(y_pred)
    checks.several_classes(who, y_pred.shape, axis)
    t = as_float(y_true, y_pred.dtype)
    if t.shape != y_pred.shape:
        checks.distributions(who, np.asarray(t), y_pred.shape, axis)
        checks.same_shape(who, t, y_pred)
    return _cross_entropy(smoothed_classes(t, label_smoothing, axis), y_pred, from_logits, axis)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
    """loss = -log p_t, t a class's number; see `SparseCategoricalCrossentropy`.

    Labels (N, ...) or (N, ..., 1), predictions (N, ..., C), losses (N, ...), the shape without
    the axis.
    """
    who = "sparse_categorical_crossentropy"
    labels, y_pred = np.asarray(checks.given(who, y_true)), as_float(y_pred)
    checks.classes_axis(who, y_pred.shape, axis)
    checks.class_numbers(who, labels, y_pred.shape, axis, ignore_class)
    if labels.ndim < y_pred.ndim:
        labels = np.expand_dims(labels, axis)
    checks.one_a_sample(who, labels, y_pred, axis)
    if ignore_class is not None:  # no class is the target there: the loss is 0, and so is d_p
        values = y_pred.array if isinstance(y_pred, Variable) else y_pred
        if not np.isfinite(values).all():  # nor do predictions matter there
            y_pred = ops.where(labels != ignore_class, y_pred, 0.0)
        labels = np.where(labels == ignore_class, -1, labels)
    kind = np.promote_types(y_pred.dtype, np.float32)  # of which there are kernels
    target = kernels.one_hot(labels.reshape(-1), y_pred.shape[axis], kind)  # (M,C)
    rows = np.moveaxis(labels, axis, -1).shape[:-1]
    target = np.moveaxis(target.reshape(*rows, -1), -1, axis)
    return _cross_entropy(target, y_pred, from_logits, axis)


def _cross_entropy(target: Any, y_pred: Any, from_logits: bool, axis: int) -> Any:
    """Return -sum_c target_c log p_c along an axis.

    Probabilities that a softmax has just made are taken back to their logits, so that the
    gradient is p - target in one step; the numbers are those of the probabilities, clipped
    as Keras clips them.
    """
    if axis not in (-1, y_pred.ndim - 1):
        target, y_pred = ops.moveaxis(target, axis, -1), ops.moveaxis(y_pred, axis, -1)
    logits = y_pred if from_logits else _logits_of(y_pred)
    if isinstance(target, Variable):
        if target.requires_grad:  # the fused step has no gradient for its targets
            if from_logits:
                return ops.categorical_crossentropy(target, y_pred, from_logits=True)
            return -ops.sum(ops.log(clipped(_shares(y_pred))) * target, axis=-1)
        target = target.array
    if logits is None:
        return -ops.sum(ops.log(clipped(_shares(y_pred))) * target, axis=-1)
    shape, C = y_pred.shape[:-1], y_pred.shape[-1]
    rows = logits if logits.ndim == 2 else ops.reshape(logits, (-1, C))  # (..., C) -> (N,C)
    epsilon = 0.0 if from_logits else config.epsilon()
    losses, _ = ops.softmax_cross_entropy(rows, target.reshape(-1, C), epsilon=epsilon)
    return losses if len(shape) == 1 else ops.reshape(losses, shape)


def _shares(p: Any) -> Any:
    return ops.divide(p, ops.maximum(ops.sum(p, axis=-1, keepdims=True), config.epsilon()))


def _logits_of(y_pred: Any) -> Any:
    """Return what a softmax over the last axis, just recorded, was made from; or None."""
    node = checks.made_by(y_pred)
    if node is None or node.op != "softmax":
        return None
    if node.options.get("axis", -1) not in (-1, y_pred.array.ndim - 1):
        return None
    return as_float(node.inputs[0], y_pred.dtype)


binary_crossentropy.is_of_ops = True  # type: ignore[attr-defined]
categorical_crossentropy.is_of_ops = True  # type: ignore[attr-defined]
sparse_categorical_crossentropy.is_of_ops = True  # type: ignore[attr-defined]
sparse_categorical_crossentropy.is_whole = (  # type: ignore[attr-defined]
    lambda t, y, ignore_class=None, **options: ignore_class is None
)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """loss = (1 - p_t^q) / q, p_t the probability of the true class t, the last axis's.

    Labels (N, ...) or (N, ..., 1), predictions (N, ..., C), losses (N, ...).
    """
    who, y_pred = "categorical_generalized_cross_entropy", as_float(y_pred)
    labels = np.asarray(checks.given(who, y_true))
    checks.class_numbers(who, labels, y_pred.shape)
    labels = labels.astype(np.int64)
    labels = labels if labels.ndim == y_pred.ndim else labels[..., np.newaxis]
    checks.one_a_sample(who, labels, y_pred, -1)
    labels = labels[..., 0]
    one_hot = np.equal.outer(labels, np.arange(y_pred.shape[-1])).astype(y_pred.dtype)
    return (1 - ops.power(ops.sum(y_pred * one_hot, axis=-1), q)) / q


class CrossentropyLoss(PairLoss):
    """A cross-entropy, which looks at its first predictions: probabilities or logits? Abstract."""

    from_logits: bool
    axis: int
    _looked = 0  # 1 after predictions of an inference, 2 after those of a training, or a warning

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one value a sample."""
        is_recorded = isinstance(y_pred, Variable) and y_pred.node is not None
        if self._looked < 1 + is_recorded:
            is_told = checks.suspicion(type(self).__name__, y_pred, self.from_logits)
            self._looked = 2 if is_told else 1 + is_recorded
        return super().call(y_true, y_pred)


class BinaryCrossentropy(CrossentropyLoss):
    """loss = -mean (t log p + (1 - t) log(1 - p)), p clipped to [epsilon, 1 - epsilon].

    Parameters
    ----------
    from_logits : bool, whether predictions are logits z, p = sigmoid(z); then nothing is clipped
    label_smoothing : float in [0, 1]: t becomes t (1 - s) + s / 2
    axis : int, the axis that is averaged
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., D), losses (N, ...), the shape without the axis; () once
    reduced.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import losses
    >>> loss = losses.BinaryCrossentropy()
    >>> round(float(loss(np.array([[1.0], [0.0]]), np.array([[0.5], [0.75]]))), 4)  # ln 2, ln 4
    1.0397
    """

    function = staticmethod(binary_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(
            name, reduction, dtype, from_logits=from_logits, label_smoothing=label_smoothing,
            axis=axis,
        )  # fmt: skip

    def check(self, y_true: np.ndarray, output_shape: tuple[int | None, ...]) -> None:
        """Refuse labels that are no probabilities."""
        checks.one_shape("BinaryCrossentropy", y_true, output_shape)
        checks.probabilities("BinaryCrossentropy", y_true)


class CategoricalCrossentropy(CrossentropyLoss):
    """loss = -sum_c t_c log p_c, for one-hot labels or distributions.

    Parameters
    ----------
    from_logits : bool, whether predictions are logits; then nothing is clipped
    label_smoothing : float in [0, 1]: t becomes t (1 - s) + s / C. C. Szegedy et al. 2016
    axis : int, the classes' axis
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels and predictions (N, ..., C), losses (N, ...), the shape without the axis; () once
    reduced.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import losses
    >>> loss = losses.CategoricalCrossentropy()
    >>> round(float(loss(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]]))), 4)  # ln 2
    0.6931
    """

    function = staticmethod(categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(
            name, reduction, dtype, from_logits=from_logits, label_smoothing=label_smoothing,
            axis=axis,
        )  # fmt: skip

    def check(self, y_true: np.ndarray, output_shape: tuple[int | None, ...]) -> None:
        """Refuse labels that are no distributions over the classes."""
        checks.distributions("CategoricalCrossentropy", y_true, output_shape, self.axis)


class SparseCategoricalCrossentropy(CrossentropyLoss):
    """loss = -log p_t, for labels that are class numbers t.

    Parameters
    ----------
    from_logits : bool, whether predictions are logits; then nothing is clipped
    ignore_class : int or None, a label whose losses do not count, such as -1 for "unknown"
    reduction, name, dtype : as in `Loss`
    axis : int, the classes' axis of the predictions

    Notes
    -----
    Labels (N, ...) or (N, ..., 1), predictions (N, ..., C), losses (N, ...), the shape without
    the axis; () once reduced.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import losses
    >>> loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    >>> round(float(loss(np.array([1, -1]), np.array([[0.5, 0.5], [0.9, 0.1]]))), 4)  # ln 2
    0.6931
    """

    function = staticmethod(sparse_categorical_crossentropy)
    implied = ("dtype", "axis")

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: str | None = None,
    ) -> None:
        super().__init__(
            name, reduction, dtype, from_logits=from_logits, ignore_class=ignore_class, axis=axis
        )
        self.ignore_class = ignore_class

    @property
    def is_made_of_ops(self) -> bool:
        """Whether it is made of ops alone: passing over a class is not."""
        return super().is_made_of_ops and self.ignore_class is None

    def labels(self, y_true: Any) -> Any:
        """Return class numbers in their own type."""
        labels = np.asarray(y_true)
        is_own = labels.dtype.kind in "iub" and hasattr(y_true, "dtype")
        return labels if is_own else self._floats(y_true)

    def valid(self, y_true: Any, losses: Any) -> np.ndarray | None:
        """Return where the label is not the ignored one."""
        if self.ignore_class is None:
            return None
        return np.asarray(y_true != self.ignore_class).reshape(losses.shape)

    def check(self, y_true: np.ndarray, output_shape: tuple[int | None, ...]) -> None:
        """Refuse labels that are not class numbers in range."""
        checks.class_numbers(
            "SparseCategoricalCrossentropy", y_true, output_shape, self.axis, self.ignore_class
        )


class CategoricalGeneralizedCrossEntropy(PairLoss):
    """loss = (1 - p_t^q) / q: near cross-entropy for small q, and less moved by wrong labels.

    Parameters
    ----------
    q : float in (0, 1); with 1 it would be the mean absolute error
    reduction, name, dtype : as in `Loss`

    Notes
    -----
    Labels (N, ...) or (N, ..., 1), predictions (N, ..., C), losses (N, ...); () once reduced.
    Labels are class numbers, predictions probabilities.

    Source
    ------
    Z. Zhang, M. Sabuncu 2018, Generalized cross entropy loss, equation 6.

    Examples
    --------
    >>> from melpy import losses
    >>> loss = losses.CategoricalGeneralizedCrossEntropy(q=0.5)
    >>> float(loss(np.array([1]), np.array([[0.75, 0.25]])))  # 2 (1 - 1/2)
    1.0
    """

    function = staticmethod(categorical_generalized_cross_entropy)

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: str | None = None,
    ) -> None:
        if not 0 < q < 1:
            raise ArgumentError(
                "CategoricalGeneralizedCrossEntropy",
                "q is out of range",
                expected="a float in (0, 1)",
                received={"q": q},
            )
        super().__init__(name, reduction, dtype, q=q)

    def check(self, y_true: np.ndarray, output_shape: tuple[int | None, ...]) -> None:
        """Refuse labels that are not class numbers in range."""
        checks.class_numbers("CategoricalGeneralizedCrossEntropy", y_true, output_shape)
