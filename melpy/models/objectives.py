"""What a compiled model is held to: a loss and metrics for each of its outputs, by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import losses, metrics, tree
from melpy.errors import ArgumentError, ShapeError, nearest

__all__ = ["Objectives"]


class Objectives:
    """The losses and the metrics that ``compile`` was given, laid over the outputs.

    They are laid out at the first batch, when it is seen how many outputs there are. Each of
    ``loss``, ``loss_weights``, ``metrics`` and ``weighted_metrics`` is one for all outputs, a
    list with one for each, or a dict by the outputs' names.

    Parameters
    ----------
    loss, loss_weights, metrics, weighted_metrics : as in ``compile``
    """

    def __init__(self, loss: Any, loss_weights: Any, metrics: Any, weighted_metrics: Any) -> None:
        self.given = {"metrics": metrics, "weighted_metrics": weighted_metrics}
        for name, value in self.given.items():
            if value and not isinstance(value, list | tuple | dict):
                self.given[name] = [value]
        self.loss = tree.map_structure(losses.resolve, loss)
        self.loss_weights = loss_weights
        self.names: list[str | None] | None = None  # of the outputs, once they were seen
        self.trackers: list[metrics.Mean] = []

    def lay_out(self, y_pred: Any, output_names: Sequence[str] | None) -> None:
        """Match losses and metrics with the outputs, once."""
        if self.names is not None:
            return
        count = len(tree.flatten(y_pred))
        if isinstance(y_pred, dict):
            names: list[str | None] = sorted(y_pred)
        else:
            names = list(output_names) if output_names else [None] * count
        self.keys = names
        single = count == 1
        loss = self.loss
        if single and isinstance(loss, list | tuple) and len(loss) == 1:
            loss = loss[0]
        if loss is None or isinstance(loss, losses.Loss):
            self.losses: list[Any] = [loss] * count
        else:
            self.losses = self.matched(loss, "loss", partial=True)
        weights = self.loss_weights
        if isinstance(weights, int | float):
            weights = [weights] * count
        self.weights = (
            [None] * count
            if weights is None
            else self.matched(weights, "loss_weights", partial=True)
        )
        held = [n for n, one in enumerate(self.losses) if one is not None]
        titles = [names[n] or self.losses[n].name for n in held]
        self.trackers = [metrics.Mean(f"{t}_loss") for t in titles] if len(held) > 1 else []
        self.held = held
        self.metrics = self._laid_out_metrics("metrics", count)
        self.weighted = self._laid_out_metrics("weighted_metrics", count)
        self.names = names

    def _laid_out_metrics(self, kind: str, count: int) -> list[list[Any]]:
        given = self.given[kind]
        if not given:
            return [[] for _ in range(count)]
        one_each = [given] if count == 1 else self.matched(given, kind, partial=True)
        return [
            [metrics.resolve(m, loss) for m in tree.flatten(listed) if m is not None]
            for listed, loss in zip(one_each, self.losses, strict=True)
        ]

    def matched(self, value: Any, what: str, partial: bool = False) -> list[Any]:
        """Return one entry for each output, of a list, a dict by name, or one for all."""
        keys = self.keys
        if isinstance(value, dict):
            unknown = [key for key in value if key not in keys]
            missing = [key for key in keys if key not in value]
            if unknown or (missing and not partial):
                wrong = (unknown or missing)[0]
                raise ArgumentError(
                    "compile" if what != "y" else "fit",
                    f"{what} has no output {wrong!r}" if unknown else f"{what} lacks {wrong!r}",
                    expected=f"the outputs {', '.join(repr(k) for k in keys if k)}",
                    received={"keys": list(value)},
                    mend=nearest(str(wrong), [k for k in keys if k]) if unknown else "",
                )
            return [value.get(key) for key in keys]
        flat = list(value) if isinstance(value, list | tuple) else [value]
        if len(flat) != len(keys):
            raise ShapeError(
                "compile" if what != "y" else "fit",
                f"{what} has {len(flat)} entries, but the model has {len(keys)} outputs",
                expected="one for each output, or a dict by the outputs' names",
                received={what: [type(x).__name__ for x in flat]},
            )
        return flat

    def targets(self, y: Any) -> list[Any]:
        """Return each output's labels; outputs without a loss may be left out."""
        if y is None:
            return [None] * len(self.keys)
        if isinstance(y, list | tuple) or len(self.keys) > 1:
            flat = y if isinstance(y, dict) else tree.flatten(y)
            if not isinstance(y, dict) and len(flat) == len(self.held) < len(self.keys):
                given = dict(zip(self.held, flat, strict=True))
                return [given.get(n) for n in range(len(self.keys))]
            return self.matched(flat, "y", partial=True)
        return [y] if not isinstance(y, dict) else [next(iter(y.values()))]

    def sample_weights(self, sample_weight: Any) -> list[Any]:
        """Return each output's sample weights; one array serves all outputs."""
        if not tree.is_nested(sample_weight):
            return [sample_weight] * len(self.keys)
        return self.matched(sample_weight, "sample_weight", partial=True)

    def total(self, y: Any, y_pred: Any, sample_weight: Any) -> Any:
        """Return the weighted sum of the outputs' losses; None if there is none."""
        if not self.held:
            return None
        targets, outputs = self.targets(y), tree.flatten(y_pred)
        weights = self.sample_weights(sample_weight)
        total: Any = None
        for place, n in enumerate(self.held):
            loss = self.losses[n](targets[n], outputs[n], weights[n])
            if self.trackers:
                value = float(np.asarray(loss).mean())
                self.trackers[place].update_state(value, outputs[n].shape[0])
            if self.weights[n] is not None:
                loss = loss * self.weights[n]
            total = loss if total is None else total + loss
        return total

    def update(self, y: Any, y_pred: Any, sample_weight: Any) -> None:
        """Show a batch to the metrics."""
        if not any(self.metrics) and not any(self.weighted):
            return
        targets, outputs = self.targets(y), tree.flatten(y_pred)
        weights = self.sample_weights(sample_weight)
        for n, output in enumerate(outputs):
            for metric in self.metrics[n]:
                metric.update_state(targets[n], output)
            for metric in self.weighted[n]:
                metric.update_state(targets[n], output, weights[n])

    def all_metrics(self) -> list[Any]:
        """Return the metrics, then the trackers of the single losses."""
        if self.names is None:
            return []
        return [m for listed in (*self.metrics, *self.weighted) for m in listed] + self.trackers

    def results(self) -> list[tuple[str, Any]]:
        """Return each metric's name and value, in the order in which `evaluate` lists them.

        Of several outputs, the single losses come first, and metrics by their names, which begin
        with the output's.
        """
        named: dict[str, Any] = {}
        for lists, weighted in ((self.metrics, False), (self.weighted, True)):
            for key, listed in zip(self.keys, lists, strict=True):
                prefix = f"{key}_" if key and len(self.keys) > 1 else ""
                for metric in listed:
                    name = prefix + metric.name
                    if name in named and weighted:
                        name = f"{prefix}weighted_{metric.name}"
                    start, number = name, 0
                    while name in named:
                        number += 1
                        name = f"{start}_{number}"
                    named[name] = metric.result()
        if len(self.keys) == 1:
            return list(named.items())
        return [(t.name, t.result()) for t in self.trackers] + sorted(named.items())

    def check(self, y: Any, shapes: Sequence[Any], rows: int) -> None:
        """Hold all labels against the outputs' shapes, before the first step."""
        for n, (one, labels) in enumerate(zip(self.losses, self.targets(y), strict=True)):
            if one is not None and labels is not None:
                one.check(np.asarray(labels), (rows, *shapes[n][1:]))
