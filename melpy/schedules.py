"""Learning rates that change with the number of steps made: Keras's names and formulas.

A schedule is given to an optimizer in place of a learning rate. All compute in `config.floatx`,
as Keras does, and take one step or an array of steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from melpy import config
from melpy.configurable import Configurable, find, plain, widened
from melpy.errors import ArgumentError

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


class LearningRateSchedule(Configurable):
    """A function of the number of steps made that returns a learning rate. Abstract."""

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of the next step; ``step`` counts those made, from 0."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(self, step)")


class ExponentialDecay(LearningRateSchedule):
    """rate = initial_learning_rate decay_rate^(step / decay_steps).

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int > 0, the steps after which the rate is decay_rate times what it was
    decay_rate : float
    staircase : bool, round the exponent down, so that the rate changes every decay_steps steps
    name : str

    Examples
    --------
    >>> schedule = ExponentialDecay(0.5, decay_steps=10, decay_rate=0.5)
    >>> float(schedule(0)), float(schedule(20))
    (0.5, 0.125)
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self.initial_learning_rate, self.decay_rate = initial_learning_rate, decay_rate
        self.decay_steps = _positive(decay_steps, "decay_steps", type(self).__name__)
        self.staircase, self.name = staircase, name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of the next step."""
        rate, steps, decay, t = _floats(
            self.initial_learning_rate, self.decay_steps, self.decay_rate, step
        )
        return rate * decay ** _periods(t, steps, self.staircase)


class InverseTimeDecay(LearningRateSchedule):
    """rate = initial_learning_rate / (1 + decay_rate step / decay_steps).

    Parameters
    ----------
    initial_learning_rate, decay_rate : floats
    decay_steps : int > 0
    staircase : bool, round step / decay_steps down
    name : str
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        self.initial_learning_rate, self.decay_rate = initial_learning_rate, decay_rate
        self.decay_steps = _positive(decay_steps, "decay_steps", type(self).__name__)
        self.staircase, self.name = staircase, name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of the next step."""
        rate, steps, decay, t = _floats(
            self.initial_learning_rate, self.decay_steps, self.decay_rate, step
        )
        return rate / (1 + decay * _periods(t, steps, self.staircase))


class PiecewiseConstantDecay(LearningRateSchedule):
    """rate = values[k], k the number of boundaries that the step has passed (step > boundary).

    Parameters
    ----------
    boundaries : increasing ints
    values : floats, one more than the boundaries
    name : str

    Examples
    --------
    >>> schedule = PiecewiseConstantDecay([100, 200], [0.5, 0.25, 0.125])
    >>> [float(schedule(step)) for step in (0, 100, 101, 200, 201)]
    [0.5, 0.5, 0.25, 0.25, 0.125]
    """

    def __init__(
        self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant"
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise ArgumentError(
                type(self).__name__,
                "there must be one value more than boundaries",
                expected=f"{len(boundaries) + 1} values",
                received={"boundaries": boundaries, "values": values},
            )
        self.boundaries, self.values, self.name = boundaries, values, name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of the next step."""
        (values,), t = _floats(self.values), np.asarray(step)
        return values[np.searchsorted(np.asarray(self.boundaries).astype(t.dtype), t)]


class PolynomialDecay(LearningRateSchedule):
    """rate = (initial - end) (1 - step / decay_steps)^power + end, and end from there on.

    Parameters
    ----------
    initial_learning_rate, end_learning_rate : floats
    decay_steps : int > 0
    power : float, 1 for a straight line
    cycle : bool, instead of staying at the end, stretch decay_steps to its next multiple
    name : str
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate, self.end_learning_rate = (
            initial_learning_rate,
            end_learning_rate,
        )
        self.decay_steps = _positive(decay_steps, "decay_steps", type(self).__name__)
        self.power, self.cycle, self.name = power, cycle, name

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of the next step."""
        start, end, power, steps, t = _floats(
            self.initial_learning_rate, self.end_learning_rate, self.power, self.decay_steps, step
        )
        if self.cycle:
            steps = steps * np.maximum(np.ceil(t / steps), 1)
        else:
            t = np.minimum(t, steps)
        return (start - end) * (1 - t / steps) ** power + end


