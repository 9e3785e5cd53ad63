"""Adam and its relatives: steps by a mean gradient over the root of a mean square."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy.kernels import dispatch as kernels
from melpy.optimizers.base import Optimizer
from melpy.optimizers.state import Rate, require
from melpy.tape import Variable

__all__ = ["Adam", "AdamW", "Adamax", "Moments", "Nadam"]


class Moments(Optimizer):
    """What the family shares: beta_1, beta_2 and epsilon. Abstract."""

    def _set(self, beta_1: float, beta_2: float, epsilon: float) -> None:
        for key, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
            require(0 <= beta < 1, key, beta, "a float in [0, 1)", type(self).__name__)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon


class Adam(Moments):
    """m and v average g and g^2; w -= rate m / (sqrt(v) + epsilon), both freed of their start at 0.

    Parameters
    ----------
    beta_1, beta_2 : floats in [0, 1)
    epsilon : float > 0
    amsgrad : bool, divide by the root of the largest v so far
    Others as in `Optimizer`.

    Source
    ------
    D. Kingma, J. Ba 2015, section 2 (its "epsilon hat"); S. Reddi et al. 2018 (amsgrad).
    """

    def __init__(
        self, learning_rate: Rate = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float = 1e-7, amsgrad: bool = False,
        weight_decay: float | None = None, clipnorm: float | None = None,
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
        self.amsgrad = amsgrad
        self.slots = (("momentum", "velocity"), *([("velocity_hat",)] if amsgrad else []))

    def pace(self, rate: float, t: int) -> tuple[float, ...]:
        """Return the size of step t."""
        return (rate * math.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t),)

    def rule(
        self, rate: float, p: np.ndarray, g: np.ndarray, momentum: np.ndarray,
        velocity: np.ndarray, velocity_hat: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        """Make the step."""
        kernels.adam(
            p, g, momentum, velocity, *self.pace(rate, self.t), self.beta_1, self.beta_2,
            self.epsilon, velocity_hat,
        )  # fmt: skip


class AdamW(Adam):
    """Adam whose weight decay acts on the weights, not through the gradient.

    Parameters
    ----------
    weight_decay : float >= 0
    Others as in `Adam`.

    Source
    ------
    I. Loshchilov, F. Hutter 2019, algorithm 2.
    """

    def __init__(
        self, learning_rate: Rate = 0.001, weight_decay: float = 0.004, beta_1: float = 0.9,
        beta_2: float = 0.999, epsilon: float = 1e-7, amsgrad: bool = False,
        clipnorm: float | None = None, clipvalue: float | None = None,
        global_clipnorm: float | None = None, use_ema: bool = False, ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None, loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None, name: str | None = None,
    ) -> None:  # fmt: skip
        require(weight_decay is not None, "weight_decay", weight_decay, "a float", "AdamW")
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, clipnorm, clipvalue,
            global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name,
        )  # fmt: skip


class Nadam(Moments):
    """Adam with Nesterov's look ahead: the step is by b1' m / (1 - B') + (1 - b1) g / (1 - B).

    b1 grows with the steps t, b1 = beta_1 (1 - 0.96^t / 2); b1' is that of the next step, B and B'
    the products of all up to b1 and b1'.

    Parameters
    ----------
    beta_1, beta_2 : floats in [0, 1)
    epsilon : float > 0
    Others as in `Optimizer`.

    Source
    ------
    T. Dozat 2016, Incorporating Nesterov momentum into Adam, algorithm 8.
    """

    is_paced = False  # a state of its own goes on with each step
    slots = (("momentum", "velocity"),)

    def __init__(
        self, learning_rate: Rate = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float = 1e-7,
        weight_decay: float | None = None, clipnorm: float | None = None,
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

    def build(self, variables: Sequence[Variable]) -> None:
        """Lay the weights end to end, and make the slots."""
        if not self.built:
            super().build(variables)
            self._product = self.add_variable(
                (), "ones", self._flat.parameters.dtype, name="u_product"
            )

    def step(self, weights: list[Any], rate: float) -> None:
        """Make the step."""
        self.assign(self._product, float(self._product) * self._beta(self.t))
        super().step(weights, rate)

    def _beta(self, t: int) -> float:
        return self.beta_1 * (1 - 0.5 * 0.96**t)

    def rule(
        self, rate: float, p: np.ndarray, g: np.ndarray, momentum: np.ndarray,
        velocity: np.ndarray,
    ) -> None:  # fmt: skip
        """Make the step."""
        now, following = self._beta(self.t), self._beta(self.t + 1)
        product = float(self._product)
        kernels.nadam(
            p, g, momentum, velocity, rate * following / (1 - product * following),
            rate * (1 - now) / (1 - product), 1 - self.beta_2**self.t,
            self.beta_1, self.beta_2, self.epsilon,
        )  # fmt: skip


class Adamax(Moments):
    """m averages g, u is the decaying maximum of |g|; w -= rate m / (u + epsilon).

    Parameters
    ----------
    beta_1, beta_2 : floats in [0, 1)
    epsilon : float > 0
    Others as in `Optimizer`.

    Source
    ------
    D. Kingma, J. Ba 2015, algorithm 2.
    """

    slots = (("momentum", "norm"),)

    def __init__(
        self, learning_rate: Rate = 0.001, beta_1: float = 0.9, beta_2: float = 0.999,
        epsilon: float = 1e-7,
        weight_decay: float | None = None, clipnorm: float | None = None,
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

    def pace(self, rate: float, t: int) -> tuple[float, ...]:
        """Return the size of step t."""
        return (rate / (1 - self.beta_1**t),)

    def rule(
        self, rate: float, p: np.ndarray, g: np.ndarray, momentum: np.ndarray, norm: np.ndarray
    ) -> None:
        """Make the step."""
        kernels.adamax(
            p, g, momentum, norm, *self.pace(rate, self.t), self.beta_1, self.beta_2, self.epsilon
        )
