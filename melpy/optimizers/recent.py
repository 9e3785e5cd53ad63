"""Adam's newer relatives: steps as long as the weights ask for, averages in a schedule's place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy.optimizers.adam import Moments
from melpy.optimizers.state import Rate, require
from melpy.tape import Variable

__all__ = ["Lamb", "ScheduleFreeAdamW"]


class Lamb(Moments):
    """w -= rate |w| / |u| u, where u is Adam's step: each weight moves by its own length.

    Parameters
    ----------
    beta_1, beta_2 : floats in [0, 1)
    epsilon : float > 0
    Others as in `Optimizer`.

    Source
    ------
    Y. You et al. 2020, Large batch optimization for deep learning, algorithm 2.
    """

    slots = (("momentum", "velocity"),)

    def __init__(
        self, learning_rate: Rate = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float = 1e-7, weight_decay: float | None = None, clipnorm: float | None = None,
        clipvalue: float | None = None, global_clipnorm: float | None = None,
        use_ema: bool = False, ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None, loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None, name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps,
            name,
        )  # fmt: skip
        self._set(beta_1, beta_2, epsilon)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Make the step of one weight."""
        g, w = np.asarray(gradient), variable.array
        m, v = (self._flat.view(slot, variable).array for slot in ("momentum", "velocity"))
        m += (g - m) * (1 - self.beta_1)
        v += (g * g - v) * (1 - self.beta_2)
        u = m / (1 - self.beta_1**self.t)
        u /= np.sqrt(v / (1 - self.beta_2**self.t)) + self.epsilon
        lengths = [math.sqrt(float(np.sum(x * x))) for x in (w, u)]
        ratio = lengths[0] / lengths[1] if all(lengths) else 1.0
        w -= ratio * float(learning_rate) * u


class ScheduleFreeAdamW(Moments):
    """AdamW on z, w between z and the mean x of all z: w = (1 - b1) z + b1 x; no schedule needed.

    Parameters
    ----------
    beta_1 : float in (0, 1), how near w is to the mean
    beta_2 : float in [0, 1)
    epsilon : float > 0
    warmup_steps : int >= 0, over which the learning rate grows from 0
    Others as in `Optimizer`.

    Notes
    -----
    The slot "momentum" is z. As in Keras, the weights are w, also while the model is measured.

    Source
    ------
    A. Defazio et al. 2024, The road less scheduled, equations 3 to 5 and algorithm 1.
    """

    slots = (("momentum", "velocity"),)

    def __init__(
        self, learning_rate: Rate = 0.0025, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float = 1e-8, warmup_steps: int = 0, weight_decay: float | None = None,
        clipnorm: float | None = None, clipvalue: float | None = None,
        global_clipnorm: float | None = None, use_ema: bool = False, ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None, loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None, name: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps,
            name,
        )  # fmt: skip
        self._set(beta_1, beta_2, epsilon)
        require(beta_1 > 0, "beta_1", beta_1, "a float in (0, 1)", "ScheduleFreeAdamW")
        fits = isinstance(warmup_steps, int) and warmup_steps >= 0
        require(fits, "warmup_steps", warmup_steps, "an int >= 0", "ScheduleFreeAdamW")
        self.warmup_steps = warmup_steps

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the slots; z begins where the weights do."""
        if not self.built:
            super().build(variables)
            self._flat.slots["momentum"][...] = self._flat.parameters

    def rule(
        self, rate: float, p: np.ndarray, g: np.ndarray, momentum: np.ndarray, velocity: np.ndarray
    ) -> None:
        """Make the step."""
        z, v, b1, t = momentum, velocity, self.beta_1, self.t
        if self.warmup_steps:
            rate *= min(t / self.warmup_steps, 1.0)
        x = (p - (1 - b1) * z) / b1
        v += (g * g - v) * (1 - self.beta_2)
        z -= rate * g / (np.sqrt(v / (1 - self.beta_2**t)) + self.epsilon)
        x += (z - x) / t
        p[...] = (1 - b1) * z + b1 * x
