"""What a model asks of the samples that it is given, before the first step."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import config, tree
from melpy.data import Samples
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
            return
        if samples.y is None:
            if isinstance(samples.x, tuple) and self.loss is not None:
                raise ArgumentError(
                    who,
                    "x is a tuple and there are no labels",
                    expected="x and y, each an argument of its own",
                    received={"x": f"a tuple of {len(samples.x)}", "y": None},
                    mend=f"Write {who}(x, y) for {who}((x, y)).",
                )
            return
        self._unchecked = (*self._unchecked, (samples, class_weight))
        self._settled = False
        described = self._outputs_for(samples)
        if described is not None:
            self._lay_out(described)

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
