"""RNN: any cell, run over the steps of a sequence; and several cells as one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy import ops, tree
from melpy.errors import ArgumentError, DtypeError, ShapeError
from melpy.layers.arguments import listed
from melpy.layers.base import Layer, Shape
from melpy.layers.nesting import layer_of
from melpy.tensor import Tensor

__all__ = ["RNN", "StackedRNNCells"]


class RNN(Layer):
    """Run a cell over a sequence: y_t, h_t+1 = cell(x_t, h_t).

    Parameters
    ----------
    cell : an object with ``call(inputs, states)``, which returns the output and the new states,
        and ``state_size``, an int or a list of ints; or a list of such cells, which are stacked
    return_sequences : bool, whether to return all outputs, or the last
    return_state : bool, whether to return the last states too
    go_backwards : bool, whether to begin at the last step; outputs come in the order of the work
    stateful : bool, whether a batch begins with the states that the one before left
    unroll : bool, as in Keras: masked steps before the first other one give zeros; no other effect
    zero_output_for_mask : bool, whether masked steps give zeros

    Notes
    -----
    Input (N, T, C); output (N, D), or (N, T, D) with return_sequences; with return_state a tuple
    of it and the states, each (N, D). Called as ``layer(x, initial_state=[..], mask=..)``. A
    masked step leaves the states as they are and repeats the output before it.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy.layers import SimpleRNNCell
    >>> cell = SimpleRNNCell(1, "linear", kernel_initializer="ones", recurrent_initializer="ones")
    >>> np.asarray(RNN(cell, return_sequences=True)(np.ones((1, 3, 1))))[0, :, 0]
    array([1., 2., 3.], dtype=float32)
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.cell = (
            StackedRNNCells(cell) if isinstance(cell, list | tuple) else required_cell(cell, "RNN")
        )
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, stateful, unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True
        self.state_size = as_list(self.cell.state_size)
        self.states: list[Any] | None = None  # plain arrays; the last ones, where stateful

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        """Build the cell for one step, (N, C)."""
        if len(sequences_shape) < 3 or sequences_shape[-1] is None:
            raise ShapeError(
                "build",
                "a sequence must have steps and a known number of features",
                expected="shape (N, T, C)",
                received={"shape": tuple(sequences_shape)},
                mend="A recurrent layer before it needs return_sequences=True; where each step is "
                "one number, add an axis: x[..., np.newaxis].",
            )
        if isinstance(self.cell, Layer):
            self.cell.ensure_built((sequences_shape[0], *sequences_shape[2:]))

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        """Return (N, D), or (N, T, D) with return_sequences; then the states' shapes."""
        N, T = sequences_shape[:2]
        D = output_size(self.cell)
        shape = (N, T, D) if self.return_sequences else (N, D)
        if not self.return_state:
            return shape
        return shape, *tree.map_structure(lambda size: (N, size), self.state_size)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the input's mask where all outputs are returned; states have none."""
        mask = mask[0] if tree.is_nested(mask) else mask
        kept = mask if self.return_sequences else None
        return [kept, *(None for _ in tree.flatten(self.state_size))] if self.return_state else kept

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Return the states that a sequence begins with: the cell's own, or zeros (N, D)."""
        return as_list(initial_state(self.cell, batch_size, self.dtype))

    def reset_state(self) -> None:
        """Let the next batch begin with zeros."""
        if self.states is not None:
            self.states = tree.map_structure(np.zeros_like, self.states)

    reset_states = reset_state  # Keras keeps the old name too

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None) -> Any:
        """Make the layer, and the cell inside, from `get_config`'s result."""
        if "cell" in config:  # LSTM and its like make their own
            config = {**config, "cell": cells_of(config["cell"], custom_objects)}
        return cls(**config)

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
    ) -> Any:
        """Return the outputs, and the states with return_state."""
        states = self._start(sequences, initial_state)
        steps = steps_to_use(mask, sequences)
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
            steps = None if steps is None else steps[:, ::-1]
        try:
            outputs, states = self._sweep(sequences, states, steps, training)
        finally:  # the next sequence draws its own dropout, whatever happened to this one
            if hasattr(self.cell, "reset_dropout_mask"):
                self.cell.reset_dropout_mask()
        if self.stateful:
            self.states = tree.map_structure(lambda s: np.array(s), states)
        output = outputs if self.return_sequences else outputs[:, -1]
        return (output, *states) if self.return_state else output

    def _start(self, sequences: Any, initial_state: Any) -> list[Any]:
        """Return the states before the first step."""
        N = sequences.shape[0]
        if initial_state is None and self.stateful and self.states is not None:
            kept = len(tree.flatten(self.states)[0])
            if kept != N:
                raise ShapeError(
                    "call",
                    f"a stateful layer kept the states of {kept} samples, and {N} came",
                    expected=f"a batch of {kept}",
                    received={"shape": tuple(sequences.shape)},
                    mend="Keep to one batch size, or drop the last, smaller batch.",
                )
        if initial_state is not None:
            states = as_list(initial_state)
        elif self.stateful and self.states is not None:
            states = self.states
        else:
            states = self.get_initial_state(N)
        return tree.map_structure(self._as_state, states)

    def _as_state(self, state: Any) -> Tensor:
        return state if isinstance(state, Tensor) else Tensor(np.asarray(state, self.dtype))

    def _sweep(
        self, x: Any, states: list[Any], mask: np.ndarray | None, training: bool
    ) -> tuple[Any, list[Any]]:
        """Run the cell step by step; return the outputs (N, T, D) and the last states."""
        outputs: list[Any] = []
        step = step_of(self.cell, training)
        for t in range(x.shape[1]):
            output, new = step(x[:, t], states)
            if mask is not None:
                output = masked(mask[:, t], output, self._before(outputs, output, states))
                new = tree.map_structure(
                    lambda n, s, used=mask[:, t]: masked(used, n, s), new, states
                )
            states = new
            outputs.append(output)
        return ops.stack(outputs, axis=1), states

    def _before(self, outputs: list[Any], output: Any, states: list[Any]) -> Any:
        """Return the output of a masked step."""
        if self.unroll:
            return outputs[-1] if outputs else np.zeros(output.shape, output.dtype)
        if self.zero_output_for_mask:
            return np.zeros(output.shape, output.dtype)
        last = states[-1] if isinstance(self.cell, StackedRNNCells) else states
        return as_list(last)[0]

    def _whole(self, h: Any, mask: np.ndarray | None) -> Any:
        """Return the outputs of a whole sweep, (N, T, D), where a masked step repeated h."""
        if mask is None or not (self.unroll or self.zero_output_for_mask):
            return h
        kept = np.logical_or.accumulate(mask, axis=1) if self.unroll else mask
        return ops.where(kept[:, :, np.newaxis], h, 0.0)


