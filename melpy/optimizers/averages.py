"""Running means of the weights, which an optimizer may keep beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from melpy import clock
from melpy.kernels import dispatch as kernels
from melpy.optimizers.flat import Flat
from melpy.optimizers.state import Stateful, require
from melpy.tape import Variable

__all__ = ["Averaging"]


class Averaging(Stateful):
    """What an optimizer does with ``use_ema``. Abstract."""

    ema_momentum: float
    ema_overwrite_frequency: int | None
    _flat: Flat
    t: Any

    def _average(self) -> None:
        """Move the averages towards the weights, and now and then the weights onto them."""
        every = self.ema_overwrite_frequency
        kernels.average(
            self._flat.slots["average"], self._flat.parameters,
            self.ema_momentum if self.t > 1 else 0.0, bool(every) and self.t % every == 0,
        )  # fmt: skip

    def swap_averages(self) -> None:
        """Exchange the weights and their running means; before the first step there are none."""
        if self._has_averages():
            self._flat.lay()
            average, p = self._flat.slots["average"], self._flat.parameters
            average[...], p[...] = p.copy(), average.copy()
            clock.values_changed()

    def _has_averages(self) -> bool:
        return self.use_ema and self.built and int(self.iterations) > 0

    def forget_averages(self) -> None:
        """Begin the running means anew, with the weights as they are."""
        if self.use_ema and self.built:
            self._flat.lay()
            self._flat.slots["average"][...] = self._flat.parameters

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Give the weights their final values, their averages where there are any; ends training.

        Parameters
        ----------
        var_list : all the weights, in the order of the first step
        """
        if not self._has_averages():
            return
        fits = len(var_list) == len(self._flat.weights)
        expected = f"the {len(self._flat.weights)} weights of the first step"
        require(fits, "var_list", len(var_list), expected, type(self).__name__)
        for variable, weight in zip(var_list, self._flat.weights, strict=True):
            self.assign(variable, self._flat.view("average", weight))
