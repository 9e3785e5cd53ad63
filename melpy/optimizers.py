"""Optimizers: Keras's names, arguments, defaults and formulas, over one flat buffer.

An optimizer lays all trainable weights end to end in one array, whose parts the weights become;
the gradients and the optimizer's slots lie the same way. One kernel then updates everything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from melpy.configurable import Configurable, find
from melpy.errors import ArgumentError, GraphError
from melpy.kernels import dispatch as kernels
from melpy.tape import Variable

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "get"]

Rate = float | Callable[[int], float]


class Optimizer(Configurable):
    """Updates weights from gradients. Abstract: subclasses define ``slots`` and ``update``.

    Parameters
    ----------
    learning_rate : float > 0, or a function of the number of steps made
    weight_decay : float >= 0 or None: each step first multiplies weights by 1 - decay * rate
    clipnorm : float > 0 or None, the largest norm of one weight's gradient
    clipvalue : float > 0 or None, the largest absolute value in a gradient
    global_clipnorm : float > 0 or None, the largest norm of all gradients together
    name : str
    """

    slots: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate: Rate,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str = "",
    ) -> None:
        who = type(self).__name__
        if not callable(learning_rate):
            fits = (
                isinstance(learning_rate, int | float | np.number) and 0 < learning_rate < math.inf
            )
            _require(fits, "learning_rate", learning_rate, "a finite float > 0", who)
        for key, value in (
            ("clipnorm", clipnorm),
            ("clipvalue", clipvalue),
            ("global_clipnorm", global_clipnorm),
        ):
            _require(value is None or value > 0, key, value, "a float > 0 or None", who)
        _require(not weight_decay or weight_decay > 0, "weight_decay", weight_decay, ">= 0", who)
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.name = name or who.lower()
        self.iterations = 0
        self.weights: list[Variable] = []

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        rate = self.learning_rate
        return float(rate(self.iterations)) if callable(rate) else float(rate)

    def build(self, weights: Sequence[Variable]) -> None:
        """Lay the weights end to end; their arrays become views of ``parameters``."""
        types = {w.value.dtype for w in weights} or {np.dtype(np.float32)}
        if len(types) > 1:
            raise GraphError(
                type(self).__name__,
                "the weights are of several float types",
                expected="one type",
                received={"types": sorted(map(str, types))},
                mend="Build all layers under the same floatx.",
            )
        self.weights = list(weights)
        size, dtype = sum(w.value.size for w in weights), types.pop()
        self.parameters, self.gradient = np.empty(size, dtype), np.empty(size, dtype)
        self.state = {slot: np.zeros(size, dtype) for slot in self.slots}
        self._parts = []
        start = 0
        for weight in weights:
            part = slice(start, start + weight.value.size)
            self._parts.append(part)
            self._lay(weight, part)
            start = part.stop

    def _lay(self, weight: Variable, part: slice) -> None:
        """Copy a weight's values into its part of ``parameters``, and let it live there."""
        self.parameters[part] = weight.value.reshape(-1)
        weight.value = self.parameters[part].reshape(weight.value.shape)

    def apply(
        self, gradients: Sequence[np.ndarray], weights: Sequence[Variable] | None = None
    ) -> None:
        """Make one step from one gradient a weight.

        Parameters
        ----------
        gradients : arrays of the weights' shapes
        weights : the trainable weights; needed at the first step, the same ever after
        """
        if weights is not None:
            self._adopt(weights)
        for part, g in zip(self._parts, gradients, strict=True):
            self.gradient[part] = np.asarray(g).reshape(-1)
        self._clip()
        rate = self.rate
        if self.weight_decay:
            self.parameters *= self.parameters.dtype.type(1 - self.weight_decay * rate)
        self.iterations += 1
        self.update(rate)

    def apply_gradients(self, pairs: Iterable[tuple[np.ndarray, Variable]]) -> None:
        """Make one step from (gradient, weight) pairs, as in Keras."""
        gradients, weights = zip(*pairs, strict=True)
        self.apply(gradients, weights)

    def update(self, rate: float) -> None:
        """Change ``parameters`` by ``gradient`` and the slots, in place. Abstract."""
        raise NotImplementedError

    def _adopt(self, weights: Sequence[Variable]) -> None:
        if not self.weights:
            self.build(weights)
        elif len(weights) != len(self.weights) or any(
            a is not b for a, b in zip(weights, self.weights, strict=True)
        ):
            raise GraphError(
                type(self).__name__,
                "the trainable weights are not those of the first step",
                expected=f"{len(self.weights)} weights, the same each time",
                received={"weights": len(weights)},
                mend="After freezing or adding layers, call compile() again with a new optimizer.",
            )
        for weight, part in zip(self.weights, self._parts, strict=True):
            if weight.value.base is not self.parameters:  # another optimizer took it over
                self._lay(weight, part)

    def _clip(self) -> None:
        g = self.gradient
        if self.clipnorm is not None:
            for part in self._parts:
                _limit_norm(g[part], self.clipnorm)
        elif self.global_clipnorm is not None:
            _limit_norm(g, self.global_clipnorm)
        elif self.clipvalue is not None:
            np.clip(g, -self.clipvalue, self.clipvalue, out=g)