class StackedRNNCells(Layer):
    """Several cells as one: each takes the output of the one before.

    Parameters
    ----------
    cells : list of cells

    Notes
    -----
    Input (N, C) and a list of the cells' states; output (N, D), the last cell's, and the new
    states.
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        cells = listed("StackedRNNCells", cells)
        self.cells = [required_cell(cell, "StackedRNNCells") for cell in cells]

    @property
    def state_size(self) -> list[Any]:
        """Each cell's own."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """The last cell's."""
        return output_size(self.cells[-1])

    def build(self, input_shape: Shape) -> None:
        """Build every cell from the output of the one before."""
        for cell in self.cells:
            if isinstance(cell, Layer):
                cell.ensure_built(input_shape)
            input_shape = (input_shape[0], output_size(cell))

    def get_initial_state(self, batch_size: int) -> list[Any]:
        """Return each cell's own: a list, or an array of a cell of one state that has no list."""
        return [initial_state(cell, batch_size, self.dtype) for cell in self.cells]

    def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
        """Return the last cell's output and all cells' new states."""
        after = []
        for cell, own in zip(self.cells, states, strict=True):
            inputs, new = step_of(cell, training)(inputs, own)
            after.append(new if tree.is_nested(own) else new[0])
        return inputs, after

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None) -> Any:
        """Make the stack and its cells from `get_config`'s result."""
        return cls(**{**config, "cells": cells_of(config["cells"], custom_objects)})

    def reset_dropout_mask(self) -> None:
        """Forget the masks of all cells."""
        for cell in self.cells:
            if hasattr(cell, "reset_dropout_mask"):
                cell.reset_dropout_mask()


def required_cell(cell: Any, who: str) -> Any:
    """Return a cell, or refuse what is none."""
    for needed in ("call", "state_size"):
        if not hasattr(cell, needed):
            raise DtypeError(
                who,
                f"the cell has no {needed}",
                expected="an object with call(inputs, states) and state_size",
                received={"cell": cell},
            )
    sizes = as_list(cell.state_size)
    if not all(isinstance(size, int | list | tuple) for size in sizes):
        raise ArgumentError(
            who,
            "the cell's state_size is no number",
            expected="an int, or one int for each state",
            received={"state_size": cell.state_size},
        )
    return cell


def cells_of(entry: Any, custom_objects: Any) -> Any:
    """Return a cell, or a list of cells, from their descriptions."""
    if isinstance(entry, list | tuple):  # a dict is one description
        return [layer_of(one, custom_objects) for one in entry]
    return layer_of(entry, custom_objects)


def step_of(cell: Any, training: bool) -> Callable[[Any, Any], tuple[Any, list[Any]]]:
    """Return a function from an input and states to the cell's output and a list of new states."""
    knows = "training" in inspect.signature(cell.call).parameters
    told = {"training": training} if knows else {}

    def step(x: Any, states: Any) -> tuple[Any, list[Any]]:
        output, new = cell.call(x, as_list(states), **told)
        return output, as_list(new)

    return step


def output_size(cell: Any) -> int:
    """Return how many values a cell gives a step: its first state's unless it says otherwise."""
    return getattr(cell, "output_size", None) or as_list(cell.state_size)[0]


def initial_state(cell: Any, batch_size: int, dtype: str) -> Any:
    """Return the states that a sequence begins with: an array, or a list of arrays."""
    if hasattr(cell, "get_initial_state"):
        return cell.get_initial_state(batch_size=batch_size)
    return tree.map_structure(lambda size: np.zeros((batch_size, size), dtype), cell.state_size)


def steps_to_use(mask: Any, sequences: Any) -> np.ndarray | None:
    """Return a mask as booleans (N, T), or None."""
    if mask is None:
        return None
    used = np.asanyarray(mask[0] if tree.is_nested(mask) else mask).astype(bool)
    if used.shape[:2] != tuple(sequences.shape[:2]):
        raise ShapeError(
            "call",
            "the mask does not fit the sequences",
            expected=f"shape {tuple(sequences.shape[:2])}",
            received={"mask.shape": used.shape},
        )
    return np.asanyarray(used.reshape(*used.shape[:2], -1).any(axis=2))


def masked(used: np.ndarray, new: Any, old: Any) -> Any:
    """Return ``new`` for the samples whose step is used, else ``old``."""
    return ops.where(used.reshape(-1, *[1] * (new.ndim - 1)), new, old)


def as_list(x: Any) -> list[Any]:
    """Return a list of states, or a list of the one state."""
    return list(x) if tree.is_nested(x) else [x]
