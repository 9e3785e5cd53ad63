"""fit, evaluate, predict: the training loop, readable from top to bottom."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from melpy import config, tree
from melpy.callbacks import Callback, CallbackList, History, Standing
from melpy.callbacks.progbar import verbosity
from melpy.data import Samples, Source, source_of, unpacked
from melpy.data.classes import ClassWeight, refuse_balanced
from melpy.data.source import ArraySource, is_arrays
from melpy.errors import ArgumentError, suggesting, whole_numbers
from melpy.kernels.dispatch import saying_what_is_compiled
from melpy.layers.base import Layer
from melpy.models.checks import Checks
from melpy.models.compiled_metrics import CompiledMetrics
from melpy.models.executions import (
    as_arrays,
    between_looks,
    due_by,
    executions,
    joined,
    predicted,
    until_stopped,
)  # fmt: skip
from melpy.models.loss_watch import LossWatch
from melpy.models.program import programs_of
from melpy.models.shared import calling, compare, read_own, shared_by
from melpy.models.steps import as_logs, assert_compiled

__all__ = ["Trainer"]


class Trainer(Checks):
    """What a model can do beside being called: the loops over many batches. Abstract."""

    stop_training = stop_evaluating = stop_predicting = False
    _standing: Standing | None = None  # where `fit` is, while it runs
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
        shuffle: bool | str = True,
        class_weight: ClassWeight | None = None,
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
        batch_size : int > 0, 32 by default; with steps_per_epoch, what makes so many batches of
            all samples
        epochs : int >= 0, the number of the last epoch
        verbose : 0 for silence, 1 or "auto" for a bar (a line an epoch where the output is no
            terminal), 2 for a line an epoch
        callbacks : callbacks, called in order
        validation_split : float in [0, 1), this part of the samples, the last, is not trained on
        validation_data : (x, y) or (x, y, sample_weight), or batches, measured after each epoch
        shuffle : bool, new order each epoch, of arrays and of a `PyDataset`; "batch" for a new
            order in each batch of arrays
        class_weight : weight of each class's samples, by the class's number; "balanced", of
            arrays, makes all classes weigh the same together
        sample_weight : array (N,), or a list or dict of them for several outputs
        initial_epoch : int >= 0, the number of epochs made already
        steps_per_epoch : int > 0, batches an epoch, all by default; the next epoch goes on where
            the last one stopped, and the data's end ends an epoch
        validation_steps : int > 0, batches a validation, all by default; always the first
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
        verbose = verbosity("fit", verbose)
        epochs = min(epochs, config.max_epochs() or epochs)
        settings = {"epochs": epochs, "initial_epoch": initial_epoch,
                    "validation_freq": validation_freq, "class_weight": class_weight}  # fmt: skip
        valid: Source | None = None
        if validation_split and validation_data is None:
            if not is_arrays(x):
                raise ArgumentError(
                    "fit",
                    "validation_split takes the last of the samples, which batches do not tell",
                    expected="arrays, or validation_data",
                    received={"x": type(x).__name__},
                )
            train, held_back = Samples(x, y, sample_weight).split(validation_split)
            x, y, sample_weight = train.x, train.y, train.weight
            size = validation_batch_size or batch_size
            valid = ArraySource(held_back, size, False, validation_steps)
        elif validation_data is not None:
            valid = self._validation(
                validation_data, validation_batch_size or batch_size, validation_steps
            )
        source = source_of(
            x, y, sample_weight, batch_size=batch_size, shuffle=shuffle,
            class_weight=class_weight, steps=steps_per_epoch,
        )  # fmt: skip
        self._unchecked = ()
        if isinstance(source, ArraySource):
            self._check_samples(source.samples, class_weight)
        elif class_weight is not None:
            self._check_later(None, class_weight)
        if isinstance(valid, ArraySource):
            self._check_samples(valid.samples, who=valid.who)
        is_due = due_by(validation_freq)
        read_own(source, valid)
        self._build_for_data(source)

        watching = _watching(callbacks, self, verbose, epochs, source, add_history=True)
        programs = programs_of(self)
        together = between_looks(self.steps_per_execution, source, watching, programs)
        self.stop_training, logs = False, dict[str, Any]()
        standing = Standing(self, source, watching.callbacks, validation=valid)
        said = saying_what_is_compiled(config.say if verbose else None)
        shared = shared_by()
        self._watch = watch = LossWatch(self, standing, programs, shared is not None)
        if shared is not None:
            shared.watching(watching)
        with standing.of(self), programs, said, calling("fit"):
            watching.on_train_begin()  # may go on from a backup, to where it stood
            if shared is not None:
                shared.begin(standing, settings)
            for epoch in range(max(initial_epoch, standing.epoch), epochs):
                if standing.ends:  # as a callback had it
                    break
                source.number = epoch
                self.reset_metrics()
                programs.stand_alike()
                standing.begin_epoch(epoch, lambda: watching.on_epoch_begin(epoch))  # noqa: B023
                made: dict[str, Any] = standing.logs  # those of a batch before a backup
                coming = executions(source, together, standing.batch)
                for first, last, batches in until_stopped(self, coming, "stop_training", programs):
                    watching.on_train_batch_begin(first)
                    with watch.alone():
                        made = programs.run(batches)
                    standing.batch, standing.logs = last + 1, as_logs(made)
                    watching.on_train_batch_end(last, dict(standing.logs))  # callbacks may add some
                if not made:  # there was no batch left
                    break
                standing.finish_epoch(self.stop_training)
                logs = as_logs(made if shared is None else shared.trained(self))
                if valid is not None and is_due(epoch):
                    measured = self._measure(valid, watching)
                    logs |= {f"val_{name}": value for name, value in measured.items()}
                logs = dict(sorted(logs.items()))
                watching.on_epoch_end(epoch, logs)
                if shared is not None:
                    self.stop_training = shared.agree(self.stop_training)
                if self.stop_training:
                    break
            if epochs > initial_epoch and hasattr(self.optimizer, "finalize_variable_values"):
                self.optimizer.finalize_variable_values(self.trainable_weights)
            watching.on_train_end(logs)
        return self.history  # type: ignore[return-value]

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
        verbose : 0 or "auto" for silence, 1 for a bar, 2 for one line
        steps : int > 0, how many batches, all by default
        callbacks : callbacks, called in order
        return_dict : bool, a dict of names instead of a list
        """
        assert_compiled(self, "evaluate")
        whole_numbers("evaluate", 1, batch_size=batch_size, steps=steps)
        verbose = verbosity("evaluate", verbose, auto=0)
        source = source_of(x, y, sample_weight, batch_size=batch_size, steps=steps, who="evaluate")
        read_own(source)
        if isinstance(source, ArraySource):
            self._check_samples(source.samples, who="evaluate")
        watching = _watching(callbacks, self, verbose, 1, source)
        return self._result(self._measure(source, watching), return_dict)

    def _measure(self, source: Source, watching: CallbackList) -> dict[str, Any]:
        """Return the means over one epoch of a source, nothing trained."""
        self.stop_evaluating = False
        source.restart()  # always the same samples, where there are fewer steps
        shared = shared_by()
        watching.on_test_begin()
        self.reset_metrics()
        made: dict[str, Any] = {}
        programs = programs_of(self, learns=False)
        together = between_looks(self.steps_per_execution, source, watching, programs)
        with programs, calling("evaluate"):
            compare(source)
            programs.stand_alike()
            coming = executions(source, together)
            for first, last, batches in until_stopped(self, coming, "stop_evaluating", programs):
                watching.on_test_batch_begin(first)
                made = programs.run(batches)
                watching.on_test_batch_end(last, as_logs(made))
            made = made if shared is None else shared.results(self)
        logs = dict(sorted(as_logs(made).items()))
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
        verbose : 0 or "auto" for silence, 1 for a bar, 2 for one line
        steps : int > 0, how many batches, all by default
        callbacks : callbacks, called in order
        """
        whole_numbers("predict", 1, batch_size=batch_size, steps=steps)
        verbose = verbosity("predict", verbose, auto=0)
        source = source_of(x, batch_size=batch_size, steps=steps, who="predict")
        read_own(source)
        if isinstance(source, ArraySource):
            self._check_range(source.samples, "predict")
        watching = _watching(callbacks, self, verbose, 1, source)
        self.stop_predicting = False
        made: list[Any] = []
        watching.on_predict_begin()
        coming = executions(source, self.steps_per_execution)
        with calling("predict"):
            compare(source)
            for first, last, batches in until_stopped(self, coming, "stop_predicting"):
                watching.on_predict_batch_begin(first)
                parts = [predicted(self, batch) for batch in batches]
                y = parts[0] if len(parts) == 1 else joined(parts)
                made.append(y)
                watching.on_predict_batch_end(last, {"outputs": y})
        watching.on_predict_end()
        return joined(made)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch."""
        return as_arrays(self.predict_step((x,)))

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
        return self._result(self._made_of(batch, learns=True), return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Return the loss and the metrics on one batch."""
        batch = self._one_batch("test_on_batch", x, y, sample_weight)
        return self._result(self._made_of(batch, learns=False), return_dict)

    def _made_of(self, batch: Any, learns: bool) -> dict[str, Any]:
        """Return a step's logs, of all processes' samples."""
        programs, shared = programs_of(self, learns), shared_by()
        with calling("train_on_batch" if learns else "test_on_batch"):
            programs.stand_alike()
            made = programs.run([batch], are_checked=True)
            return as_logs(made if shared is None else shared.results(self))

    def _one_batch(self, who: str, x: Any, y: Any, weight: Any, class_weight: Any = None) -> Any:
        assert_compiled(self, who)
        refuse_balanced(class_weight, who)
        source: Any = source_of(x, y, weight, steps=1, class_weight=class_weight, who=who)
        self._check_samples(source.samples, class_weight, who)
        self.reset_metrics()
        return next(source.whole())

    def _build_for_data(self, source: Source) -> None:
        """Make all weights before the first callback, from the shapes of the first batch."""
        if self.built and all(layer.built for layer in self.layers_inside):
            return
        x, _, _ = unpacked(source.peek())
        with contextlib.suppress(Exception):  # what zeros cannot build, the first batch will
            Layer.compute_output_shape(
                self, tree.map_structure(lambda a: (None, *np.shape(a)[1:]), x)
            )

    def _result(self, logs: dict[str, Any], return_dict: bool) -> Any:
        """Return the logs, or their values in the order of `metrics`: the only one, or a list."""
        if return_dict:
            return logs
        names: list[str] = []
        for metric in self.metrics:
            inner = metric.metrics if isinstance(metric, CompiledMetrics) else [metric]
            names += [one.name for one in inner]
        values = [logs[name] for name in names if name in logs]
        values += [logs[name] for name in sorted(logs) if name not in names]
        return values[0] if len(values) == 1 else values


def _watching(
    callbacks: Any, model: Any, verbose: Any, epochs: int, source: Source, add_history: bool = False
) -> CallbackList:
    """Return all callbacks as one; a list that was made by hand is taken as it is."""
    if isinstance(callbacks, CallbackList):
        return callbacks
    return CallbackList(
        callbacks,
        add_history=add_history,
        add_progbar=verbose != 0,
        model=model,
        epochs=epochs,
        steps=source.epoch_steps,
        verbose=verbose,
    )
