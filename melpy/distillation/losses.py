"""How far a student is from its teacher: by their outputs, or by features of their layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from melpy import losses, ops, tree
from melpy.configurable import Configurable
from melpy.errors import ArgumentError, GraphError, ShapeError, UnsupportedError
from melpy.models import Model

__all__ = ["FINAL", "DistillationLoss", "FeatureDistillation", "LogitsDistillation", "features_of"]

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
                features_of(model, [name])

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """Return the sum over the tensors, a scalar."""
        return _total(
            lambda loss, *pair: ops.mean(loss(*pair)), self.loss, teacher_outputs, student_outputs
        )


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


def features_of(model: Any, names: Sequence[str | None], name: str = "features") -> Any:
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
