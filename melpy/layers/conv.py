"""Convolution of sequences, images and volumes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import activations, ops
from melpy.errors import ArgumentError
from melpy.layers.arguments import Shape
from melpy.layers.checks import NO_ACTIVATION, positive
from melpy.layers.input_spec import InputSpec
from melpy.layers.joining import Act, Joint, activation_after, folded
from melpy.layers.spatial import Spatial, known_padding, output_size, refuse_both, refuse_empty
from melpy.layers.variable import Variable
from melpy.ops.spatial import PADDINGS, Layout, pads, span, whole

__all__ = ["Conv1D", "Conv2D", "Conv3D"]

LINEAR = activations.FUSED[activations.linear]
MOST_CELLS = 256  # of a window whose cells a kernel counts


class Convolving(Spatial):
    """A layer with windows of weights that slide over its input. Abstract.

    Arguments are as in `Conv2D`; ``paddings`` are the kinds of padding that the class knows.
    """

    paddings: tuple[str, ...] = tuple(PADDINGS)
    none_means = NO_ACTIVATION
    activates_last = True
    settled = ("kernel_size", "strides", "dilation_rate")

    def __init__(
        self,
        kernel_size: Any,
        strides: Any,
        padding: str,
        data_format: str | None,
        dilation_rate: Any,
        activation: Any,
        use_bias: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, **kwargs)
        who = type(self).__name__
        self.kernel_size = whole(kernel_size, self.rank, "kernel_size", who)
        self.strides = whole(strides, self.rank, "strides", who)
        self.dilation_rate = whole(dilation_rate, self.rank, "dilation_rate", who)
        self.padding = known_padding(padding, who, self.paddings)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.bias: Variable | None = None

    def channels_of(self, input_shape: Shape) -> int:
        """Return how many channels the input has."""
        self.check_rank(input_shape)
        C = input_shape[1 if self.channels_first else -1]
        if not C:
            raise ArgumentError(
                "build",
                "the number of channels is not known",
                expected="a known size on the channels' axis",
                received={"shape": tuple(input_shape)},
            )
        return C

    def _own_spec(self) -> InputSpec:
        if not self.built:
            return InputSpec(min_ndim=self.rank + 2)
        axis = 1 if self.channels_first else -1
        shape = next(iter(self._build_shapes.values())) if self._build_shapes else ()
        return InputSpec(min_ndim=self.rank + 2, axes={axis: shape[axis]} if shape else None)

    def check_channels(self, x: Any, C: int) -> None:
        """Refuse another number of channels than the kernel was built for."""
        if x.shape[-1] != C:
            N, *sizes, found = x.shape
            shape = (N, found, *sizes) if self.channels_first else x.shape
            Layout(self.rank, self.channels_first).check_channels(shape, C, "call")

    def seen_before(self, x: Any) -> tuple[Any, str]:
        """Return the input and its padding; "causal" sequences get their zeros in front."""
        if self.padding != "causal":
            return x, self.padding
        before = (self.kernel_size[0] - 1) * self.dilation_rate[0]
        return ops.pad(x, ((0, 0), (before, 0), (0, 0))), "valid"

    def finished(self, y: Any) -> Any:
        """Return act(y + b)."""
        return activations.add_bias(y, self.bias, self.activation)

    def joined(self, following: Sequence[Any]) -> Joint | None:
        """Return the layer and an activation, which is one sweep with its bias."""
        act, count = activation_after(self.activation, following)
        if act is None or not count or self.channels_first or not self.use_bias:
            return None
        return Joint(1, lambda x: self.stand_in(lambda y: self.convolved(y, act), x))

    def convolved(self, x: Any, act: Act) -> Any:
        """Return act(x * W + b) by one that the kernels know."""
        self.check_rank(x.shape)
        return ops.bias_activation(self.windowed(x), self.bias, activation=act[0], slope=act[1])

    def windowed(self, x: Any) -> Any:
        """Return x * W, the channels last. Abstract."""
        raise NotImplementedError

    def call_last(self, x: Any) -> Any:
        """Return act(x * W + b)."""
        return self.finished(self.windowed(x))

    def window_sizes(self, shape: Shape) -> list[int | None]:
        """Return the output's size along each axis over which the windows slide."""
        geometry = zip(shape[1:-1], self.kernel_size, self.dilation_rate, self.strides, strict=True)
        sizes = [output_size(n, (k - 1) * d + 1, s, self.padding) for n, k, d, s in geometry]
        refuse_empty(sizes, shape)
        return sizes


