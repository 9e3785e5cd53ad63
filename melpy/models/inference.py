"""Inference by programs: what a graph computes from inputs of one shape, written down once.

A call of a model asks each layer anew what fits its input. For a few samples that takes longer than
the arithmetic; so the second call with a shape, while no weight changes, writes down what the
kernels do (`melpy.kernels.program`), and what they make of weights alone is made for good. The
third is made both ways, and if one bit differs there is no program; later ones run it.
"""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np

from melpy import clock, random, tape, tree
from melpy.errors import MelpyError
from melpy.kernels import dispatch, memory, threads
from melpy.kernels.program import recorded
from melpy.layers.drawing import sources_of
from melpy.layers.phase import inferring, is_training
from melpy.models.step_program import same_bits
from melpy.tensor import Tensor, mask_of, set_mask

__all__ = ["InferencePrograms"]

MOST = 4  # shapes of inputs
MOST_BYTES = 1 << 25  # of a program's memory: larger calls take longer than all decisions


class InferencePrograms:
    """What a graph makes of inputs: as its layers say, or by a program, where there is one.

    Parameters
    ----------
    graph : Graph
    """

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.lock = threading.Lock()
        self.known: dict[Any, _Program | None] = {}  # None: asked for once
        self.refused: set[Any] = set()  # shapes that no program serves
        self.is_named = isinstance(graph.inputs, dict)  # whose order is the layers' affair

    def run(self, inputs: Any) -> Any:
        """Return the outputs, or None where the layers are to be asked."""
        if tape.is_recording() or is_training() or not dispatch.are_compiled():
            return None
        if threads.is_noted():  # a larger program is being written down
            return None
        if tape.observer.get() is not None:  # who sees the ops one by one
            return None
        leaves = None if self.is_named else _arrays(inputs)
        starts = self.graph.starts
        if leaves is None or [x.ndim for x in leaves] != [x.ndim for x in starts]:
            return None  # the graph may add an axis to what lacks it
        key = tuple((x.shape, x.dtype) for x in leaves)
        if key in self.refused:
            return None
        if not self.lock.acquire(blocking=False):  # its memory serves one thread at a time
            return None
        try:
            return self._by_program(key, inputs, leaves)
        except MelpyError:  # refused: the layers say so, each in its own name
            return None
        finally:
            self.lock.release()

    def _by_program(self, key: Any, inputs: Any, leaves: list[np.ndarray]) -> Any:
        program = self.known.get(key)
        arrays = program.weights_now() if program is not None else None  # kept while it runs
        if program is None or arrays is None:
            if key not in self.known or program is not None:
                self._note(key)
                return None
            program = _Program(self.graph, inputs)
            if not program.is_one:
                self._refuse(key)
                return program.as_made()
            self.known[key] = program
            return program.outputs()
        if program.is_trusted:
            return program.run(leaves)
        sources = [source for layer in self.graph.layers for source in sources_of(layer)]
        put_back = random.remembered(sources)
        made = program.run(leaves)
        put_back()  # what draws in training's way draws the same both times
        by_layers = _by_layers(self.graph, inputs)
        program.is_trusted = same_bits(tree.flatten(made), tree.flatten(by_layers))
        if program.is_trusted:
            memory.forget()  # what calls were made in until now
        else:
            self._refuse(key)
        return by_layers

    def _note(self, key: Any) -> None:
        """Note that a shape was seen, and that weights changed since its program, if any."""
        self.known.pop(key, None)
        while len(self.known) >= MOST:
            del self.known[next(iter(self.known))]
        self.known[key] = None

    def _refuse(self, key: Any) -> None:
        self.known.pop(key, None)
        self.refused.add(key)


class _Program:
    """What a graph does with inputs of one shape, made while it was written down."""

    def __init__(self, graph: Any, inputs: Any) -> None:
        self.changes = clock.values()
        self.weights = [w for layer in graph.layers for w in layer.weights]
        arrays = [w.array for w in self.weights]
        self.arrays = [weakref.ref(x) for x in arrays]  # an optimizer moves what somebody holds
        for layer in graph.layers:
            layer._forget_losses()  # of the call before
        with tape.no_grad(), inferring():
            values = graph.begin(inputs)
            with recorded(arrays, is_fixed=True, most_bytes=MOST_BYTES) as program:
                self.begins = [_own(values[id(x)]) for x in graph.starts]
                values |= {
                    id(x): Tensor(own) for x, own in zip(graph.starts, self.begins, strict=True)
                }
                made = graph.run(values)
        self.program, self.made = program, made
        self.ends = tree.flatten(made)
        self.is_one = (
            program.is_whole
            and not program.missed
            and all(type(y) is Tensor and mask_of(y) is None for y in self.ends)
            and not any(layer._losses for layer in graph.layers)
        )
        self.is_trusted = False

    def weights_now(self) -> list[np.ndarray] | None:
        """Return the arrays of all weights, None where they are not what they were."""
        if self.changes != clock.values():
            return None
        arrays = [weight.array for weight in self.weights]
        for x, array in zip(arrays, self.arrays, strict=True):
            if x is not array():
                return None
        return arrays

    def run(self, leaves: list[np.ndarray]) -> Any:
        """Return the outputs for inputs of the same shapes."""
        for own, x in zip(self.begins, leaves, strict=True):
            np.copyto(own, x, casting="unsafe")
        self.program.run()
        return self.outputs()

    def as_made(self) -> Any:
        """Return what the layers made while it was written down, masks too."""
        return tree.map_structure(_as_made, self.made)

    def outputs(self) -> Any:
        """Return the last outputs, in memory of their own."""
        if len(self.ends) == 1 and self.made is self.ends[0]:
            return Tensor(self.made.array.copy())
        return tree.pack_sequence_as(self.made, [Tensor(y.array.copy()) for y in self.ends])


def _arrays(inputs: Any) -> list[np.ndarray] | None:
    """Return the inputs' arrays, or None where one is no array of numbers or has a mask."""
    arrays: list[np.ndarray] = []
    for x in inputs if isinstance(inputs, list | tuple) else [inputs]:
        if isinstance(x, Tensor):
            if mask_of(x) is not None:
                return None
            x = x.array
        if type(x) is not np.ndarray or x.dtype.kind not in "fiu" or not x.ndim or not len(x):
            return None
        arrays.append(x)
    return arrays


def _as_made(y: Any) -> Any:
    if type(y) is not Tensor:
        return y
    own, mask = Tensor(y.array.copy()), mask_of(y)
    if mask is not None:
        set_mask(own, mask)
    return own


def _own(x: Tensor) -> np.ndarray:
    """Return an input's values in memory of the program's, which it reads them from."""
    own = memory.empty(x.array.shape, x.array.dtype)
    np.copyto(own, x.array)
    return own


def _by_layers(graph: Any, inputs: Any) -> Any:
    with tape.no_grad(), inferring():
        return graph.run(graph.begin(inputs))
