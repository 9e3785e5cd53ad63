"""Optimizers that follow the gradient or its sign, with or without momentum."""

from __future__ import annotations

import numpy as np

from melpy.kernels import dispatch as kernels
from melpy.optimizers.base import Optimizer
from melpy.optimizers.state import Rate, require

__all__ = ["SGD", "Lion"]


class SGD(Optimizer):
    """w -= rate g; with momentum u = momentum u - rate g, w += u.

    Parameters
    ----------
    momentum : float in [0, 1]
    nesterov : bool, step by momentum u - rate g instead of u
    Others as in `Optimizer`.

    Source
    ------
    H. Robbins, S. Monro 1951; B. Polyak 1964; Y. Nesterov 1983.

    Examples
    --------
    >>> import melpy
    >>> w = melpy.Tensor([1.0, 2.0])
    >>> optimizer = SGD(learning_rate=0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.apply([np.array([1.0, -1.0])], [w])
    >>> w
    Tensor([-0.25,  3.25], dtype=float32)
    """

    def __init__(
        self, learning_rate: Rate = 0.01, momentum: float = 0.0, nesterov: bool = False,
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
        require(0 <= momentum <= 1, "momentum", momentum, "a float in [0, 1]", "SGD")
        self.momentum, self.nesterov = momentum, nesterov
        self.slots = (("momentum",),) if momentum else ()

    def rule(
        self, rate: float, p: np.ndarray, g: np.ndarray, momentum: np.ndarray | None = None
    ) -> None:
        """Make the step."""
        kernels.sgd(p, g, momentum, rate, self.momentum, self.nesterov)


class Lion(Optimizer):
    """w -= rate sign(b1 m + (1 - b1) g); then m = b2 m + (1 - b2) g.

    Parameters
    ----------
    beta_1 : float in (0, 1], the share of the past in the step
    beta_2 : float in [0, 1], the share of the past in m
    Others as in `Optimizer`.

    Source
    ------
    X. Chen et al. 2023, Symbolic discovery of optimization algorithms, program 1.
    """

    slots = (("momentum",),)

    def __init__(
        self, learning_rate: Rate = 0.001, beta_1: float = 0.9, beta_2: float = 0.99,
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
        require(0 < beta_1 <= 1, "beta_1", beta_1, "a float in (0, 1]", "Lion")
        self.beta_1, self.beta_2 = beta_1, beta_2

    def rule(self, rate: float, p: np.ndarray, g: np.ndarray, momentum: np.ndarray) -> None:
        """Make the step."""
        kernels.lion(p, g, momentum, rate, self.beta_1, self.beta_2)
