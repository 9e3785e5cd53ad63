"""compile, and one step: what happens to one batch."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np

from melpy import optimizers, saving, tape, tree
from melpy.configurable import plain
from melpy.data import unpacked
from melpy.errors import ArgumentError, GraphError, suggesting
from melpy.layers.base import Layer
from melpy.metrics import Mean
from melpy.models.objectives import Objectives
from melpy.tensor import mask_of

__all__ = ["Steps", "as_logs", "assert_compiled"]


class Steps(Layer):
    """What a model does with one batch: training, measuring, predicting. Abstract.

    A subclass may override ``train_step``, ``test_step``, ``predict_step`` (each takes one batch
    as it comes from the data), ``compute_loss`` or ``compute_metrics``.
    """

    compiled = False
    loss: Any = None
    optimizer: Any = None
    output_names: Any = None
    _objectives: Objectives | None = None

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
        loss : name, loss, or function of (y_true, y_pred); of several outputs, a list or a dict
        loss_weights : what each output's loss is multiplied by; a number, a list or a dict
        metrics : names, metrics or functions, unweighted; "accuracy" is the one that fits the
            shapes of labels and predictions
        weighted_metrics : the same, weighted by the samples' weights
        run_eagerly, steps_per_execution, jit_compile, auto_scale_loss : accepted for scripts
            written for Keras; here they change nothing
        """
        if isinstance(loss_weights, list | tuple) and any(
            not isinstance(w, int | float | None) for w in loss_weights
        ):
            raise ArgumentError(
                "compile",
                "loss_weights are no numbers",
                expected="numbers",
                received={"loss_weights": loss_weights},
                mend="Metrics are given by name: compile(optimizer, loss, metrics=[...]).",
            )
        self.optimizer = optimizers.get(optimizer)
        self.loss = loss
        self._objectives = Objectives(loss, loss_weights, metrics, weighted_metrics)
        self._mean_loss = Mean("loss")
        self._compile_config = {
            "optimizer": self.optimizer, "loss": loss, "loss_weights": loss_weights,
            "metrics": metrics, "weighted_metrics": weighted_metrics,
        }  # fmt: skip
        self.compiled = True

    def get_compile_config(self) -> dict[str, Any]:
        """Return the arguments of `compile` as plain values; {} where a lambda is among them."""
        if not self.compiled or type(self).compile is not Steps.compile:
            return {}
        described = plain(self._compile_config)
        if "__lambda__" in repr(described):
            warnings.warn(
                f"{type(self).__name__} {self.name!r}: a lambda among the losses or metrics cannot "
                "be saved. The file has no losses, metrics and optimizer arguments: compile the "
                "model again after loading it, or define the function with def.",
                stacklevel=3,
            )
            return {}
        return described

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile by what `get_compile_config` returned."""
        if type(self).compile is not Steps.compile:
            return
        known = inspect.signature(Steps.compile).parameters
        arguments = {key: value for key, value in config.items() if key in known}
        self.compile(**saving.deserialize_keras_object(arguments))

    # One step.

    def train_step(self, data: Any) -> dict[str, Any]:
        """Forward, loss, backward, update: one batch; return the means so far."""
        x, y, sample_weight = unpacked(data)
        y_pred = self(x, training=True)
        loss = self.compute_loss(x, y, y_pred, sample_weight)
        self._mean_loss.update_state(float(np.mean(np.asarray(loss))), _rows(x))
        weights = self.trainable_weights
        if weights:
            scaled = self.optimizer.scale_loss(loss)
            self.optimizer.apply(tape.gradients(scaled, weights, forget=True), weights)
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Forward and loss: one batch, nothing recorded; return the means so far."""
        x, y, sample_weight = unpacked(data)
        with tape.no_grad():
            y_pred = self(x, training=False)
            loss = self.compute_loss(x, y, y_pred, sample_weight, training=False)
        self._mean_loss.update_state(float(np.mean(np.asarray(loss))), _rows(x))
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def predict_step(self, data: Any) -> Any:
        """Return the outputs for one batch, nothing recorded."""
        x, _, _ = unpacked(data, "predict")
        with tape.no_grad():
            return self(x, training=False)

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
        self._objectives.lay_out(y_pred, self.output_names)  # type: ignore[union-attr]
        loss = self._objectives.total(y, y_pred, sample_weight)  # type: ignore[union-attr]
        for penalty in self.losses:
            loss = penalty if loss is None else loss + penalty
        if loss is None:
            raise GraphError(
                "compute_loss",
                "there is no loss to make small",
                expected="a loss in compile(), or layers that add_loss",
            )
        return loss

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Show a batch to the metrics, and return all means so far."""
        if self._objectives is not None and self._objectives.names is not None:
            arrays = tree.map_structure(np.asarray, y_pred)
            self._objectives.update(y, _with_masks(arrays, y_pred), sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the loss and the metrics by name."""
        own = self._own_metrics()
        objectives = self._objectives
        compiled = objectives.all_metrics() if objectives else []
        logs: dict[str, Any] = {}
        for metric in own[:1]:
            logs[metric.name] = metric.result()
        if objectives is not None and compiled:
            logs.update(objectives.results())
        for metric in self.metrics:
            if not any(metric is other for other in (*own[:1], *compiled)):
                result = metric.result()
                logs.update(result if isinstance(result, dict) else {metric.name: result})
        return logs

    def _own_metrics(self) -> list[Any]:
        return [self._mean_loss] if self.compiled else []

    @property
    def metrics(self) -> list[Any]:
        """The mean loss, the compiled metrics, and those of the model and its layers."""
        compiled = self._objectives.all_metrics() if self._objectives else []
        own = [*self._own_metrics(), *compiled]
        known = {id(metric) for metric in own}
        return own + [m for m in super().metrics if id(m) not in known]

    @property
    def metrics_names(self) -> list[str]:
        """The metrics' names."""
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Forget what loss and metrics have seen."""
        for metric in self.metrics:
            metric.reset_state()

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
