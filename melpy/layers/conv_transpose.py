"""The transpose of a convolution, which makes sequences, images and volumes larger."""

from __future__ import annotations

from typing import Any

from melpy import ops
from melpy.errors import ArgumentError
from melpy.layers.arguments import Shape
from melpy.layers.checks import positive
from melpy.layers.conv import Convolving
from melpy.layers.spatial import refuse_both
from melpy.ops.spatial import transposed_cut, whole

__all__ = ["Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"]


class ConvTranspose(Convolving):
    """y = act(x spread by W + b); arguments as in `Conv2DTranspose`. Abstract."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
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
        refuse_both(self.strides, self.dilation_rate, who)
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = whole(output_padding, self.rank, "output_padding", who, least=0)
            if any(p >= s for p, s in zip(self.output_padding, self.strides, strict=True)):
                raise ArgumentError(
                    who,
                    "output_padding must be less than the strides",
                    expected=f"less than {self.strides}",
                    received={"output_padding": output_padding},
                )

    def build(self, input_shape: Shape) -> None:
        """Make kernel (*kernel_size, D, C) and bias (D,)."""
        C = self.channels_of(input_shape)
        self.kernel = self.ruled_weight("kernel", (*self.kernel_size, self.filters, C))
        if self.use_bias:
            self.bias = self.ruled_weight("bias", (self.filters,))

    def windowed(self, x: Any) -> Any:
        """Return x spread by W."""
        self.check_channels(x, self.kernel.shape[-1])
        return ops.conv_transpose(
            x,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            output_padding=self.output_padding,
            data_format="channels_last",
            dilation_rate=self.dilation_rate,
        )

    def last_shape(self, shape: Shape) -> Shape:
        """Return (N, oH, oW, D)."""
        who = type(self).__name__
        sizes: list[int | None] = []
        for n, size in enumerate(shape[1:-1]):
            window = (self.kernel_size[n] - 1) * self.dilation_rate[n] + 1
            more = None if self.output_padding is None else self.output_padding[n]
            cut = sum(transposed_cut(self.padding, window, self.strides[n], more, who))
            sizes.append(None if size is None else (size - 1) * self.strides[n] + window - cut)
        return (shape[0], *sizes, self.filters)


class Conv1DTranspose(ConvTranspose):
    """y = act(x spread by W + b), for sequences; parameters as in `Conv2DTranspose`.

    Notes
    -----
    Input (N, T, C), output (N, oT, D); weights: kernel (K, D, C), bias (D,).
    """

    whole = joins = True
    rank = 1


class Conv2DTranspose(ConvTranspose):
    """y = act(x spread by W + b): each pixel puts a pattern into a larger image.

    Parameters
    ----------
    filters : int > 0, D
    kernel_size : int or pair of ints > 0
    strides : int or pair of ints > 0, distance between the windows in the output
    padding : "valid" or "same"
    output_padding : int or pair of ints >= 0 and < strides, or None for what the strides ask for
    Others as in `Conv2D`.

    Notes
    -----
    Input (N, H, W, C), output (N, oH, oW, D); weights: kernel (kH, kW, D, C), bias (D,).

    Source
    ------
    M. Zeiler et al. 2010, Deconvolutional networks.

    Examples
    --------
    >>> import numpy as np
    >>> Conv2DTranspose(3, 2, strides=2)(np.ones((1, 4, 4, 5))).shape
    (1, 8, 8, 3)
    """

    whole = joins = True
    rank = 2


class Conv3DTranspose(ConvTranspose):
    """y = act(x spread by W + b): each cell puts a pattern into a larger volume.

    Parameters are those of `Conv2DTranspose`, with three numbers, or one for all.

    Notes
    -----
    Input (N, D, H, W, C), output (N, oD, oH, oW, K) of K filters; weights: kernel (kD, kH, kW, K,
    C), bias (K,).

    Examples
    --------
    >>> import numpy as np
    >>> Conv3DTranspose(3, 2, strides=2)(np.ones((1, 2, 4, 4, 5))).shape
    (1, 4, 8, 8, 3)
    """

    whole = joins = True
    rank = 3
