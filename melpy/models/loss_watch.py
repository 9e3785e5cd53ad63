"""Says once in a training where the loss stops being a number, and in which layer that begins."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import tree
from melpy.callbacks import Standing
from melpy.errors import warn
from melpy.models.trace import trace
from melpy.part import working_on

__all__ = ["LossWatch"]


class LossWatch:
    """Looks at each batch's loss before its gradients change the weights.

    Parameters
    ----------
    model : the model that is trained
    standing : where the training stands
    programs : what makes its steps; it tells which batch of several is at work
    is_one_of_many : bool, whether other processes look too, one of which is to `speak`

    Attributes
    ----------
    is_told : bool, whether it was said
    waits : str, what is to be said once it is settled who speaks
    """

    def __init__(
        self, model: Any, standing: Standing, programs: Any, is_one_of_many: bool = False
    ) -> None:
        self.model, self.standing, self.programs = model, standing, programs
        self.is_one_of_many = is_one_of_many
        self.is_told, self.waits = False, ""
        self._quiet: Any = {kind: "ignore" for kind, how in np.geterr().items() if how == "warn"}

    def alone(self) -> np.errstate:
        """Return a context in which NumPy warns of no number: the loss tells, and where."""
        return np.errstate(**self._quiet)

    def look(self, loss: Any, x: Any) -> None:
        """Say where it is, if a loss is not finite and it was not said before."""
        if not self.is_told and not np.isfinite(loss).all():
            self.tell(x)

    def tell(self, x: Any, ahead: int = 0) -> None:
        """Say it of the batch at work, or of one so many steps ahead."""
        self.is_told = True
        batch = self.standing.batch + self.programs.at + ahead + 1
        self.waits = (
            f"fit: the loss is not finite in epoch {self.standing.epoch + 1}, batch {batch}. "
            f"{self._where(x)} Try a smaller learning rate, clipnorm, or data on a smaller scale; "
            "TerminateOnNaN ends such a training."
        )
        if not self.is_one_of_many:
            self.speak()

    def speak(self, is_speaker: bool = True) -> None:
        """Say what waits to be said, unless another process does."""
        if is_speaker:
            warn(self.waits)
        self.is_told, self.waits = True, ""

    def _where(self, x: Any) -> str:
        """Say which layer's output is the first that is not finite, and why."""
        for weight in self.model.weights:
            if not _is_finite(weight.array):
                return f"The weight {weight.path!r} is not finite after the step before."
        try:
            with working_on(None):  # no other process is asked
                rows = trace(self.model, x, training=True)
        except Exception as error:  # a model that cannot be run twice; what is wrong is told anyway
            return f"Which layer it begins in cannot be told ({type(error).__name__}: {error})."
        for row in rows:
            inside = [other for other in rows if other.name.startswith(f"{row.name}/")]
            if not _is_finite(row.output) and all(_is_finite(other.output) for other in inside):
                return f"The first output that is not finite is that of layer {row.name!r}."
        return "All layers' outputs are finite: it is the loss itself."


def _is_finite(structure: Any) -> bool:
    arrays = [np.asarray(a) for a in tree.flatten(structure) if a is not None]
    return all(a.dtype.kind != "f" or bool(np.isfinite(a).all()) for a in arrays)
