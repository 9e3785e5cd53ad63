"""compile, and one step: what happens to one batch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from melpy import clock, foreign, ops, optimizers, saving, tape, tree
from melpy.configurable import is_ours, plain
from melpy.data import unpacked
from melpy.data.classes import require_classes
from melpy.errors import ArgumentError, GraphError, suggesting, warn, whole_numbers
from melpy.kernels import program
from melpy.layers.base import Layer
from melpy.metrics import Mean
from melpy.models.compiled_loss import CompiledLoss
from melpy.models.compiled_metrics import CompiledMetrics
from melpy.models.outputs import Outputs
from melpy.tensor import Tensor, mask_of

__all__ = ["Steps", "as_logs", "assert_compiled"]


class Steps(Layer):
    """What a model does with one batch: training, measuring, predicting. Abstract.

    A subclass may override ``train_step``, ``test_step``, ``predict_step`` (each takes one batch
    as it comes from the data), ``compute_loss`` or ``compute_metrics``; `train_step` shows one.
    """

    measures_apart = True  # what holds a model does not report the model's metrics
    compiled = False
    loss: Any = None
    optimizer: Any = None
    output_names: Any = None
    run_eagerly = False
    jit_compile: Any = False
    steps_per_execution = 1
    _compile_loss: CompiledLoss | None = None
    _compile_metrics: CompiledMetrics | None = None
    _loss_tracker: Mean | None = None
    _laid_out = False  # losses and metrics over the outputs
    _settled = False  # laid out, and no labels are unchecked
    _unchecked: tuple[Any, ...] = ()
    _watch: Any = None  # a `LossWatch` while `fit` runs

    @suggesting
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how to train.

        Parameters
        ----------
        optimizer : name or optimizer
        loss : name, loss, or function of (y_true, y_pred); of several outputs, nested as they
            are, by their order or their names. A list for one output is added up
        loss_weights : what each loss is multiplied by; a number, or nested as ``loss`` is
        metrics : names, metrics or functions, unweighted; "accuracy" is the one that fits the
            shapes of labels and predictions. Of several outputs, one entry for each
        weighted_metrics : the same, weighted by the samples' weights
        steps_per_execution : int > 0, the batches between two calls of the callbacks
        run_eagerly, jit_compile, auto_scale_loss : accepted for scripts written for Keras; here
            they change nothing

        Notes
        -----
        A ``loss`` of None leaves that of an earlier call, as in Keras; so do metrics.
        """
        whole_numbers("compile", 1, steps_per_execution=steps_per_execution)
        if jit_compile is True and run_eagerly:
            warn("compile: run_eagerly=True turns jit_compile=True off.")
        self.optimizer = optimizers.get(optimizer)
        if loss is not None:
            self._compile_loss = CompiledLoss(loss, loss_weights)
            self.loss = loss
        if metrics is not None or weighted_metrics is not None:
            self._compile_metrics = CompiledMetrics(metrics, weighted_metrics)
        self._laid_out = self._settled = False
        self._unchecked = ()
        self._loss_tracker = Mean("loss")
        self.run_eagerly, self.jit_compile = run_eagerly, bool(jit_compile) and not run_eagerly
        self.steps_per_execution = steps_per_execution
        self.stop_training = False
        self._compile_config = {
            "optimizer": self.optimizer, "loss": loss, "loss_weights": loss_weights,
            "metrics": metrics, "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly, "steps_per_execution": steps_per_execution,
            "jit_compile": self.jit_compile,
        }  # fmt: skip
        self.compiled = True
        clock.structure_changed()

    def get_compile_config(self) -> dict[str, Any]:
        """Return the arguments of `compile` as plain values; {} where a lambda is among them."""
        if not self.compiled:
            return {}
        described = plain(self._compile_config)
        if "__lambda__" in repr(described):
            warn(
                f"{type(self).__name__} {self.name!r}: a lambda among the losses or metrics cannot "
                "be saved. The file has no losses, metrics and optimizer arguments: compile the "
                "model again after loading it, or define the function with def.",
            )
            return {}
        return described

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile by what `get_compile_config` returned."""
        if not is_ours(type(self).compile):
            warn(
                f"{type(self).__name__} {self.name!r} was not compiled while it was loaded: it has "
                "a compile() of its own. Call that now, or define get_compile_config() and "
                "compile_from_config(config) too.",
            )
            return
        known = inspect.signature(Steps.compile).parameters
        arguments = {key: value for key, value in config.items() if key in known}
        self.compile(**saving.deserialize_keras_object(arguments))

    # One step.

    def train_step(self, data: Any) -> dict[str, Any]:
        """Forward, loss, backward, update: one batch; return the means so far.

        One of your own begins with ``self.zero_grad()``, without which ``loss.backward()`` adds to
        the gradients of the batches before.

        Examples
        --------
        >>> import melpy, numpy as np
        >>> class Sums(melpy.Sequential):
        ...     def train_step(self, data):
        ...         x, y = data
        ...         self.zero_grad()
        ...         loss = melpy.ops.mean((self(x, training=True) - y) ** 2)
        ...         loss.backward()
        ...         weights = self.trainable_weights
        ...         self.optimizer.apply([w.grad for w in weights], weights)
        ...         return {"loss": loss}
        >>> model = Sums([melpy.layers.Dense(1)])
        >>> model.compile("sgd")
        >>> history = model.fit(np.ones((4, 2)), np.zeros((4, 1)), batch_size=2, verbose=0)
        >>> list(history.history)
        ['loss']
        """
        x, y, sample_weight = unpacked(data)
        with foreign.Borrowing():
            y_pred = self(x, training=True)
            loss = self._loss_of(x, y, y_pred, sample_weight, True)
            weights = self.trainable_weights
            if weights:
                if self.optimizer is None:
                    raise ArgumentError(
                        type(self).__name__,
                        "there is no optimizer",
                        expected="one in compile(optimizer), or a train_step() of one's own",
                    )
                scaled = self.optimizer.scale_loss(loss)
                sends = self.optimizer.sends(weights)
                gradients = tape.gradients(scaled, weights, forget=True, ready=sends)
                self.optimizer.apply(gradients, weights)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Forward and loss: one batch, nothing recorded; return the means so far."""
        x, y, sample_weight = unpacked(data)
        with tape.no_grad():
            y_pred = self(x, training=False)
            self._loss_of(x, y, y_pred, sample_weight, False)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """Return the outputs for one batch, nothing recorded."""
        x, _, _ = unpacked(data, "predict")
        with tape.no_grad():
            return self(x, training=False)

    def _loss_of(self, x: Any, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        """Return a batch's loss, also by a ``compute_loss`` that knows no ``training``."""
        if _takes_training(type(self).compute_loss):
            loss = self.compute_loss(x, y, y_pred, sample_weight, training=training)
        else:
            loss = self.compute_loss(x, y, y_pred, sample_weight)
        value = np.asarray(loss)
        if training:
            program.watch(value)
            if self._watch is not None:
                self._watch.look(value, x)
        if self._loss_tracker is not None:
            self._loss_tracker.update_state(value if value.ndim == 0 else value.mean(), _rows(x))
        return loss

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the batch's loss: the outputs' weighted losses, and the layers' penalties."""
        assert_compiled(self, "compute_loss")
        self._lay_out(y_pred)
        loss = self._compile_loss(y, y_pred, sample_weight) if self._compile_loss else None
        for added in self.losses:
            penalty = ops.sum(added) if getattr(added, "shape", ()) else added
            loss = penalty if loss is None else loss + penalty
        if loss is not None:
            return loss
        if training:
            raise GraphError(
                "compute_loss",
                "there is no loss to make small",
                expected="a loss in compile(), or layers that add_loss",
            )
        return Tensor(0.0)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Show a batch to the metrics, and return all means so far."""
        if self._compile_metrics is not None:
            self._lay_out(y_pred)
            arrays = tree.map_structure(np.asarray, y_pred)
            self._compile_metrics.update_state(y, _with_masks(arrays, y_pred), sample_weight)
        return self.get_metrics_result()

    def _lay_out(self, y_pred: Any) -> None:
        """Match losses and metrics with the outputs, once they are seen, and check the labels."""
        if self._settled:
            return
        if not self._laid_out:
            outputs = Outputs(y_pred, self.output_names)
            losses: list[Any] = [None] * outputs.count
            if self._compile_loss is not None:
                self._compile_loss.lay_out(outputs)
                for term in self._compile_loss.terms:
                    for leaf in range(outputs.count)[term.leaves]:
                        losses[leaf] = term.loss
            if self._compile_metrics is not None:
                self._compile_metrics.lay_out(outputs, losses)
            self._laid_out = True
        shapes = [getattr(x, "shape", None) for x in tree.flatten(y_pred)]
        if self._compile_loss is not None:
            self._compile_loss.shapes = shapes
        unchecked, self._unchecked = self._unchecked, ()
        self._settled = True
        for samples, class_weight in unchecked:
            self._hold(samples, shapes, class_weight)

    def _hold(self, samples: Any, shapes: list[Any], class_weight: Any) -> None:
        """Hold all labels, and the classes with weights, against the outputs' shapes.

        Of labels that come in batches, ``samples`` is None, and the classes alone are held.
        """
        if self._compile_loss is not None and samples is not None:
            self._compile_loss.check(samples.y, shapes, len(samples))
        width = shapes[0][-1] if shapes[0] and len(shapes[0]) > 1 else 1
        if not isinstance(class_weight, Mapping) or width is None:  # balanced ones have samples
            return
        if width == 1:  # a single output may stand for more than two classes
            width = None if samples is None else max(2, int(np.max(np.asarray(samples.y))) + 1)
        require_classes(class_weight, width, "fit")

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the loss and the metrics by name."""
        logs: dict[str, Any] = {}
        for metric in self.metrics:
            result = metric.result()
            if isinstance(result, dict):
                logs.update(result)
            else:
                logs[metric.name] = result
        return logs

    @property
    def metrics(self) -> list[Any]:
        """The mean loss, the compiled metrics as one, the single losses, and the layers' metrics.

        Metrics that are attributes of the model or of its layers count; those of a model in the
        model are its own affair.
        """
        own: list[Any] = []
        if self._loss_tracker is not None:
            own.append(self._loss_tracker)
        if self._compile_metrics is not None:
            own.append(self._compile_metrics)
        if self._compile_loss is not None:
            own += self._compile_loss.trackers
        known = set(map(id, own))
        return own + [m for m in super().metrics if id(m) not in known]

    @property
    def metrics_names(self) -> list[str]:
        """The metrics' names."""
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Forget what loss and metrics have seen."""
        for metric in self.metrics:
            metric.reset_state()
        vars(self).pop("_seats", None)  # of micro-batches

    def is_by_the_book(self, step: str) -> bool:
        """Return whether a step is what this class says, of a graph of layers."""
        cls = type(self)
        steps = {step, "compute_loss", "compute_metrics", "_loss_of", "get_metrics_result"}
        return (
            all(getattr(cls, name) is getattr(Steps, name) for name in steps)
            and not vars(self).keys() & steps
            and vars(cls).get("whole", False)
            and self._compile_loss is not None
            and not self.run_eagerly
        )

    def zero_grad(self) -> None:
        """Drop the gradients that ``backward`` left at the weights."""
        for weight in self.weights:
            weight.grad = None


def assert_compiled(model: Steps, who: str) -> None:
    """Refuse to train before ``compile``."""
    if not model.compiled:
        raise GraphError(
            who,
            "the model does not know how to train yet",
            mend='Call compile() first, for example compile("adam", loss="mse").',
        )


@lru_cache(maxsize=64)
def _takes_training(compute_loss: Callable[..., Any]) -> bool:
    """Return whether a ``compute_loss`` has the argument that Keras's has since 3.3."""
    return "training" in inspect.signature(compute_loss).parameters


def as_logs(made: Any) -> dict[str, Any]:
    """Return what a step returned as plain numbers by name."""
    logs = made if isinstance(made, dict) else {"loss": made}
    return {name: _plain(value) for name, value in logs.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float | int):
        return value
    array = np.asarray(value)
    return array.item() if array.ndim == 0 else array


def _rows(x: Any) -> int:
    """Return the number of samples in a batch."""
    return next(len(leaf) for leaf in tree.flatten(x) if leaf is not None)


def _with_masks(arrays: Any, tensors: Any) -> Any:
    """Return predictions as metrics take them: tensors where a mask is attached, else arrays."""
    return tree.map_structure(lambda a, t: a if mask_of(t) is None else t, arrays, tensors)
