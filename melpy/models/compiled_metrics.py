"""The metrics that ``compile`` was given, laid over the outputs."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

from melpy import metrics, tree
from melpy.errors import ArgumentError
from melpy.kernels import program, threads
from melpy.layers.apart import ends_a_program
from melpy.models.outputs import Outputs

__all__ = ["CompiledMetrics"]


class Watch(NamedTuple):
    """A metric of one output, and what the logs call it."""

    leaf: int
    metric: metrics.Metric
    name: str
    is_weighted: bool


class CompiledMetrics(metrics.Metric):
    """The compiled metrics as one, whose result is a dict.

    They are laid out at the first batch, when it is seen how the outputs are nested. Of a single
    output there is a list of metrics; of several, one entry for each, a metric or a list of them,
    nested as the outputs are: lists by their order, dicts by their names.

    Parameters
    ----------
    given, weighted : the metrics that pass over the samples' weights, and those that heed them
    """

    def __init__(self, given: Any, weighted: Any) -> None:
        super().__init__(name="compile_metrics")
        for one in (*tree.flatten(given), *tree.flatten(weighted)):
            metrics.require_known(one)
        self.given = {"metrics": given, "weighted_metrics": weighted}
        self.outputs: Outputs | None = None
        self.watches: list[Watch] = []

    def lay_out(self, outputs: Outputs, losses: Sequence[Any]) -> None:
        """Match the metrics with the outputs, whose losses say what "crossentropy" means."""
        self.outputs = outputs
        self.held = [leaf for leaf, loss in enumerate(losses) if loss is not None]
        self.watches = []
        taken: dict[str, int] = {}
        prefixes = [None] if outputs.count == 1 else outputs.names
        for kind, is_weighted in (("metrics", False), ("weighted_metrics", True)):
            for leaf, listed in enumerate(self._listed(kind)):
                prefix = f"{prefixes[leaf]}_" if prefixes[leaf] else ""
                for one in listed:
                    metric = metrics.resolve(one, losses[leaf])
                    name = prefix + metric.name
                    if is_weighted and name in taken:
                        name = f"{prefix}weighted_{metric.name}"
                    number = taken[name] = taken.get(name, 0) + 1
                    name = f"{name}_{number - 1}" if number > 1 else name
                    self.watches.append(Watch(leaf, metric, name, is_weighted))

    def _listed(self, kind: str) -> list[list[Any]]:
        """Return each output's metrics."""
        outputs: Any = self.outputs
        given = self.given[kind]
        if not given:
            return [[]] * outputs.count
        if outputs.count == 1:
            return [tree.flatten(given)]
        flat: list[Any] | None
        if outputs.is_flat and isinstance(given, list | tuple) and len(given) == outputs.count:
            flat = list(given)
        elif outputs.is_flat and isinstance(given, dict) and set(given) <= set(outputs.names):
            flat = [given.get(name) for name in outputs.names]
        else:
            flat = _up_to(outputs.nesting, given)
        if flat is None:
            named = [name for name in outputs.names if name]
            raise ArgumentError(
                "compile",
                f"{kind} is not nested as the {outputs.count} outputs are",
                expected=f"a list with one entry for each output, or a dict by {named}"
                if outputs.is_flat and named
                else f"an entry for each of {outputs.nesting}",
                received={kind: given},
            )
        return [[m for m in tree.flatten(one) if m is not None] for one in flat]

    @property
    def metrics(self) -> list[metrics.Metric]:
        """The single metrics; none before the first batch."""
        return [watch.metric for watch in self.watches]

    @property
    def variables(self) -> list[Any]:
        """The variables of all metrics."""
        return [variable for metric in self.metrics for variable in metric.variables]

    @property
    def directions(self) -> dict[str, str]:
        """Whether more ("up") or less ("down") is better, by the names that the logs have."""
        known = {watch.name: watch.metric.direction for watch in self.watches}
        return {name: direction for name, direction in known.items() if direction}

    def update_state(self, y: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch."""
        if not self.watches:
            return
        outputs: Any = self.outputs
        labels = outputs.spread(y, "y", "fit", self.held)
        predictions = [y_pred] if outputs.single else tree.flatten(y_pred)
        if tree.is_nested(sample_weight):
            weights = outputs.spread(sample_weight, "sample_weight", "fit", self.held)
        else:
            weights = [sample_weight] * outputs.count
        for leaf, metric, name, is_weighted in self.watches:
            if labels[leaf] is None:
                raise ArgumentError(
                    "compute_metrics",
                    f"the metric {name!r} has no labels",
                    expected="y, or batches (x, y)",
                    received={"y": None},
                )
            given = labels[leaf], predictions[leaf], *([weights[leaf]] if is_weighted else [])
            if not threads.is_noted() or metric.is_whole(*given) or ends_a_program(metric):
                metric.update_state(*given)
            else:
                with program.unwritten():
                    metric.update_state(*given)
                threads.again(functools.partial(metric.update_state, *given))

    def reset_state(self) -> None:
        """Forget everything seen."""
        for watch in self.watches:
            watch.metric.reset_state()

    def result(self) -> dict[str, Any]:
        """Return each metric's number by its name in the logs."""
        return {watch.name: watch.metric.result() for watch in self.watches}


def _up_to(nesting: Any, given: Any) -> list[Any] | None:
    """Return what stands in ``given`` at each leaf of a nesting; None where it is another one."""
    if not tree.is_nested(nesting):
        return [given]
    if isinstance(nesting, dict) and isinstance(given, dict) and set(given) == set(nesting):
        parts = [_up_to(nesting[key], given[key]) for key in tree.keys_of(nesting)]
    elif (
        not isinstance(nesting, dict)
        and isinstance(given, list | tuple)
        and len(given) == len(nesting)
    ):
        parts = [_up_to(branch, one) for branch, one in zip(nesting, given, strict=True)]
    else:
        return None
    if any(part is None for part in parts):
        return None
    return [entry for part in parts for entry in part or ()]
