"""The losses that ``compile`` was given, laid over the outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from melpy import losses, metrics, ops, tree
from melpy.errors import ArgumentError, UnknownKeyError, nearest
from melpy.kernels import threads
from melpy.layers.apart import ends_a_program, performed_apart
from melpy.models.outputs import Outputs
from melpy.tensor import Tensor, mask_of

__all__ = ["CompiledLoss"]


@dataclass
class Weighted:
    """A loss as compile was given it, and what it is multiplied by."""

    loss: Any
    weight: Any


@dataclass
class Term:
    """One loss of one output, or of several outputs together.

    Parameters
    ----------
    loss, weight : loss object, and what it is multiplied by, or None
    leaves : which of the outputs it sees
    nesting : how it sees them nested; None for the one that it sees alone
    name : str, in the logs
    """

    loss: Any
    weight: Any
    leaves: slice
    nesting: Any
    name: str

    def seen(self, entries: list[Any]) -> Any:
        """Return what the loss sees of one entry for each output."""
        part = entries[self.leaves]
        return (
            tree.pack_sequence_as(self.nesting, part) if tree.is_nested(self.nesting) else part[0]
        )


class CompiledLoss:
    """The weighted sum of the losses of a model's outputs.

    They are laid out at the first batch, when it is seen how the outputs are nested. ``loss`` is
    one for each output, or is nested as the outputs are: lists by their order, dicts by their
    names. Several losses in a list, where there is one output, are added. A loss where there are
    several outputs sees them together. ``loss_weights`` is one number, or nested as ``loss`` is.

    Parameters
    ----------
    loss, loss_weights : as in ``compile``
    """

    def __init__(self, loss: Any, loss_weights: Any = None) -> None:
        for weight in tree.flatten(loss_weights):
            if isinstance(weight, str) or not (weight is None or _is_number(weight)):
                raise ArgumentError(
                    "compile",
                    "loss_weights are no numbers",
                    expected="numbers",
                    received={"loss_weights": loss_weights},
                    mend="Metrics are given by name: compile(optimizer, loss, metrics=[...]).",
                )
        self.given = loss, loss_weights
        self.loss = tree.map_structure(losses.resolve, loss)
        self.outputs: Outputs | None = None  # once they were seen
        self.shapes: list[Any] = []  # theirs
        self.terms: list[Term] = []
        self.trackers: list[metrics.Mean] = []

    def lay_out(self, outputs: Outputs) -> None:
        """Match the losses with the outputs."""
        self.outputs = outputs
        loss, weights = self.loss, self.given[1]
        if not tree.is_nested(loss):
            loss = tree.map_structure(lambda _: loss, outputs.nesting)
        elif isinstance(loss, dict) and not isinstance(outputs.nesting, dict):
            loss = self._by_name(loss, "loss")
        if isinstance(weights, dict) and not isinstance(loss, dict):
            weights = self._by_name(weights, "loss_weights")
        self.terms = list(self._terms(_weighted(loss, weights), outputs.nesting, (), 0))
        self.held = sorted({n for term in self.terms for n in range(outputs.count)[term.leaves]})
        several = len(self.terms) > 1
        self.trackers = [metrics.Mean(f"{t.name}_loss") for t in self.terms] if several else []

    def _by_name(self, given: dict[str, Any], what: str) -> Any:
        """Return the entries of a dict by the outputs' names, nested as the outputs are."""
        outputs: Any = self.outputs
        if outputs.single and len(given) == 1 and outputs.names == [None]:
            return next(iter(given.values()))
        _require_known(given, [name for name in outputs.names if name], what)
        return tree.pack_sequence_as(outputs.nesting, [given.get(name) for name in outputs.names])

    def _terms(self, loss: Any, nesting: Any, path: tuple[Any, ...], first: int) -> Iterator[Term]:
        """Yield the terms of one branch of the outputs, whose leaves begin at ``first``."""
        count = len(tree.flatten(nesting))
        if loss is None:
            return
        if isinstance(loss, Weighted):
            leaves = slice(first, first + count)
            name = self._name(loss.loss, nesting, path, leaves)
            yield Term(loss.loss, loss.weight, leaves, nesting, name)
            return
        if isinstance(loss, list | tuple):
            alone = not any(tree.is_nested(one) for one in loss)
            if alone and len(loss) == count:
                loss = tree.pack_sequence_as(nesting, list(loss))
                if not tree.is_nested(loss):
                    yield from self._terms(loss, nesting, path, first)
                    return
            elif not isinstance(nesting, type(loss)):
                for one in loss:
                    yield from self._terms(one, nesting, path, first)
                return
        yield from self._terms_inside(loss, nesting, path, first)

    def _terms_inside(
        self, loss: Any, nesting: Any, path: tuple[Any, ...], first: int
    ) -> Iterator[Term]:
        """Yield the terms of losses that are nested as this branch of the outputs is."""
        by_key = isinstance(loss, dict) and isinstance(nesting, dict)
        by_place = isinstance(loss, list | tuple) and isinstance(nesting, list | tuple)
        if by_key:
            _require_known(loss, nesting, "loss")
        elif not by_place or len(loss) > len(nesting):
            raise UnknownKeyError(
                "compile",
                "loss is not nested as the outputs are",
                expected=f"one loss, or losses nested as {nesting}",
                received={"loss": self.given[0]},
            )
        for key in tree.keys_of(nesting) if by_key else range(len(nesting)):
            if by_key or key < len(loss):
                one = loss.get(key) if by_key else loss[key]
                yield from self._terms(one, nesting[key], (*path, key), first)
            first += len(tree.flatten(nesting[key]))

    def _name(self, loss: Any, nesting: Any, path: tuple[Any, ...], leaves: slice) -> str:
        """Return what Keras calls a term in the logs: by the path to it, or by its layer."""
        names = self.outputs.layers[leaves]  # type: ignore[union-attr]
        if tree.is_nested(nesting):
            keys = tree.keys_of(nesting) if isinstance(nesting, dict) else names
            whole = "_".join(str(key or loss.name) for key in keys)
            return "/".join(map(str, path)) or whole
        if not path or isinstance(path[-1], int):
            path = (*path[:-1], names[0] or loss.name)
        return "/".join(map(str, path))

    def __call__(self, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the weighted sum of the losses of a batch; None where there is none."""
        outputs: Any = self.outputs
        if not self.terms:
            return None
        labels = outputs.spread(y, "y", "fit", self.held)
        predictions = [y_pred] if outputs.single else tree.flatten(y_pred)
        weights = self._weights(sample_weight)
        total: Any = None
        for place, term in enumerate(self.terms):
            target = term.seen(labels)
            if target is None:
                raise ArgumentError(
                    "compute_loss",
                    f"the loss {term.loss.name!r} has no labels",
                    expected="y, or batches (x, y)",
                    received={"y": None},
                    mend="A model that needs no labels is compiled without loss=.",
                )
            given = target, term.seen(predictions), weights[term.leaves.start]
            if not threads.is_noted() or term.loss.is_made_of_ops or ends_a_program(term.loss):
                loss = term.loss(*given)
            else:
                loss = _apart(term.loss, *given)
            if self.trackers:
                rows = predictions[term.leaves.start].shape[0]
                value = np.asarray(loss)
                self.trackers[place].update_state(value if value.ndim == 0 else value.mean(), rows)
            if term.weight is not None:
                loss = loss * term.weight
            total = loss if total is None else total + loss
        return total

    def _weights(self, sample_weight: Any) -> list[Any]:
        """Return each output's sample weights; one array serves all outputs."""
        outputs: Any = self.outputs
        if not tree.is_nested(sample_weight):
            return [sample_weight] * outputs.count
        return outputs.spread(sample_weight, "sample_weight", "fit", self.held)

    def check(self, y: Any, shapes: Sequence[Any], rows: int) -> None:
        """Hold all labels against the outputs' shapes, before the first step."""
        labels = self.outputs.spread(y, "y", "fit", self.held)  # type: ignore[union-attr]
        for term in self.terms:
            target = term.seen(labels)
            shape = shapes[term.leaves.start]
            if target is None or tree.is_nested(term.nesting) or not shape or None in shape[1:]:
                continue
            term.loss.check(np.asarray(target), (rows, *shape[1:]))


def _apart(loss: Any, y_true: Any, y_pred: Any, weight: Any) -> Any:
    """Return a loss as one operation; of a softmax's logits, where predictions come out of one.

    A cross-entropy of them is one step with the softmax, which it must see to be.
    """
    node = y_pred.node if isinstance(y_pred, Tensor) and mask_of(y_pred) is None else None
    if node is None or node.op != "softmax":
        return performed_apart(loss.name, [], loss, y_true, y_pred, weight)

    def of_logits(y_true: Any, logits: Any, weight: Any) -> Any:
        return loss(y_true, ops.softmax(logits, **options), weight)

    options = dict(node.options)
    return performed_apart(loss.name, [], of_logits, y_true, node.inputs[0], weight)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) or hasattr(value, "__array__")


