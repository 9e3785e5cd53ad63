"""LSTMs of sequences of images: where an LSTM multiplies matrices, these convolve."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

import numpy as np

from melpy import ops
from melpy.errors import ArgumentError
from melpy.layers.arguments import Shape
from melpy.layers.base import known_format, require_rank
from melpy.layers.checks import positive
from melpy.layers.recurrent import Recurrent, of_cell
from melpy.layers.recurrent_cells import LSTMCell, product
from melpy.layers.spatial import known_padding, output_size, refuse_both, refuse_empty
from melpy.ops.spatial import whole

__all__ = ["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"]

STEPS = {1: "(N, T, L, C)", 2: "(N, T, H, W, C)", 3: "(N, T, D, H, W, C)"}  # by rank


class ConvLSTMCell(LSTMCell):
    """One step of a convolutional LSTM over ``rank`` axes; other arguments as in `ConvLSTM2D`.

    ``cell(inputs, states)`` takes (N, H, W, C) and [h, c], returns h' and [h', c'], each
    (N, oH, oW, F).
    """

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            positive(filters, "filters", type(self).__name__),
            activation,
            recurrent_activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            unit_forget_bias,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            **{**kwargs, "implementation": 1},  # each gate has its own dropout, as in Keras
        )
        who = type(self).__name__
        self.rank, self.filters = rank, self.units
        self.kernel_size = whole(kernel_size, rank, "kernel_size", who)
        self.strides = whole(strides, rank, "strides", who)
        self.dilation_rate = whole(dilation_rate, rank, "dilation_rate", who)
        self.padding = known_padding(padding, who)
        self.data_format = known_format(data_format, who)
        refuse_both(self.strides, self.dilation_rate, who)
        self.step_shape: tuple[int, ...] = ()  # of the states, without N

    @property
    def channels_first(self) -> bool:
        """Whether the channels come as axis 1."""
        return self.data_format == "channels_first"

    def build(self, input_shape: Shape) -> None:
        """Make kernel (kH, kW, C, 4 F), recurrent_kernel (kH, kW, F, 4 F) and bias (4 F,)."""
        if None in input_shape[1:]:
            raise ArgumentError(
                "build",
                "the states have the images' sizes, and one is not known",
                expected="known sizes but for the batch and the steps",
                received={"shape": tuple(input_shape)},
            )
        super().build(input_shape)
        self.step_shape = self.compute_output_shape(input_shape)[0][1:]

    def kernel_shapes(self, input_shape: Shape) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the kernels' shapes."""
        C, G = input_shape[1 if self.channels_first else -1], self.gates * self.units
        return (*self.kernel_size, int(C), G), (*self.kernel_size, self.units, G)  # type: ignore[arg-type]

    def from_input(self, x: Any, training: bool) -> Any:
        """Return x * W, the channels last."""
        convolve = partial(
            ops.conv, strides=self.strides, padding=self.padding, data_format="channels_last",
            dilation_rate=self.dilation_rate,
        )  # fmt: skip
        return product(x, self.kernel, self.input_masks(x, training), convolve)

    def from_state(self, h: Any, training: bool) -> Any:
        """Return h * U, of h's sizes."""
        convolve = partial(ops.conv, padding="same", data_format="channels_last")
        return product(h, self.recurrent_kernel, self.recurrent_masks(h, training), convolve)

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """Return h' and [h', c']."""
        if not self.channels_first:
            return super().call(inputs, states, training)
        inputs, *states = (ops.moveaxis(x, 1, -1) for x in (inputs, *states))
        h, c = (ops.moveaxis(x, -1, 1) for x in super().call(inputs, states, training)[1])
        return h, [h, c]

    def get_initial_state(self, batch_size: int) -> list[np.ndarray]:
        """Return zeros (N, oH, oW, F), for h and for c."""
        return [np.zeros((batch_size, *self.step_shape), self.dtype) for _ in range(self.states)]

    def compute_output_shape(self, input_shape: Shape, states_shape: Any = None) -> Any:
        """Return (N, oH, oW, F), and the states' shapes."""
        N, *rest = input_shape
        sizes = rest[1:] if self.channels_first else rest[:-1]
        geometry = zip(sizes, self.kernel_size, self.dilation_rate, self.strides, strict=True)
        out = [output_size(n, (k - 1) * d + 1, s, self.padding) for n, k, d, s in geometry]
        refuse_empty(out, input_shape)
        shape = (N, self.units, *out) if self.channels_first else (N, *out, self.units)
        return shape, [shape] * self.states


