"""Optimizers that see the whole matrix of a weight, so work weight by weight."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy.kernels import dispatch as kernels
from melpy.optimizers.base import Optimizer
from melpy.optimizers.state import Rate
from melpy.tape import Variable
from melpy.tensor import Tensor

__all__ = ["Adafactor", "Muon"]


class Adafactor(Optimizer):
    """w -= rate g / sqrt(v), v = r c / mean(r), with r, c the means of g^2 over rows and columns.

    Parameters
    ----------
    beta_2_decay : float < 0: the share of the past in r and c is 1 - t^beta_2_decay
    epsilon_1 : float > 0, added to g^2
    epsilon_2 : float > 0, the least size of a weight, in units of which it moves
    clip_threshold : float > 0, the largest root mean square of g / sqrt(v)
    relative_step : bool, let a constant learning rate be at most 1 / sqrt(t)
    Others as in `Optimizer`.

    Source
    ------
    N. Shazeer, M. Stern 2018, Adafactor, algorithms 4 and 5.
    """

    def __init__(
        self, learning_rate: Rate = 0.001, beta_2_decay: float = -0.8, epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3, clip_threshold: float = 1.0, relative_step: bool = True,
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
        self.beta_2_decay, self.epsilon_1, self.epsilon_2 = beta_2_decay, epsilon_1, epsilon_2
        self.clip_threshold, self.relative_step = clip_threshold, relative_step

    def build(self, variables: Sequence[Variable]) -> None:
        """Make r, c and v for each weight; a vector has v only, and keeps their places in files."""
        if self.built:
            return
        super().build(variables)
        self._means: dict[int, list[Tensor]] = {}
        for n, w in enumerate(variables):
            shape, vector = w.array.shape, w.array.ndim < 2
            shapes = [(), ()] if vector else [shape[:-1], shape[:-2] + shape[-1:]]
            kind = "int32" if vector else w.array.dtype
            r, c = (self.add_variable(s, "zeros", kind, name=w.name) for s in shapes)
            self._means[n] = [r, c, self.add_variable_from_reference(w, "velocity")]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Make the step of one weight."""
        g, w, rate = np.asarray(gradient), variable.array, float(learning_rate)
        if self.relative_step and isinstance(self._learning_rate, Tensor):
            rate = min(rate, 1 / math.sqrt(self.t))
        r, c, v = (s.array for s in self._means[self._get_variable_index(variable)])
        past = 1 - self.t**self.beta_2_decay
        squares = g * g + self.epsilon_1
        if g.ndim < 2:
            v[...] = past * v + (1 - past) * squares
        else:
            r[...] = past * r + (1 - past) * squares.mean(axis=-1)
            c[...] = past * c + (1 - past) * squares.mean(axis=-2)
            v[...] = (r / r.mean(axis=-1, keepdims=True))[..., None] * c[..., None, :]
        step = g / np.sqrt(v)
        step /= max(1.0, _rms(step) / self.clip_threshold)
        w -= max(self.epsilon_2, _rms(w)) * min(rate, 1 / math.sqrt(self.t)) * step


def _rms(x: np.ndarray) -> float:
    return math.sqrt(float(np.mean(x * x)))


