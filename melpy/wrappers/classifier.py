"""Networks that tell classes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight

from melpy.errors import ArgumentError
from melpy.wrappers.base import Estimator
from melpy.wrappers.default_models import default_model
from melpy.wrappers.labels import Labels

__all__ = ["SKLearnClassifier"]


class SKLearnClassifier(ClassifierMixin, Estimator):
    """A network as a classifier of scikit-learn's.

    Parameters
    ----------
    model : what is trained

        - None : `default_model`, of the data's shapes
        - a model, which stays as it is: copies of it are trained, with new weights unless
          ``warm_start``; of one that is not compiled, with Adam and the cross-entropy that fits
        - a function of X and y, and of ``model_kwargs``, that returns a model. Its y is (N, K), 1
          in the column of a sample's class and 0 in the others
    warm_start : bool, whether `fit` goes on with the weights that there are
    model_kwargs : dict, further arguments of the function; of the default network, such as
        ``{"hidden_layer_sizes": (100,)}``
    fit_kwargs : dict, arguments of `Model.fit`
    learning_rate : float > 0; None for the model's own, 0.001 of one that is not compiled
    epochs : int > 0; None for 100 of the default network, which may stop before, and 1 otherwise
    batch_size : int > 0; None for 32
    early_stopping : bool, whether a part of the data is held back, and training stops when its loss
        does not become smaller any more; the weights are then the best ones
    validation_fraction : float in (0, 1), that part
    n_iter_no_change : int > 0, how many epochs without a smaller loss are waited for
    class_weight : dict of labels to weights; "balanced" for those that make all classes weigh the
        same; None for 1
    random_state : int, RandomState, or None for melpy's own stream. With an int every fit gives the
        same bits

    Attributes
    ----------
    model_ : the model
    history_ : its `History`, of the last fit
    classes_ : array (K,), the labels in order; of labels in columns, the columns' numbers
    n_iter_ : int, the epochs made
    n_features_in_, feature_names_in_ : as in all of scikit-learn

    Notes
    -----
    Labels may be of any kind. Outputs of the model are a sigmoid's (1, for two classes; or one a
    label in columns) or a softmax's, or their logits where the loss has from_logits=True. Labels
    come to the model as its loss wants them, as numbers or one-hot.

    Source: Keras 3, ``keras.wrappers.SKLearnClassifier``; names of the other arguments are those of
    scikit-learn's MLPClassifier.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(100, 2))
    >>> y = np.where(X[:, 0] > X[:, 1], "right", "left")
    >>> estimator = SKLearnClassifier(random_state=0).fit(X, y)
    >>> estimator.predict([[0.0, 2.0], [2.0, 0.0]])
    array(['left', 'right'], dtype='<U5')
    >>> estimator.predict_proba([[0.0, 2.0]]).shape
    (1, 2)
    """

    def __init__(
        self,
        model: Any = None,
        warm_start: bool = False,
        model_kwargs: Mapping[str, Any] | None = None,
        fit_kwargs: Mapping[str, Any] | None = None,
        *,
        learning_rate: float | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        class_weight: Mapping[Any, float] | str | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            model,
            warm_start,
            model_kwargs,
            fit_kwargs,
            learning_rate=learning_rate,
            epochs=epochs,
            batch_size=batch_size,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def partial_fit(  # type: ignore[override]  # as scikit-learn's classifiers
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Self:
        """Train on, for one epoch unless ``fit_kwargs`` say otherwise; the first call begins.

        Parameters
        ----------
        X, y, kwargs : as in `fit`
        classes : all labels that there are, in the first call; None for those in its y
        sample_weight : array (N,) or None, what each sample's loss is multiplied with
        """
        begins = not hasattr(self, "model_")
        return self._train(X, y, sample_weight, kwargs, begins, False, classes)

    def predict(self, X: Any) -> np.ndarray:
        """Return each sample's label (N,), or columns (N, K) of 0 and 1."""
        outputs = self._predicted(*self._asked(X))
        return self._labels.chosen(outputs, self._loss_of(self.model_))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class (N, K), in the order of ``classes_``.

        Raises
        ------
        DataError : the model's outputs are no probabilities
        """
        outputs = self._predicted(*self._asked(X))
        return self._labels.probabilities(outputs, self._loss_of(self.model_))

    def decision_function(self, X: Any) -> np.ndarray:
        """Return how much speaks for each class: logarithms of probabilities, or logits.

        (N, K), of two classes (N,): above 0 for the second one; of labels in columns above 0 where
        it is more for the label than against it.
        """
        outputs = self._predicted(*self._asked(X))
        return self._labels.scores(outputs, self._loss_of(self.model_))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _asked(self, X: Any) -> tuple[Any, Any]:
        checked = self._checked_inputs(X)
        return self.model_, checked

    def _settle(self, y: Any, classes: Any) -> None:
        self._labels = Labels(y, classes, type(self).__name__)
        self.classes_ = self._labels.classes

    def _given(self, X: Any, y: Any) -> Any:
        return self._labels.one_hot(self._labels.codes(y))

    def _target(self, model: Any, X: Any, y: Any) -> Any:
        width = self._outputs(model, X)
        return self._labels.target(self._labels.codes(y), width, self._loss_of(model))

    def _default(self, X: Any, y: Any, sample_weight: Any) -> Callable[..., Any]:
        activation = self._labels.activation()
        return functools.partial(
            default_model, X, y, activation=activation, sample_weight=sample_weight
        )

    def _loss(self, width: int, dtype: str) -> Any:
        return self._labels.loss(width, dtype)

    def _class_weights(self, y: Any, is_begun: bool) -> np.ndarray | None:
        if self.class_weight is None:
            return None
        if is_begun and self.class_weight == "balanced":
            raise ArgumentError(
                f"{type(self).__name__}.partial_fit",
                'class_weight="balanced" needs all labels at once',
                expected="a dict of labels to weights, or None",
                received={"class_weight": self.class_weight},
                mend='compute_class_weight("balanced", ...) of scikit-learn makes one.',
            )
        made = compute_sample_weight(self.class_weight, y)
        if made.min(initial=0.0) < 0:
            raise ArgumentError(
                type(self).__name__,
                "a class has a weight below 0",
                expected="weights of at least 0",
                received={"class_weight": self.class_weight},
            )
        return made

    def _strata(self, target: Any) -> Any:
        if self._labels.in_columns:
            return None
        return target.argmax(axis=1) if target.ndim > 1 and target.shape[1] > 1 else target

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags
