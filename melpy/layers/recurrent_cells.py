"""Recurrent cells: one step of a recurrent layer, and the weights that all steps share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy import activations, ops, random, tree
from melpy.layers.base import Layer, Shape
from melpy.layers.checks import NO_ACTIVATION, positive

__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell"]


class Cell(Layer):
    """What the cells share: kernel (C, GD), recurrent_kernel (D, GD), bias, and dropout's masks.

    G is the number of gates, `gates`, laid side by side. The same mask drops the same values at
    every step of a sequence (Y. Gal and Z. Ghahramani 2016). Without recurrent_dropout one mask
    serves all gates, with it each gate has its own, as in Keras.
    """

    gates = 1
    states = 1
    none_means = NO_ACTIVATION

    def __init__(
        self,
        units: int,
        activation: Any,
        use_bias: bool,
        initializers: Sequence[Any],
        regularizers: Sequence[Any],
        constraints: Sequence[Any],
        dropout: float,
        recurrent_dropout: float,
        seed: int | None,
        implementation: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = positive(units, "units", type(self).__name__)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        weights = ("kernel", "recurrent", "bias")
        for rules in zip(weights, initializers, regularizers, constraints, strict=True):
            self.rules(*rules)
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.mask_a_gate = self.recurrent_dropout > 0 or implementation == 1
        self.seed, self.seed_generator = seed, random.SeedGenerator(seed)
        self.state_size: int | list[int] = self.units if self.states == 1 else [units] * self.states
        self.output_size = self.units
        self.bias: Any = None
        self.reset_dropout_mask()

    def build(self, input_shape: Shape) -> None:
        """Make kernel (C, GD), recurrent_kernel (D, GD) and the bias."""
        of_input, of_state = self.kernel_shapes(input_shape)
        self.kernel = self.ruled_weight("kernel", of_input)
        self.recurrent_kernel = self.ruled_weight("recurrent", of_state, name="recurrent_kernel")
        if self.use_bias:
            self.bias = self.ruled_weight("bias", self.bias_shape())

    def kernel_shapes(self, input_shape: Shape) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the kernels' shapes, (C, GD) and (D, GD) unless a subclass says otherwise."""
        G = self.gates * self.units
        return (int(input_shape[-1]), G), (self.units, G)  # type: ignore[arg-type]

    def bias_shape(self) -> tuple[int, ...]:
        """Return the bias's shape, (GD,) unless a subclass says otherwise."""
        return (self.gates * self.units,)

    def get_initial_state(self, batch_size: int) -> list[np.ndarray]:
        """Return zeros (N, D), one array for each state."""
        return [np.zeros((batch_size, self.units), self.dtype) for _ in range(self.states)]

    def compute_output_shape(self, input_shape: Shape, states_shape: Any = None) -> Any:
        """Return (N, D) and the states' shapes."""
        shape = (input_shape[0], self.units)
        return shape, [shape] * self.states

    _input_masks: list[Any] | None = None
    _recurrent_masks: list[Any] | None = None

    def input_masks(self, inputs: Any, training: bool) -> list[Any]:
        """Return what the input is multiplied by: one mask a gate, one for all, or [None]."""
        if not training:
            return [None]
        if self._input_masks is None:
            self._input_masks = self._masks(self.dropout, inputs)
        return self._input_masks

    def recurrent_masks(self, h: Any, training: bool) -> list[Any]:
        """Return what the state is multiplied by: one mask a gate, one for all, or [None]."""
        if not training:
            return [None]
        if self._recurrent_masks is None:
            self._recurrent_masks = self._masks(self.recurrent_dropout, h)
        return self._recurrent_masks

    def from_input(self, x: Any, training: bool) -> Any:
        """Return what the input adds to all gates, side by side: x W."""
        return product(x, self.kernel, self.input_masks(x, training))

    def from_state(self, h: Any, training: bool) -> Any:
        """Return what the state adds to all gates, side by side: h U."""
        return product(h, self.recurrent_kernel, self.recurrent_masks(h, training))

    def reset_dropout_mask(self) -> None:
        """Forget the masks: the next sequence draws new ones."""
        self._input_masks = self._recurrent_masks = None

    def _masks(self, rate: float, x: Any) -> list[Any]:
        if not 0 < rate < 1:
            return [None]
        count = self.gates if self.mask_a_gate else 1
        ones = np.ones(x.shape, x.dtype)
        return [random.dropout(ones, rate, seed=self.seed_generator) for _ in range(count)]


def product(
    x: Any, kernel: Any, masks: Sequence[Any], times: Callable[[Any, Any], Any] = ops.matmul
) -> Any:
    """Return x W; with several masks, each gate's columns of W meet their own x * mask."""
    D = kernel.shape[-1] // len(masks)
    parts = [
        times(
            x if mask is None else x * mask,
            kernel if len(masks) == 1 else kernel[..., k * D : (k + 1) * D],
        )
        for k, mask in enumerate(masks)
    ]
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)


