"""What is trained on what: a network to be copied, its samples, and its loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from melpy import tree
from melpy.errors import MelpyError
from melpy.lab.said import SaidError
from melpy.models import clone_model

__all__ = ["Task", "accuracy_of", "copy_of", "numbers_of"]


@dataclass(frozen=True)
class Task:
    """A network, and samples for it.

    Parameters
    ----------
    model : Model, built; trainings are of copies
    x, y : arrays (N, ...), what is learned from
    held_x, held_y : arrays, what is only measured on; may be empty
    loss : loss, or its name
    classes : the names of the classes; empty where the network tells no classes
    name : str, of a set of points; empty for the samples that were opened
    """

    model: Any
    x: np.ndarray
    y: np.ndarray
    held_x: np.ndarray
    held_y: np.ndarray
    loss: Any
    classes: Sequence[str] = ()
    name: str = ""

    @property
    def is_plane(self) -> bool:
        """Whether a sample is a point in the plane, so that the decision can be drawn."""
        return self.x.shape[1:] == (2,)


def copy_of(model: Any) -> Any:
    """Return a network of the same layers with first weights of its own.

    Raises
    ------
    SaidError : it cannot be copied; its own class says no more than its name
    """
    try:
        made = clone_model(model)
        if not made.built:
            made.build(tree.map_structure(tuple, model.input_shape))
        return made
    except MelpyError:
        raise
    except Exception as error:
        raise SaidError(
            "error.copy",
            "melpy lab",
            f"{type(model).__name__} {model.name!r} cannot be copied to be trained "
            f"({type(error).__name__}: {error})",
            expected="a model of layers that describe themselves by get_config",
            values={"model": model.name, "why": f"{type(error).__name__}: {error}"},
        ) from error


def accuracy_of(y: np.ndarray, predicted: np.ndarray, bound: float = 0.5) -> float | None:
    """Return which share of the classes is right; None where nothing tells classes.

    Parameters
    ----------
    y : array (N,) or (N,1) of class numbers, or (N,K) of shares of classes
    predicted : array (N,K), or (N,1) where there are two classes
    bound : float, above which a single output says the second one

    Examples
    --------
    >>> accuracy_of(np.array([1, 0]), np.array([[0.2, 0.8], [0.4, 0.6]]))
    0.5
    >>> accuracy_of(np.array([0.5, 2.5]), np.array([[0.5], [2.5]])) is None
    True
    """
    if predicted.ndim != 2 or len(y) != len(predicted):
        return None
    if predicted.shape[1] == 1:
        truth = y.reshape(-1)
        if not np.isin(truth, (0, 1)).all():
            return None
        return float(np.mean((predicted[:, 0] > bound) == (truth > 0.5)))
    truth = numbers_of(y)
    if len(truth) != len(predicted):
        return None
    return float(np.mean(predicted.argmax(axis=1) == truth))


def numbers_of(y: np.ndarray) -> np.ndarray:
    """Return labels as the numbers of their classes, of (N,), (N,1) or (N,K) of shares of classes.

    Examples
    --------
    >>> numbers_of(np.array([[0.0, 1.0], [1.0, 0.0]])).tolist()
    [1, 0]
    """
    return y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