class CosineDecay(LearningRateSchedule):
    """rate = start ((1 - alpha) (1 + cos(pi t / decay_steps)) / 2 + alpha), after a warm-up.

    The warm-up climbs in a straight line from initial_learning_rate to start = warmup_target in
    warmup_steps steps; without a warmup_target there is none, and start = initial_learning_rate.
    t counts the steps since; past decay_steps the rate stays.

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int > 0
    alpha : float, the rate at the end as a part of start
    name : str
    warmup_target : float or None
    warmup_steps : int >= 0

    Source
    ------
    I. Loshchilov, F. Hutter 2017, SGDR, equation 5; P. Goyal et al. 2017, section 2.2 (warm-up).

    Examples
    --------
    >>> schedule = CosineDecay(0.0, 100, warmup_target=0.5, warmup_steps=10)
    >>> [round(float(schedule(step)), 6) for step in (0, 5, 10, 60, 110, 500)]
    [0.0, 0.25, 0.5, 0.25, 0.0, 0.0]
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self.initial_learning_rate, self.alpha, self.name = initial_learning_rate, alpha, name
        self.decay_steps = _positive(decay_steps, "decay_steps", type(self).__name__)
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of the next step."""
        start, steps, t = _floats(self.initial_learning_rate, self.decay_steps, step)
        if self.warmup_target is None:
            return start * self._decayed(np.minimum(t, steps) / steps)
        target, warmup = _floats(self.warmup_target, self.warmup_steps)
        climbed = t / np.maximum(warmup, 1)
        decayed = self._decayed((np.clip(t, warmup, steps + warmup) - warmup) / steps)
        return np.where(t < warmup, (target - start) * climbed + start, target * decayed)[()]

    def _decayed(self, part: Any) -> Any:
        return (1 - self.alpha) * _cosine(part) + self.alpha


class CosineDecayRestarts(LearningRateSchedule):
    """A cosine decay that begins anew, each time t_mul times as long and m_mul times as high.

    Parameters
    ----------
    initial_learning_rate : float
    first_decay_steps : int > 0, the steps until the first restart
    t_mul, m_mul : floats > 0
    alpha : float, the lowest rate as a part of initial_learning_rate
    name : str

    Source
    ------
    I. Loshchilov, F. Hutter 2017, SGDR, section 3.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate, self.alpha, self.name = initial_learning_rate, alpha, name
        self.first_decay_steps = _positive(
            first_decay_steps, "first_decay_steps", type(self).__name__
        )
        self.t_mul, self.m_mul = t_mul, m_mul

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of the next step."""
        rate, first, t_mul, m_mul, alpha, t = _floats(
            self.initial_learning_rate, self.first_decay_steps, self.t_mul, self.m_mul, self.alpha,
            step,
        )  # fmt: skip
        part = t / first  # of the first period
        if self.t_mul == 1.0:
            restarts = np.floor(part)
            part = part - restarts
        else:  # the first r periods together are a geometric series, (1 - t_mul^r) / (1 - t_mul)
            restarts = np.floor(np.log(1 - part * (1 - t_mul)) / np.log(t_mul))
            part = (part - (1 - t_mul**restarts) / (1 - t_mul)) / t_mul**restarts
        return rate * ((1 - alpha) * m_mul**restarts * _cosine(part) + alpha)


def _floats(*values: Any) -> list[Any]:
    """Return numbers and arrays in the default float type, in which schedules compute."""
    return [np.asarray(value, dtype=config.floatx())[()] for value in values]


def _cosine(part: Any) -> Any:
    """Return (1 + cos(pi part)) / 2: from 1 at part = 0 to 0 at part = 1."""
    return 0.5 * (1 + np.cos(part.dtype.type(math.pi) * part))


def _periods(t: Any, steps: Any, whole: bool) -> Any:
    return np.floor(t / steps) if whole else t / steps


def _positive(steps: float, name: str, who: str) -> float:
    if not steps > 0:
        raise ArgumentError(
            who, f"{name} must be positive", expected="an int > 0", received={name: steps}
        )
    return steps


def serialize(learning_rate_schedule: LearningRateSchedule) -> dict[str, Any]:
    """Return a schedule as plain values, which `deserialize` reads."""
    return plain(learning_rate_schedule)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> LearningRateSchedule:
    """Return the schedule of a `serialize` result; ``custom_objects`` names further classes."""
    namespace = widened(globals(), custom_objects)
    return find("learning rate schedule", config, LearningRateSchedule, namespace)