def _plus(x: Any, bias: Any) -> Any:
    return x if bias is None else x + bias


def _cut(x: Any, D: int) -> list[Any]:
    """Cut the gates apart: (N, GD) -> G of (N, D)."""
    return [x[..., k : k + D] for k in range(0, x.shape[-1], D)]


class SimpleRNNCell(Cell):
    """One step of `SimpleRNN`: h' = act(x W + h U + b).

    Parameters
    ----------
    units, activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer,
    kernel_regularizer, recurrent_regularizer, bias_regularizer, kernel_constraint,
    recurrent_constraint, bias_constraint, dropout, recurrent_dropout, seed : as in `SimpleRNN`

    Notes
    -----
    Input (N, C) and states [h]; output h' and [h'], each (N, D); so of ``cell(inputs, states)``.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
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
            units,
            activation,
            use_bias,
            (kernel_initializer, recurrent_initializer, bias_initializer),
            (kernel_regularizer, recurrent_regularizer, bias_regularizer),
            (kernel_constraint, recurrent_constraint, bias_constraint),
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )

    def call(self, sequence: Any, states: Any, training: bool = False) -> Any:
        """Return h' and the new states."""
        h = states[0] if tree.is_nested(states) else states
        x = _plus(self.from_input(sequence, training), self.bias)
        y = self.activation(x + self.from_state(h, training))
        return y, [y] if tree.is_nested(states) else y


class LSTMCell(Cell):
    """One step of `LSTM`: c' = f c + i g, h' = o act(c').

    Parameters
    ----------
    units, activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer,
    bias_initializer, unit_forget_bias, kernel_regularizer, recurrent_regularizer,
    bias_regularizer, kernel_constraint, recurrent_constraint, bias_constraint, dropout,
    recurrent_dropout, seed : as in `LSTM`

    Notes
    -----
    Input (N, C) and states [h, c]; output h' and [h', c'], each (N, D); so of ``cell(inputs,
    states)``.
    """

    gates = 4
    states = 2

    def __init__(
        self,
        units: int,
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
            units,
            activation,
            use_bias,
            (kernel_initializer, recurrent_initializer, bias_initializer),
            (kernel_regularizer, recurrent_regularizer, bias_regularizer),
            (kernel_constraint, recurrent_constraint, bias_constraint),
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    def build(self, input_shape: Shape) -> None:
        """Make the weights; the forget gate's bias begins at 1 with `unit_forget_bias`."""
        super().build(input_shape)
        if self.bias is not None and self.unit_forget_bias:
            self.bias.array[self.units : 2 * self.units] = 1

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """Return h' and [h', c']."""
        h, c = states
        a = self.from_input(inputs, training) + self.from_state(h, training)
        i, f, g, o = _cut(_plus(a, self.bias), self.units)
        act, gate = self.activation, self.recurrent_activation
        c = gate(f) * c + gate(i) * act(g)
        h = gate(o) * act(c)
        return h, [h, c]


class GRUCell(Cell):
    """One step of `GRU`: h' = z h + (1 - z) n.

    Parameters
    ----------
    units, activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer,
    bias_initializer, kernel_regularizer, recurrent_regularizer, bias_regularizer,
    kernel_constraint, recurrent_constraint, bias_constraint, dropout, recurrent_dropout,
    reset_after, seed : as in `GRU`

    Notes
    -----
    Input (N, C) and states [h]; output h' and [h'], each (N, D); so of ``cell(inputs, states)``.
    """

    gates = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            activation,
            use_bias,
            (kernel_initializer, recurrent_initializer, bias_initializer),
            (kernel_regularizer, recurrent_regularizer, bias_regularizer),
            (kernel_constraint, recurrent_constraint, bias_constraint),
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    def bias_shape(self) -> tuple[int, ...]:
        """Return (2, 3D), the input's and the state's bias, or (3D,) where reset comes first."""
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """Return h' and the new states."""
        h = states[0] if tree.is_nested(states) else states
        D, u, masks = self.units, self.recurrent_kernel, self.recurrent_masks(h, training)
        b_in, b_h = self.bias, None
        if self.reset_after and self.bias is not None:
            b_in, b_h = self.bias[0], self.bias[1]
        x = _plus(self.from_input(inputs, training), b_in)
        x_z, x_r, x_n = _cut(x, D)
        act, gate = self.activation, self.recurrent_activation
        if self.reset_after:
            a_z, a_r, a_n = _cut(_plus(product(h, u, masks), b_h), D)
            z, r = gate(x_z + a_z), gate(x_r + a_r)
            n = act(x_n + r * a_n)
        else:
            a_z, a_r = _cut(product(h, u[:, : 2 * D], masks[:2]), D)
            z, r = gate(x_z + a_z), gate(x_r + a_r)
            n = act(x_n + product(r * h, u[:, 2 * D :], masks[2:] or [None]))
        y = z * h + (1 - z) * n
        return y, [y] if tree.is_nested(states) else y
