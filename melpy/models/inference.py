"""A model made ready for one shape of input: every decision taken, every buffer there.

A call of a model asks each layer anew what fits its input. For a few samples that takes longer than
the arithmetic; so the second call with a shape, while no weight changes, lays the steps out once:
kernels bound to their weights, transformed and with the normalization folded in, and to buffers
that are filled again at each call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy import activations, clock, config, ops, tape
from melpy.errors import MelpyError
from melpy.kernels import dispatch as kernels
from melpy.layers.conv import Conv1D, Conv2D
from melpy.layers.core import Dense, Lambda
from melpy.layers.embedding import Masking
from melpy.layers.merge import Add
from melpy.layers.parts import Parts
from melpy.layers.phase import inferring, is_training
from melpy.layers.shape import Flatten
from melpy.models.fusion import Step, folded_numbers, is_relu, pool_of
from melpy.ops.conv_block import conv_block_ready
from melpy.symbolic import Symbolic
from melpy.tensor import Tensor, mask_of

__all__ = ["Plans"]

MOST_SAMPLES = 8  # more of them are worth more than the decisions
MOST_PLANS = 4

Fill = Callable[[], None]


class Plans:
    """What a graph does with few samples: as its layers say, or by a plan, where there is one."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.lock = threading.Lock()
        self.plans: dict[Any, _Plan | None] = {}  # None: asked for once
        self.fits = (  # one input and one output, in no list
            graph.inputs is graph.starts[0]
            and graph.outputs is graph.ends[0]
            and all(
                isinstance(call.outputs, Symbolic) and _has_no_say_in_it(call.function)
                for call in graph.calls
            )
        )

    def run(self, x: Any) -> Tensor | None:
        """Return the output, or None where the layers are to be asked."""
        if not self.fits or tape.is_recording() or is_training():
            return None
        if isinstance(x, Tensor):
            if mask_of(x) is not None:
                return None
            x = x.value
        if type(x) is not np.ndarray or x.dtype.kind != "f" or not x.ndim:
            return None
        if not 0 < len(x) <= MOST_SAMPLES:
            return None
        if not self.lock.acquire(blocking=False):  # its buffers serve one thread at a time
            return None
        try:
            return self._planned(x)
        except MelpyError:  # refused: the layers say so, each in its own name
            return None
        finally:
            self.lock.release()

    def _planned(self, x: np.ndarray) -> Tensor | None:
        key = x.shape, x.dtype, config.kernels(), config.conv_path()
        plan = self.plans.get(key)
        if plan is not None and plan.holds():
            return plan.run(x)
        if key not in self.plans or plan is not None:
            self._forget(key)
            return None
        plan = self.plans[key] = _Plan(self.graph, x)
        return plan.output()  # each layer ran once, for x, as the plan was made

    def _forget(self, key: Any) -> None:
        """Note that a shape was seen, and that weights changed since its plan, if there was one."""
        self.plans.pop(key, None)
        while len(self.plans) >= MOST_PLANS:
            del self.plans[next(iter(self.plans))]
        self.plans[key] = None


class _Plan:
    """The steps for one shape."""

    def __init__(self, graph: Any, x: np.ndarray) -> None:
        self.changes = clock.values()
        self.weights = [w for layer in graph.layers for w in layer.weights]
        self.arrays = [w.value for w in self.weights]
        self.fills: list[Fill] = []
        with tape.no_grad(), inferring():
            values = graph.begin(x)
            self.begin = np.array(values[id(graph.starts[0])].value, order="C")  # of its float type
            values[id(graph.starts[0])] = Tensor(self.begin)
            for step in graph.steps:
                self._add(step, values)
        self.end = values[id(graph.ends[0])].value

    def holds(self) -> bool:
        """Return whether all weights are what they were."""
        return self.changes == clock.values() and all(
            w.value is a for w, a in zip(self.weights, self.arrays, strict=True)
        )

    def run(self, x: np.ndarray) -> Tensor:
        """Return the output for x."""
        np.copyto(self.begin, x, casting="same_kind")
        with tape.no_grad(), inferring():
            for fill in self.fills:
                fill()
        return self.output()

    def output(self) -> Tensor:
        """Return the last output, in memory of its own."""
        return Tensor(self.end.copy())

    def _add(self, step: Step, values: dict[int, Any]) -> None:
        """Put what a step makes among the values, and what makes it among the fills."""
        calls = list(step.calls)
        while calls:
            ready, count = _ready(calls, values)
            made = calls[count - 1].outputs
            y, fill = ready or _as_the_layer_says(calls[0], values)
            if ready and fill:
                fill()
            if fill:
                self.fills.append(fill)
            values[id(made)] = Tensor(y)
            calls = calls[count:]


