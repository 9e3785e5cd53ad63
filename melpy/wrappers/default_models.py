"""The networks of estimators that were given none: small ones that fit the data's shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import layers
from melpy.data.finite import blocks
from melpy.models import Input, Sequential

__all__ = ["FEATURES", "NORMALIZED", "default_autoencoder", "default_model"]

FEATURES = "features"  # the layer whose outputs a transformer gives
NORMALIZED = "normalized"
FILTERS = (32, 64)  # of a network for images, block by block
SMALLEST = 4  # side of an image that is worth a convolution
EPSILON = float(np.finfo(np.float64).eps)


def default_model(
    X: Any,
    y: np.ndarray,
    *,
    activation: str | None = None,
    sample_weight: np.ndarray | None = None,
    hidden_layer_sizes: Sequence[int] = (100,),
) -> Sequential:
    """Return a network for data of these shapes, its inputs and outputs scaled as the data are.

    Tables (N, D) meet dense layers; images (N, H, W) or (N, H, W, C) up to two blocks of
    convolution and pooling first. It computes in float64 where X is a table of float64, and in
    float32 otherwise; it is not compiled.

    Parameters
    ----------
    X : array (N, ...), or a sparse matrix, which is not scaled
    y : array (N, K), what is to be predicted
    activation : name, of the last layer; None for numbers of any size, which then have y's means
        and deviations
    sample_weight : array (N,) or None, by which means and deviations are weighted
    hidden_layer_sizes : units of each dense layer between

    Examples
    --------
    >>> X, y = np.zeros((5, 8, 8)), np.zeros((5, 3))
    >>> [type(layer).__name__ for layer in default_model(X, y, activation="softmax").layers]
    ... # doctest: +NORMALIZE_WHITESPACE
    ['Reshape', 'Normalization', 'Conv2D', 'MaxPooling2D', 'Conv2D', 'MaxPooling2D', 'Flatten',
     'Dense', 'Dense']
    """
    dtype = _float_type_of(X)
    made: list[Any] = [Input(X.shape[1:], dtype=dtype)]
    if X.ndim in (3, 4):
        made += _convolutions(X, sample_weight, dtype)
    elif X.ndim > 4:
        made += [layers.Flatten(dtype=dtype), _normalization(_flat(X), sample_weight, dtype)]
    elif not hasattr(X, "tocsr"):
        made.append(_normalization(X, sample_weight, dtype))
    made += [layers.Dense(units, "relu", dtype=dtype) for units in hidden_layer_sizes]
    made.append(layers.Dense(y.shape[1], activation, dtype=dtype))
    if activation is None:
        made.append(_normalization(y, sample_weight, dtype, invert=True))
    return Sequential(made)


def default_autoencoder(
    X: Any,
    *,
    sample_weight: np.ndarray | None = None,
    n_components: int | None = None,
    hidden_layer_sizes: Sequence[int] = (100,),
) -> Sequential:
    """Return a network that is to give its scaled input again, through a layer "features".

    Parameters
    ----------
    X, sample_weight : as in `default_model`
    n_components : int > 0, units of the layer "features"; by default half as many as an input has
        values, and 32 at most
    hidden_layer_sizes : units of each dense layer before it; those after it mirror them

    Examples
    --------
    >>> default_autoencoder(np.zeros((5, 8))).get_layer("features").units
    4
    """
    dtype, width = _float_type_of(X), math.prod(X.shape[1:])
    made: list[Any] = [Input(X.shape[1:], dtype=dtype)]
    if X.ndim > 2:
        made.append(layers.Flatten(dtype=dtype))
    if not hasattr(X, "tocsr"):
        made.append(_normalization(_flat(X), sample_weight, dtype, name=NORMALIZED))
    made += [layers.Dense(units, "relu", dtype=dtype) for units in hidden_layer_sizes]
    size = n_components or max(1, min(32, width // 2))
    made.append(layers.Dense(size, dtype=dtype, name=FEATURES))
    made += [layers.Dense(units, "relu", dtype=dtype) for units in reversed(hidden_layer_sizes)]
    made.append(layers.Dense(width, dtype=dtype))
    return Sequential(made)


def _float_type_of(X: Any) -> str:
    """Return the type to compute in: X's own, as scikit-learn has it; float32 for images."""
    return "float64" if X.ndim == 2 and X.dtype != np.float32 else "float32"


def _convolutions(X: np.ndarray, sample_weight: np.ndarray | None, dtype: str) -> list[Any]:
    """Return the layers of a network for images, up to the first dense one."""
    made: list[Any] = []
    if X.ndim == 3:
        X = X[..., np.newaxis]
        made.append(layers.Reshape(X.shape[1:], dtype=dtype))  # (N,H,W) -> (N,H,W,1)
    made.append(_normalization(X, sample_weight, dtype))
    side, place = min(X.shape[1:3]), "channels_last"
    for filters in FILTERS:
        if side < SMALLEST:
            break
        made += [
            layers.Conv2D(
                filters, 3, padding="same", activation="relu", data_format=place, dtype=dtype
            ),
            layers.MaxPooling2D(2, data_format=place, dtype=dtype),
        ]
        side //= 2
    return [*made, layers.Flatten(data_format=place, dtype=dtype)]


def _flat(X: np.ndarray) -> Any:
    return X.reshape(len(X), -1) if X.ndim > 2 else X


def _normalization(
    x: np.ndarray, sample_weight: np.ndarray | None, dtype: str, **options: Any
) -> layers.Normalization:
    """Return the layer that brings the last axis' entries to mean 0 and variance 1."""
    mean, variance = _moments(x, sample_weight)
    return layers.Normalization(
        mean=mean.tolist(), variance=variance.tolist(), dtype=dtype, **options
    )


def _moments(x: np.ndarray, sample_weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance (C,) of each entry of the last axis of x (N, ..., C).

    The variance of what does not change is 1.
    """
    weight = np.ones(len(x)) if sample_weight is None else sample_weight
    count = x.size // x.shape[-1]

    def average(what: Any) -> np.ndarray:
        total = np.zeros(x.shape[-1])
        for rows in blocks(x):
            values = x[rows].astype(np.float64).reshape(len(x[rows]), -1, x.shape[-1])  # (n,K,C)
            total += weight[rows] @ what(values).mean(axis=1)
        return total / weight.sum()

    mean = average(lambda values: values)
    variance = average(lambda values: np.square(values - mean))
    # A constant's variance comes out as the rounding of its mean, seldom as 0.
    constant = variance <= np.square(count * mean * EPSILON)
    return mean, np.where(constant, 1.0, variance)
