"""What all losses share: arrays of one type and rank, weights, masks, and the reduction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from melpy import config, ops, part, tree
from melpy.configurable import Configurable, is_ours, snake_case
from melpy.distribution.exchange import added_up
from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.kernels import threads
from melpy.losses.checks import always_one, given, smoothing
from melpy.symbolic import Symbolic
from melpy.tape import Variable, adopted
from melpy.tensor import Tensor, mask_of

__all__ = [
    "FunctionLoss",
    "Loss",
    "PairLoss",
    "along",
    "as_float",
    "float_type",
    "paired",
    "same_rank",
]

PLAIN = int | float | list | tuple | np.generic  # what Python writes an array with
MEANS = ("sum_over_batch_size", "mean")
REDUCTIONS = {name: name for name in (*MEANS, "sum", "mean_with_sample_weight", "none")}


def as_float(values: Any, dtype: Any = None) -> Any:
    """Return a tensor or an array of a float type: ``dtype``, or its own, or `config.floatx`."""
    x: Any = adopted(given("a loss or a metric", values))
    if not isinstance(x, Variable | Symbolic | np.ndarray | np.generic):  # Python's numbers
        x, dtype = np.asarray(x), dtype or config.floatx()
    dtype = np.dtype(dtype or (x.dtype if x.dtype.kind == "f" else config.floatx()))
    return x if x.dtype == dtype else ops.cast(x, dtype=dtype)


def float_type(dtype: Any, who: str) -> str:
    """Return the name of the float type to compute in: the one asked for, or `config.floatx`."""
    if dtype is None:
        return config.floatx()
    try:
        found = np.dtype(getattr(dtype, "compute_dtype", dtype))
    except TypeError:
        found = np.dtype(object)
    if found.kind != "f":
        raise ArgumentError(
            who,
            "it cannot compute in this type",
            expected="dtype 'float32', 'float64' or 'float16'",
            received={"dtype": dtype},
        )
    return found.name


def same_rank(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Give one of two arrays the last axis of size 1 that only the other has, as Keras does.

    Examples
    --------
    >>> [x.shape for x in same_rank(np.zeros(3), np.zeros((3, 1)))]
    [(3, 1), (3, 1)]
    >>> [x.shape for x in same_rank(np.zeros((3, 4)), np.zeros((3, 4, 1)))]
    [(3, 4), (3, 4)]
    """
    if x1.ndim == x2.ndim + 1 and x1.shape[-1] == 1:
        return (x1, ops.expand_dims(x2, -1)) if x2.ndim == 1 else (ops.squeeze(x1, -1), x2)
    if x2.ndim == x1.ndim + 1 and x2.shape[-1] == 1:
        return same_rank(x2, x1)[::-1]
    return x1, x2


