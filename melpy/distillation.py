"""Knowledge distillation: a small student learns from a large teacher that is trained already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from melpy import custom, losses, metrics, ops, saving, tree
from melpy.configurable import Configurable
from melpy.errors import ArgumentError, GraphError, ShapeError, UnsupportedError
from melpy.models import Model

__all__ = ["DistillationLoss", "Distiller", "FeatureDistillation", "LogitsDistillation"]

FINAL = "final_output"


class DistillationLoss(Configurable):
    """How far a student is from its teacher. Abstract: subclasses define ``compute_loss``."""

    teacher_layer_name: str | None = None
    student_layer_name: str | None = None

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """Return a scalar. Abstract.

        Parameters
        ----------
        teacher_outputs, student_outputs : tensors, or nested lists, tuples and dicts of them
        """
        raise UnsupportedError(type(self).__name__, "it defines no compute_loss")

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Refuse outputs of which one is nested otherwise than the other."""
        _require_same_nesting(teacher_outputs, student_outputs, type(self).__name__)

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Refuse models that the loss cannot work with; by default it works with all."""


class LogitsDistillation(DistillationLoss):
    """loss(softmax(teacher / T), softmax(student / T)) T^2, of the models' outputs.

    Parameters
    ----------
    temperature : float > 0, T; the higher, the more the less likely classes count
    loss : name or loss, or one for each output, nested as they are, None for none. Other losses
        than the Kullback-Leibler divergence see the logits over T, and are not scaled

    Source
    ------
    G. Hinton, O. Vinyals, J. Dean 2015, Distilling the knowledge in a neural network, section 2.

    Examples
    --------
    >>> import numpy as np
    >>> teacher = np.array([[1.0, 2.0, 3.0]])
    >>> float(LogitsDistillation(2.0).compute_loss(teacher, teacher))
    0.0
    """

    def __init__(self, temperature: float = 3.0, loss: Any = "kl_divergence") -> None:
        if isinstance(temperature, bool) or not isinstance(temperature, int | float):
            temperature = float("nan")
        if not temperature > 0:
            raise ArgumentError(
                "LogitsDistillation",
                "temperature is out of range",
                expected="a float > 0",
                received={"temperature": self._arguments.get("temperature")},
            )
        self.temperature, self.loss = temperature, _losses_of(loss, "LogitsDistillation")

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """Return the sum over the outputs, a scalar."""
        return _total(self._one, self.loss, teacher_outputs, student_outputs)

    def _one(self, loss: Any, teacher: Any, student: Any) -> Any:
        teacher, student = teacher / self.temperature, student / self.temperature
        if loss is losses.kl_divergence or isinstance(loss, losses.KLDivergence):
            soft = loss(ops.softmax(teacher), ops.softmax(student))
            return ops.mean(soft) * self.temperature**2
        return ops.mean(loss(teacher, student))


class FeatureDistillation(DistillationLoss):
    """loss(teacher's features, student's features), of two layers' outputs.

    Parameters
    ----------
    loss : name or loss, or one for each tensor, nested as they are, None for none
    teacher_layer_name, student_layer_name : str, the layers; None for the models' outputs

    Source
    ------
    A. Romero et al. 2015, FitNets: hints for thin deep nets, section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> float(FeatureDistillation().compute_loss(np.zeros((2, 3)), np.full((2, 3), 2.0)))
    4.0
    """

    def __init__(
        self,
        loss: Any = "mse",
        teacher_layer_name: str | None = None,
        student_layer_name: str | None = None,
    ) -> None:
        self.loss = _losses_of(loss, "FeatureDistillation")
        self.teacher_layer_name, self.student_layer_name = teacher_layer_name, student_layer_name

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Refuse outputs that are nested otherwise than each other, or than the losses."""
        super().validate_outputs(teacher_outputs, student_outputs)
        if tree.is_nested(self.loss):
            _require_same_nesting(self.loss, teacher_outputs, type(self).__name__)

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Refuse a layer that is not there, or a model that has no graph to find it in."""
        for model, name in (
            (teacher, self.teacher_layer_name),
            (student, self.student_layer_name),
        ):
            if name is not None:
                _features(model, [name])

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """Return the sum over the tensors, a scalar."""
        return _total(
            lambda loss, *pair: ops.mean(loss(*pair)), self.loss, teacher_outputs, student_outputs
        )


class Distiller(Model):
    """A student that trains on w loss(y, student(x)) + (1 - w) sum_k w_k distillation_k.

    Parameters
    ----------
    teacher : model, trained already; it is frozen
    student : model of the same inputs and outputs
    distillation_losses : `DistillationLoss`, or a list of them
    distillation_loss_weights : list of floats, w_k; 1 by default
    student_loss_weight : float in [0, 1], w
    name : str
    kwargs : as in `Model`

    Examples
    --------
    >>> import melpy, numpy as np
    >>> teacher, student = (
    ...     melpy.Sequential([melpy.Input((4,)), melpy.layers.Dense(n), melpy.layers.Dense(3)])
    ...     for n in (16, 2))
    >>> distiller = Distiller(teacher, student, LogitsDistillation(temperature=2.0))
    >>> distiller.compile("adam", loss=melpy.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> history = distiller.fit(np.ones((8, 4)), np.zeros(8), verbose=0)
    >>> sorted(history.history)
    ['distillation_loss', 'loss', 'student_loss', 'total_loss']
    """

    def __init__(
        self,
        teacher: Any,
        student: Any,
        distillation_losses: Any,
        distillation_loss_weights: Sequence[float] | None = None,
        student_loss_weight: float = 0.5,
        name: str = "distiller",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        _require_alike(teacher, student)
        is_number = isinstance(student_loss_weight, int | float)
        if not is_number or not 0 <= student_loss_weight <= 1:
            raise ArgumentError(
                "Distiller",
                "student_loss_weight is out of range",
                expected="a float in [0, 1]",
                received={"student_loss_weight": student_loss_weight},
            )
        several = isinstance(distillation_losses, list | tuple)
        given = list(distillation_losses) if several else [distillation_losses]
        if not given or not all(hasattr(one, "compute_loss") for one in given):
            raise ArgumentError(
                "Distiller",
                "distillation_losses are none",
                expected="LogitsDistillation, FeatureDistillation, or a list of such losses",
                received={"distillation_losses": distillation_losses},
            )
        weights = list(distillation_loss_weights or [1.0] * len(given)) if several else [1.0]
        if len(weights) != len(given):
            raise ArgumentError(
                "Distiller",
                "each distillation loss has one weight",
                expected=f"{len(given)} numbers",
                received={"distillation_loss_weights": distillation_loss_weights},
            )
        for one in given:
            one.validate_model_compatibility(teacher, student)
        self.teacher, self.student = teacher, student
        self.distillation_losses, self.distillation_loss_weights = given, weights
        self.student_loss_weight = student_loss_weight
        self._teacher_feature_extractor = _features(
            teacher, [one.teacher_layer_name for one in given], "teacher_features"
        )
        self._student_feature_extractor = _features(
            student, [one.student_layer_name for one in given], "student_features"
        )
        teacher.trainable = False
        self.student_loss_tracker = metrics.Mean(name="student_loss")
        self.distillation_loss_tracker = metrics.Mean(name="distillation_loss")
        self.total_loss_tracker = metrics.Mean(name="total_loss")

    def compile(  # type: ignore[override]  # Keras's arguments
        self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **kwargs: Any
    ) -> None:
        """Say how to train the student.

        Parameters
        ----------
        optimizer, metrics, kwargs : as in `Model`
        loss : the student's loss on the labels
        """
        if loss is None:
            raise ArgumentError(
                "compile", "the student has no loss", expected="a loss, as in Model"
            )
        super().compile(optimizer, loss, metrics=metrics, **kwargs)

    def call(self, inputs: Any, training: Any = None) -> Any:
        """Return the student's outputs."""
        return self.student(inputs, training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the weighted sum of the student's own loss and of the distillation losses."""
        if y_pred is None:
            y_pred = self(x, training=training)
        w, own, distilled = self.student_loss_weight, 0.0, 0.0
        if w > 0 and y is not None:
            own = super().compute_loss(x, y, y_pred, sample_weight, training)
        if w < 1:
            distilled = self._distilled(x, y_pred, training)
        total = w * own + (1 - w) * distilled
        for tracker, value in (
            (self.student_loss_tracker, own),
            (self.distillation_loss_tracker, distilled),
            (self.total_loss_tracker, total),
        ):
            tracker.update_state(float(np.asarray(value)))
        return total

    def _distilled(self, x: Any, y_pred: Any, training: bool) -> Any:
        teacher = _run(self._teacher_feature_extractor, self.teacher, x, training=False)
        student = {FINAL: y_pred}
        if self._student_feature_extractor is not None:
            student |= _run(self._student_feature_extractor, self.student, x, training=training)
        student[FINAL] = y_pred
        total: Any = 0.0
        for one, weight in zip(
            self.distillation_losses, self.distillation_loss_weights, strict=True
        ):
            pair = (
                teacher[one.teacher_layer_name or FINAL],
                student[one.student_layer_name or FINAL],
            )
            one.validate_outputs(*pair)
            value = one.compute_loss(*pair)
            if np.ndim(value):
                raise ShapeError(
                    type(one).__name__,
                    "compute_loss gives more than one number",
                    expected="a scalar",
                    received={"shape": np.shape(value)},
                    mend="Take the mean.",
                )
            total = total + weight * value
        return total

    def get_config(self) -> dict[str, Any]:
        """Return both models and the losses as plain values."""
        described = saving.serialize_keras_object
        return {
            "name": self.name,
            "trainable": self.trainable,
            "teacher": described(self.teacher),
            "student": described(self.student),
            "distillation_losses": [described(one) for one in self.distillation_losses],
            "distillation_loss_weights": self.distillation_loss_weights,
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None) -> Any:
        """Make a distiller, with new weights, from `get_config`'s result."""
        read = saving.deserialize_keras_object
        known = {made.__name__: made for made in (LogitsDistillation, FeatureDistillation)}
        with custom.CustomObjectScope({**known, **(custom_objects or {})}):
            made = {key: read(config[key]) for key in ("teacher", "student")}
            made["distillation_losses"] = [
                custom.made_of(custom.found(one), one) for one in config["distillation_losses"]
            ]
        config = {key: value for key, value in config.items() if key not in ("dtype", "trainable")}
        return cls(**{**config, **made})


def _losses_of(loss: Any, who: str) -> Any:
    """Return losses in their nesting, at least one of them."""

    def made(one: Any) -> Any:
        if isinstance(one, Mapping) and "class_name" not in one:
            return {key: made(inner) for key, inner in one.items()}
        if isinstance(one, list | tuple):
            return type(one)(made(inner) for inner in one)
        return losses.get(one)

    found = made(loss)
    if all(one is None for one in tree.flatten(found)):
        raise ArgumentError(who, "there is no loss", expected="at least one that is not None")
    return found


def _total(one: Any, nested: Any, teacher: Any, student: Any) -> Any:
    """Return the sum of the losses over the outputs; one loss serves all of them."""
    leaves = tree.flatten(teacher)
    flat = tree.flatten(nested) if tree.is_nested(nested) else [nested] * len(leaves)
    pairs = zip(flat, leaves, tree.flatten(student), strict=True)
    return sum(one(loss, t, s) for loss, t, s in pairs if loss is not None)


def _features(model: Any, names: Sequence[str | None], name: str = "features") -> Any:
    """Return a model of the outputs of named layers and of the whole; None for no names."""
    wanted = dict.fromkeys(name for name in names if name)
    if not wanted:
        return None
    if not hasattr(model, "inputs"):
        raise GraphError(
            "FeatureDistillation",
            f"{model.name!r} has no graph to find layers in",
            expected="a Sequential with an Input, or Model(inputs, outputs)",
            mend="Leave out the names of layers, or use LogitsDistillation.",
        )
    outputs = {name: model.get_layer(name).output for name in wanted}
    return Model(model.inputs, {FINAL: model.output, **outputs}, name=name)


def _run(features: Any, model: Any, x: Any, training: bool) -> dict[str, Any]:
    if features is None:
        return {FINAL: model(x, training=training)}
    return features(x, training=training)


def _require_alike(teacher: Any, student: Any) -> None:
    """Refuse what are no models, or models of different inputs or outputs."""
    for who, model in (("teacher", teacher), ("student", student)):
        if not isinstance(model, Model):
            raise ArgumentError(
                "Distiller",
                f"the {who} is no model",
                expected="a Model or a Sequential",
                received={who: model},
            )
    for side in ("inputs", "outputs"):
        pair = [[(x.shape, x.dtype) for x in getattr(m, side, [])] for m in (teacher, student)]
        if all(pair) and not _fit(*pair):
            raise ShapeError(
                "Distiller",
                f"teacher and student have different {side}",
                expected="the same shapes and types",
                received={"teacher": pair[0], "student": pair[1]},
            )


def _fit(ours: Sequence[Any], theirs: Sequence[Any]) -> bool:
    return len(ours) == len(theirs) and all(
        kind == other_kind
        and len(shape) == len(other)
        and all(a is None or b is None or a == b for a, b in zip(shape, other, strict=True))
        for (shape, kind), (other, other_kind) in zip(ours, theirs, strict=True)
    )


def _require_same_nesting(one: Any, other: Any, who: str) -> None:
    try:
        tree.assert_same_structure(one, other)
    except (ValueError, TypeError) as error:
        raise ShapeError(
            who,
            "teacher and student give other nestings, or the losses have another one",
            expected="the same lists and dicts",
            received={"teacher": tree.map_structure(np.shape, one)},
        ) from error
