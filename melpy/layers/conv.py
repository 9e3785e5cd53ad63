"""Convolution of images."""

from __future__ import annotations

from typing import Any

from melpy import activations, ops
from melpy.errors import ArgumentError, lookup
from melpy.layers.base import Layer, Shape, Weight, known_format, require_rank
from melpy.layers.core import positive
from melpy.ops.spatial import PADDINGS, whole

__all__ = ["Conv2D", "Convolution2D", "ZeroPadding2D"]


class ImageLayer(Layer):
    """A layer of images: computes channels_last, accepts channels_first. Abstract."""

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = known_format(data_format, type(self).__name__)

    @property
    def channels_first(self) -> bool:
        """Whether images come and go as (N, C, H, W)."""
        return self.data_format == "channels_first"

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Bring the channels last, compute, and bring them back."""
        self.check_rank(inputs.shape)
        if not self.channels_first:
            return self.call_images(inputs)
        y = self.call_images(ops.transpose(inputs, (0, 2, 3, 1)))  # (N,C,H,W) -> (N,H,W,C)
        return ops.transpose(y, (0, 3, 1, 2)) if y.ndim == 4 else y

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output images."""
        self.check_rank(input_shape)
        if not self.channels_first:
            return self.image_shape(input_shape)
        N, C, H, W = input_shape
        shape = self.image_shape((N, H, W, C))
        return (shape[0], shape[3], *shape[1:3]) if len(shape) == 4 else shape

    def check_rank(self, shape: Shape) -> None:
        """Refuse what is no batch of images."""
        layout = "(N, C, H, W)" if self.channels_first else "(N, H, W, C)"
        mend = {
            3: "The batch or the channel axis is missing: add it with np.newaxis.",
            2: "Rows of pixels must become images first, for example with a Reshape layer.",
        }
        require_rank(shape, 4, layout, mend.get(len(shape), ""))

    def call_images(self, x: Any) -> Any:
        """Compute on (N, H, W, C). Abstract."""
        raise NotImplementedError

    def image_shape(self, shape: Shape) -> Shape:
        """Return the output's shape for (N, H, W, C). Abstract."""
        raise NotImplementedError


def output_size(size: int | None, window: int, stride: int, padding: str) -> int | None:
    """Return how many windows fit: ceil(size / stride) or (size - window) // stride + 1."""
    if size is None:
        return None
    return -(-size // stride) if padding == "same" else (size - window) // stride + 1


class Conv2D(ImageLayer):
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
    kernel_regularizer, bias_regularizer : regularizers or None

    Notes
    -----
    Input (N, H, W, C), output (N, oH, oW, D); weights: kernel (kH, kW, C / groups, D), bias (D,).

    Examples
    --------
    >>> import numpy as np
    >>> Conv2D(1, 2, kernel_initializer="ones")(np.ones((1, 3, 3, 1))).shape
    (1, 2, 2, 1)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | tuple[int, int] = (1, 1),
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.filters = positive(filters, "filters", "Conv2D")
        self.groups = positive(groups, "groups", "Conv2D")
        self.kernel_size = whole(kernel_size, 2, "kernel_size", "Conv2D")
        self.strides = whole(strides, 2, "strides", "Conv2D")
        self.dilation_rate = whole(dilation_rate, 2, "dilation_rate", "Conv2D")
        lookup("padding", padding, PADDINGS, "Conv2D")
        if self.filters % self.groups:
            raise ArgumentError(
                "Conv2D",
                "the groups do not divide the filters",
                expected="filters that are a multiple of groups",
                received={"filters": filters, "groups": groups},
            )
        self.padding = padding
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self.bias: Weight | None = None

    def build(self, input_shape: Shape) -> None:
        """Make kernel (kH, kW, C / groups, D) and bias (D,)."""
        self.check_rank(input_shape)
        C = input_shape[1 if self.channels_first else 3]
        if not C or C % self.groups:
            raise ArgumentError(
                "build",
                f"{self.groups} groups do not divide {C} channels",
                expected="channels that are a multiple of groups",
                received={"shape": tuple(input_shape), "groups": self.groups},
            )
        self.kernel = self.add_weight(
            (*self.kernel_size, C // self.groups, self.filters),
            self.kernel_initializer,
            name="kernel",
            regularizer=self.kernel_regularizer,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                (self.filters,),
                self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
            )

    def call_images(self, x: Any) -> Any:
        """Return act(x * W + b)."""
        y = ops.conv(
            x,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
        )
        return activations.add_bias(y, self.bias, self.activation)

    def image_shape(self, shape: Shape) -> Shape:
        """Return (N, oH, oW, D)."""
        sizes = [
            output_size(size, (k - 1) * d + 1, s, self.padding)
            for size, k, d, s in zip(
                shape[1:3], self.kernel_size, self.dilation_rate, self.strides, strict=True
            )
        ]
        refuse_empty(sizes, shape)
        return (shape[0], *sizes, self.filters)


Convolution2D = Conv2D  # the paper's name


def refuse_empty(sizes: list[int | None], shape: Shape) -> None:
    """Refuse a window that is larger than its input."""
    if any(size is not None and size < 1 for size in sizes):
        raise ArgumentError(
            "build",
            "the window is larger than its input",
            expected="an output of at least one pixel",
            received={"shape": tuple(shape), "output": tuple(sizes)},
            mend='Use a smaller window, padding="same", or fewer pooling layers before it.',
        )


class ZeroPadding2D(ImageLayer):
    """Frame images with zeros.

    Parameters
    ----------
    padding : int, pair (height, width), or ((top, bottom), (left, right)), each >= 0
    data_format : "channels_last", "channels_first", or None for the setting
    """

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any):
        super().__init__(data_format, **kwargs)
        both = (padding, padding) if isinstance(padding, int) else tuple(padding)
        sides = tuple((p, p) if isinstance(p, int) else tuple(p) for p in both)
        if len(sides) != 2 or any(
            len(p) != 2 or not all(isinstance(n, int) and n >= 0 for n in p) for p in sides
        ):
            raise ArgumentError(
                "ZeroPadding2D",
                "padding must be made of whole numbers of at least 0",
                expected="an int, a pair, or ((top, bottom), (left, right))",
                received={"padding": padding},
            )
        self.padding = sides

    def call_images(self, x: Any) -> Any:
        """Return the framed images."""
        return ops.pad(x, ((0, 0), *self.padding, (0, 0)))

    def image_shape(self, shape: Shape) -> Shape:
        """Return (N, H + top + bottom, W + left + right, C)."""
        sizes = [
            None if size is None else size + sum(sides)
            for size, sides in zip(shape[1:3], self.padding, strict=True)
        ]
        return (shape[0], *sizes, shape[3])
