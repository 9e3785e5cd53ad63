"""Activations as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import activations, ops
from melpy.errors import ArgumentError, ShapeError, warn
from melpy.layers.arguments import Shape
from melpy.layers.base import Layer
from melpy.layers.checks import NO_ACTIVATION, not_negative
from melpy.layers.joining import Act

__all__ = ["ELU", "Activation", "LeakyReLU", "PReLU", "ReLU", "SameShape", "Softmax"]

MASKED = -1e9  # added to a logit that is masked: its probability becomes 0


def without_masked(x: Any, mask: Any) -> Any:
    """Return logits that a softmax turns into 0 where the mask is False."""
    return x + masked(mask, x.dtype)


def masked(mask: Any, dtype: np.dtype) -> np.ndarray:
    """Return what is added to logits: much less than 0 where the mask is False, 0 elsewhere."""
    return (1 - np.asanyarray(mask, dtype)) * dtype.type(MASKED)


class SameShape(Layer):
    """A layer whose output has its input's shape, and its mask. Abstract."""

    supports_masking = True
    needs_build = False

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape


class Activation(SameShape):
    """y = act(x).

    Parameters
    ----------
    activation : name or function

    Notes
    -----
    Input of any shape, output of the same shape.
    """

    whole = True
    joins = True
    none_means = NO_ACTIVATION

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        """Return act(x)."""
        return self.activation(inputs)

    def as_activation(self) -> Act | None:
        """Return the activation, where it is one of those that the kernels know."""
        return activations.IN_BLOCK.get(self.activation)

    def kinks(self) -> tuple[float, ...]:
        """Return where the slope jumps."""
        return activations.KINKS.get(self.activation, ())


class ReLU(SameShape):
    """y = x where x > threshold, up to max_value; negative_slope (x - threshold) elsewhere.

    Parameters
    ----------
    max_value : float >= 0 or None for no limit
    negative_slope : float >= 0
    threshold : float >= 0

    Notes
    -----
    Input of any shape, output of the same shape.
    """

    whole = True
    joins = True

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (
            ("max_value", max_value or 0.0),
            ("negative_slope", negative_slope),
            ("threshold", threshold),
        ):
            not_negative(value, name, "ReLU")
        self.max_value, self.negative_slope, self.threshold = max_value, negative_slope, threshold

    def call(self, inputs: Any) -> Any:
        """Return the rectified input."""
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)

    def as_activation(self) -> Act | None:
        """Return relu or leaky_relu, where neither a limit nor a threshold is set."""
        if self.max_value is not None or self.threshold:
            return None
        return ("leaky_relu", self.negative_slope) if self.negative_slope else ("relu", 0.0)

    def kinks(self) -> tuple[float, ...]:
        """Return where the slope jumps."""
        return (self.threshold, *([] if self.max_value is None else [self.max_value]))


class LeakyReLU(SameShape):
    """y = x where x > 0, else negative_slope x. A. Maas et al. 2013.

    Parameters
    ----------
    negative_slope : float >= 0; its older name ``alpha`` serves too, as in Keras

    Notes
    -----
    Input of any shape, output of the same shape.
    """

    whole = True
    joins = True

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
            warn("LeakyReLU: alpha is the older name. Use negative_slope.")
        super().__init__(**kwargs)
        self.negative_slope = not_negative(negative_slope, "negative_slope", "LeakyReLU")

    def call(self, inputs: Any) -> Any:
        """Return the rectified input."""
        return ops.leaky_relu(inputs, self.negative_slope)

    def as_activation(self) -> Act:
        """Return leaky_relu with the layer's own slope."""
        return "leaky_relu", self.negative_slope

    def kinks(self) -> tuple[float, ...]:
        """Return where the slope jumps."""
        return (0.0,)


class ELU(SameShape):
    """y = x where x > 0, else alpha (exp(x) - 1). D.-A. Clevert et al. 2015.

    Parameters
    ----------
    alpha : float >= 0

    Notes
    -----
    Input of any shape, output of the same shape.
    """

    whole = True
    joins = True

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = not_negative(alpha, "alpha", "ELU")

    def call(self, inputs: Any) -> Any:
        """Return the activated input."""
        return ops.elu(inputs, self.alpha)

    def as_activation(self) -> Act:
        """Return elu with the layer's own alpha."""
        return "elu", self.alpha

    def kinks(self) -> tuple[float, ...]:
        """Return where the slope jumps."""
        return () if self.alpha == 1 else (0.0,)


class PReLU(SameShape):
    """y = x where x > 0, else alpha x, with an alpha of its own for each value. K. He et al. 2015.

    Parameters
    ----------
    alpha_initializer, alpha_regularizer, alpha_constraint : as for any weight
    shared_axes : axes along which alpha is shared, from 1; None for none

    Notes
    -----
    Input (N, ...), output of the same shape. Weight: alpha, the input's shape without the batch
    axis, 1 along shared axes.
    """

    whole = True

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rules("alpha", alpha_initializer, alpha_regularizer, alpha_constraint)
        shared = [] if shared_axes is None else shared_axes
        self.shared_axes = [shared] if isinstance(shared, int) else list(shared)

    def build(self, input_shape: Shape) -> None:
        """Make alpha."""
        shape = [1 if n in self.shared_axes else size for n, size in enumerate(input_shape) if n]
        if None in shape:
            raise ArgumentError(
                "build",
                "an axis of unknown size needs a shared alpha",
                expected="known sizes along axes that are not shared",
                received={"shape": tuple(input_shape), "shared_axes": self.shared_axes},
            )
        self.alpha = self.ruled_weight("alpha", shape)

    def call(self, inputs: Any) -> Any:
        """Return the rectified input."""
        return ops.relu(inputs) - self.alpha * ops.relu(-inputs)

    def kinks(self) -> tuple[float, ...]:
        """Return where the slope jumps."""
        return (0.0,)


class Softmax(SameShape):
    """y = exp(x) / sum exp(x), along one axis or several.

    Parameters
    ----------
    axis : int, or several ints

    Notes
    -----
    Input of any shape, one axis at least; output of the same shape.
    """

    whole = True

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the probabilities; where the mask is False, 0."""
        x = inputs
        if mask is not None:
            mask = np.asanyarray(mask)
            mask = mask if mask.dtype.kind == "b" else mask > 0.5
            _require_fitting(mask.shape, inputs.shape)
            x = without_masked(x, mask)
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        y = ops.softmax(x, axis=axis)
        return y if mask is None else y * np.asanyarray(mask, x.dtype)


def _require_fitting(mask: Shape, shape: Shape) -> None:
    """Refuse a mask that cannot be spread over the input."""
    pairs = zip(mask[::-1], shape[::-1], strict=False)
    if len(mask) > len(shape) or any(own not in (1, size) for own, size in pairs):
        raise ShapeError(
            "call",
            "the mask does not fit the input",
            expected=f"a mask that broadcasts to shape {tuple(shape)}",
            received={"mask.shape": tuple(mask)},
        )