def paired(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return labels and predictions in the predictions' float type, with one rank."""
    y_pred = as_float(y_pred)
    return same_rank(as_float(y_true, y_pred.dtype), y_pred)


def along(weight: np.ndarray, shape: tuple[int, ...], who: str) -> np.ndarray:
    """Return weights that broadcast along the first axes of values; (N, 1) serves as (N,).

    What does not fit the first axes may fit the last ones, as NumPy broadcasts: a weight a step.
    """
    if weight.ndim == len(shape) + 1 and weight.shape[-1] == 1:
        weight = weight[..., 0]
    if weight.ndim <= len(shape):
        if _fits(weight.shape, shape):
            return weight.reshape(weight.shape + (1,) * (len(shape) - weight.ndim))
        if weight.ndim and _fits(weight.shape[::-1], shape[::-1]):
            return weight
    raise ShapeError(
        who,
        "the sample weights do not fit the samples",
        expected=f"shape {shape}, or its first axes",
        received={"sample_weight.shape": weight.shape},
    )


def _fits(sizes: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    return all(size in (1, whole) for size, whole in zip(sizes, shape, strict=False))


class Loss(Configurable):
    """A function of labels and predictions that training makes small. Abstract: define ``call``.

    Parameters
    ----------
    name : str, or None for the class's name in snake case
    reduction : what becomes of the losses. "sum_over_batch_size" and "mean" divide their sum by
        their number, weighted or not; "mean_with_sample_weight" divides it by the sum of the
        weights; "sum" only adds; None and "none" keep one a sample
    dtype : the float type that the loss is computed in; None for `config.floatx`

    Notes
    -----
    Labels and predictions (N, ..., D); ``call`` gives losses (N, ...), which the reduction makes ()
    or leaves. Sample weights are (), (N,), (N, 1), or of the losses' first or last axes. Where only
    labels or predictions end in an axis of size 1, (N,) serves as (N, 1), (N, T, 1) as (N, T).

    Predictions may carry a mask, such as that of a Masking layer or of an Embedding with
    mask_zero: what it leaves out weighs nothing, and the means divide by what is left.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import losses
    >>> class Cubed(losses.Loss):
    ...     def call(self, y_true, y_pred):
    ...         return abs(y_pred - y_true) ** 3
    >>> float(Cubed(reduction="sum")(np.array([1.0, 2.0]), np.array([2.0, 4.0])))
    9.0
    """

    implied: tuple[str, ...] = ("dtype",)
    _knows_output = False  # whether it has seen what makes the predictions, which is told of once

    def __init__(
        self,
        name: str | None = None,
        reduction: str | None = "sum_over_batch_size",
        dtype: str | None = None,
    ) -> None:
        who = type(self).__name__
        lookup("reduction", reduction or "none", REDUCTIONS, who)
        self.name = name or snake_case(who)
        self.reduction = reduction
        self.dtype = float_type(dtype, who)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one value a sample. Abstract."""
        raise NotImplementedError

    @property
    def is_made_of_ops(self) -> bool:
        """Whether what is computed of labels and predictions is made of ops alone."""
        return False

    def check(self, y_true: np.ndarray, output_shape: tuple[int | None, ...]) -> None:
        """Refuse labels that cannot be meant for predictions of this shape; here, none."""

    def valid(self, y_true: Any, losses: Any) -> np.ndarray | None:
        """Return which of the losses count; None for all."""
        return mask_of(losses)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        mask = mask_of(y_pred)
        who = type(self).__name__
        given(who, y_true)
        given(who, y_pred, "predictions")
        if not self._knows_output and isinstance(y_pred, Variable) and y_pred.node is not None:
            self._knows_output = True
            always_one(who, y_pred)
        y_true, y_pred = self.labels(y_true), self._floats(y_pred)
        if threads.is_noted():  # as tensors: so that what is made of labels alone is ops' work too
            y_true = tree.map_structure(lambda y: y if isinstance(y, Tensor) else Tensor(y), y_true)
            if mask is not None:
                threads.missed("a loss of what a mask leaves")
        losses = as_float(self.call(y_true, y_pred), self.dtype)
        valid = self.valid(y_true, losses)
        if valid is not None:
            mask = valid if mask is None else mask & valid
        if mask is not None and mask.shape == losses.shape:  # what is left out may be infinite
            losses = ops.where(mask, losses, 0.0)
        weight = self._weight(sample_weight, mask, losses)
        return self._reduced(losses if weight is None else ops.multiply(losses, weight), weight)

    def labels(self, y_true: Any) -> Any:
        """Return labels as ``call`` takes them: here, in the type of this loss."""
        return self._floats(y_true)

    def _floats(self, y: Any) -> Any:
        """Return labels or predictions in the type of this loss; they may be nested."""
        nested = isinstance(y, dict) or (
            isinstance(y, list | tuple) and not all(isinstance(x, PLAIN) for x in y)
        )
        return tree.map_structure(self._floats, y) if nested else as_float(y, self.dtype)

    def _weight(
        self, sample_weight: Any, mask: np.ndarray | None, losses: Any
    ) -> np.ndarray | None:
        """Return what each loss is multiplied with: the samples' weights times the mask.

        A mean over what a mask leaves is a mean over all, times all / left.
        """
        who = type(self).__name__
        weight = None
        if sample_weight is not None:
            weight = np.asarray(as_float(np.asarray(sample_weight), losses.dtype))
        if mask is not None:
            scale, share = 1.0, part.weight()
            if self.reduction in MEANS:
                left = int(added_up(np.count_nonzero(mask) if share else 0))
                scale = mask.size / (share * left) if share and left else 0.0
            kept = np.where(mask, losses.dtype.type(scale), losses.dtype.type(0))
            weight = kept if weight is None else kept * along(weight, kept.shape, who)
        if weight is None or losses.ndim == 0:  # one loss of the whole batch has every weight
            return weight
        return along(weight, losses.shape, who)

    def _reduced(self, losses: Any, weight: np.ndarray | None) -> Any:
        if self.reduction in (None, "none") or losses.shape in ((), (0,)):
            return losses
        # The losses of a batch's parts add up to the batch's, each times its part's weight.
        share = part.weight()
        if self.reduction == "sum" or 0 in losses.shape:
            total = ops.sum(losses)
            return total if share == 1 else ops.multiply(total, 1 / share if share else 0.0)
        if self.reduction == "mean_with_sample_weight" and weight is not None:
            own = weight.sum() * (share > 0)  # a sample that stands in for none does not count
            total = weight.dtype.type(added_up(own) * share)
            return ops.multiply(ops.sum(losses), 1 / total if total else 0 * total)
        return ops.mean(losses)


class PairLoss(Loss):
    """The losses of a ``function`` of labels and predictions of one rank. Abstract.

    Its options, such as from_logits, are attributes too.
    """

    function: Callable[..., Any]

    def __init__(
        self, name: str | None, reduction: str | None, dtype: str | None, **options: Any
    ) -> None:
        super().__init__(name, reduction, dtype)
        if "label_smoothing" in options:
            smoothing(options["label_smoothing"], type(self).__name__)
        self._options = options
        vars(self).update(options)

    @property
    def is_made_of_ops(self) -> bool:
        """Whether the function is, as it says itself."""
        is_of_ops = getattr(self.function, "is_of_ops", False)
        own = type(self).call, type(self).__call__, type(self).labels
        return is_of_ops and all(map(is_ours, own)) and self.reduction != "mean_with_sample_weight"

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one value a sample."""
        if tree.is_nested(y_pred):
            leaves = zip(tree.flatten(y_true), tree.flatten(y_pred), strict=True)
            pairs = [same_rank(*pair) for pair in leaves]
            y_true, y_pred = (
                tree.pack_sequence_as(y_pred, list(side)) for side in zip(*pairs, strict=True)
            )
        else:
            y_true, y_pred = same_rank(y_true, y_pred)
        return self.function(y_true, y_pred, **self._options)


class FunctionLoss(PairLoss):
    """A user's function of (y_true, y_pred), which gives one value a sample.

    Parameters
    ----------
    fn : function of y_true and y_pred, floats of one type and rank
    reduction, name, dtype : as in `Loss`; the name is the function's own by default
    kwargs : further arguments of the function
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        name = name or snake_case(getattr(fn, "__name__", type(fn).__name__))
        Loss.__init__(self, name, reduction, dtype)
        self.function, self._options = fn, kwargs
