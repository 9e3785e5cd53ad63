"""What all metrics share: numbers that grow batch by batch, means, weights and masks."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from melpy import budget, config, custom, initializers, part, tape, tree
from melpy.configurable import Configurable, is_ours, snake_case
from melpy.errors import ArgumentError, GraphError, lookup
from melpy.kernels import dispatch as kernels
from melpy.layers.variable import Variable as LayersVariable
from melpy.losses.base import along
from melpy.losses.checks import given
from melpy.metrics.written import as_ops_take, exchanged, is_one_a_sample
from melpy.tape import Variable
from melpy.tensor import Tensor, mask_of

__all__ = [
    "Mean", "MeanMetricWrapper", "Metric", "MetricVariable", "Number", "Sum", "array", "masked",
    "samplewise",
]  # fmt: skip


class Number(float):
    """A metric's result: a Python float that can be read as a tensor is, by ``numpy()``."""

    shape, ndim, dtype = (), 0, np.dtype(np.float64)

    def numpy(self) -> np.float64:
        """Return the number as NumPy's."""
        return np.float64(self)


class MetricVariable(Tensor):
    """A number, or an array of them, that a metric keeps; ``path`` begins with its name."""

    __slots__ = ("aggregation", "path", "spread_about")
    aggregation: str
    spread_about: Any  # of squares about an own mean: its sum and count, to be joined with others

    of = Tensor.of  # what is computed from it is a tensor

    def __init__(self, value: Any, name: str, owner: str) -> None:
        super().__init__(value, name=name)
        self.path = f"{owner}/{name}"

    def assign_add(self, value: Any) -> MetricVariable:
        """Add to the values; no plan of a model depends on them."""
        tape.overwrite(self, np.asarray(self.array + np.asarray(value).astype(self.dtype)))
        return self

    def assign_sub(self, value: Any) -> MetricVariable:
        """Subtract from the values."""
        return self.assign_add(np.negative(np.asarray(value, self.dtype)))


PLAIN = {bool, int, float, str, type(None), type(len), type(lambda: None), MetricVariable}


def array(values: Any) -> np.ndarray:
    """Return the plain array of a tensor, a list or a number."""
    return values.array if isinstance(values, Variable) else np.asarray(given("a metric", values))


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
    ...         self.largest = self.add_variable((), "zeros", aggregation="max")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.largest.assign(max(float(self.largest), float(np.max(y_pred))))
    ...     def result(self):
    ...         return float(self.largest)
    >>> Largest()([0.0, 0.0], [0.5, 0.75])
    0.75
    """

    # What callbacks take for better: "up", "down", or "" where a metric does not say.
    direction: str = ""
    _dtype: str

    def __init__(self, dtype: str | None = None, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        asked = getattr(dtype, "compute_dtype", dtype)  # a DTypePolicy has one
        self._dtype, self._asked_dtype = asked or config.floatx(), asked
        self._variables: list[MetricVariable] = []

    @property
    def dtype(self) -> str:
        """What predictions are compared in."""
        return self._dtype

    def get_config(self) -> dict[str, Any]:
        """Return the arguments, with the name and the type that there are."""
        given = super().get_config()
        parameters = inspect.signature(type(self).__init__).parameters.values()
        takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
        now = {"name": self.name, "dtype": self.dtype}
        return given | {key: value for key, value in now.items() if takes_any or key in given}

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
        aggregation : "sum", "mean", "max", "min" or "only_first_replica", of several processes'
        name : str
        """
        if not hasattr(self, "_variables"):
            raise GraphError(
                type(self).__name__,
                "a metric has no state before it is made",
                mend="Call super().__init__() first in __init__.",
            )
        initialize: Any = initializers.get(initializer)
        kind = np.dtype(dtype or np.float64)
        size_bytes = math.prod(tuple(shape)) * kind.itemsize
        budget.take(size_bytes, f"a variable of {type(self).__name__} of shape {tuple(shape)}")
        value = array(initialize(tuple(shape), dtype=kind.name))
        made = MetricVariable(value.astype(kind), name or "variable", self.name)
        made.aggregation = aggregation
        self._variables.append(made)
        return made

    def add_weight(
        self, shape: Any = (), initializer: Any = None, dtype: str | None = None, name: Any = None
    ) -> MetricVariable:
        """Do as `add_variable` does."""
        return self.add_variable(shape, initializer or "zeros", dtype=dtype, name=name)

    @property
    def variables(self) -> list[Tensor]:
        """The metric's own variables, then those of metrics that are its attributes."""
        held = [
            leaf
            for name, value in vars(self).items()
            if name not in ("_arguments", "_variables") and type(value) not in PLAIN
            for leaf in tree.flatten(value)
        ]
        own = [*self._variables, *(leaf for leaf in held if isinstance(leaf, LayersVariable))]
        inner = [leaf for leaf in held if isinstance(leaf, Metric)]
        return [*own, *(v for metric in inner for v in metric.variables)]

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take in a batch. Abstract."""
        raise NotImplementedError

    def is_whole(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> bool:
        """Return whether taking in such a batch is work of kernels alone."""
        return False

    def result(self) -> Any:
        """Return the number so far. Abstract."""
        raise NotImplementedError

    def reset_state(self) -> None:
        """Forget everything seen."""
        for variable in self.variables:
            tape.overwrite(variable, np.zeros_like(variable.array))

    # The same as functions of the state, which they leave as it was.

    def stateless_update_state(
        self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any
    ) -> list[np.ndarray]:
        """Return what `update_state` makes of a state, a list of arrays like the `variables`."""
        with self._state(metric_variables) as variables:
            self.update_state(*args, **kwargs)
            return [variable.array for variable in variables]

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """Return the `result` of a state."""
        with self._state(metric_variables):
            return self.result()

    def stateless_reset_state(self) -> list[np.ndarray]:
        """Return the state that `reset_state` begins with."""
        with self._state([v.array for v in self.variables]) as variables:
            self.reset_state()
            return [variable.array for variable in variables]

    @contextmanager
    def _state(self, values: Sequence[Any]) -> Iterator[list[Tensor]]:
        variables = self.variables
        if len(values) != len(variables):
            raise ArgumentError(
                type(self).__name__,
                "the state has another number of arrays than the metric has variables",
                expected=f"{len(variables)} arrays",
                received={"metric_variables": len(values)},
            )
        with tape.undone():
            for variable, value in zip(variables, values, strict=True):
                tape.overwrite(variable, np.array(array(value), variable.array.dtype))
            yield variables

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"

    def _floats(self, values: Any) -> np.ndarray:
        """Return values in the float type of this metric, or in their own."""
        values = array(values)
        asked = np.dtype(self._asked_dtype or values.dtype)
        return values.astype(asked if asked.kind == "f" else config.floatx(), copy=False)


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
    """The mean of numbers (N, ...) or (): total / count, 0 if nothing was seen; result ().

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
        values = array(values)
        if values.dtype.kind == "f" and values.size:
            rows = values.reshape(len(values) if values.ndim else 1, -1)  # (N,..) -> (N,K)
            if sample_weight is None or np.ndim(sample_weight) == 0:
                scale = None if sample_weight is None else float(sample_weight)
                if scale is None and not values.ndim and part.at_work.get():
                    scale = part.weight()  # of the whole batch, of which this is a part's number
                with exchanged([self.total, self.count]) as state:
                    kernels.tally(rows, scale, state)
                return
            if is_one_a_sample(sample_weight, len(rows)):
                with exchanged([self.total, self.count]) as state:
                    kernels.tally_weighted(rows, sample_weight.reshape(-1), state)
                return
        values, weight = samplewise(values, sample_weight, np.mean, type(self).__name__)
        self.total.assign_add(values.sum())
        count = len(values) if values.ndim else 1
        self.count.assign_add(count if weight is None else weight.sum())

    def result(self) -> float:
        """Return the mean so far."""
        count = float(self.count.array)
        return Number(float(self.total.array) / count if count else 0.0)


