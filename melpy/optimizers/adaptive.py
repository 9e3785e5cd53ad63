"""Optimizers whose steps shrink where gradients were large."""

from __future__ import annotations

import numpy as np

from melpy.kernels import dispatch as kernels
from melpy.optimizers.base import Optimizer
from melpy.optimizers.state import Rate, require

__all__ = ["Adadelta", "Adagrad", "Ftrl", "RMSprop"]


class RMSprop(Optimizer):
    """v = rho v + (1 - rho) g^2; w -= rate g / sqrt(v + epsilon).

    Parameters
    ----------
    rho : float in [0, 1)
    momentum : float in [0, 1]
    epsilon : float > 0
    centered : bool, divide by the variance, v - mean(g)^2, instead of v
    Others as in `Optimizer`.

    Source
    ------
    T. Tieleman, G. Hinton 2012, lecture 6.5; A. Graves 2013, equations 38 to 41 (centered).
    """

    def __init__(
        self, learning_rate: Rate = 0.001, rho: float = 0.9, momentum: float = 0.0,
        epsilon: float = 1e-7, centered: bool = False,
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
        require(0 <= rho < 1, "rho", rho, "a float in [0, 1)", "RMSprop")
        require(0 <= momentum <= 1, "momentum", momentum, "a float in [0, 1]", "RMSprop")
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered
        self.slots = (
            ("velocity",),
            *([("momentum",)] if momentum else []),
            *([("average_gradient",)] if centered else []),
        )

    def rule(
        self, rate: float, p: np.ndarray, g: np.ndarray, velocity: np.ndarray,
        momentum: np.ndarray | None = None, average_gradient: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        """Make the step."""
        kernels.rmsprop(
            p, g, velocity, momentum, average_gradient, rate, self.rho, self.momentum, self.epsilon
        )


class Adagrad(Optimizer):
    """v += g^2; w -= rate g / sqrt(v + epsilon).

    Parameters
    ----------
    initial_accumulator_value : float >= 0, what v starts from
    epsilon : float > 0
    Others as in `Optimizer`.

    Source
    ------
    J. Duchi et al. 2011, figure 1, with a diagonal matrix.
    """

    slots = (("accumulator",),)

    def __init__(
        self, learning_rate: Rate = 0.001, initial_accumulator_value: float = 0.1,
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
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon

    def start_of(self, slot: str) -> float:
        """Return what a slot holds at first."""
        return self.initial_accumulator_value if slot == "accumulator" else 0.0

    def rule(self, rate: float, p: np.ndarray, g: np.ndarray, accumulator: np.ndarray) -> None:
        """Make the step."""
        kernels.adagrad(p, g, accumulator, rate, self.epsilon)


class Adadelta(Optimizer):
    """d = g sqrt(mean(d^2) + epsilon) / sqrt(mean(g^2) + epsilon); w -= rate d.

    Parameters
    ----------
    rho : float in [0, 1), the share of the past in the running means
    epsilon : float > 0
    Others as in `Optimizer`. The paper's learning rate is 1.0.

    Source
    ------
    M. Zeiler 2012, algorithm 1.
    """

    slots = (("accumulated_grad", "accumulated_delta_var"),)

    def __init__(
        self, learning_rate: Rate = 0.001, rho: float = 0.95, epsilon: float = 1e-7,
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
        self.rho, self.epsilon = rho, epsilon

    def rule(
        self, rate: float, p: np.ndarray, g: np.ndarray, accumulated_grad: np.ndarray,
        accumulated_delta_var: np.ndarray,
    ) -> None:  # fmt: skip
        """Make the step."""
        kernels.adadelta(
            p, g, accumulated_grad, accumulated_delta_var, rate, self.rho, self.epsilon
        )


class Ftrl(Optimizer):
    """Follow the regularized leader: w is 0 where |z| <= l1, z the sum of corrected gradients.

    Parameters
    ----------
    learning_rate_power : float <= 0, -0.5 in the paper: the rate falls as accumulator^power
    initial_accumulator_value : float >= 0, what the sum of g^2 starts from
    l1_regularization_strength, l2_regularization_strength : floats >= 0
    l2_shrinkage_regularization_strength : float >= 0, a penalty on the weights' size alone, which
        acts through the gradient
    beta : float, adds beta / (2 rate) to l2
    Others as in `Optimizer`.

    Source
    ------
    H. McMahan et al. 2013, Ad click prediction: a view from the trenches, algorithm 1.
    """

    slots = (("accumulator", "linear"),)
    is_paced = False  # beta / (2 rate) changes too

    def __init__(
        self, learning_rate: Rate = 0.001, learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1, l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0, beta: float = 0.0,
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
        strengths = {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
        }
        for key, value in strengths.items():
            require(value >= 0, key, value, "a float >= 0", "Ftrl")
        power = learning_rate_power
        require(power <= 0, "learning_rate_power", power, "a float <= 0", "Ftrl")
        self.learning_rate_power, self.beta = learning_rate_power, beta
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength

    def start_of(self, slot: str) -> float:
        """Return what a slot holds at first."""
        return self.initial_accumulator_value if slot == "accumulator" else 0.0

    def rule(
        self, rate: float, p: np.ndarray, g: np.ndarray, accumulator: np.ndarray,
        linear: np.ndarray,
    ) -> None:  # fmt: skip
        """Make the step; at a rate of 0, which weighs all gradients without end, none."""
        kernels.ftrl(
            p, g, accumulator, linear, rate, -self.learning_rate_power,
            self.l1_regularization_strength,
            self.l2_regularization_strength + (self.beta / (2 * rate) if rate else 0.0),
            self.l2_shrinkage_regularization_strength,
        )  # fmt: skip
