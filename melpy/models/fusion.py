"""Neighbours in a graph that run as one operation: decided when the model is built.

    convolution, max pooling                        one sweep over each image
    batch normalization, relu                       one sweep over the batch
    sum, relu                                       one sweep
    convolution, batch normalization (, relu)       one convolution at inference: the numbers that
                                                    normalize are multiplied into its kernel

The results are the layers' own, in fewer sweeps over memory. Layers that others need what lies
between of, whose ``call`` was replaced, as `trace` does, or that are subclasses run by themselves.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from melpy import activations, clock, ops, tape, tree
from melpy.layers.activation import Activation, ReLU
from melpy.layers.conv import Conv1D, Conv2D
from melpy.layers.merge import Add
from melpy.layers.norm import BatchNormalization
from melpy.layers.phase import is_training
from melpy.layers.pooling import MaxPooling1D, MaxPooling2D
from melpy.symbolic import Call, Symbolic
from melpy.tensor import Tensor, mask_of

__all__ = ["Step", "folded_numbers", "is_relu", "pool_of", "steps_of"]

Run = Callable[[Any], Any]


class Step(NamedTuple):
    """One or several calls that run together, and which values nobody needs afterwards."""

    calls: list[Call]
    together: Run | None
    done: list[int]

    def input_of(self, values: dict[int, Any]) -> Any:
        """Return what the first call takes: a value, or a list of them."""
        inputs = [values[id(x)] for x in self.calls[0].inputs]
        return inputs[0] if self.calls[0].plain else inputs

    def runs_together(self, values: dict[int, Any]) -> bool:
        """Return whether the calls can run as one now, on these inputs."""
        return self.together is not None and all(
            isinstance(values[id(x)], Tensor) and mask_of(values[id(x)]) is None
            for x in self.calls[0].inputs
        )


def steps_of(calls: Sequence[Call], ends: Iterable[Symbolic]) -> list[Step]:
    """Return a graph's calls, in order, as steps."""
    last, users = _uses(calls, ends)
    steps: list[Step] = []
    taken: set[int] = set()
    for n in range(len(calls)):
        if n in taken:
            continue
        row = [n]  # calls of which each alone needs what the one before makes
        while len(row) < 3 and (following := _only_user(calls[row[-1]], calls, users)) is not None:
            row.append(following)
        together = None
        while together is None and len(row) > 1:
            together = _together([calls[m].function for m in row])
            if together is None:
                row.pop()
        taken.update(row)
        steps.append(Step([calls[m] for m in row], together, [key for m in row for key in last[m]]))
    return steps


def _uses(
    calls: Sequence[Call], ends: Iterable[Symbolic]
) -> tuple[list[list[int]], dict[int, list[int]]]:
    """Return, for each call, which values nobody needs after it; and each value's users."""
    last: dict[int, int] = {}
    users: dict[int, list[int]] = {}
    for number, call in enumerate(calls):
        for x in call.inputs:
            users.setdefault(id(x), []).append(number)
        for x in (*call.inputs, *tree.flatten(call.outputs)):
            last[id(x)] = number
    for x in ends:
        last.pop(id(x), None)
        users.setdefault(id(x), []).append(-1)
    lists: list[list[int]] = [[] for _ in calls]
    for key, number in last.items():
        lists[number].append(key)
    return lists, users


def _only_user(call: Call, calls: Sequence[Call], users: dict[int, list[int]]) -> int | None:
    """Return the number of the call that alone needs this call's only output."""
    if not isinstance(call.outputs, Symbolic):
        return None
    if not call.plain and type(call.function) is not Add:
        return None
    found = users.get(id(call.outputs), [])
    alone = len(found) == 1 and found[0] >= 0 and calls[found[0]].plain
    return found[0] if alone else None


