"""Limits on weights: after each step of an optimizer, a weight is put back inside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from melpy import config, ops
from melpy.configurable import Configurable, find, plain, widened

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "serialize",
]


class Constraint(Configurable):
    """A function of a weight that returns the weight inside the limits; this one has none.

    Notes
    -----
    Subclasses define ``__call__``. A weight's constraint acts after the optimizer's step. ``axis``
    names the axes that one unit's weights lie along: 0 for a `Dense` kernel (D, units),
    (0, 1, 2) for a `Conv2D` kernel (K, K, C, filters).
    """

    def __call__(self, w: Any) -> Any:
        """Return the constrained weight, an array or a tensor as it came."""
        return w


class MaxNorm(Constraint):
    """w min(|w|, max_value) / |w|: no unit's weights are longer than that.

    Parameters
    ----------
    max_value : float >= 0
    axis : int or ints, the axes that one unit's weights lie along

    Source
    ------
    N. Srivastava et al. 2014, Dropout, section 5.1.

    Examples
    --------
    >>> import numpy as np
    >>> w = MaxNorm(2)(np.array([[3.0, 0.3], [4.0, 0.4]]))  # lengths 5 and 0.5
    >>> np.round(w, 6)
    array([[1.2, 0.3],
           [1.6, 0.4]])
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Any:
        """Return the constrained weight."""
        norms = _lengths(w, self.axis)
        return w * (ops.clip(norms, 0.0, self.max_value) / (config.epsilon() + norms))


class NonNeg(Constraint):
    """max(w, 0)."""

    def __call__(self, w: Any) -> Any:
        """Return the constrained weight."""
        return ops.maximum(w, 0)


class UnitNorm(Constraint):
    """w / |w|: every unit's weights have length 1.

    Parameters
    ----------
    axis : int or ints, the axes that one unit's weights lie along
    """

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        """Return the constrained weight."""
        return w / (config.epsilon() + _lengths(w, self.axis))


class MinMaxNorm(Constraint):
    """w (rate clip(|w|, min_value, max_value) + (1 - rate) |w|) / |w|.

    Parameters
    ----------
    min_value, max_value : floats >= 0, the limits of the length of a unit's weights
    rate : float in [0, 1], how far towards the limits one step goes; 1 for all the way
    axis : int or ints, the axes that one unit's weights lie along
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ) -> None:
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> Any:
        """Return the constrained weight."""
        norms = _lengths(w, self.axis)
        inside = ops.clip(norms, self.min_value, self.max_value)
        desired = self.rate * inside + (1 - self.rate) * norms
        return w * (desired / (config.epsilon() + norms))


def _lengths(w: Any, axis: int | Sequence[int]) -> Any:
    axes = axis if isinstance(axis, int) else tuple(axis)
    return ops.euclidean_norm(w, axis=axes, keepdims=True)


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm


def serialize(constraint: Constraint) -> dict[str, Any]:
    """Return a constraint as plain values, which `deserialize` reads."""
    return plain(constraint)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Constraint:
    """Return the constraint of a `serialize` result; ``custom_objects`` names further classes."""
    return find("constraint", config, Constraint, widened(globals(), custom_objects))


def get(identifier: Any) -> Callable[[Any], Any] | None:
    """Return the constraint of a name ("max_norm"), a config, a class, itself, or None for None."""
    if identifier is None:
        return None
    if callable(identifier):
        return identifier() if isinstance(identifier, type) else identifier
    return find("constraint", identifier, Constraint, globals())