class ConvLSTM(Recurrent):
    """A convolutional LSTM over ``rank`` axes; arguments as in `ConvLSTM2D`. Abstract."""

    rank: ClassVar[int]

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        self._setup(ConvLSTMCell, "conv_lstm_cell", {**locals(), "rank": self.rank})

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        """Build the cell for one step, (N, H, W, C)."""
        require_rank(sequences_shape, self.rank + 3, STEPS[self.rank])
        super().build(sequences_shape, initial_state_shape)

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        """Return (N, oH, oW, F), or (N, T, oH, oW, F) with return_sequences; the states' shapes."""
        N, T, *step = sequences_shape
        state, states = self.cell.compute_output_shape((N, *step))
        shape = (N, T, *state[1:]) if self.return_sequences else state
        return (shape, *states) if self.return_state else shape

    def _has_sweep(self) -> bool:
        return False


for _name in ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate"):
    setattr(ConvLSTM, _name, of_cell(_name))


class ConvLSTM1D(ConvLSTM):
    """A convolutional LSTM of sequences of signals (N, T, L, C); as `ConvLSTM2D`, over one axis.

    Notes
    -----
    Input (N, T, L, C), output (N, oL, F), or (N, T, oL, F) with return_sequences. Weights: kernel
    (K, C, 4 F), recurrent_kernel (K, F, 4 F), bias (4 F,).
    """

    rank = 1


class ConvLSTM2D(ConvLSTM):
    """A long short-term memory of films: c' = f c + i g, h' = o act(c').

    i, f, o = recurrent_activation and g = activation of x * W + h * U + b, in the order i f g o;
    the states are images.

    Parameters
    ----------
    filters : int > 0, F
    kernel_size : int or pair of ints > 0
    strides : int or pair of ints > 0, of x * W; h * U keeps h's sizes
    padding : "valid" or "same", of x * W
    data_format : "channels_last", "channels_first" for (N, T, C, H, W), or None for the setting
    dilation_rate : int or pair of ints > 0, of x * W
    activation : name or function, None for none
    recurrent_activation : the gates' activation
    use_bias : bool
    kernel_initializer, recurrent_initializer, bias_initializer : initializers
    unit_forget_bias : bool, whether the forget gate's bias begins at 1
    kernel_regularizer, recurrent_regularizer, bias_regularizer : regularizers or None
    activity_regularizer : regularizer of the output, or None
    kernel_constraint, recurrent_constraint, bias_constraint : constraints or None
    dropout : float in [0, 1], the share of the input's values that training drops
    recurrent_dropout : float in [0, 1], the share of the state's values that it drops
    seed : int or None, of the dropout; None for the next one of the process's stream
    return_sequences : bool, whether to return all outputs, or the last
    return_state : bool, whether to return the last states too
    go_backwards : bool, whether to begin at the last step; outputs come in the order of the work
    stateful : bool, whether a batch begins with the states that the one before left

    Notes
    -----
    Input (N, T, H, W, C); output (N, oH, oW, F), or (N, T, oH, oW, F) with return_sequences; with
    return_state a tuple of it, h and c. Weights: kernel (kH, kW, C, 4 F), recurrent_kernel (kH, kW,
    F, 4 F), bias (4 F,).

    Source
    ------
    X. Shi et al. 2015, Convolutional LSTM network, equation 3, without its peepholes.

    Examples
    --------
    >>> import numpy as np
    >>> film = np.ones((1, 3, 6, 6, 1))
    >>> ConvLSTM2D(4, 3, padding="same", return_sequences=True)(film).shape
    (1, 3, 6, 6, 4)
    """

    rank = 2


class ConvLSTM3D(ConvLSTM):
    """A convolutional LSTM of sequences of volumes (N, T, D, H, W, C); as `ConvLSTM2D`.

    Notes
    -----
    Input (N, T, D, H, W, C), output (N, oD, oH, oW, F), or (N, T, oD, oH, oW, F) with
    return_sequences. Weights: kernel (kD, kH, kW, C, 4 F), recurrent_kernel (kD, kH, kW, F, 4 F),
    bias (4 F,).
    """

    rank = 3
