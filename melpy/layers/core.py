"""Dense, activations, shapes, dropout: the layers that are no convolution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import activations, ops, random
from melpy.errors import ArgumentError, ShapeError
from melpy.layers.arguments import Shape
from melpy.layers.base import Layer, known_format
from melpy.layers.parts import Weight

__all__ = [
    "ELU",
    "Activation",
    "Dense",
    "Dropout",
    "Flatten",
    "LeakyReLU",
    "ReLU",
    "Reshape",
    "Softmax",
]


class Dense(Layer):
    """y = act(x W + b), on the last axis.

    Parameters
    ----------
    units : int > 0, D
    activation : name or function, None for none
    use_bias : bool
    kernel_initializer, bias_initializer : initializers
    kernel_regularizer, bias_regularizer : regularizers or None

    Notes
    -----
    Input (..., C), output (..., D); weights: kernel (C, D), bias (D,).

    Examples
    --------
    >>> import numpy as np
    >>> Dense(2, kernel_initializer="ones")(np.array([[1.0, 2.0]]))
    Tensor([[3., 3.]], dtype=float32, requires_grad=True)
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = positive(units, "units", type(self).__name__)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self.bias: Weight | None = None

    def build(self, input_shape: Shape) -> None:
        """Make kernel (C, D) and bias (D,)."""
        if len(input_shape) < 2 or not input_shape[-1]:
            raise ShapeError(
                "build",
                "the last axis must have a known, positive size",
                expected="shape (N, ..., C)",
                received={"shape": tuple(input_shape)},
            )
        self.kernel = self.add_weight(
            (input_shape[-1], self.units),
            self.kernel_initializer,
            name="kernel",
            regularizer=self.kernel_regularizer,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,), self.bias_initializer, name="bias", regularizer=self.bias_regularizer
            )

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return act(x W + b)."""
        if inputs.shape[-1] != self.kernel.shape[0]:
            raise ShapeError(
                "call",
                f"input has {inputs.shape[-1]} features but the kernel was built for "
                f"{self.kernel.shape[0]}",
                expected=f"shape (N, ..., {self.kernel.shape[0]})",
                received={"shape": tuple(inputs.shape)},
                mend="Build a new layer for this input; images may miss a Flatten before it.",
            )
        x = ops.matmul(inputs, self.kernel)  # (..., C) (C, D) -> (..., D)
        return activations.add_bias(x, self.bias, self.activation)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (..., D)."""
        return (*input_shape[:-1], self.units)


class Activation(Layer):
    """y = act(x).

    Parameters
    ----------
    activation : name or function
    """

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return act(x)."""
        return self.activation(inputs)


class ReLU(Layer):
    """y = x where x >= threshold, up to max_value; negative_slope (x - threshold) below it.

    Parameters
    ----------
    max_value : float >= 0 or None for no limit
    negative_slope : float >= 0
    threshold : float >= 0
    """

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

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the rectified input."""
        if self.threshold == 0:
            slope = self.negative_slope
            y = ops.leaky_relu(inputs, slope) if slope else ops.relu(inputs)
        else:
            above = np.asarray(inputs) >= self.threshold
            y = ops.where(above, inputs, self.negative_slope * (inputs - self.threshold))
        return y if self.max_value is None else ops.minimum(y, self.max_value)


class LeakyReLU(Layer):
    """y = x where x > 0, else negative_slope x. A. Maas et al. 2013.

    Parameters
    ----------
    negative_slope : float >= 0
    """

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.negative_slope = not_negative(negative_slope, "negative_slope", "LeakyReLU")

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the rectified input."""
        return ops.leaky_relu(inputs, self.negative_slope)


class ELU(Layer):
    """y = x where x > 0, else alpha (exp(x) - 1). D.-A. Clevert et al. 2015.

    Parameters
    ----------
    alpha : float >= 0
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = not_negative(alpha, "alpha", "ELU")

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the activated input."""
        return ops.elu(inputs, self.alpha)


class Softmax(Layer):
    """y = exp(x) / sum exp(x), along an axis.

    Parameters
    ----------
    axis : int
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the probabilities."""
        return ops.softmax(inputs, self.axis)


class Flatten(Layer):
    """Lay each sample's values end to end: (N, ...) -> (N, D), the channels running fastest.

    Parameters
    ----------
    data_format : "channels_last", "channels_first", or None for the setting
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = known_format(data_format, type(self).__name__)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the rows."""
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = ops.moveaxis(inputs, 1, -1)  # (N,C,...) -> (N,...,C): rows as channels_last
        return ops.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (N, D)."""
        return (input_shape[0], math.prod(input_shape[1:]))  # type: ignore[arg-type]


class Reshape(Layer):
    """Give each sample another shape: (N, ...) -> (N, *target_shape).

    Parameters
    ----------
    target_shape : tuple of ints, one of them may be -1
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the reshaped samples."""
        shape = self.compute_output_shape(inputs.shape)
        return ops.reshape(inputs, (inputs.shape[0], *shape[1:]))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (N, *target_shape), with -1 worked out."""
        size = math.prod(input_shape[1:])  # type: ignore[arg-type]
        known = math.prod(s for s in self.target_shape if s != -1)
        unknown = self.target_shape.count(-1)
        if (
            unknown > 1
            or (unknown and (not known or size % known))
            or (not unknown and size != known)
        ):
            raise ShapeError(
                "call",
                f"{size} values a sample do not fill the new shape",
                expected="the same number of values, at most one size -1",
                received={"shape": tuple(input_shape), "target_shape": self.target_shape},
            )
        return (
            input_shape[0],
            *(size // known if s == -1 else s for s in self.target_shape),
        )


class Dropout(Layer):
    """While training, set each value to 0 with probability rate and scale the rest up.

    Parameters
    ----------
    rate : float in [0, 1)
    noise_shape : shape of the mask, broadcast to the input's; None for the input's shape
    seed : int or None, for the next one of the process's stream

    Source
    ------
    N. Srivastava et al. 2014, section 4 (inverted: scaled by 1 / (1 - rate) while training).
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ArgumentError(
                "Dropout",
                "rate is out of range",
                expected="a float in [0, 1)",
                received={"rate": rate},
            )
        self.rate, self.noise_shape, self.seed = rate, noise_shape, seed
        self.generator = random.generator(seed)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the thinned input while training, else the input."""
        if not training or self.rate == 0:
            return inputs
        shape = inputs.shape
        if self.noise_shape is not None:
            shape = tuple(s or size for s, size in zip(self.noise_shape, shape, strict=True))
        kept = self.generator.random(shape, dtype=np.float32) >= self.rate
        return ops.multiply(inputs, kept.astype(inputs.dtype) / (1 - self.rate))


def positive(value: Any, name: str, who: str) -> int:
    """Return a positive whole number, or refuse it."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ArgumentError(
            who,
            f"{name} must be a positive whole number",
            expected="an int > 0",
            received={name: value},
        )
    return int(value)


def not_negative(value: Any, name: str, who: str) -> float:
    """Return a number that is at least 0, or refuse it."""
    if not isinstance(value, int | float | np.number) or not value >= 0:
        raise ArgumentError(
            who, f"{name} must be at least 0", expected="a float >= 0", received={name: value}
        )
    return float(value)