class Muon(Optimizer):
    """Moves matrices by an orthogonal matrix near their momentum, and all other weights as AdamW.

    Parameters
    ----------
    adam_beta_1, adam_beta_2, adam_weight_decay, epsilon : floats, of AdamW's part
    weight_decay : float or None, of the matrices
    exclude_layers : regular expressions; weights whose paths match are AdamW's
    exclude_embeddings : bool, leave weights with "embedding" in their paths to AdamW
    muon_a, muon_b, muon_c : floats, of the iteration x = a x + (b s + c s^2) x, s = x x^T
    adam_lr_ratio : float, AdamW's learning rate over that of the matrices
    momentum : float in [0, 1)
    ns_steps : int >= 0, iterations
    nesterov : bool, look ahead
    rms_rate : float or None, scales the step of an (n, m) matrix by rms_rate sqrt(max(n, m))
    Others as in `Optimizer`.

    Source
    ------
    K. Jordan et al. 2024, Muon; J. Liu et al. 2025, Muon is scalable for LLM training, section 2.
    """

    def __init__(
        self, learning_rate: Rate = 0.001, adam_beta_1: float = 0.9, adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004, epsilon: float = 1e-7,
        weight_decay: float | None = 0.004, clipnorm: float | None = None,
        clipvalue: float | None = None, global_clipnorm: float | None = None,
        use_ema: bool = False, ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None, loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None, name: str | None = None,
        exclude_layers: Sequence[str] | None = None, exclude_embeddings: bool = True,
        muon_a: float = 3.4445, muon_b: float = -4.7750, muon_c: float = 2.0315,
        adam_lr_ratio: float = 1, momentum: float = 0.95, ns_steps: int = 5,
        nesterov: bool = True, rms_rate: float | None = 0.2,
    ) -> None:  # fmt: skip
        super().__init__(
            learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema,
            ema_momentum, ema_overwrite_frequency, loss_scale_factor, gradient_accumulation_steps,
            name,
        )  # fmt: skip
        self.adam_beta_1, self.adam_beta_2, self.epsilon = adam_beta_1, adam_beta_2, epsilon
        self.adam_weight_decay, self.adam_lr_ratio = adam_weight_decay, adam_lr_ratio
        self.exclude_layers, self.exclude_embeddings = exclude_layers or [], exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.momentum, self.ns_steps, self.nesterov = momentum, ns_steps, nesterov
        self.rms_rate = rms_rate

    def _is_adams(self, variable: Any) -> bool:
        path = str(getattr(variable, "path", "") or variable.name)
        embedding = self.exclude_embeddings and "embedding" in path.lower()
        excluded = any(re.search(pattern, path) for pattern in self.exclude_layers)
        return variable.array.ndim != 2 or embedding or excluded

    def build(self, variables: Sequence[Variable]) -> None:
        """Make each weight's momentum, and the velocity of AdamW's weights."""
        if self.built:
            return
        super().build(variables)
        self._means: dict[int, list[Tensor]] = {}
        for n, w in enumerate(variables):
            names = ["momentum", *(["velocity"] if self._is_adams(w) else [])]
            self._means[n] = [self.add_variable_from_reference(w, name) for name in names]

    def decay(self, weights: list[Any], rate: float) -> None:
        """Multiply the weights by 1 - their decay * rate."""
        for w in weights:
            decay = self.adam_weight_decay if self._is_adams(w) else self.weight_decay
            if decay and self.decays(w):
                w.array *= 1 - decay * rate

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Make the step of one weight."""
        g, w, rate = np.asarray(gradient), variable.array, float(learning_rate)
        m, *velocity = (s.array for s in self._means[self._get_variable_index(variable)])
        if velocity:
            beta_1, beta_2 = self.adam_beta_1, self.adam_beta_2
            rate *= self.adam_lr_ratio
            step_size = rate * math.sqrt(1 - beta_2**self.t) / (1 - beta_1**self.t)
            arrays = (array.reshape(-1) for array in (w, g, m, velocity[0]))
            kernels.adam(*arrays, step_size, beta_1, beta_2, self.epsilon)
            return
        m *= self.momentum
        m += g
        scale = 1.0 if self.rms_rate is None else self.rms_rate * math.sqrt(max(w.shape))
        w -= rate * scale * self._orthogonal(g + self.momentum * m if self.nesterov else m)

    def _orthogonal(self, x: np.ndarray) -> np.ndarray:
        """Drive all singular values towards 1 by Newton and Schulz's iteration, order 5."""
        wide = x if x.shape[0] <= x.shape[1] else x.T
        wide = wide / (np.sqrt(np.sum(wide * wide)) + 1e-7)
        for _ in range(self.ns_steps):
            s = kernels.matmul(wide, wide.T)
            wide = self.muon_a * wide + kernels.matmul(
                self.muon_b * s + self.muon_c * kernels.matmul(s, s), wide
            )
        return wide if x.shape[0] <= x.shape[1] else wide.T