class Sum(Metric):
    """The sum of numbers (N, ...) or (); result ().

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
        return Number(self.total.array)


class MeanMetricWrapper(Mean):
    """The mean of a function's values.

    Parameters
    ----------
    fn : function of (y_true, y_pred), which gives values (N, ...)
    name : str, or None for the function's own
    dtype : as in `Metric`
    kwargs : further arguments of the function

    Notes
    -----
    Result (). What a mask on the predictions leaves out weighs nothing.
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

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Make a metric from `get_config`'s result, in which a function is its name."""
        from melpy import metrics  # whose functions have names; this room is below

        name = custom.unwrapped(config.get("fn"), metrics.__all__)
        if isinstance(name, str):
            known = {one: getattr(metrics, one) for one in metrics.__all__ if one.islower()}
            own = custom.get_registered_object(name)
            found = lookup("function", name, known, cls.__name__) if own is None else own
            config = {**config, "fn": found}
        return super().from_config(config)

    def is_whole(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> bool:
        """Return whether the function is made of kernels, as it says itself of such arrays."""
        if not hasattr(self._fn, "is_whole") and not hasattr(self._fn, "is_of_ops"):
            return False
        is_fn_whole = getattr(self._fn, "is_whole", lambda *_, **__: True)
        return (
            is_ours(type(self).update_state)
            and mask_of(y_pred) is None
            and self._floats(y_pred) is array(y_pred)
            and (sample_weight is None or is_one_a_sample(sample_weight, len(y_pred)))
            and is_fn_whole(array(y_true), array(y_pred), **self._options)
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in a batch."""
        mask = mask_of(y_pred)
        with tape.no_grad():
            pair = as_ops_take(array(y_true), self._floats(y_pred))
            values = array(self._fn(*pair, **self._options))
        if mask is not None:
            sample_weight = masked(sample_weight, mask, type(self).__name__)
            if mask.shape == values.shape:  # what is left out may be infinite
                values = np.where(mask, values, 0)
        super().update_state(values, sample_weight)


def masked(sample_weight: Any, mask: np.ndarray, who: str) -> np.ndarray:
    """Return the samples' weights where the mask holds, 0 elsewhere."""
    kept = mask.astype(np.float64)
    if sample_weight is None:
        return kept
    return kept * along(np.asarray(sample_weight, np.float64), kept.shape, who)
