"""Layers that run together with those after them, as one operation: they offer it themselves.

A convolution that knows its activation and its pooling makes one sweep over memory of three. So a
layer is asked what it joins of the layers after it, each of which alone needs what the one before
makes; and these say, in general words, what they are: an activation, a max pooling, a scaling of
channels. The results are those of the layers one by one, to the same bits; but for a normalization
that is multiplied into the weights before it, at inference.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from melpy import activations, clock, tape
from melpy.kernels.program import unwritten
from melpy.layers.phase import is_training
from melpy.layers.shown import Shown

__all__ = [
    "Act", "Joining", "Joint", "activation_after", "folded", "folded_numbers", "in_a_row",
    "may_join",
]  # fmt: skip

Act = tuple[str, float]  # a name as in `activations.IN_BLOCK`, and its slope
Run = Callable[[Any], Any]
Scaling = Callable[[Any], tuple[Any, Any]]  # of an array with the channels last


class Joint(NamedTuple):
    """How many of the layers after it a layer takes, and what runs them together."""

    taken: int
    run: Run


class Joining(Shown):
    """What a layer is to its neighbours. Abstract.

    A class that says ``joins`` computes what its `call` says and nothing else; a subclass, which
    may compute something else, says it anew.
    """

    joins = False
    channel_axes = 1  # the last ones of its kernel, if there is one, that are the output's channels
    activity_regularizer: Any

    def joined(self, following: Sequence[Any]) -> Joint | None:
        """Return what the layer joins of those after it, None for nothing.

        Parameters
        ----------
        following : one layer or more, of which each alone needs what the one before makes
        """
        return None

    def as_activation(self) -> Act | None:
        """Return the name and the slope of the activation that the layer is, None if it is none."""
        return None

    def as_max_pooling(self) -> tuple[int, ...] | None:
        """Return the windows of a max pooling with the windows side by side and channels last."""
        return None

    def as_scaling(self, ndim: int | None) -> Scaling | None:
        """Return what gives the scale and the offset of each channel, at inference.

        None for a layer that is more, or whose channels are not the last of ``ndim`` axes.
        """
        return None


def may_join(layer: Any) -> bool:
    """Return whether nobody sees or changes what is between a layer and its neighbours."""
    return (
        isinstance(layer, Joining)
        and bool(vars(type(layer)).get("joins"))
        and "call" not in vars(layer)
        and layer.activity_regularizer is None
        and layer.autocast
    )


def activation_after(
    own: Any, following: Sequence[Any], known: Mapping[Any, Act] = activations.FUSED
) -> tuple[Act | None, int]:
    """Return the activation that a layer ends with, and how many layers after it that takes.

    It is its ``own``, where that is more than linear or no activation follows; None for one that
    is not among those ``known`` to its kernel.
    """
    if own is activations.linear and following:
        act = following[0].as_activation()
        if act is not None and act[0] in {name for name, _ in known.values()}:
            return act, 1
    return known.get(own), 0


def in_a_row(layers: Sequence[Any]) -> Run:
    """Return what runs layers one after another, together where they offer it."""
    runs: list[Run] = []
    while layers:
        first, *layers = layers
        taken, together = (first.joined(layers) if layers else None) or (0, first)
        runs.append(together)
        layers = layers[taken:]

    def run(x: Any) -> Any:
        for one in runs:
            x = one(x)
        return x

    return run


def folded(
    layer: Any, scaling: Scaling, row: Sequence[Any], run: Callable[[Any, Any, Any], Any]
) -> Joint:
    """Return how a layer scales its output by its own weights, where nothing learns.

    Parameters
    ----------
    layer : with a kernel, and a bias or None
    scaling : what the first of the row says it is
    row : the layers after it
    run : function of the input, kernel and bias that gives what the last of the row does
    """
    after = in_a_row(row)
    # Of which state of the weights, and the kernel and bias.
    kept: list[Any] = [-1, [], None]

    def numbers() -> tuple[np.ndarray, np.ndarray]:
        changes, arrays = clock.values(), [w.array for w in (*layer.weights, *row[0].weights)]
        is_same = changes == kept[0] and len(arrays) == len(kept[1])
        if not (is_same and all(map(operator.is_, arrays, kept[1]))):
            with unwritten():  # a program needs the numbers, not how they came to be
                kept[:] = [changes, arrays, folded_numbers(layer, scaling)]
        return kept[2]

    def together(x: Any) -> Any:
        if tape.is_recording() or is_training():
            return after(layer(x))
        with tape.no_grad():
            return layer.stand_in(lambda y: run(y, *numbers()), x)

    return Joint(len(row), together)


def folded_numbers(layer: Any, scaling: Scaling) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel (..., D) and the bias (D,) of a layer that scales its output itself."""
    kernel = layer.kernel.array
    columns = kernel.reshape(*kernel.shape[: -layer.channel_axes], -1)
    scale, offset = map(np.asarray, scaling(columns))
    bias = 0 if layer.bias is None else layer.bias.array
    return (columns * scale).reshape(kernel.shape), bias * scale + offset
