"""Networks whose outputs are features for what comes after them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from melpy.models import Model
from melpy.tables import is_sparse
from melpy.wrappers.base import Estimator
from melpy.wrappers.default_models import FEATURES, NORMALIZED, default_autoencoder

__all__ = ["SKLearnTransformer"]

_parts: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()  # with their programs


class SKLearnTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """A network as a transformer of scikit-learn's: its outputs are features.

    Parameters
    ----------
    model : what is trained, as in `SKLearnClassifier`. None for `default_autoencoder`, which
        heeds no y; ``model_kwargs={"n_components": 8}`` says how many features it has
    warm_start, model_kwargs, fit_kwargs, learning_rate, epochs, batch_size, early_stopping,
    validation_fraction, n_iter_no_change, random_state : as in `SKLearnClassifier`

    Attributes
    ----------
    model_, history_, n_iter_, n_features_in_, feature_names_in_ : as in `SKLearnClassifier`

    Notes
    -----
    A model learns y as it is; where none is given, its own input. Its outputs are the features, or
    those of its layer of the name "features", if it has one: so the last layers, of which only
    training has a use, are left away.

    Source: Keras 3, ``keras.wrappers.SKLearnTransformer``.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> SKLearnTransformer(epochs=2, random_state=0).fit_transform(X).shape
    (50, 2)
    """

    def transform(self, X: Any) -> np.ndarray:
        """Return the features (N, K) of X, in its float type."""
        X = self._checked_inputs(X)
        made = self._predicted(_ending_at(self.model_, FEATURES), X)
        return made.astype(X.dtype) if X.dtype.kind == "f" else made

    @property
    def _n_features_out(self) -> int:
        return self._outputs(_ending_at(self.model_, FEATURES), None)

    def _settle(self, y: Any, classes: Any) -> None:
        pass

    def _given(self, X: Any, y: Any) -> Any:
        return y

    def _target(self, model: Any, X: Any, y: Any) -> Any:
        if self.model is not None:
            return X if y is None else y
        if is_sparse(X):
            return X
        return self._predicted(_ending_at(model, NORMALIZED), X)

    def _default(self, X: Any, y: Any, sample_weight: Any) -> Callable[..., Any]:
        return functools.partial(default_autoencoder, X, sample_weight=sample_weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _ending_at(model: Any, name: str) -> Any:
    """Return the part of a model up to a layer; the whole, where it has none of that name."""
    if getattr(model, "inputs", None) is None:
        return model
    found = [layer for layer in model.layers if layer.name == name]
    if not found:
        return model
    parts = _parts.setdefault(model, {})
    if name not in parts:
        parts[name] = Model(model.inputs, found[0].output)
    return parts[name]
