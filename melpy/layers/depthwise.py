"""Convolution of each channel alone, and mixing of the channels after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import activations, ops
from melpy.layers.arguments import Shape
from melpy.layers.checks import positive
from melpy.layers.conv import LINEAR, Convolving
from melpy.layers.joining import Act, Joint, activation_after, folded

__all__ = ["DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"]


class Depthwise(Convolving):
    """Each channel has ``depth_multiplier`` filters of its own; as `DepthwiseConv2D`. Abstract."""

    channel_axes = 2

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        self.depth_multiplier = positive(depth_multiplier, "depth_multiplier", type(self).__name__)
        self.rules("depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        self.rules("bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Shape) -> None:
        """Make kernel (*kernel_size, C, M) and bias (C * M,)."""
        C, M = self.channels_of(input_shape), self.depth_multiplier
        self.kernel = self.ruled_weight("depthwise", (*self.kernel_size, C, M), name="kernel")
        if self.use_bias:
            self.bias = self.ruled_weight("bias", (C * M,))

    def call_last(self, x: Any) -> Any:
        """Return act(x * W + b), channel by channel."""
        act = activations.FUSED.get(self.activation)
        y = self.convolved(x, act or LINEAR)
        return y if act else self.activation(y)

    def convolved(self, x: Any, act: Act, kernel: Any = None, bias: Any = None) -> Any:
        """Return act(x * W + b) as one operation; ``kernel`` and ``bias`` stand in for its own."""
        self.check_rank(x.shape)
        self.check_channels(x, self.kernel.shape[-2])
        if kernel is None:
            kernel, bias = self.kernel, self.bias
        channels = kernel.shape[-2] * kernel.shape[-1]
        return ops.depthwise_block(
            x,
            kernel,
            np.zeros(channels, x.dtype) if bias is None else bias,
            strides=self.strides,
            padding=self.padding,
            data_format="channels_last",
            dilation_rate=self.dilation_rate,
            activation=act[0],
            slope=act[1],
        )

    def joined(self, following: Sequence[Any]) -> Joint | None:
        """Return the layer with an activation; at inference with a normalization before that."""
        joint, scaling = super().joined(following), following[0].as_scaling(self.rank + 2)
        if joint or scaling is None or self.channels_first:
            return joint
        if self.activation is not activations.linear:
            return None
        act, count = activation_after(self.activation, following[1:])
        return folded(
            self, scaling, following[: 1 + count],
            lambda x, w, b: self.convolved(x, act or LINEAR, w, b),
        )  # fmt: skip

    def last_shape(self, shape: Shape) -> Shape:
        """Return (N, oH, oW, C * M)."""
        channels = None if shape[-1] is None else shape[-1] * self.depth_multiplier
        return (shape[0], *self.window_sizes(shape), channels)


class DepthwiseConv1D(Depthwise):
    """y = act(x * W + b), each channel of the sequences alone; as `DepthwiseConv2D`.

    Notes
    -----
    Input (N, T, C), output (N, oT, C * M); weights: kernel (K, C, M), bias (C * M,).
    """

    whole = joins = True
    rank = 1


class DepthwiseConv2D(Depthwise):
    """y = act(x * W + b), each channel of the images alone, with M filters.

    Parameters
    ----------
    kernel_size : int or pair of ints > 0
    strides : int or pair of ints > 0
    padding : "valid" or "same"
    depth_multiplier : int > 0, M
    data_format : "channels_last", "channels_first", or None for the setting
    dilation_rate : int or pair of ints > 0
    activation : name or function, None for none
    use_bias : bool
    depthwise_initializer, bias_initializer : initializers
    depthwise_regularizer, bias_regularizer, activity_regularizer : regularizers or None
    depthwise_constraint, bias_constraint : constraints or None

    Notes
    -----
    Input (N, H, W, C), output (N, oH, oW, C * M); weights: kernel (kH, kW, C, M), bias (C * M,).

    Examples
    --------
    >>> import numpy as np
    >>> DepthwiseConv2D(3, depth_multiplier=2)(np.ones((1, 5, 5, 4))).shape
    (1, 3, 3, 8)
    """

    whole = joins = True
    rank = 2


class Separable(Convolving):
    """A depthwise convolution, then one of single pixels; as `SeparableConv2D`. Abstract."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        who = type(self).__name__
        self.filters = positive(filters, "filters", who)
        self.depth_multiplier = positive(depth_multiplier, "depth_multiplier", who)
        self.rules("depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        self.rules("pointwise", pointwise_initializer, pointwise_regularizer, pointwise_constraint)
        self.rules("bias", bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Shape) -> None:
        """Make the depthwise kernel, the pointwise kernel (1, 1, C * M, D) and bias (D,)."""
        C, M = self.channels_of(input_shape), self.depth_multiplier
        self.depthwise_kernel = self.ruled_weight(
            "depthwise", (*self.kernel_size, C, M), name="depthwise_kernel"
        )
        ones = (1,) * self.rank
        self.pointwise_kernel = self.ruled_weight(
            "pointwise", (*ones, C * M, self.filters), name="pointwise_kernel"
        )
        if self.use_bias:
            self.bias = self.ruled_weight("bias", (self.filters,))

    def windowed(self, x: Any) -> Any:
        """Return (x * W) * P."""
        self.check_channels(x, self.depthwise_kernel.shape[-2])
        return ops.separable_conv(
            x,
            self.depthwise_kernel,
            self.pointwise_kernel,
            strides=self.strides,
            padding=self.padding,
            data_format="channels_last",
            dilation_rate=self.dilation_rate,
        )

    def last_shape(self, shape: Shape) -> Shape:
        """Return (N, oH, oW, D)."""
        return (shape[0], *self.window_sizes(shape), self.filters)


class SeparableConv1D(Separable):
    """y = act((x * W) * P + b), for sequences; parameters as in `SeparableConv2D`.

    Notes
    -----
    Input (N, T, C), output (N, oT, D); weights: depthwise kernel (K, C, M), pointwise kernel (1, C
    * M, D), bias (D,).
    """

    whole = joins = True
    rank = 1


class SeparableConv2D(Separable):
    """y = act((x * W) * P + b): each channel alone by W, then the channels mixed by P.

    Parameters
    ----------
    filters : int > 0, D
    kernel_size : int or pair of ints > 0
    depth_multiplier : int > 0, M
    depthwise_initializer, pointwise_initializer, bias_initializer : initializers
    depthwise_regularizer, pointwise_regularizer, bias_regularizer : regularizers or None
    depthwise_constraint, pointwise_constraint, bias_constraint : constraints or None
    Others as in `Conv2D`.

    Notes
    -----
    Input (N, H, W, C), output (N, oH, oW, D); weights: depthwise kernel (kH, kW, C, M), pointwise
    kernel (1, 1, C * M, D), bias (D,).

    Source
    ------
    F. Chollet 2017, section 2.
    """

    whole = joins = True
    rank = 2
