"""All that a model knows as one tree of arrays, by the names on the way to each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from melpy.errors import ArgumentError, UnknownKeyError, nearest
from melpy.models.compiled_metrics import CompiledMetrics
from melpy.tensor import Tensor

__all__ = ["get_state_tree", "set_state_tree"]

FORMATS: dict[str, Callable[[Any], Any]] = {
    "backend_tensor": lambda value: Tensor(np.array(value)),
    "numpy_array": np.array,
}


def get_state_tree(model: Any, value_format: str = "backend_tensor") -> dict[str, Any]:
    """Return weights, optimizer's and metrics' variables, copied: {"dense": {"kernel": ...}}.

    Parameters
    ----------
    model : a model
    value_format : "backend_tensor" or "numpy_array", what the leaves are

    Raises
    ------
    ArgumentError : two variables have one path
    """
    if value_format not in FORMATS:
        raise ArgumentError(
            "get_state_tree",
            "unknown kind of leaves",
            expected=f"one of {', '.join(FORMATS)}",
            received={"value_format": value_format},
        )
    made: dict[str, Any] = {}
    for kind in KINDS:
        made[kind] = {}
        for path, variable in _by_path(model, kind).items():
            *above, name = path.split("/")
            branch = made[kind]
            for part in above:
                branch = branch.setdefault(part, {})
            branch[name] = FORMATS[value_format](variable.array)
    return made


def set_state_tree(model: Any, state_tree: Mapping[str, Any]) -> None:
    """Give a model the values of a tree; what the tree does not name stays.

    Parameters
    ----------
    model : a model
    state_tree : dict as `get_state_tree` returns it, or a part of it. An optimizer is built for
        its part; metrics that are not laid out before the first batch are passed over

    Raises
    ------
    UnknownKeyError : a name of which the model has none
    """
    found: list[tuple[Any, Any]] = []
    for kind, branch in state_tree.items():
        _require(kind, KINDS)
        leaves = dict(_leaves("", branch))
        known = _by_path(model, kind)
        if kind == "optimizer_variables" and leaves.keys() - known and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
            known = _by_path(model, kind)
        for path, value in leaves.items():
            if kind == "metrics_variables" and path not in known and not model._laid_out:
                continue
            _require(path, known)
            found.append((known[path], value))
    for variable, value in found:
        variable.assign(value)


KINDS = {
    "trainable_variables": lambda model: [(v.path, v) for v in model.trainable_variables],
    "non_trainable_variables": lambda model: [(v.path, v) for v in model.non_trainable_weights],
    "optimizer_variables": lambda model: _of([model.optimizer] if model.optimizer else []),
    "metrics_variables": lambda model: _of(_single(model.metrics)),
}


def _single(metrics: Any) -> Iterator[Any]:
    for metric in metrics:
        yield from metric.metrics if isinstance(metric, CompiledMetrics) else [metric]


def _of(owners: Any) -> list[tuple[str, Any]]:
    return [(v.path, v) for owner in owners for v in owner.variables]


def _by_path(model: Any, kind: str) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for path, variable in KINDS[kind](model):
        if path in known:
            raise ArgumentError(
                "get_state_tree",
                f"two variables have the path {path!r}",
                expected="a path of its own for each variable",
                mend="Give the layers and the metrics names of their own.",
            )
        known[path] = variable
    return known


def _leaves(path: str, branch: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(branch, Mapping):
        yield path, branch
        return
    for name, inner in branch.items():
        yield from _leaves(f"{path}/{name}".lstrip("/"), inner)


def _require(name: str, known: Mapping[str, Any]) -> None:
    if name not in known:
        raise UnknownKeyError(
            "set_state_tree",
            f"the model has no {name!r}",
            expected="names as get_state_tree returns them",
            mend=nearest(name, list(known)),
        )
