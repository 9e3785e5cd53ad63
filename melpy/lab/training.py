"""How a model that is shown would be trained: its loss, and the form of its labels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from melpy import ops, optimizers
from melpy.configurable import snake_case
from melpy.experiments.networks import end_of
from melpy.lab.asked import refused
from melpy.losses import SparseCategoricalCrossentropy

__all__ = [
    "classes_of", "labels_for", "loss_name", "optimizer_for", "readied", "shares_of", "threshold_of"
]  # fmt: skip

SPARSE = "sparse_categorical_crossentropy"


def readied(model: Any) -> str:
    """Compile a model that does not know how to train; return the name of its loss."""
    count = model.outputs[0].shape[-1] or 1
    if not model.compiled or model.loss is None or isinstance(model.loss, list | dict):
        model.compile(optimizers.Adam(), _usual_loss(model, count))
    return loss_name(model)


def _usual_loss(model: Any, count: int) -> Any:
    end = end_of(model)
    if end == "softmax":
        return SPARSE
    if end == "sigmoid":
        return "binary_crossentropy"
    is_last_of_classes = count > 1 and len(model.outputs[0].shape) == 2 and end == "linear"
    return SparseCategoricalCrossentropy(from_logits=True) if is_last_of_classes else "mse"


def classes_of(model: Any) -> float:
    """Return how many classes a model can tell; infinity where its loss knows no classes."""
    if "crossentropy" not in readied(model):
        return math.inf
    return max(model.outputs[0].shape[-1] or 1, 2)


def shares_of(model: Any, outputs: np.ndarray) -> np.ndarray | None:
    """Return the shares of the classes (N, K) that a loss makes of logits; None of anything else.

    Examples
    --------
    >>> import melpy
    >>> model = melpy.Sequential([melpy.Input((2,)), melpy.layers.Dense(1)])
    >>> model.compile("adam", melpy.losses.BinaryCrossentropy(from_logits=True))
    >>> shares_of(model, np.array([[0.0]])).tolist()
    [[0.5, 0.5]]
    """
    takes_logits = getattr(model.loss, "from_logits", False) and outputs.ndim == 2
    is_binary, count = loss_name(model) == "binary_crossentropy", outputs.shape[-1]
    if not takes_logits or "crossentropy" not in loss_name(model) or is_binary != (count == 1):
        return None
    z = np.concatenate([np.zeros_like(outputs), outputs], axis=1) if is_binary else outputs
    with np.errstate(invalid="ignore"):  # infinities give no shares
        return np.asarray(ops.softmax(z))


def threshold_of(loss: Any) -> float:
    """Return above what a single output says the second class: 0 for logits and for hinges."""
    return 0.0 if getattr(loss, "from_logits", False) or "hinge" in _named(loss) else 0.5


def loss_name(model: Any) -> str:
    """Return the name of a model's loss, such as "sparse_categorical_crossentropy"."""
    return _named(model.loss)


def _named(loss: Any) -> str:
    if isinstance(loss, str):
        return loss
    return str(getattr(loss, "__name__", None) or snake_case(type(loss).__name__))


def labels_for(model: Any, labels: np.ndarray) -> np.ndarray:
    """Return class numbers as the model's loss takes them: as they are, or one place a class.

    Examples
    --------
    >>> import melpy
    >>> model = melpy.Sequential([melpy.Input((2,)), melpy.layers.Dense(3, "softmax")])
    >>> model.compile("adam", "categorical_crossentropy")
    >>> labels_for(model, np.array([1])).tolist()
    [[0.0, 1.0, 0.0]]
    """
    shape = tuple(size or 1 for size in model.outputs[0].shape[1:])
    if loss_name(model) == SPARSE:
        return labels if len(shape) == 1 else np.broadcast_to(
            labels.reshape(-1, *[1] * (len(shape) - 1)), (len(labels), *shape[:-1])
        )  # fmt: skip
    if shape[-1] == 1:
        flat = labels.astype(np.float32).reshape(-1, *[1] * len(shape))
        return np.broadcast_to(flat, (len(labels), *shape)).copy()
    one_hot = (labels[:, np.newaxis] == np.arange(shape[-1])).astype(np.float32)
    middle = one_hot.reshape(len(labels), *[1] * (len(shape) - 1), shape[-1])
    return np.broadcast_to(middle, (len(labels), *shape)).copy()


def optimizer_for(model: Any, name: str | None) -> Any:
    """Return the optimizer that makes a step: the model's own, or a new one of another kind.

    Parameters
    ----------
    name : "adam", "sgd", or None for the model's own
    """
    own = model.optimizer
    if name is None or type(own).__name__.lower() == name:
        return own
    made = {"adam": optimizers.Adam, "sgd": optimizers.SGD}.get(name)
    if made is None:
        expected = '"adam", "sgd", or null for the model\'s own'
        raise refused("optimizer", name, "unknown optimizer", expected)
    return made()
