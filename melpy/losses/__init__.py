"""Losses: Keras's names, arguments and numbers.

A loss gives one value a sample; ``reduction`` says what becomes of them. A sample's weight
multiplies its value, and the mean still divides by the number of values, as in Keras 3. The
classes are for `compile`; the functions, `mean_squared_error` and so on, keep one value a sample.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from melpy import custom
from melpy.configurable import find, plain
from melpy.losses.base import FunctionLoss, Loss, PairLoss
from melpy.losses.crossentropy import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    categorical_crossentropy,
    categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy,
)
from melpy.losses.distributions import KLDivergence, Poisson, kl_divergence, poisson
from melpy.losses.embeddings import Circle, circle
from melpy.losses.focal import (
    BinaryFocalCrossentropy,
    CategoricalFocalCrossentropy,
    binary_focal_crossentropy,
    categorical_focal_crossentropy,
)
from melpy.losses.hinge import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)
from melpy.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from melpy.losses.segmentation import Dice, Tversky, dice, tversky
from melpy.losses.sequences import CTC, ctc

__all__ = [
    "CTC",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "resolve",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

# The function of each class, and the class of each function: `compile` wants the class.
CLASSES: dict[Callable[..., Any], type[Any]] = {
    made.function: made
    for made in list(globals().values())
    if isinstance(made, type) and issubclass(made, PairLoss) and "function" in vars(made)
}
FUNCTIONS: dict[str, Callable[..., Any]] = {function.__name__: function for function in CLASSES}
del FUNCTIONS["categorical_generalized_cross_entropy"]  # it needs its q: the name means the class
for short, function in {
    "bce": binary_crossentropy,
    "kld": kl_divergence,
    "mae": mean_absolute_error,
    "mse": mean_squared_error,
    "mape": mean_absolute_percentage_error,
    "msle": mean_squared_logarithmic_error,
}.items():
    FUNCTIONS |= {short: function, short.upper(): function}


def get(identifier: Any) -> Any:
    """Return what a name stands for: a function ("mse"), or a loss ("MeanSquaredError").

    A config gives a loss; losses and functions are returned as they are, and None is None.

    Examples
    --------
    >>> get("mse") is mean_squared_error
    True
    """
    identifier = custom.unwrapped(identifier, FUNCTIONS)
    if isinstance(identifier, str) and identifier in FUNCTIONS:
        return FUNCTIONS[identifier]
    if identifier is None or (callable(identifier) and not isinstance(identifier, type)):
        return identifier
    return find("loss", identifier, Loss, globals())


def resolve(identifier: Any) -> Any:
    """Return the loss object that `compile` means, under the name it was given; None for None.

    A function of (y_true, y_pred) is made one; "crossentropy" and "ce" are the cross-entropy
    that fits the shapes of the first labels and predictions.
    """
    if isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce"):
        return FittingCrossentropy(name=identifier)
    found = get(identifier)
    if found is None or isinstance(found, Loss):
        return found
    name = identifier if isinstance(identifier, str) else None
    if found in CLASSES:
        return CLASSES[found](name=name or found.__name__)
    return FunctionLoss(found, name=name)


def serialize(loss: Any) -> Any:
    """Return a loss as a config, a function as its name."""
    return plain(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the loss or the function of `serialize`'s result.

    Parameters
    ----------
    name : config or name
    custom_objects : classes and functions of your own, by name
    """
    is_config = isinstance(name, Mapping)
    own = (custom_objects or {}).get(name["class_name"] if is_config else name)
    if own is None:
        return get(name)
    return own(**name["config"]) if is_config else own


def fitting(labels: tuple[int, ...], outputs: tuple[int | None, ...]) -> str:
    """Return "Binary", "SparseCategorical" or "Categorical", from shapes as Keras does."""
    if outputs[-1] == 1:
        return "Binary"
    sparse = len(labels) < len(outputs) or labels[-1] == 1
    return "SparseCategorical" if sparse else "Categorical"


class FittingCrossentropy(Loss):
    """The cross-entropy that labels and predictions ask for by their shapes.

    Parameters
    ----------
    name : str
    """

    _chosen: Loss | None = None

    def _choose(self, labels: tuple[int, ...], outputs: tuple[int | None, ...]) -> Loss:
        if self._chosen is None:
            self._chosen = globals()[fitting(labels, outputs) + "Crossentropy"]()
        return self._chosen

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one value a sample."""
        return self._choose(y_true.shape, y_pred.shape).call(y_true, y_pred)

    def check(self, y_true: np.ndarray, output_shape: tuple[int | None, ...]) -> None:
        """Refuse labels that do not fit the one that is chosen."""
        self._choose(y_true.shape, output_shape).check(y_true, output_shape)
