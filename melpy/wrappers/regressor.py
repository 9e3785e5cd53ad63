"""Networks that predict numbers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import column_or_1d

from melpy.errors import ShapeError
from melpy.wrappers.base import Estimator
from melpy.wrappers.default_models import default_model

__all__ = ["SKLearnRegressor"]


class SKLearnRegressor(RegressorMixin, Estimator):
    """A network as a regressor of scikit-learn's.

    Parameters
    ----------
    model : what is trained, as in `SKLearnClassifier`; of a model that is not compiled with the
        mean squared error. The y of a function is (N, K), also where K is 1
    warm_start, model_kwargs, fit_kwargs, learning_rate, epochs, batch_size, early_stopping,
    validation_fraction, n_iter_no_change, random_state : as in `SKLearnClassifier`

    Attributes
    ----------
    model_, history_, n_iter_, n_features_in_, feature_names_in_ : as in `SKLearnClassifier`

    Notes
    -----
    y may be of any size: the default network's outputs have its means and deviations. Predictions
    are float64, and have y's form, (N,) or (N, K).

    Source: Keras 3, ``keras.wrappers.SKLearnRegressor``.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> estimator = SKLearnRegressor(random_state=0).fit(X, 1000 * X[:, 0])
    >>> estimator.predict([[1.0, 0.0]]).round(-2)
    array([1000.])
    """

    def predict(self, X: Any) -> np.ndarray:
        """Return what is predicted for each sample, (N,) or (N, K)."""
        X = self._checked_inputs(X)
        made = self._predicted(self.model_, X).astype(np.float64)
        made = made.reshape(len(made), -1)
        return made[:, 0] if self._is_one else made

    def _settle(self, y: Any, classes: Any) -> None:
        self._is_one = y.ndim == 1 or y.shape[1] == 1

    def _given(self, X: Any, y: Any) -> Any:
        y = np.asarray(y, np.float64)
        return column_or_1d(y, warn=True).reshape(-1, 1) if self._is_one else y

    def _target(self, model: Any, X: Any, y: Any) -> Any:
        target, width = self._given(X, y), self._outputs(model, X)
        if target.shape[1] != width:
            raise ShapeError(
                type(self).__name__,
                "the model has another number of outputs than y has columns",
                expected=f"{target.shape[1]}",
                received={"outputs": width},
            )
        return target

    def _default(self, X: Any, y: Any, sample_weight: Any) -> Callable[..., Any]:
        return functools.partial(default_model, X, y, sample_weight=sample_weight)

    def _scale_of_loss(self, target: Any, weight: Any) -> float:
        squares = np.square(target - np.average(target, axis=0, weights=weight)).mean(axis=1)
        return float(np.average(squares, weights=weight)) or 1.0

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
