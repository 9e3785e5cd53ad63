"""Normalization of groups of channels."""

from __future__ import annotations

from typing import Any

from melpy import ops
from melpy.errors import ArgumentError
from melpy.layers.activation import SameShape
from melpy.layers.arguments import Shape
from melpy.layers.checks import positive

__all__ = ["GroupNormalization"]


class GroupNormalization(SameShape):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, each sample's groups of channels.

    Parameters
    ----------
    groups : int > 0 that divides the channels; -1 for one group a channel
    axis : int, the channels' axis
    Others as in `LayerNormalization`.

    Notes
    -----
    Input (N, ..., C), output of the same shape. Weights: gamma, beta, each (C,).

    Source
    ------
    Y. Wu, K. He 2018, section 3.1.
    """

    whole = True

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if groups != -1:
            positive(groups, "groups", "GroupNormalization")
        self.groups, self.axis, self.epsilon = groups, axis, epsilon
        self.center, self.scale = center, scale
        self.rules("gamma", gamma_initializer, gamma_regularizer, gamma_constraint)
        self.rules("beta", beta_initializer, beta_regularizer, beta_constraint)

    def build(self, input_shape: Shape) -> None:
        """Make gamma and beta."""
        C = input_shape[self.axis]
        if not C or (self.groups != -1 and (self.groups > C or C % self.groups)):
            raise ArgumentError(
                "build",
                f"{self.groups} groups do not divide {C} channels",
                expected="channels that are a multiple of groups",
                received={"shape": tuple(input_shape), "groups": self.groups},
            )
        if self.scale:
            self.gamma = self.ruled_weight("gamma", (C,))
        if self.center:
            self.beta = self.ruled_weight("beta", (C,))

    def call(self, inputs: Any) -> Any:
        """Return the normalized input."""
        last = self.axis in (-1, inputs.ndim - 1)
        x = inputs if last else ops.moveaxis(inputs, self.axis, -1)
        C = x.shape[-1]
        groups = C if self.groups == -1 else self.groups
        split = ops.reshape(x, (*x.shape[:-1], groups, C // groups))
        axes = (*range(1, x.ndim - 1), x.ndim)  # all but the batch and the groups
        y = ops.reshape(ops.standardize(split, axis=axes, epsilon=self.epsilon), x.shape)
        if self.scale:
            y = y * self.gamma
        if self.center:
            y = y + self.beta
        return y if last else ops.moveaxis(y, -1, self.axis)
