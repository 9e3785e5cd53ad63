"""Normalization and scaling."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import ArgumentError, ShapeError
from melpy.layers.base import Layer, Shape

__all__ = ["BatchNormalization", "Rescaling"]


class BatchNormalization(Layer):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, a channel at a time.

    While training, mean and variance are the batch's, and moving averages of them are kept; at
    inference, and when the layer is frozen, the moving averages serve.

    Parameters
    ----------
    axis : int, the channels' axis
    momentum : float in [0, 1]: moving = momentum moving + (1 - momentum) batch
    epsilon : float > 0
    center, scale : bool, whether there is a beta, a gamma
    beta_initializer, gamma_initializer : initializers
    moving_mean_initializer, moving_variance_initializer : initializers
    beta_regularizer, gamma_regularizer : regularizers or None

    Notes
    -----
    Weights: gamma, beta, moving_mean, moving_variance, each (C,).

    Source
    ------
    S. Ioffe, C. Szegedy 2015, algorithms 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> layer = BatchNormalization()
    >>> np.round(np.asarray(layer(np.array([[1.0], [3.0]]), training=True)), 2)
    array([[-1.],
           [ 1.]], dtype=float32)
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("momentum", momentum), ("epsilon", epsilon)):
            if not 0 <= value <= 1:
                raise ArgumentError(
                    "BatchNormalization",
                    f"{name} is out of range",
                    expected="a float in [0, 1]",
                    received={name: value},
                )
        self.axis, self.momentum, self.epsilon = axis, momentum, epsilon
        self.center, self.scale = center, scale
        self.beta_initializer, self.gamma_initializer = beta_initializer, gamma_initializer
        self.moving_mean_initializer = moving_mean_initializer
        self.moving_variance_initializer = moving_variance_initializer
        self.beta_regularizer, self.gamma_regularizer = beta_regularizer, gamma_regularizer

    def build(self, input_shape: Shape) -> None:
        """Make gamma, beta and the moving averages, each (C,)."""
        if not -len(input_shape) <= self.axis < len(input_shape):
            raise ShapeError(
                "build",
                f"input has no axis {self.axis}",
                expected=f"at least {abs(self.axis) + (self.axis >= 0)} axes",
                received={"shape": tuple(input_shape)},
            )
        C = input_shape[self.axis]
        one_each = (C or 0,)
        if self.scale:
            self.gamma = self.add_weight(
                one_each, self.gamma_initializer, name="gamma", regularizer=self.gamma_regularizer
            )
        if self.center:
            self.beta = self.add_weight(
                one_each, self.beta_initializer, name="beta", regularizer=self.beta_regularizer
            )
        self.moving_mean = self.add_weight(
            one_each, self.moving_mean_initializer, name="moving_mean", trainable=False
        )
        self.moving_variance = self.add_weight(
            one_each, self.moving_variance_initializer, name="moving_variance", trainable=False
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the normalized input."""
        last = self.axis in (-1, inputs.ndim - 1)
        x = inputs if last else ops.swapaxes(inputs, self.axis, -1)
        C = x.shape[-1]
        gamma = self.gamma if self.scale else np.ones(C, x.dtype)
        beta = self.beta if self.center else np.zeros(C, x.dtype)
        if training and self.trainable:
            y, mean, variance = ops.batch_norm(x, gamma, beta, epsilon=self.epsilon)
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving.value * self.momentum + batch * (1 - self.momentum))
        else:
            scale = gamma / np.sqrt(self.moving_variance.value + x.dtype.type(self.epsilon))
            y = x * scale + (beta - self.moving_mean.value * scale)
        return y if last else ops.swapaxes(y, self.axis, -1)


class Rescaling(Layer):
    """y = scale x + offset.

    Parameters
    ----------
    scale : float, or one a channel
    offset : float, or one a channel
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = np.asarray(scale, self.dtype)
        self.offset = np.asarray(offset, self.dtype)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the scaled input."""
        return ops.add(ops.multiply(inputs, self.scale), self.offset)