class Conv(Convolving):
    """y = act(x * W + b), for any number of axes; arguments as in `Conv2D`. Abstract."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias,
            activity_regularizer=activity_regularizer, **kwargs,
        )  # fmt: skip
        who = type(self).__name__
        self.filters = positive(filters, "filters", who)
        self.rules("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.rules("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.groups = positive(groups, "groups", who)
        refuse_both(self.strides, self.dilation_rate, who)
        if self.filters % self.groups:
            raise ArgumentError(
                who,
                "the groups do not divide the filters",
                expected="filters that are a multiple of groups",
                received={"filters": filters, "groups": groups},
            )

    def build(self, input_shape: Shape) -> None:
        """Make kernel (*kernel_size, C / groups, D) and bias (D,)."""
        C = self.channels_of(input_shape)
        if C % self.groups:
            raise ArgumentError(
                "build",
                f"{self.groups} groups do not divide {C} channels",
                expected="channels that are a multiple of groups",
                received={"shape": tuple(input_shape), "groups": self.groups},
            )
        self.kernel = self.ruled_weight(
            "kernel", (*self.kernel_size, C // self.groups, self.filters)
        )
        if self.use_bias:
            self.bias = self.ruled_weight("bias", (self.filters,))

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Return inputs * kernel, as they come: what a subclass may override, to convolve else."""
        last = not self.channels_first
        x, padding = self.seen_before(inputs if last else ops.moveaxis(inputs, 1, -1))
        y = ops.conv(
            x, kernel, strides=self.strides, padding=padding, data_format="channels_last",
            dilation_rate=self.dilation_rate,
        )  # fmt: skip
        return y if last else ops.moveaxis(y, -1, 1)

    def convolution_geometry(self, shape: tuple[int, ...]) -> Any:
        """Return strides, pads, dilation and groups; see `Shown`."""
        if self.rank == 3 or self.convolves_by_op():
            return None
        layout = Layout(self.rank, False)
        strides = layout.each(self.strides, "strides", "call")
        dilation = layout.each(self.dilation_rate, "dilation_rate", "call")
        window = span(layout.window(self.kernel.shape), dilation)
        is_causal = self.padding == "causal"
        kind = "valid" if is_causal else self.padding
        around = pads(kind, tuple(shape[1:3]), window, strides, "call")
        return strides, ((0, 0), (window[1] - 1, 0)) if is_causal else around, dilation, self.groups

    def convolves_by_op(self) -> bool:
        """Return whether x * W is what `convolution_op` gives, as where a class changed it."""
        changed = type(self).convolution_op is not Conv.convolution_op
        return changed or "convolution_op" in vars(self)

    def call(self, inputs: Any) -> Any:
        """Return act(x * W + b), x * W as the class itself convolves."""
        if not self.convolves_by_op():
            return super().call(inputs)
        self.check_rank(inputs.shape)
        y = self.convolution_op(inputs, self.kernel)
        if not self.channels_first:
            return self.finished(y)
        return ops.moveaxis(self.finished(ops.moveaxis(y, 1, -1)), -1, 1)

    def call_last(self, x: Any) -> Any:
        """Return act(x * W + b)."""
        act = activations.IN_BLOCK.get(self.activation)
        y = self.convolved(x, act or LINEAR)
        return y if act else self.activation(y)

    def joined(self, following: Sequence[Any]) -> Joint | None:
        """Return the layer with an activation and max pooling; at inference a normalization too."""
        if self.channels_first or self.convolves_by_op():
            return None
        act, windows, count = self._block(self.activation, following)
        if act and count:
            return Joint(
                count, lambda x: self.stand_in(lambda y: self.convolved(y, act, windows), x)
            )
        scaling = following[0].as_scaling(self.rank + 2)
        if scaling is None or self.activation is not activations.linear:
            return None
        end, cells, count = self._block(activations.linear, following[1:])
        return folded(
            self, scaling, following[: 1 + count],
            lambda x, w, b: self.convolved(x, end or LINEAR, cells, w, b),
        )  # fmt: skip

    def _block(self, own: Any, following: Sequence[Any]) -> tuple[Act | None, Any, int]:
        """Return the activation and the windows of a block, and how many layers they take."""
        act, count = activation_after(own, following, activations.IN_BLOCK)
        windows = following[count].as_max_pooling() if act and following[count:] else None
        if windows is None or len(windows) != self.rank or math.prod(windows) > MOST_CELLS:
            return act, 1, count
        return act, windows, count + 1

    def convolved(
        self, x: Any, act: Act, windows: Any = 1, kernel: Any = None, bias: Any = None
    ) -> Any:
        """Return the largest of each window of act(x * W + b), as one operation.

        ``kernel`` and ``bias`` stand in for the layer's own.
        """
        self.check_rank(x.shape)
        self.check_channels(x, self.kernel.shape[-2] * self.groups)
        x, padding = self.seen_before(x)
        if kernel is None:
            kernel, bias = self.kernel, self.bias
        return ops.conv_block(
            x,
            kernel,
            np.zeros(self.filters, x.dtype) if bias is None else bias,
            strides=self.strides,
            padding=padding,
            data_format="channels_last",
            dilation_rate=self.dilation_rate,
            activation=act[0],
            slope=act[1],
            pool_size=windows,
        )

    def last_shape(self, shape: Shape) -> Shape:
        """Return (N, oH, oW, D)."""
        return (shape[0], *self.window_sizes(shape), self.filters)


