"""The numbers of the steps to come, which programs read: made for many steps at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from melpy import clock, tape
from melpy.kernels.program import made_anew
from melpy.optimizers.averages import Averaging
from melpy.tensor import Tensor

__all__ = ["Paced"]


class Paced(Averaging):
    """What an optimizer says of its next steps. Abstract."""

    is_paced = True  # whether `pace` tells all numbers that change; else each step is asked
    weight_decay: Any
    decay: Callable[..., None]
    step: Callable[..., None]
    _again: Callable[..., None]

    def numbers_ahead(self, weights: list[Any], steps: int) -> list[np.ndarray]:
        """Return the numbers of the coming steps, which regions read, and count the steps.

        Of each array that a step makes, (count,), there is one (steps, count), or (1, count) where
        it stays the same.
        """
        more = self.use_ema or self.gradient_accumulation_steps
        if more or not self.is_paced:
            made = [made_anew(lambda: self._again(weights)) for _ in range(steps)]
            return [np.stack(column) for column in zip(*made, strict=True)]
        rates, first = self._rates(steps), self.t
        decays, rules = self._numbers(weights, rates[0])
        dtype, ahead = self._flat.parameters.dtype, []
        if decays:
            scales = np.array([(1 - self.weight_decay * rate,) for rate in rates], dtype)
            ahead += [scales] * len(decays)
        paces = np.array([self.pace(rate, first + n) for n, rate in enumerate(rates)], dtype)
        for array in rules:
            ahead.append(np.repeat(array[np.newaxis], steps, axis=0))
            ahead[-1][:, : paces.shape[1]] = paces
        clock.values_changed()
        tape.overwrite(self._iterations, np.asarray(self._iterations.array + steps))
        return ahead

    def _numbers(self, weights: list[Any], rate: float) -> list[list[np.ndarray]]:
        """Return the numbers of one step, of the decay and of the rule, as some step had them.

        They are kept until the clock says that an attribute was set: then all may be others. What
        follows from the learning rate and from the step's number is out of date.
        """
        key = clock.structure(), *map(id, weights)
        if self._flat.numbers[0] != key:
            decays = made_anew(lambda: self.decay(weights, rate))
            rules = made_anew(lambda: self.step(weights, rate))
            self._flat.numbers = key, [decays, rules]
        return self._flat.numbers[1]

    def _rates(self, steps: int) -> list[float]:
        """Return the learning rates of the coming steps."""
        if isinstance(self._learning_rate, Tensor):
            return [float(self._learning_rate)] * steps
        now, rates = self._iterations.array, []
        for n in range(steps):
            self._iterations.array = now + np.int64(n)
            rates.append(float(self.learning_rate))
        self._iterations.array = now
        return rates

    def pace(self, rate: float, t: int) -> tuple[float, ...]:
        """Return what changes from step to step among the numbers of the rule: the first ones."""
        return (rate,)