Ready = tuple[np.ndarray, Fill | None]  # a buffer, and what fills it; None for a view


def _ready(calls: Sequence[Any], values: dict[int, Any]) -> tuple[Ready | None, int]:
    """Return how to make the output of the first call, or of several together, and of how many."""
    layers = [call.function for call in calls]
    kind = type(layers[0])
    if kind is Add:
        return _sum(calls[0], values), 1
    if not calls[0].plain:
        return None, 1
    x = values[id(calls[0].inputs[0])].value
    if kind in (Conv1D, Conv2D):
        return _convolution(layers, x)
    if kind is Dense:
        return _dense(layers[0], x), 1
    if kind is Flatten and layers[0].data_format != "channels_first":
        return (x.reshape(len(x), -1), None), 1
    if is_relu(layers[0]):
        y = np.empty_like(x)
        return (y, lambda: np.maximum(x, 0, out=y)), 1
    return None, 1


def _has_no_say_in_it(function: Any) -> bool:
    """Return whether a call does nothing but compute: it notes no penalty, and is nobody's own.

    What is not the library's may look at what goes on around it, and is asked the usual way.
    """
    if not isinstance(function, Parts):
        return str(getattr(function, "__module__", "")).startswith("melpy.ops")
    return (
        type(function).__module__.startswith("melpy.layers.")
        and "call" not in vars(function)
        and not isinstance(function, Lambda | Masking)
        and not getattr(function, "mask_zero", False)  # masks belong to one batch
        and getattr(function, "activity_regularizer", None) is None
        and all(map(_has_no_say_in_it, function._children()))
    )


def _as_the_layer_says(call: Any, values: dict[int, Any]) -> Ready:
    """Return the output of any call, and what copies the next ones there."""
    given = {id(x): values[id(x)] for x in call.inputs}
    made = call.run(given)
    y = np.array(np.asarray(made), order="C")  # a view of it is a view for good
    return y, lambda: np.copyto(y, np.asarray(call.run(given)))


def _convolution(layers: list[Any], x: np.ndarray) -> tuple[Ready | None, int]:
    """A convolution, with the normalization and relu, or the pooling, that the graph fused."""
    conv = layers[0]
    if conv.channels_first or conv.activation not in activations.FUSED:
        return None, 1
    name, slope = activations.FUSED[conv.activation]
    kernel, bias = conv.kernel.value, None if conv.bias is None else conv.bias.value
    pool: Any = 1
    if len(layers) > 1:
        pool = pool_of(layers[1])
        if pool is None:
            kernel, bias = folded_numbers(conv, layers[1])
            pool, name = 1, "relu" if len(layers) == 3 else name
    padded, padding = conv.checked(Tensor(x))
    if padded.value is not x:  # causal padding
        return None, 1
    bias = np.zeros(conv.filters, x.dtype) if bias is None else bias
    y, fill = conv_block_ready(
        x, kernel, bias, strides=conv.strides, padding=padding, dilation_rate=conv.dilation_rate,
        activation=name, slope=slope, pool_size=pool,
    )  # fmt: skip
    return (y, fill), len(layers)


def _dense(layer: Any, x: np.ndarray) -> Ready | None:
    if layer.bias is None or x.ndim != 2:
        return None
    is_softmax = layer.activation is activations.softmax or layer.activation is ops.softmax
    if layer.activation not in activations.FUSED and not is_softmax:
        return None
    name, slope = activations.FUSED.get(layer.activation, ("linear", 0.0))
    y, fill = kernels.dense_ready(x, layer.kernel.value, layer.bias.value, name, slope)
    if not is_softmax:
        return y, fill
    p = np.empty_like(y)

    def fill_both() -> None:
        fill()
        np.copyto(p, kernels.softmax(y))

    return p, fill_both


def _sum(call: Any, values: dict[int, Any]) -> Ready | None:
    terms = [values[id(x)].value for x in call.inputs]
    if len({(x.shape, x.dtype) for x in terms}) > 1 or len(terms) < 2:
        return None
    y = np.empty_like(terms[0])

    def fill() -> None:
        np.add(terms[0], terms[1], out=y)
        for term in terms[2:]:
            np.add(y, term, out=y)

    return y, fill
