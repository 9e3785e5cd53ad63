"""SimpleRNN, LSTM and GRU: their usual activations run as one op over the whole sequence."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from melpy import ops, random
from melpy.errors import ArgumentError
from melpy.layers.recurrent_cells import Cell, GRUCell, LSTMCell, SimpleRNNCell
from melpy.layers.rnn import RNN

__all__ = ["GRU", "LSTM", "SimpleRNN"]

WHOLE = {ops.tanh: "tanh", ops.relu: "relu", ops.sigmoid: "sigmoid", ops.linear: "linear"}
NAMES = (
    "units", "activation", "use_bias", "kernel_initializer", "recurrent_initializer",
    "bias_initializer", "kernel_regularizer", "recurrent_regularizer", "bias_regularizer",
    "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout",
    "recurrent_dropout", "seed", "recurrent_activation", "unit_forget_bias", "reset_after",
)  # fmt: skip


def of_cell(name: str) -> Any:
    return property(lambda self: getattr(self.cell, name), doc=f"The cell's {name}.")


class Recurrent(RNN):
    """An RNN around a cell of its own, which it makes of its own arguments. Abstract."""

    cell: Any

    def _setup(self, made: type[Cell], name: str, arguments: Mapping[str, Any]) -> None:
        """Make the cell of the arguments that it knows, and the layer of the rest."""
        kwargs = dict(arguments["kwargs"])
        known = inspect.signature(made.__init__).parameters
        own = {key: value for key, value in arguments.items() if key in known and key != "self"}
        own |= {key: kwargs[key] for key in ("dtype", "trainable") if key in kwargs}
        own |= {"implementation": kwargs.pop("implementation", 2), "name": name}
        own.pop("kwargs")
        flags = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")
        layers_own = (*flags, "activity_regularizer")
        kwargs |= {key: arguments[key] for key in layers_own if key in arguments}
        super().__init__(made(**own), **kwargs)
        if "use_cudnn" in arguments:
            self.use_cudnn = arguments["use_cudnn"]
        if arguments.get("use_cudnn", "auto") not in ("auto", True, False):
            raise ArgumentError(
                type(self).__name__,
                "unknown use_cudnn",
                expected='"auto", True or False',
                received={"use_cudnn": self.use_cudnn},
            )

    def _sweep(
        self, x: Any, states: list[Any], mask: np.ndarray | None, training: bool
    ) -> tuple[Any, list[Any]]:
        cell = self.cell
        is_thinned = training and 0 < cell.dropout < 1
        recurrent = training and cell.recurrent_dropout > 0
        if not self._has_sweep() or recurrent or (is_thinned and cell.mask_a_gate):
            return super()._sweep(x, states, mask, training)
        if is_thinned:  # of the same values at every step
            x = random.dropout(x, cell.dropout, (None, 1, None), cell.seed_generator)
        projected = ops.matmul(x, cell.kernel)  # (N,T,C) (C,GD) -> (N,T,GD), all steps at once
        return self._run(projected, states, mask)

    def _has_sweep(self) -> bool:
        """Return whether the op over whole sequences has these activations."""
        cell = self.cell
        return cell.activation is ops.tanh and cell.recurrent_activation is ops.sigmoid

    def _run(self, x: Any, states: list[Any], mask: np.ndarray | None) -> tuple[Any, list[Any]]:
        """Run the op: (N, T, GD) to the outputs (N, T, D) and the last states. Abstract."""
        raise NotImplementedError


class SimpleRNN(Recurrent):
    """A plain recurrent network: h' = act(x W + h U + b).

    Parameters
    ----------
    units : int > 0, D
    activation : name or function, None for none
    use_bias : bool
    kernel_initializer, recurrent_initializer, bias_initializer : initializers
    kernel_regularizer, recurrent_regularizer, bias_regularizer : regularizers or None
    activity_regularizer : regularizer of the output, or None
    kernel_constraint, recurrent_constraint, bias_constraint : constraints or None
    dropout : float in [0, 1], the share of the input's features that training drops
    recurrent_dropout : float in [0, 1], the share of the state's units that it drops
    seed : int or None, of the dropout; None for the next one of the process's stream
    return_sequences : bool, whether to return all outputs, or the last
    return_state : bool, whether to return the last states too
    go_backwards : bool, whether to begin at the last step; outputs come in the order of the work
    stateful : bool, whether a batch begins with the states that the one before left
    unroll : bool, see `RNN`

    Notes
    -----
    Input (N, T, C), output (N, D), or (N, T, D) with return_sequences; with return_state a tuple of
    it and h, (N, D); weights: kernel (C, D), recurrent_kernel (D, D), bias (D,).

    Source
    ------
    J. Elman 1990.

    Examples
    --------
    >>> import numpy as np
    >>> layer = SimpleRNN(1, None, kernel_initializer="ones", recurrent_initializer="ones")
    >>> np.asarray(layer(np.ones((1, 3, 1))))
    array([[3.]], dtype=float32)
    """

    whole = True

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        self._setup(SimpleRNNCell, "simple_rnn_cell", locals())

    def _has_sweep(self) -> bool:
        return self.cell.activation in WHOLE

    def _run(self, x: Any, states: list[Any], mask: np.ndarray | None) -> tuple[Any, list[Any]]:
        cell, name = self.cell, WHOLE[self.cell.activation]
        h = ops.simple_rnn(
            x, cell.recurrent_kernel, cell.bias, states[0], mask=mask, activation=name
        )
        return self._whole(h, mask), [h[:, -1]]


class LSTM(Recurrent):
    """A long short-term memory: c' = f c + i g, h' = o act(c').

    i, f, o = recurrent_activation and g = activation of x W + h U + b, in the order i f g o.

    Parameters
    ----------
    units : int > 0, D
    activation : name or function, None for none
    recurrent_activation : the gates' activation
    use_bias : bool
    kernel_initializer, recurrent_initializer, bias_initializer : initializers
    unit_forget_bias : bool, whether the forget gate's bias begins at 1
    kernel_regularizer, recurrent_regularizer, bias_regularizer : regularizers or None
    activity_regularizer : regularizer of the output, or None
    kernel_constraint, recurrent_constraint, bias_constraint : constraints or None
    dropout : float in [0, 1], the share of the input's features that training drops
    recurrent_dropout : float in [0, 1], the share of the state's units that it drops
    seed : int or None, of the dropout; None for the next one of the process's stream
    return_sequences : bool, whether to return all outputs, or the last
    return_state : bool, whether to return the last states too
    go_backwards : bool, whether to begin at the last step; outputs come in the order of the work
    stateful : bool, whether a batch begins with the states that the one before left
    unroll : bool, see `RNN`
    use_cudnn : "auto", True or False, as in Keras; without effect: there is no cuDNN here

    Notes
    -----
    Input (N, T, C), output (N, D), or (N, T, D) with return_sequences; with return_state a tuple of
    it, h and c, each (N, D); weights: kernel (C, 4D), recurrent_kernel (D, 4D), bias (4D,). With
    tanh and sigmoid, and no recurrent_dropout, the whole sequence is one op; with others the cell
    runs step by step, which is slower.

    Source
    ------
    S. Hochreiter, J. Schmidhuber 1997; the forget gate's bias: R. Jozefowicz et al. 2015.

    Examples
    --------
    >>> import numpy as np
    >>> layer = LSTM(2, return_sequences=True, return_state=True)
    >>> [y.shape for y in layer(np.zeros((4, 3, 5)))]
    [(4, 3, 2), (4, 2), (4, 2)]
    """

    whole = True

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
        unroll: bool = False,
        use_cudnn: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        self._setup(LSTMCell, "lstm_cell", locals())

    def _run(self, x: Any, states: list[Any], mask: np.ndarray | None) -> tuple[Any, list[Any]]:
        cell = self.cell
        both = ops.lstm(x, cell.recurrent_kernel, cell.bias, *states, mask=mask)
        h, T = both[:, :-1], x.shape[1]  # (N,T+1,D): every h, then the last c
        return self._whole(h, mask), [both[:, T - 1], both[:, T]]


class GRU(Recurrent):
    """A gated recurrent unit: h' = z h + (1 - z) n.

    z, r = recurrent_activation of x W + h U + b, n = activation of x W_n + r (h U_n + b_n), in
    the order z r n; without reset_after n = activation of x W_n + (r h) U_n + b_n.

    Parameters
    ----------
    units : int > 0, D
    activation : name or function, None for none
    recurrent_activation : the gates' activation
    use_bias : bool
    kernel_initializer, recurrent_initializer, bias_initializer : initializers
    kernel_regularizer, recurrent_regularizer, bias_regularizer : regularizers or None
    activity_regularizer : regularizer of the output, or None
    kernel_constraint, recurrent_constraint, bias_constraint : constraints or None
    dropout : float in [0, 1], the share of the input's features that training drops
    recurrent_dropout : float in [0, 1], the share of the state's units that it drops
    seed : int or None, of the dropout; None for the next one of the process's stream
    return_sequences : bool, whether to return all outputs, or the last
    return_state : bool, whether to return the last states too
    go_backwards : bool, whether to begin at the last step; outputs come in the order of the work
    stateful : bool, whether a batch begins with the states that the one before left
    unroll : bool, see `RNN`
    reset_after : bool, whether r acts after the product with U, as in cuDNN, or before
    use_cudnn : "auto", True or False, as in Keras; without effect: there is no cuDNN here

    Notes
    -----
    Input (N, T, C), output (N, D), or (N, T, D) with return_sequences; with return_state a tuple of
    it and h, (N, D); weights: kernel (C, 3D), recurrent_kernel (D, 3D), bias (2, 3D), the input's
    and the state's, or (3D,) without reset_after. With tanh and sigmoid, and no recurrent_dropout,
    the whole sequence is one op; with others the cell runs step by step.

    Source
    ------
    K. Cho et al. 2014, eqs. 5 to 8.

    Examples
    --------
    >>> import numpy as np
    >>> GRU(2)(np.zeros((4, 3, 5))).shape
    (4, 2)
    """

    whole = True

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
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        self._setup(GRUCell, "gru_cell", locals())

    def _run(self, x: Any, states: list[Any], mask: np.ndarray | None) -> tuple[Any, list[Any]]:
        cell = self.cell
        h = ops.gru(
            x, cell.recurrent_kernel, cell.bias, states[0], mask=mask, reset_after=cell.reset_after
        )
        return self._whole(h, mask), [h[:, -1]]


for _name in NAMES:  # as in Keras, the cell's arguments are the layer's attributes too
    setattr(Recurrent, _name, of_cell(_name))
