"""What all metrics share: numbers that grow batch by batch, means, weights and masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from melpy import config, initializers, tape
from melpy.configurable import Configurable, snake_case
from melpy.losses.base import along
from melpy.tape import Variable
from melpy.tensor import Tensor, mask_of

__all__ = ["Mean", "MeanMetricWrapper", "Metric", "MetricVariable", "Sum", "array", "samplewise"]


class MetricVariable(Tensor):
    """A number, or an array of them, that a metric keeps."""

    __slots__ = ()

    of = Tensor.of  # what is computed from it is a tensor

    def assign_add(self, value: Any) -> MetricVariable:
        """Add to the values; no plan of a model depends on them."""
        tape.overwrite(self, np.asarray(self.value + np.asarray(value), self.dtype))
        return self

    def assign_sub(self, value: Any) -> MetricVariable:
        """Subtract from the values."""
        tape.overwrite(self, np.asarray(self.value - np.asarray(value), self.dtype))
        return self


def array(values: Any) -> np.ndarray:
    """Return the plain array of a tensor, a list or a number."""
    return values.value if isinstance(values, Variable) else np.asarray(values)


class Metric(Configurable):
    """A number to look at, over all samples since the last reset. Abstract.

    Subclasses make variables with `add_weight`, and define ``update_state`` and ``result``.

    Parameters
    ----------
    dtype : "float32" or "float64", what predictions are compared in; None for their own
    name : str, or None for the class's name in snake case

    Notes
    -----
    Sums are kept in float64 whatever the dtype is, so that a long epoch loses no samples.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import metrics
    >>> class Largest(metrics.Metric):
    ...     def __init__(self, name="largest", **kwargs):
    ...         super().__init__(name=name, **kwargs)
    ...         self.largest = self.add_weight(name="largest", initializer="zeros")
    ...
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.largest.assign(max(float(self.largest), float(np.max(y_pred))))
    ...
    ...     def result(self):
    ...         return float(self.largest)
    >>> Largest()([0.0, 0.0], [0.5, 0.75])
    0.75
    """

    direction: str = ""  # "up" or "down" where that is better, for callbacks

    def __init__(self, dtype: str | None = None, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.dtype = dtype or config.floatx()
        self._asked_dtype = dtype
        self._variables: list[MetricVariable] = []

    def add_variable(
        self,
        shape: Any,
        initializer: Any,
        dtype: str | None = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> MetricVariable:
        """Make a variable that `reset_state` sets to 0.

        Parameters
        ----------
        shape : tuple of ints
        initializer : name or initializer
        dtype : str, "float64" by default
        aggregation : accepted for Keras's sake
        name : str
        """
        initialize: Any = initializers.get(initializer)
        value = array(initialize(tuple(shape), dtype=config.floatx()))
        made = MetricVariable(value.astype(dtype or np.float64), name=name or "")
        self._variables.append(made)
        return made

    def add_weight(
        self, shape: Any = (), initializer: Any = None, dtype: str | None = None, name: Any = None
    ) -> MetricVariable:
        """Do as `add_variable` does."""
        return self.add_variable(shape, initializer or "zeros", dtype=dtype, name=name)

    @property
    def variables(self) -> list[MetricVariable]:
        """The metric's own variables, then those of metrics that are its attributes."""
        inner = [value for value in vars(self).values() if isinstance(value, Metric)]
        return [*self._variables, *(v for metric in inner for v in metric.variables)]

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take in a batch. Abstract."""
        raise NotImplementedError

    def result(self) -> Any:
        """Return the number so far. Abstract."""
        raise NotImplementedError

    def reset_state(self) -> None:
        """Forget everything seen."""
        for variable in self.variables:
            tape.overwrite(variable, np.zeros_like(variable.value))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"

    def _floats(self, values: Any) -> np.ndarray:
        """Return values in the float type of this metric, or in their own."""
        values = array(values)
        own = values.dtype if values.dtype.kind == "f" else config.floatx()
        return values.astype(self._asked_dtype or own, copy=False)


def samplewise(
    values: np.ndarray, sample_weight: Any, reduce: Callable[..., Any], who: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return one weighted value a sample, and its weight."""
    values = values.astype(np.float64, copy=False)
    weight = None
    if sample_weight is not None:
        weight = np.asarray(sample_weight, np.float64)
        if weight.ndim == 0:  # one weight is that of the batch, which counts as one value
            values = reduce(values)
        weight = np.broadcast_to(along(weight, values.shape, who), values.shape)
        values = values * weight
        if weight.ndim > 1:
            weight = weight.mean(axis=tuple(range(1, weight.ndim)))
    if values.ndim > 1:
        values = reduce(values, axis=tuple(range(1, values.ndim)))
    return values, weight


class Mean(Metric):
    """The mean of the numbers given: total / count, 0 if nothing was seen.

    Parameters
    ----------
    name, dtype : as in `Metric`

    Examples
    --------
    >>> from melpy import metrics
    >>> metrics.Mean()([1.0, 3.0, 5.0], sample_weight=[1, 1, 0])
    2.0
    """

    def __init__(self, name: str | None = "mean", dtype: str | None = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_weight(name="total")
        self.count = self.add_weight(name="count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take in numbers, each sample's with a weight."""
        values, weight = samplewise(array(values), sample_weight, np.mean, type(self).__name__)
        self.total.assign_add(values.sum())
        if weight is not None:
            self.count.assign_add(weight.sum())
        else:
            self.count.assign_add(len(values) if values.ndim else 1)

    def result(self) -> float:
        """Return the mean so far."""
        count = float(self.count.value)
        return float(self.total.value) / count if count else 0.0


class Sum(Metric):
    """The sum of the numbers given.

    Parameters
    ----------
    name, dtype : as in `Metric`
    """

    def __init__(self, name: str | None = "sum", dtype: str | None = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_weight(name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take in numbers, each sample's with a weight."""
        values, _ = samplewise(array(values), sample_weight, np.sum, type(self).__name__)
        self.total.assign_add(values.sum())

    def result(self) -> float:
        """Return the sum so far."""
        return float(self.total.value)


class MeanMetricWrapper(Mean):
    """The mean of a function's values.

    Parameters
    ----------
    fn : function of (y_true, y_pred), which gives one value a sample
    name : str, or None for the function's own
    dtype : as in `Metric`
    kwargs : further arguments of the function

    Notes
    -----
    What a mask on the predictions leaves out weighs nothing.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str | None = None,
        dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name or snake_case(getattr(fn, "__name__", type(fn).__name__)), dtype)
        self._fn, self._options = fn, kwargs

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in a batch."""
        mask = mask_of(y_pred)
        with tape.no_grad():
            values = array(self._fn(array(y_true), self._floats(y_pred), **self._options))
        if mask is not None:
            sample_weight = masked(sample_weight, mask, type(self).__name__)
        super().update_state(values, sample_weight)


def masked(sample_weight: Any, mask: np.ndarray, who: str) -> np.ndarray:
    """Return the samples' weights where the mask holds, 0 elsewhere."""
    kept = mask.astype(np.float64)
    if sample_weight is None:
        return kept
    return kept * along(np.asarray(sample_weight, np.float64), kept.shape, who)
