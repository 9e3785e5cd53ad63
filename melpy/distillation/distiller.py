"""Distiller: a student trains beside a teacher that is trained already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import custom, metrics, saving
from melpy.distillation.losses import FINAL, FeatureDistillation, LogitsDistillation, features_of
from melpy.errors import ArgumentError, ShapeError
from melpy.models import Model

__all__ = ["Distiller"]


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
        self._teacher_feature_extractor = features_of(
            teacher, [one.teacher_layer_name for one in given], "teacher_features"
        )
        self._student_feature_extractor = features_of(
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
