"""Layers around layers: both directions of a sequence, and one layer at every step."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import ops, tree
from melpy.errors import ArgumentError, DtypeError, ShapeError, lookup
from melpy.layers.arguments import taken_arguments
from melpy.layers.base import Layer, Shape
from melpy.layers.nesting import copied, layer_of
from melpy.layers.rnn import as_list

__all__ = ["Bidirectional", "TimeDistributed", "Wrapper"]


class Wrapper(Layer):
    """A layer around another one. Abstract.

    Parameters
    ----------
    layer : Layer, what is wrapped
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = required_layer(layer, "layer", type(self).__name__)

    def build(self, input_shape: Shape) -> None:
        """Build the wrapped layer."""
        self.layer.ensure_built(input_shape)

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None) -> Any:
        """Make the wrapper, and the layer inside, from `get_config`'s result."""
        return cls(**{**config, "layer": layer_of(config["layer"], custom_objects)})


class TimeDistributed(Wrapper):
    """Apply one layer to every step: y[:, t] = layer(x[:, t]).

    Parameters
    ----------
    layer : Layer, for one step's input (N, ...)

    Notes
    -----
    Input (N, T, ...), output (N, T, ...). The steps are called one after the other, so a
    batch normalization inside sees one step's batch at a time, as in Keras.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy.layers import Dense
    >>> TimeDistributed(Dense(3))(np.zeros((2, 5, 4))).shape
    (2, 5, 3)
    """

    whole = True

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Build the layer for one step."""
        super().build(_one_step(input_shape))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (N, T, ...)."""
        N, *rest = self.layer.compute_output_shape(_one_step(input_shape))
        return (N, input_shape[1], *rest)

    def call(self, inputs: Any, training: bool = False, mask: Any = None) -> Any:
        """Return the outputs of all steps."""
        if mask is not None and mask.shape[:2] != tuple(inputs.shape[:2]):
            raise ShapeError(
                "call",
                "the mask does not fit the input",
                expected=f"shape {(*inputs.shape[:2], '...')}".replace("'", ""),
                received={"mask.shape": mask.shape},
            )
        masked = mask is not None and "mask" in taken_arguments(type(self.layer)).names
        steps = [
            self.layer(inputs[:, t], training=training, **({"mask": mask[:, t]} if masked else {}))
            for t in range(inputs.shape[1])
        ]
        return ops.stack(steps, axis=1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the masks that the layer gives its steps, one beside the other; or the input's."""
        if type(self.layer).compute_mask is Layer.compute_mask:
            return mask
        steps = range(inputs.shape[1])
        given = [None if mask is None else mask[:, t] for t in steps]
        made = [self.layer.compute_mask(inputs[:, t], given[t]) for t in steps]
        if any(m is None for m in made):  # none within a step
            return mask if mask is not None and mask.ndim == 2 else None
        return np.stack([np.asanyarray(m) for m in made], axis=1)


class Bidirectional(Layer):
    """Run a recurrent layer forwards and another backwards, and merge what they give.

    Parameters
    ----------
    layer : recurrent layer; copies of it, with new weights, run forwards and backwards
    merge_mode : "concat", "sum", "mul", "ave", or None for both outputs
    weights : list of arrays to begin with, the forward layer's, then the backward one's; or None
    backward_layer : recurrent layer with the other go_backwards, or None for a copy of ``layer``

    Notes
    -----
    Input (N, T, C), output (N, 2D), or (N, T, 2D) with return_sequences, of a layer of D units;
    with another merge_mode than "concat" D in the place of 2D, two of them with None. With
    return_state it is followed by the forward layer's states, then the backward layer's;
    ``initial_state`` is given in that order too.

    Source
    ------
    M. Schuster, K. Paliwal 1997.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy.layers import LSTM
    >>> Bidirectional(LSTM(3, return_sequences=True))(np.zeros((2, 5, 4))).shape
    (2, 5, 6)
    """

    whole = True

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        lookup("merge mode", merge_mode or "none", MERGE, "Bidirectional")
        required_layer(layer, "layer", "Bidirectional")
        self.forward_layer: Any = copied(layer, name=_prefixed("forward_", layer.name))
        self.backward_layer: Any = (
            copied(layer, name=_prefixed("backward_", layer.name), go_backwards=True)
            if backward_layer is None
            else required_layer(backward_layer, "backward_layer", "Bidirectional")
        )
        _check_pair(self.forward_layer, self.backward_layer)
        self.stateful, self.merge_mode = layer.stateful, merge_mode
        self.return_sequences, self.return_state = layer.return_sequences, layer.return_state
        for one in (self.forward_layer, self.backward_layer):
            # else the two would meet where one repeats an output of long ago
            one.zero_output_for_mask = self.return_sequences
        self.supports_masking = True
        self._start = weights

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        """Build both layers."""
        self.forward_layer.ensure_built(sequences_shape)
        self.backward_layer.ensure_built(sequences_shape)
        if self._start is not None:
            half = len(self._start) // 2
            self.forward_layer.set_weights(self._start[:half])
            self.backward_layer.set_weights(self._start[half:])

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool = False,
    ) -> Any:
        """Return the merged outputs, then the states with return_state."""
        starts: tuple[Any, Any] = (None, None)
        if initial_state is not None:
            half = len(initial_state) // 2
            starts = initial_state[:half], initial_state[half:]
        (y, *states), (y_back, *states_back) = (
            _outputs(one(sequences, initial_state=start, mask=mask, training=training))
            for one, start in zip((self.forward_layer, self.backward_layer), starts, strict=True)
        )
        if self.return_sequences:
            y_back = ops.flip(y_back, axis=1)
        merged = MERGE[self.merge_mode or "none"](y, y_back)
        if not self.return_state:
            return merged
        merged = merged if self.merge_mode is None else (merged,)
        return (*merged, *states, *states_back)

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        """Return the merged outputs' shape, then the states' with return_state."""
        found = self.forward_layer.compute_output_shape(sequences_shape)
        shape, *states = found if self.return_state else (found,)
        if self.merge_mode == "concat":
            shape = (*shape[:-1], 2 * shape[-1])
        merged = (shape, shape) if self.merge_mode is None else (shape,)
        if self.return_state:
            return (*merged, *states, *states)
        return merged if self.merge_mode is None else shape

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the input's mask for the outputs, where all of them are returned."""
        kept = as_list(mask)[0] if self.return_sequences else None
        merged = [kept, kept] if self.merge_mode is None else [kept]
        if self.return_state:
            return [*merged, *[None] * (2 * len(tree.flatten(self.forward_layer.state_size)))]
        return merged if self.merge_mode is None else kept

    @property
    def states(self) -> Any:
        """The states that both layers keep, the forward layer's first, or None."""
        ours, theirs = self.forward_layer.states, self.backward_layer.states
        return (*ours, *theirs) if ours and theirs else None

    def reset_state(self) -> None:
        """Let the next batch begin with zeros."""
        if not self.stateful:
            raise ArgumentError("Bidirectional.reset_state", "the layer keeps no state")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state  # Keras keeps the old name too

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer, without the values of its weights."""
        return {name: value for name, value in super().get_config().items() if name != "weights"}

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None) -> Any:
        """Make the layer, and those inside, from `get_config`'s result."""
        inside = {
            name: layer_of(config.get(name), custom_objects) for name in ("layer", "backward_layer")
        }
        return cls(**{**config, **inside})