def _require_known(given: dict[str, Any], known: Any, what: str) -> None:
    for key in given:
        if key not in known:
            raise UnknownKeyError(
                "compile",
                f"{what} has no output {key!r}",
                expected=f"the outputs {', '.join(map(repr, known))}",
                received={"keys": list(given)},
                mend=nearest(str(key), [str(name) for name in known]),
            )


def _weighted(loss: Any, weight: Any) -> Any:
    """Return each loss with its weight, in the nesting of the losses."""
    pairs = zip(tree.flatten(loss), _weights(loss, weight), strict=True)
    return tree.pack_sequence_as(
        loss, [None if one is None else Weighted(one, w) for one, w in pairs]
    )


def _weights(loss: Any, weight: Any) -> list[Any]:
    """Return one weight for each loss, in the order of the flat losses."""
    count = len(tree.flatten(loss))
    if not tree.is_nested(weight):
        return [weight] * count
    if isinstance(loss, dict) and isinstance(weight, dict):
        _require_known(weight, loss, "loss_weights")
        return [w for key in tree.keys_of(loss) for w in _weights(loss[key], weight.get(key))]
    both_lists = isinstance(loss, list | tuple) and isinstance(weight, list | tuple)
    if both_lists and len(loss) == len(weight):
        return [w for one, given in zip(loss, weight, strict=True) for w in _weights(one, given)]
    flat = tree.flatten(weight)
    if len(flat) != count:
        raise ArgumentError(
            "compile",
            "loss_weights must match the number of losses",
            expected=f"{count} numbers",
            received={"loss_weights": weight},
        )
    return flat