def _limit_norm(g: np.ndarray, limit: float) -> None:
    norm = float(np.sqrt(np.dot(g, g)))
    if norm > limit:
        g *= g.dtype.type(limit / norm)


def _require(fits: Any, name: str, value: Any, expected: str, who: str) -> None:
    if not fits:
        raise ArgumentError(
            who, f"{name} is out of range", expected=expected, received={name: value}
        )


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
    """

    def __init__(
        self,
        learning_rate: Rate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str = "SGD",
    ) -> None:
        super().__init__(learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, name)
        _require(0 <= momentum <= 1, "momentum", momentum, "a float in [0, 1]", "SGD")
        self.momentum, self.nesterov = momentum, nesterov
        self.slots = ("velocity",) if momentum else ()

    def update(self, rate: float) -> None:
        """Make the step."""
        velocity = self.state.get("velocity")
        kernels.sgd(self.parameters, self.gradient, velocity, rate, self.momentum, self.nesterov)


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
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str = "rmsprop",
    ) -> None:
        super().__init__(learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, name)
        _require(0 <= rho < 1, "rho", rho, "a float in [0, 1)", "RMSprop")
        _require(0 <= momentum <= 1, "momentum", momentum, "a float in [0, 1]", "RMSprop")
        self.rho, self.momentum, self.epsilon, self.centered = rho, momentum, epsilon, centered
        self.slots = (
            "velocity",
            *(["momentum"] if momentum else []),
            *(["average_gradient"] if centered else []),
        )

    def update(self, rate: float) -> None:
        """Make the step."""
        slot = self.state.get
        kernels.rmsprop(
            self.parameters, self.gradient, slot("velocity"), slot("momentum"),
            slot("average_gradient"), rate, self.rho, self.momentum, self.epsilon,
        )  # fmt: skip


class Adam(Optimizer):
    """m and v average g and g^2; w -= rate m / (sqrt(v) + epsilon), both freed of their start at 0.

    Parameters
    ----------
    beta_1, beta_2 : floats in [0, 1)
    epsilon : float > 0
    Others as in `Optimizer`.

    Source
    ------
    D. Kingma, J. Ba 2015, section 2 (its "epsilon hat").
    """

    slots = ("momentum", "velocity")

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str = "adam",
    ) -> None:
        super().__init__(learning_rate, weight_decay, clipnorm, clipvalue, global_clipnorm, name)
        for key, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
            _require(0 <= beta < 1, key, beta, "a float in [0, 1)", type(self).__name__)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def update(self, rate: float) -> None:
        """Make the step."""
        t = self.iterations
        step_size = rate * math.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
        kernels.adam(
            self.parameters, self.gradient, self.state["momentum"], self.state["velocity"],
            step_size, self.beta_1, self.beta_2, self.epsilon,
        )  # fmt: skip


class AdamW(Adam):
    """Adam whose weight decay acts on the weights, not through the gradient.

    Source
    ------
    I. Loshchilov, F. Hutter 2019, algorithm 2.
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str = "adamw",
    ) -> None:
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon,
            weight_decay, clipnorm, clipvalue, global_clipnorm, name,
        )  # fmt: skip


def get(identifier: Any) -> Optimizer:
    """Return the optimizer of a name ("adam"), a config, or itself."""
    return find("optimizer", identifier, Optimizer, globals(), spell=str.lower)