MERGE: dict[str, Any] = {
    "concat": lambda y, back: ops.concatenate([y, back], axis=-1),
    "sum": lambda y, back: y + back,
    "ave": lambda y, back: (y + back) / 2,
    "mul": lambda y, back: y * back,
    "none": lambda y, back: (y, back),
}


def required_layer(layer: Any, name: str, who: str) -> Layer:
    """Return a layer, or refuse what is none."""
    if isinstance(layer, Layer):
        return layer
    raise DtypeError(who, f"{name} is no layer", expected="a layer", received={name: layer})


def _one_step(input_shape: Shape) -> Shape:
    """Return the shape of one step, without T."""
    if len(input_shape) < 3:
        raise ShapeError(
            "build",
            f"input has {len(input_shape)} axes",
            expected="shape (N, T, ...), at least 3 axes",
            received={"shape": tuple(input_shape)},
        )
    return (input_shape[0], *input_shape[2:])


def _prefixed(prefix: str, name: str) -> str:
    return prefix + name.removeprefix(prefix)


def _outputs(y: Any) -> tuple:
    return y if isinstance(y, tuple) else (y,)


def _check_pair(forward: Any, backward: Any) -> None:
    """Refuse two layers that cannot be the directions of one."""
    if forward.go_backwards == backward.go_backwards:
        raise ArgumentError(
            "Bidirectional",
            "both layers run in the same direction",
            expected="go_backwards=True for one of them",
            received={"go_backwards": forward.go_backwards},
        )
    for name in ("stateful", "return_sequences", "return_state"):
        values = getattr(forward, name), getattr(backward, name)
        if values[0] != values[1]:
            raise ArgumentError(
                "Bidirectional",
                f"the layers differ in {name}",
                expected="the same for both",
                received={"layer": values[0], "backward_layer": values[1]},
            )