class Conv1D(Conv):
    """y = act(x * W + b): each filter slides along the sequences and answers to its pattern.

    Parameters are those of `Conv2D`, with one number an axis; ``padding`` may be "causal", with
    which no output sees a later step.

    Notes
    -----
    Input (N, T, C), output (N, oT, D); weights: kernel (K, C / groups, D), bias (D,).

    Examples
    --------
    >>> import numpy as np
    >>> Conv1D(1, 2, kernel_initializer="ones")(np.arange(3.0).reshape(1, 3, 1)).numpy().ravel()
    array([1., 3.], dtype=float32)
    """

    whole = True
    joins = True
    rank = 1
    paddings = (*PADDINGS, "causal")


class Conv2D(Conv):
    """y = act(x * W + b): each filter slides over the images and answers to its pattern.

    Parameters
    ----------
    filters : int > 0, D
    kernel_size : int or pair of ints > 0
    strides : int or pair of ints > 0
    padding : "valid" or "same"
    data_format : "channels_last", "channels_first", or None for the setting
    dilation_rate : int or pair of ints > 0
    groups : int > 0, divides the channels and the filters
    activation : name or function, None for none
    use_bias : bool
    kernel_initializer, bias_initializer : initializers
    kernel_regularizer, bias_regularizer, activity_regularizer : regularizers or None
    kernel_constraint, bias_constraint : constraints or None

    Notes
    -----
    Input (N, H, W, C), output (N, oH, oW, D); weights: kernel (kH, kW, C / groups, D), bias (D,).

    Examples
    --------
    >>> import numpy as np
    >>> Conv2D(1, 2, kernel_initializer="ones")(np.ones((1, 3, 3, 1))).shape
    (1, 2, 2, 1)
    """

    whole = True
    joins = True
    rank = 2


class Conv3D(Conv):
    """y = act(x * W + b): each filter slides through volumes, or films, and answers to its pattern.

    Parameters are those of `Conv2D`, with three numbers, or one for all, in the place of two.

    Notes
    -----
    Input (N, D, H, W, C), output (N, oD, oH, oW, K) of K filters; weights: kernel (kD, kH, kW,
    C / groups, K), bias (K,).

    Examples
    --------
    >>> import numpy as np
    >>> Conv3D(2, 3, padding="same")(np.ones((1, 4, 5, 5, 1))).shape
    (1, 4, 5, 5, 2)
    """

    whole = True
    rank = 3

    def convolves_by_op(self) -> bool:
        """Return True: there is no block of volumes that convolves and activates in one sweep."""
        return True
