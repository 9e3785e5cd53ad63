"""fit, evaluate, predict: the training loop, readable from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from melpy import tape, tree
from melpy.callbacks import Callback, CallbackList, History, ProgbarLogger
from melpy.data import Samples, Source, packed, source_of, unpacked
from melpy.data.source import ArraySource, is_arrays
from melpy.errors import ArgumentError, suggesting
from melpy.models.steps import Steps, as_logs, assert_compiled

__all__ = ["Trainer"]


class Trainer(Steps):
    """What a model can do beside being called: the loops over many batches. Abstract."""

    stop_training = False
    next_epoch = 0
    history: History | None = None

    @suggesting
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Iterable[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
    ) -> History:
        """Train, and return the history.

        Parameters
        ----------
        x, y : arrays whose first axis is the samples', lists or dicts of them for several inputs
            or outputs; or x alone: a `PyDataset`, a `Loader`, a generator or another iterable of
            batches (x, y) or (x, y, sample_weight)
        batch_size : int > 0, 32 by default
        epochs : int >= 0, the number of the last epoch
        verbose : 0 for silence, 1 or "auto" for a bar (a line an epoch where the output is no
            terminal), 2 for a line an epoch
        callbacks : callbacks, called in order
        validation_split : float in [0, 1), this part of the samples, the last, is not trained on
        validation_data : (x, y) or (x, y, sample_weight), or batches, measured after each epoch
        shuffle : bool, new order each epoch, of arrays and of a `PyDataset`
        class_weight : weight of each class's samples
        sample_weight : array (N,), or a list or dict of them for several outputs
        initial_epoch : int >= 0, the number of epochs made already
        steps_per_epoch : int > 0, batches an epoch, all by default
        validation_steps : int > 0, batches a validation, all by default
        validation_batch_size : int > 0, batch_size by default
        validation_freq : int > 0, every how many epochs to validate; or the epochs, from 1

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
        assert_compiled(self, "fit")
        whole_numbers("fit", 1, batch_size=batch_size, validation_batch_size=validation_batch_size)
        whole_numbers("fit", 0, epochs=epochs, initial_epoch=initial_epoch)
        whole_numbers("fit", 1, steps_per_epoch=steps_per_epoch, validation_steps=validation_steps)
        valid: Source | None = None
        if validation_split and validation_data is None:
            train, held_back = Samples(x, y, sample_weight).split(validation_split)
            x, y, sample_weight = train.x, train.y, train.weight
            valid = ArraySource(
                held_back, validation_batch_size or batch_size or 32, False, validation_steps
            )
        elif validation_data is not None:
            valid = self._validation(
                validation_data, validation_batch_size or batch_size, validation_steps
            )
        source = source_of(
            x, y, sample_weight, batch_size=batch_size, shuffle=shuffle,
            class_weight=class_weight, steps=steps_per_epoch,
        )  # fmt: skip
        for one in (source, valid):
            if isinstance(one, ArraySource):
                self._check_labels(one.samples)

        self.history = History()
        bar = [] if verbose == 0 else [ProgbarLogger()]
        watching = CallbackList(
            [*bar, *listed(callbacks), self.history],
            model=self,
            epochs=epochs,
            steps=source.epoch_steps,
            verbose=1 if verbose == "auto" else verbose,
        )
        self.stop_training, self.next_epoch = False, 0

        logs: dict[str, Any] = {}
        watching.on_train_begin()  # may set next_epoch, to go on from a backup
        try:
            for epoch in range(max(initial_epoch, self.next_epoch), epochs):
                source.number = epoch
                watching.on_epoch_begin(epoch)
                self.reset_metrics()
                logs = {}
                for step, batch in enumerate(source.epoch()):
                    watching.on_train_batch_begin(step)
                    logs = as_logs(self.train_step(packed(batch)))
                    watching.on_train_batch_end(step, logs)
                    if self.stop_training:
                        break
                if not logs:  # there was no batch left
                    break
                if valid is not None and _is_due(epoch, validation_freq):
                    measured = self._measure(valid, watching)
                    logs |= {f"val_{name}": value for name, value in measured.items()}
                watching.on_epoch_end(epoch, logs)
                if self.stop_training or source.exhausted:
                    break
            if epochs > initial_epoch and hasattr(self.optimizer, "finalize_variable_values"):
                self.optimizer.finalize_variable_values(self.trainable_weights)
        finally:
            watching.on_train_end(logs)
        return self.history

    def _validation(self, data: Any, batch_size: int | None, steps: int | None) -> Source:
        """Return the source of ``validation_data``."""
        who = "fit, validation_data"
        if isinstance(data, tuple | list):
            if not 2 <= len(data) <= 3:
                raise ArgumentError(
                    "fit",
                    "validation_data has another form",
                    expected="(x, y) or (x, y, sample_weight)",
                    received={"type": type(data).__name__},
                )
            x, y, weight = unpacked(tuple(data))
            return source_of(x, y, weight, batch_size=batch_size, steps=steps, who=who)
        if is_arrays(data):
            raise ArgumentError(
                "fit",
                "validation_data has another form",
                expected="(x, y) or (x, y, sample_weight)",
                received={"type": type(data).__name__},
            )
        return source_of(data, steps=steps, who=who)

    @suggesting
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Iterable[Callback] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Return the loss and the metrics on data: a number, a list, or a dict.

        Parameters
        ----------
        x, y, sample_weight : as in `fit`
        batch_size : int > 0, 32 by default
        verbose : 0 for silence, else one line
        steps : int > 0, how many batches, all by default
        callbacks : callbacks, called in order
        return_dict : bool, a dict of names instead of a list
        """
        assert_compiled(self, "evaluate")
        whole_numbers("evaluate", 1, batch_size=batch_size, steps=steps)
        source = source_of(x, y, sample_weight, batch_size=batch_size, steps=steps, who="evaluate")
        if isinstance(source, ArraySource):
            self._check_labels(source.samples)
        started_s = time.perf_counter()
        watching = CallbackList(
            listed(callbacks), model=self, steps=source.epoch_steps, verbose=verbose
        )
        logs = self._measure(source, watching)
        if verbose not in (0, "auto"):
            numbers = "".join(f"  {name} {value:.4f}" for name, value in logs.items())
            print(f"{time.perf_counter() - started_s:.1f} s{numbers}")
        return _result(logs, return_dict)

    def _measure(self, source: Source, watching: CallbackList) -> dict[str, Any]:
        """Return the means over one epoch of a source, nothing trained."""
        self.reset_metrics()
        logs: dict[str, Any] = {}
        watching.on_test_begin()
        for step, batch in enumerate(source.epoch()):
            watching.on_test_batch_begin(step)
            logs = as_logs(self.test_step(packed(batch)))
            watching.on_test_batch_end(step, logs)
        watching.on_test_end(logs)
        return logs

    @suggesting
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Iterable[Callback] | None = None,
    ) -> Any:
        """Return the outputs for x, computed batch by batch, as arrays.

        Parameters
        ----------
        x : as in `fit`
        batch_size : int > 0, 32 by default
        verbose : accepted for Keras's sake
        steps : int > 0, how many batches, all by default
        callbacks : callbacks, called in order
        """
        whole_numbers("predict", 1, batch_size=batch_size, steps=steps)
        source = source_of(x, batch_size=batch_size, steps=steps, who="predict")
        watching = CallbackList(
            listed(callbacks), model=self, steps=source.epoch_steps, verbose=verbose
        )
        made: list[Any] = []
        watching.on_predict_begin()
        for step, (batch, _, _) in enumerate(source.epoch()):
            watching.on_predict_batch_begin(step)
            y = tree.map_structure(np.asarray, self.predict_step((batch,)))
            made.append(y)
            watching.on_predict_batch_end(step, {"outputs": y})
        watching.on_predict_end()
        return tree.map_structure(lambda *parts: np.concatenate(parts), *made)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch."""
        return tree.map_structure(np.asarray, self.predict_step((x,)))

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Make one step on one batch, and return its loss and metrics."""
        batch = self._one_batch("train_on_batch", x, y, sample_weight, class_weight)
        return _result(as_logs(self.train_step(batch)), return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Return the loss and the metrics on one batch."""
        batch = self._one_batch("test_on_batch", x, y, sample_weight)
        return _result(as_logs(self.test_step(batch)), return_dict)

    def _one_batch(self, who: str, x: Any, y: Any, weight: Any, class_weight: Any = None) -> Any:
        assert_compiled(self, who)
        source = source_of(x, y, weight, class_weight=class_weight, who=who)
        self._check_labels(source.samples)  # type: ignore[attr-defined]
        self.reset_metrics()
        return packed(source.samples.take(slice(None)))  # type: ignore[attr-defined]

    def _check_labels(self, samples: Samples) -> None:
        """Hold all labels against the outputs' shapes before the first step."""
        objectives = self._objectives
        if (
            samples.y is None
            or objectives is None
            or type(self).train_step is not Trainer.train_step
        ):
            return
        outputs = self._outputs_for(samples)
        objectives.lay_out(outputs, self.output_names)
        shapes = [tuple(x.shape) for x in tree.flatten(outputs)]
        if not any(size is None for shape in shapes for size in shape[1:]):
            objectives.check(samples.y, shapes, len(samples))

    def _outputs_for(self, samples: Samples) -> Any:
        """Return something of the outputs' nesting and shapes: here, the first sample's outputs."""
        with tape.no_grad():
            return self(samples.take(slice(0, 1))[0], training=False)


def listed(values: Any) -> list[Any]:
    """Return several, one, or none (None) as a list."""
    if values is None:
        return []
    return list(values) if isinstance(values, list | tuple) else [values]


def _result(logs: dict[str, Any], return_dict: bool) -> Any:
    values = list(logs.values())
    return logs if return_dict else values if len(values) > 1 else values[0]


def _is_due(epoch: int, frequency: int | Sequence[int]) -> bool:
    """Return whether to validate after epoch number ``epoch``, counted from 0."""
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency


def whole_numbers(who: str, least: int, **values: Any) -> None:
    """Refuse a number that is no whole number of at least ``least``; None passes."""
    for name, value in values.items():
        if value is None:
            continue
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
            raise ArgumentError(
                who,
                f"{name} is out of range",
                expected=f"a whole number of at least {least}",
                received={name: value},
            )
