"""What a model asks of the samples that it is given, before the first step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from melpy import config, tree
from melpy.data import Samples
from melpy.data.classes import largest_class, tell_of_classes_without_samples
from melpy.data.finite import first_beyond
from melpy.errors import ArgumentError, DataError
from melpy.models.steps import Steps

__all__ = ["Checks"]


class Checks(Steps):
    """Looks through all samples at once, so that no step has to. Abstract."""

    def _check_samples(self, samples: Samples, class_weight: Any = None, who: str = "fit") -> None:
        """Hold inputs against the model's type, and labels against the outputs' shapes, at once."""
        self._check_range(samples, who)
        ours = type(self).train_step is Steps.train_step
        if not ours or type(self).compute_loss is not Steps.compute_loss:
            if isinstance(class_weight, Mapping):  # how many classes there are, nobody knows here
                most = largest_class(samples.y, who)
                tell_of_classes_without_samples(class_weight, most, who)
            return
        if samples.y is None:
            self._require_no_labels(samples.x, who)
            return
        self._check_later(samples, class_weight)
        described = self._outputs_for(samples)
        if described is not None:
            self._lay_out(described)

    def _check_later(self, samples: Samples | None, class_weight: Any) -> None:
        """Hold labels and classes against the outputs once these are seen."""
        self._unchecked = (*self._unchecked, (samples, class_weight))
        self._settled = False

    def _require_no_labels(self, x: Any, who: str) -> None:
        """Refuse a forgotten y, which the compiled losses ask for."""
        losses = [loss for loss in tree.flatten(self.loss) if loss is not None]
        if not losses:
            return
        if isinstance(x, tuple):
            raise ArgumentError(
                who,
                "x is a tuple and there are no labels",
                expected="x and y, each an argument of its own",
                received={"x": f"a tuple of {len(x)}", "y": None},
                mend=f"Write {who}(x, y) for {who}((x, y)).",
            )
        name = losses[0] if isinstance(losses[0], str) else getattr(losses[0], "name", "one")
        raise ArgumentError(
            who,
            f"the loss {name!r} has no labels to compare the outputs with",
            expected="y",
            received={"y": None},
            mend="For an autoencoder y is x itself; a model that needs no labels is compiled "
            "without loss=.",
        )

    def _check_range(self, samples: Samples, who: str) -> None:
        """Refuse inputs that are finite, but not in the type that the model computes in."""
        if config.assume_finite():
            return
        kind = self.compute_dtype
        parts = {"x": samples.x, "y": samples.y, "sample_weight": samples.weight}
        for name, array in ((n, a) for n, part in parts.items() for a in tree.flatten(part)):
            place = None if array is None else first_beyond(array, kind)
            if place is not None:
                raise DataError(
                    who,
                    f"row {place[0]} of {name} holds {array[place]}, for which {kind} has no room",
                    expected=f"values up to {np.finfo(kind).max:.4g}",
                    mend='Scale such data, or make the model after config.set_floatx("float64").',
                )

    def _outputs_for(self, samples: Samples) -> Any:
        """Return what tells the outputs' shapes; None where the first call will."""
        return None
