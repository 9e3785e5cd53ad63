"""compile, fit, evaluate, predict: the training loop, readable from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from melpy import losses, optimizers, random, tape
from melpy.callbacks import Callback, CallbackList, History, ProgbarLogger
from melpy.data import Samples, batches, checked, class_weights
from melpy.errors import ArgumentError, GraphError, ShapeError
from melpy.layers.base import Layer
from melpy.metrics import Mean, resolve
from melpy.saving import npz_file

__all__ = ["Trainer"]


class Trainer(Layer):
    """What a model can do beside being called. Abstract: mixed into the models."""

    compiled = False
    loss: Any = None
    stop_training = False
    history: History | None = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Sequence[Any] | None = None,
        weighted_metrics: Sequence[Any] | None = None,
        **ignored: Any,
    ) -> None:
        """Say how to train.

        Parameters
        ----------
        optimizer : name or optimizer
        loss : name, loss, or function of (y_true, y_pred)
        metrics : names, metrics or functions, unweighted; "accuracy" is the one that fits the
            shapes of labels and predictions
        weighted_metrics : the same, weighted by the samples' weights
        ignored : run_eagerly, jit_compile, steps_per_execution, auto_scale_loss: accepted for
            scripts written for Keras; here they change nothing
        """
        unknown = ignored.keys() - {
            "run_eagerly", "jit_compile", "steps_per_execution", "auto_scale_loss", "loss_weights",
        }  # fmt: skip
        if unknown:
            raise ArgumentError("compile", f"unknown argument {sorted(unknown)[0]!r}")
        self.optimizer = optimizers.get(optimizer)
        self.loss = losses.resolve(loss)
        self._metrics = [resolve(m) for m in _listed(metrics)]
        self._weighted_metrics = [resolve(m) for m in _listed(weighted_metrics)]
        self._mean_loss = Mean("loss")
        self.compiled = True

    # One step.

    def train_step(self, x: Any, y: Any, sample_weight: Any = None) -> None:
        """Forward, loss, backward, update: one batch."""
        y_pred = self(x, training=True)
        loss = self.compute_loss(y, y_pred, sample_weight)
        weights = self.trainable_weights
        if weights:
            self.optimizer.apply(tape.gradients(loss, weights), weights)
        self._note(loss, y, y_pred, sample_weight)

    def test_step(self, x: Any, y: Any, sample_weight: Any = None) -> None:
        """Forward and loss: one batch, nothing recorded."""
        with tape.no_grad():
            y_pred = self(x, training=False)
            loss = self.compute_loss(y, y_pred, sample_weight)
        self._note(loss, y, y_pred, sample_weight)

    def compute_loss(self, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the batch's loss, and the layers' penalties added to it."""
        loss = self.loss(y, y_pred, sample_weight)
        for penalty in self.losses:
            loss = loss + penalty
        return loss

    def _note(self, loss: Any, y: Any, y_pred: Any, sample_weight: Any) -> None:
        self._mean_loss.update_state(float(np.mean(np.asarray(loss))), len(y))
        predicted = np.asarray(y_pred)
        for metric in self._metrics:
            metric.update_state(y, predicted)
        for metric in self._weighted_metrics:
            metric.update_state(y, predicted, sample_weight)

    def _logs(self, prefix: str = "") -> dict[str, float]:
        return {prefix + metric.name: metric.result() for metric in self._trackers()}

    def _trackers(self) -> list[Any]:
        return [self._mean_loss, *self._metrics, *self._weighted_metrics]

    def reset_metrics(self) -> None:
        """Forget what loss and metrics have seen."""
        for metric in self._trackers():
            metric.reset_state()

    # Many steps.

    def fit(
        self,
        x: Any,
        y: Any,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Iterable[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Sequence[Any] | None = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        validation_batch_size: int | None = None,
    ) -> History:
        """Train, and return the history.

        Parameters
        ----------
        x, y : arrays whose first axis is the samples'
        batch_size : int > 0, 32 by default
        epochs : int >= 0, the number of the last epoch
        verbose : 0 for silence, 1 or "auto" for a bar (a line an epoch where the output is no
            terminal), 2 for a line an epoch
        callbacks : callbacks, called in order
        validation_split : float in [0, 1), this part of the samples, the last, is not trained on
        validation_data : (x, y) or (x, y, sample_weight), measured after each epoch
        shuffle : bool, new order each epoch
        class_weight : weight of each class's samples
        sample_weight : array (N,)
        initial_epoch : int >= 0, the number of epochs made already
        validation_batch_size : int > 0, batch_size by default

        Returns
        -------
        History; its ``history`` maps "loss", "accuracy", "val_loss" to lists, one value an epoch

        Raises
        ------
        DataError, ShapeError : the data is empty, not finite, or of unequal lengths; the labels do
            not fit the loss
        ArgumentError : a number is out of range

        Notes
        -----
        An interruption leaves the weights as they are then, and ``model.history``. Set
        ``stop_training`` for an end after a whole batch.
        """
        self._require_compiled("fit")
        batch_size = _whole(32 if batch_size is None else batch_size, "batch_size", 1)
        if validation_batch_size is not None:
            _whole(validation_batch_size, "validation_batch_size", 1)
        _whole(epochs, "epochs", 0)
        _whole(initial_epoch, "initial_epoch", 0)
        train = Samples(x, y, sample_weight)
        valid: Samples | None = None
        if validation_data is not None:
            valid = Samples(*_three(validation_data), "fit, validation_data")
        elif validation_split:
            train, valid = train.split(validation_split)
        if class_weight is not None:
            weight = class_weights(train.y, class_weight, "fit")
            train.weight = weight if train.weight is None else weight * train.weight
        for samples in (train, valid):
            if samples is not None:
                self._check_labels(samples)

        self.history = History()
        bar = [] if verbose == 0 else [ProgbarLogger()]
        steps = -(-len(train) // batch_size)
        watching = CallbackList(
            [*bar, *_listed(callbacks), self.history],
            self,
            epochs=epochs,
            steps=steps,
            verbose=1 if verbose == "auto" else verbose,
        )
        rng = random.generator() if shuffle else None
        self.stop_training = False

        watching.call("on_train_begin")
        try:
            for epoch in range(initial_epoch, epochs):
                watching.call("on_epoch_begin", epoch)
                self.reset_metrics()
                for step, rows in enumerate(batches(len(train), batch_size, rng)):
                    watching.call("on_train_batch_begin", step)
                    self.train_step(*train.take(rows))
                    watching.call("on_train_batch_end", step, self._logs())
                    if self.stop_training:
                        break
                logs = self._logs()
                if valid is not None:
                    logs |= self._measure(valid, validation_batch_size or batch_size, "val_")
                watching.call("on_epoch_end", epoch, logs)
                if self.stop_training:
                    break
        finally:
            watching.call("on_train_end")
        return self.history

    def evaluate(
        self,
        x: Any,
        y: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return the loss and the metrics on data: a number, a list, or a dict.

        Parameters
        ----------
        x, y, sample_weight : as in `fit`
        batch_size : int > 0, 32 by default
        verbose : 0 for silence, else one line
        return_dict : bool, a dict of names instead of a list
        """
        self._require_compiled("evaluate")
        samples = Samples(x, y, sample_weight, who="evaluate")
        self._check_labels(samples)
        started_s = time.perf_counter()
        logs = self._measure(
            samples, _whole(32 if batch_size is None else batch_size, "batch_size", 1, "evaluate")
        )
        if verbose not in (0, "auto"):
            numbers = "".join(f"  {name} {value:.4f}" for name, value in logs.items())
            print(f"{len(samples)} samples  {time.perf_counter() - started_s:.1f} s{numbers}")
        if return_dict:
            return logs
        values = list(logs.values())
        return values if len(values) > 1 else values[0]

    def _measure(self, samples: Samples, batch_size: int, prefix: str = "") -> dict[str, float]:
        self.reset_metrics()
        for rows in batches(len(samples), batch_size):
            self.test_step(*samples.take(rows))
        return self._logs(prefix)

    def predict(self, x: Any, batch_size: int | None = None, verbose: str | int = 0) -> np.ndarray:
        """Return the outputs for x, computed batch by batch, as one array.

        Parameters
        ----------
        x : array whose first axis is the samples'
        batch_size : int > 0, 32 by default
        verbose : accepted for Keras's sake
        """
        x = checked(x, "x", "predict")
        size = _whole(32 if batch_size is None else batch_size, "batch_size", 1, "predict")
        return np.concatenate([self.predict_on_batch(x[rows]) for rows in batches(len(x), size)])

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """Return the outputs for one batch."""
        with tape.no_grad():
            return np.asarray(self(x, training=False))

    def train_on_batch(
        self,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Make one step on one batch, and return its loss and metrics."""
        self._require_compiled("train_on_batch")
        samples = Samples(x, y, sample_weight, who="train_on_batch")
        if class_weight is not None:
            samples.weight = class_weights(samples.y, class_weight, "train_on_batch")
        self._check_labels(samples)
        self.reset_metrics()
        self.train_step(*samples.take(slice(None)))
        return self._result(return_dict)

    def test_on_batch(
        self, x: Any, y: Any, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Return the loss and the metrics on one batch."""
        self._require_compiled("test_on_batch")
        samples = Samples(x, y, sample_weight, who="test_on_batch")
        self._check_labels(samples)
        self.reset_metrics()
        self.test_step(*samples.take(slice(None)))
        return self._result(return_dict)

    def _result(self, return_dict: bool) -> Any:
        logs = self._logs()
        values = list(logs.values())
        return logs if return_dict else values if len(values) > 1 else values[0]

    # Checks that come before any work.

    def _require_compiled(self, who: str) -> None:
        if not self.compiled or self.loss is None:
            raise GraphError(
                who,
                "the model does not know how to train yet",
                mend='Call compile() first, for example compile("adam", loss="mse").',
            )

    def _check_labels(self, samples: Samples) -> None:
        """Hold all labels against the output's shape before the first step."""
        self.ensure_built((None, *samples.x.shape[1:]))
        shape = self.compute_output_shape((None, *samples.x.shape[1:]))
        self.loss.check(samples.y, (len(samples), *shape[1:]))

    # Weights in files.

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write the weights into an .npz file, whole or not at all."""
        path = _npz(filepath, "save_weights")
        if not overwrite and Path(path).exists():
            raise ArgumentError(
                "save_weights",
                "the file exists already",
                received={"filepath": path},
                mend="Pass overwrite=True, or another name.",
            )
        npz_file.save_weights(path, self.weights)

    def load_weights(self, filepath: Any) -> None:
        """Read the weights from an .npz file that `save_weights` wrote for the same layers."""
        if not self.built:
            raise ShapeError(
                "load_weights",
                "the model has no weights yet",
                mend="Begin it with an Input, or call it once.",
            )
        npz_file.load_weights(_npz(filepath, "load_weights"), self.weights)


def _three(data: Sequence[Any]) -> tuple[Any, Any, Any]:
    """Return (x, y) or (x, y, sample_weight) as three."""
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        raise ArgumentError(
            "fit",
            "validation_data has another form",
            expected="(x, y) or (x, y, sample_weight)",
            received={"type": type(data).__name__},
        )
    return data[0], data[1], data[2] if len(data) == 3 else None


def _listed(values: Any) -> list[Any]:
    """Return several, one, or none (None) as a list."""
    if values is None:
        return []
    return list(values) if isinstance(values, list | tuple) else [values]


def _npz(filepath: Any, who: str) -> str:
    text = str(filepath)
    if not text.endswith(".npz"):
        raise ArgumentError(
            who, "unknown kind of file", expected="a name that ends in .npz",
            received={"filepath": text},
        )  # fmt: skip
    return text


def _whole(value: Any, name: str, least: int, who: str = "fit") -> int:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise ArgumentError(
            who,
            f"{name} is out of range",
            expected=f"a whole number of at least {least}",
            received={name: value},
        )
    return int(value)
