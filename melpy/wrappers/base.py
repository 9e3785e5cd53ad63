"""What the estimators share: data in, a model made and trained, outputs out."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from melpy import config, losses, random
from melpy.callbacks import EarlyStopping
from melpy.errors import ArgumentError, DtypeError, SignatureError, signature_error
from melpy.kernels.dispatch import saying_what_is_compiled
from melpy.models import Model, clone_model
from melpy.optimizers import Adam
from melpy.tables import is_sparse
from melpy.wrappers.batches import SparseBatches, dense, dense_if_small
from melpy.wrappers.checks import Checking

__all__ = ["Estimator", "Learned"]

RATE, EPSILON = 1e-3, 1e-7  # of Adam; the second is for losses near 1
DEFAULT_EPOCHS = 100  # of a default network, unless its loss stays as it is before
LEAST_PROGRESS = 1e-4  # of its loss in an epoch, in units of the targets' variance
INFERENCE_ROWS = 256  # of a batch of predictions


class Learned(NamedTuple):
    """What a model learns from: rows of X, their targets, and their weights or None."""

    X: Any
    target: Any
    weight: np.ndarray | None

    def take(self, rows: Any) -> Learned:
        """Return some of the rows."""
        weight = None if self.weight is None else self.weight[rows]
        return Learned(self.X[rows], self.target[rows], weight)


class Estimator(Checking):
    """A model as an estimator of scikit-learn's. Abstract.

    A subclass says what a model's targets are: `_settle` of the first y, `_target` of any.
    """

    model_: Any
    history_: Any
    n_iter_: int

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
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state

    # What a subclass says.

    def _settle(self, y: Any, classes: Any) -> None:
        """Learn of the first y, whose rows have a weight, what there is to be predicted. Abstract.

        What ends with an underscore is set here.
        """
        raise NotImplementedError

    def _given(self, X: Any, y: Any) -> Any:
        """Return y as a function that makes a model sees it. Abstract."""
        raise NotImplementedError

    def _target(self, model: Any, X: Any, y: Any) -> Any:
        """Return what a compiled model learns. Abstract."""
        raise NotImplementedError

    def _default(self, X: Any, y: Any, sample_weight: Any) -> Callable[..., Any]:
        """Return the function that makes a network where none was given. Abstract."""
        raise NotImplementedError

    def _loss(self, width: int, dtype: str) -> Any:
        """Return the loss of a model that was given without one."""
        return losses.MeanSquaredError(dtype=dtype)

    def _scale_of_loss(self, target: Any, weight: Any) -> float:
        """Return how much of a loss is a large part of it."""
        return 1.0

    # Training.

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any) -> Self:
        """Train a model, anew unless ``warm_start``.

        Parameters
        ----------
        X : array, DataFrame or sparse matrix (N, D), or array (N, ...)
        y : what is to be predicted, (N,) or (N, K)
        sample_weight : array (N,) or None. Only ratios count: of weights k a sample counts as k
            samples, of weight 0 as none
        kwargs : further arguments of `Model.fit`, over those of ``fit_kwargs``; the y of
            ``validation_data`` is as y is

        Raises
        ------
        ValueError : data that do not fit, in scikit-learn's words or in ours
        """
        begins = not (self.warm_start and hasattr(self, "model_"))
        return self._train(X, y, sample_weight, kwargs, begins, is_whole=True)

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None, **kwargs: Any) -> Self:
        """Train on, for one epoch unless ``fit_kwargs`` say otherwise; the first call begins.

        Parameters
        ----------
        X, y, kwargs : as in `fit`
        sample_weight : array (N,) or None, what each sample's loss is multiplied with
        """
        begins = not hasattr(self, "model_")
        return self._train(X, y, sample_weight, kwargs, begins, is_whole=False)

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        kwargs: Mapping[str, Any],
        begins: bool,
        is_whole: bool,
        classes: Any = None,
    ) -> Self:
        """Train on data, and set what is known by it.

        Parameters
        ----------
        begins : bool, whether with a new model
        is_whole : bool, whether these are all data that there are
        """
        self._require_parameters()
        X, y = self._checked(X, y, reset=begins)
        weight = self._weights(X, y, sample_weight, is_whole)
        if weight is not None and not weight.all():  # what weighs nothing is not there
            kept = weight > 0
            X, y, weight = X[kept], None if y is None else y[kept], weight[kept]
        if begins:
            self._settle(y, classes)
        with random.stream(self._seed()), saying_what_is_compiled(self._say(kwargs)):
            model = self._made(X, y, weight) if begins else self.model_
            learned = self._learned(model, X, y, weight)
            options = self._options(kwargs, is_whole)
            learned = self._held_back(model, learned, options, is_whole)
            history = self._fitted(model, learned, options)
        self.n_iter_ = (0 if begins else self.n_iter_) + len(history.epoch)
        self.model_, self.history_ = model, history
        return self

    def _say(self, kwargs: Mapping[str, Any]) -> Callable[[str], None] | None:
        """Return what says that kernels are compiled: fits are quiet else, but this takes time."""
        verbose = {**(self.fit_kwargs or {}), **kwargs}.get("verbose", "auto")
        return config.say if verbose else None

    def _seed(self) -> int:
        if self.random_state is None:
            return random.next_seed()
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    # The model.

    def _made(self, X: Any, y: Any, weight: Any) -> Any:
        """Return a compiled model to begin with."""
        options, scale = dict(self.model_kwargs or {}), 1.0
        if isinstance(self.model, Model):
            if options:
                raise ArgumentError(
                    type(self).__name__,
                    "model_kwargs are for a function that makes a model, and this is a model",
                    expected="no model_kwargs",
                    received={"model_kwargs": options},
                )
            model = copy.deepcopy(self.model) if self.warm_start else clone_model(self.model)
        elif self.model is None:
            given = self._given(X, y)
            make, scale = self._default(X, given, weight), self._scale_of_loss(given, weight)
            taken = ("hidden_layer_sizes", "n_components")
            error = signature_error(type(self).__name__, taken, options)
            if error is not None:
                raise error
            model = make(**options)
        elif callable(self.model):
            model = self._called(self.model, X, self._given(X, y), options)
        else:
            model = self.model
        if not isinstance(model, Model):
            raise DtypeError(
                type(self).__name__,
                "this makes no model",
                expected="a model, a function of X and y that returns one, or None",
                received={"model": type(model).__name__},
            )
        if not model.compiled:
            width = self._outputs(model, X)
            rate = RATE if self.learning_rate is None else self.learning_rate
            optimizer = Adam(rate, epsilon=EPSILON * scale)
            model.compile(optimizer, self._loss(width, model.dtype))
        elif self.learning_rate is not None:
            model.optimizer.learning_rate = self.learning_rate
        return model

    def _called(self, make: Callable[..., Any], X: Any, y: Any, options: Mapping[str, Any]) -> Any:
        """Return what a function makes of data: by their names where it has those, as in Keras."""
        signature = inspect.signature(make)
        data = {"X": X, "y": y}
        by_name = data.keys() <= signature.parameters.keys()
        args, kwargs = ((), data | dict(options)) if by_name else ((X, y), dict(options))
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise SignatureError(
                type(self).__name__,
                f"the model's function does not take X, y and model_kwargs ({error})",
                expected=f"arguments {signature}",
                received={"model_kwargs": [*options]},
            ) from error
        return make(*args, **kwargs)

    def _outputs(self, model: Any, X: Any) -> int:
        """Return how many numbers a model gives for a sample."""
        shape = getattr(model, "output_shape", None)  # a model with a call of its own has none
        if shape is None:
            made = model.predict_on_batch(dense(X[:1]))
            shape = made.shape if isinstance(made, np.ndarray) else None
        if not isinstance(shape, tuple) or any(isinstance(size, tuple) for size in shape):
            raise ArgumentError(
                type(self).__name__,
                "the model has several outputs",
                expected="a model with one output",
                received={"output_shape": shape},
            )
        return int(shape[-1]) if len(shape) > 1 and shape[-1] is not None else 1

    def _loss_of(self, model: Any) -> Any:
        """Return the loss object that a model was compiled with."""
        loss = [*model.loss.values()] if isinstance(model.loss, Mapping) else model.loss
        if isinstance(loss, list | tuple):
            loss = loss[0] if len(loss) == 1 else None  # several are added up
        return losses.resolve(loss)

    # Options.

    def _options(self, kwargs: Mapping[str, Any], is_whole: bool) -> dict[str, Any]:
        """Return the arguments of the model's fit beside data: those given last count."""
        usual = DEFAULT_EPOCHS if self.model is None else 1
        epochs = (usual if self.epochs is None else self.epochs) if is_whole else 1
        usual_options = {"epochs": epochs, "batch_size": self.batch_size, "verbose": 0}
        options = usual_options | dict(self.fit_kwargs or {}) | dict(kwargs)
        callbacks = options.get("callbacks") or []
        options["callbacks"] = [*callbacks] if isinstance(callbacks, Sequence) else [callbacks]
        return options

    def _held_back(
        self, model: Any, learned: Learned, options: dict[str, Any], is_whole: bool
    ) -> Learned:
        """Return what is left to learn from, and put among the options what says when to stop."""
        given = options.get("validation_data")
        if isinstance(given, list | tuple):
            X, y = self._checked(given[0], given[1], reset=False)
            held_back = self._learned(model, X, y, *(given[2:] or [None]))
            options["validation_data"] = self._batches(held_back, options)
        elif self.early_stopping and is_whole and given is None:
            kept, held = train_test_split(
                np.arange(learned.X.shape[0]),
                test_size=self.validation_fraction,
                random_state=random.next_seed(),
                stratify=self._strata(learned.target),
            )
            options["validation_data"] = self._batches(learned.take(held), options)
            learned = learned.take(kept)
        patience = self.n_iter_no_change
        if self.early_stopping and options.get("validation_data") is not None:
            stop = EarlyStopping("val_loss", patience=patience, restore_best_weights=True)
            options["callbacks"].append(stop)
        elif self.model is None and is_whole:
            least = LEAST_PROGRESS * self._scale_of_loss(learned.target, learned.weight)
            options["callbacks"].append(EarlyStopping("loss", min_delta=least, patience=patience))
        return learned

    def _learned(self, model: Any, X: Any, y: Any, weight: Any) -> Learned:
        target = self._target(model, X, y)
        return Learned(dense_if_small(X), dense_if_small(target), weight)

    def _strata(self, target: Any) -> Any:
        """Return what is to be in both parts alike where one is held back."""
        return None

    def _batches(self, learned: Learned, options: Mapping[str, Any], shuffle: bool = False) -> Any:
        """Return data for a model: arrays, or batches of a sparse matrix."""
        if is_sparse(learned.X):
            return SparseBatches(*learned, options["batch_size"] or 32, shuffle)
        return tuple(part for part in learned if part is not None)

    def _fitted(self, model: Any, learned: Learned, options: dict[str, Any]) -> Any:
        """Train a model, and return the history."""
        data = self._batches(learned, options, options.get("shuffle", True))
        if is_sparse(learned.X):
            del options["batch_size"]
            return model.fit(data, **{**options, "shuffle": False})
        return model.fit(learned.X, learned.target, sample_weight=learned.weight, **options)

    # Outputs.

    def _predicted(self, model: Any, X: Any) -> np.ndarray:
        """Return a model's outputs for checked data."""
        X, size = dense_if_small(X), max(self.batch_size or 0, INFERENCE_ROWS)
        if is_sparse(X):
            return model.predict(SparseBatches(X, batch_size=size), verbose=0)
        return model.predict(X, batch_size=size, verbose=0)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        return tags