def _together(layers: Sequence[Any]) -> Run | None:
    """Return what runs a row of layers as one, or None."""
    if any(getattr(layer, "activity_regularizer", None) is not None for layer in layers):
        return None
    if len({getattr(layer, "dtype", None) for layer in layers}) > 1:
        return None
    if any("call" in getattr(layer, "__dict__", ()) for layer in layers):
        return None
    kinds = [type(layer) for layer in layers]
    if kinds in ([Conv1D, MaxPooling1D], [Conv2D, MaxPooling2D]):
        return _pooled(*layers)
    if kinds[0] is Add:
        return _summed(*layers) if len(layers) == 2 else None
    if kinds[0] is BatchNormalization:
        return _normalized(*layers) if len(layers) == 2 else None
    if kinds[0] in (Conv1D, Conv2D) and kinds[1] is BatchNormalization:
        return _folded(*layers)
    return None


def _pooled(conv: Any, pool: Any) -> Run | None:
    side_by_side = pool.padding == "valid" and pool.strides == pool.pool_size
    if (
        conv.channels_first
        or pool.channels_first
        or not side_by_side
        or math.prod(pool.pool_size) > 256
        or conv.activation not in activations.FUSED
    ):
        return None
    return lambda x: conv.stand_in(lambda y: conv.call_pooled(y, pool.pool_size), x)


def is_relu(layer: Any) -> bool:
    """Return whether a layer is max(x, 0) and nothing else."""
    if type(layer) is Activation:
        return layer.activation in (activations.relu, ops.relu)
    plain = (None, 0.0, 0.0)
    return type(layer) is ReLU and (
        (layer.max_value, layer.negative_slope, layer.threshold) == plain
    )


def _summed(add: Any, act: Any) -> Run | None:
    if not is_relu(act):
        return None

    def run(xs: Any) -> Any:
        if len(xs) != 2 or xs[0].shape != xs[1].shape:
            return act(add(xs))
        return add.stand_in(lambda pair: ops.add_relu(*pair), xs)

    return run


def _normalized(norm: Any, act: Any) -> Run | None:
    if norm.renorm or not is_relu(act):
        return None

    def run(x: Any) -> Any:
        if norm.axis not in (-1, x.ndim - 1):
            return act(norm(x))
        return norm.stand_in(lambda y: norm.call_relu(y, is_training()), x)

    return run


def _folded(conv: Any, norm: Any, act: Any = None) -> Run | None:
    """Normalize by the convolution's own kernel, where nothing learns."""
    if conv.channels_first or conv.activation is not activations.linear or norm.renorm:
        return None
    if norm.axis not in (-1, conv.rank + 1) or (act is not None and not is_relu(act)):
        return None
    after = norm if act is None else _normalized(norm, act)
    # Of which state of the weights, and the kernel and bias.
    kept: list[Any] = [-1, [], None]

    def numbers() -> tuple[np.ndarray, np.ndarray]:
        changes, arrays = clock.values(), [w.value for w in (*conv.weights, *norm.weights)]
        is_same = changes == kept[0] and len(arrays) == len(kept[1])
        if not (is_same and all(map(operator.is_, arrays, kept[1]))):
            kept[:] = [changes, arrays, folded_numbers(conv, norm)]
        return kept[2]

    def folded(x: Any) -> Any:
        x, padding = conv.checked(x)
        return conv.convolved(x, padding, 1, numbers(), "linear" if act is None else "relu")

    def run(x: Any) -> Any:
        if tape.is_recording() or is_training():
            return after(conv(x))  # type: ignore[misc]
        with tape.no_grad():
            return conv.stand_in(folded, x)

    return run


def folded_numbers(conv: Any, norm: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel and the bias of a convolution that normalizes its output itself."""
    scale, offset = map(np.asarray, norm.scale_and_offset(conv.kernel.value))
    bias = 0 if conv.bias is None else conv.bias.value
    return conv.kernel.value * scale, bias * scale + offset


def pool_of(layer: Any) -> Any:
    """Return the windows of a max pooling, None for another layer."""
    return layer.pool_size if type(layer) in (MaxPooling1D, MaxPooling2D) else None
