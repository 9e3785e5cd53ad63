"""The weights of classes: each sample's, from its class's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from melpy import tree
from melpy.errors import ArgumentError, DataError, DtypeError, ShapeError, lookup, warn

__all__ = [
    "ClassWeight", "class_weights", "largest_class", "refuse_balanced", "require_classes",
    "tell_of_classes_without_samples",
]  # fmt: skip

ClassWeight = Mapping[int, float] | str  # the string is "balanced"


def class_weights(y: Any, weights: ClassWeight, who: str) -> np.ndarray:
    """Return each sample's weight, from its class's; classes not named weigh 1.

    Parameters
    ----------
    y : array of class numbers (N,) or (N, 1), or one-hot (N, C)
    weights : weight of each class, or "balanced": class c of k weighs N / (k N_c), so that all
        classes weigh the same together
    who : str, in messages

    Source
    ------
    G. King, L. Zeng 2001, Logistic regression in rare events data; scikit-learn's
    ``compute_class_weight``.

    Examples
    --------
    >>> class_weights(np.array([0, 0, 0, 1]), {1: 3.0}, "fit").tolist()
    [1.0, 1.0, 1.0, 3.0]
    >>> class_weights(np.array([0, 0, 2, 2, 2, 2]), "balanced", "fit").tolist()
    [1.5, 1.5, 0.75, 0.75, 0.75, 0.75]
    """
    classes, count = _numbers(y, who)
    if isinstance(weights, str):
        lookup("class_weight", weights, {"balanced": None}, who)
        return _balanced(classes, who)
    require_classes(weights, count, who)
    weight, nearest = np.ones(len(classes)), np.rint(classes)
    for label, value in weights.items():
        weight[nearest == label] = value
    return weight


def _numbers(y: Any, who: str) -> tuple[np.ndarray, int | None]:
    """Return the class of each sample, and how many classes there are where labels are one-hot."""
    if y is None or tree.is_nested(y):
        raise ArgumentError(
            who,
            "class_weight needs the labels of a single output",
            expected="one array y",
            received={"y": tree.map_structure(lambda a: getattr(a, "shape", a), y)},
            mend="Give each output's samples their weights: sample_weight.",
        )
    y = np.asarray(y)
    if y.ndim > 1 and y.shape[-1] > 1:
        classes, count = y.argmax(axis=-1), y.shape[-1]
    else:
        classes, count = y[..., 0] if y.ndim > 1 else y, None
    if classes.ndim != 1:
        raise ShapeError(
            who,
            "class_weight needs one label a sample",
            expected="y of shape (N,), (N, 1) or (N, C)",
            received={"y.shape": y.shape},
        )
    return classes, count


def _balanced(classes: np.ndarray, who: str) -> np.ndarray:
    found, places, counts = np.unique(classes, return_inverse=True, return_counts=True)
    if (found != np.floor(found)).any():
        row = int(np.flatnonzero(classes != np.floor(classes))[0])
        raise DataError(
            who,
            f"label of row {row} is no class, and class_weight='balanced' counts classes",
            expected="class numbers, or one-hot labels",
            received={f"y[{row}]": classes[row].item()},
        )
    return (len(classes) / (len(found) * counts))[places]


def largest_class(y: Any, who: str) -> int:
    """Return the largest class number among labels, or among those that one-hot ones have."""
    classes, count = _numbers(y, who)
    return int(np.max(classes)) if count is None else count - 1


def require_classes(weights: Any, count: int | None, who: str) -> None:
    """Refuse weights that are out of range, and weights of what is none of ``count`` classes."""
    if not isinstance(weights, Mapping):
        raise DtypeError(
            who,
            "class_weight is no dict",
            expected='a dict of whole numbers, the classes, to weights; or "balanced"',
            received={"type": type(weights).__name__},
            mend="Of a list of one weight a class, dict(enumerate(weights)) makes one.",
        )
    for label, value in weights.items():
        is_class = not isinstance(label, str) and label >= 0 and label == int(label)
        if not is_class or (count is not None and label >= count):
            raise ArgumentError(
                who,
                f"class_weight names {label!r}, which is none of the classes",
                expected="whole numbers from 0" + (f" to {count - 1}" if count else ""),
                received={"class_weight": dict(weights)},
            )
        if not 0 <= value < np.inf:
            raise ArgumentError(
                who,
                f"the weight of class {label} is out of range",
                expected="a finite float >= 0",
                received={"class_weight": dict(weights)},
            )


def refuse_balanced(weights: Any, who: str) -> None:
    """Refuse "balanced" where a part of the labels is seen at a time."""
    if isinstance(weights, str):
        lookup("class_weight", weights, {"balanced": None}, who)
        raise ArgumentError(
            who,
            "class_weight='balanced' counts all labels, and here they come in batches",
            expected="a dict of whole numbers, the classes, to weights",
            received={"class_weight": weights},
            mend="Count them once: the weight of a class is samples / (classes * its samples).",
        )


def tell_of_classes_without_samples(weights: Mapping[int, float], most: int, who: str) -> None:
    """Warn of weights of classes beyond the largest that came, in which nobody looked like one."""
    beyond = [label for label in weights if label > max(1, most)]
    if beyond:
        warn(
            f"{who}: class_weight names {', '.join(map(str, beyond))}, but no label was above "
            f"{most}. Expected classes that the labels have; such weights change nothing."
        )
