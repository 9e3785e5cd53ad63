"""Training steps as programs: the second step of a shape is written down, later ones are replayed.

A step of `Steps.train_step` makes hundreds of Python calls, which for small networks is most of its
time. What it does to the numbers is a row of regions (`melpy.kernels.program`), the same ones for
every batch of a shape; so they are written down while a step runs as always, and later steps copy
their batch to where the first one lay, and run the program.

What is no region, a layer of one's own, a loss with code of its own, is told apart while the step
is written down: such a model trains as before. And before a program is trusted, its first step is
made twice, by the program and by `train_step`: if one bit differs, it is dropped.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from typing import Any

import numpy as np

from melpy import clock, tree
from melpy.data.source import Piece, packed
from melpy.kernels import dispatch
from melpy.kernels.program import made_anew, recorded

__all__ = ["Programs"]

MOST = 4  # shapes of batches
MOST_TRIES = 3  # of a shape, where the weights move in between
MOST_STEPS = 1024  # between two looks of Python, and
MOMENT_S = 0.05  # about how long they may take: the bar and Ctrl-C are to answer


class Programs:
    """The training programs of a model, by the shapes of batches.

    Parameters
    ----------
    model : Model, compiled

    Attributes
    ----------
    count : int, how many batches make a moment, between two looks of Python
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.count = 1
        self.known: dict[Any, _Program | None] = {}  # None: there is none yet
        self.tries: Counter[Any] = Counter()  # steps of a shape that were written down
        self.state: Any = None
        self.moves = 0  # of the weights, in memory

    def train(self, batches: list[Any]) -> dict[str, Any]:
        """Make a step on each batch, as ``train_step`` does, and return the means so far."""
        made: dict[str, Any] = {}
        while batches:
            self._forget_what_is_old()
            program = self.known.get(_key(batches[0]))
            if program is not None and program.is_trusted and isinstance(batches[0], Piece):
                count = _alike(batches)
                begun = time.perf_counter()
                made = program.run_over(batches[:count])
                if time.perf_counter() - begun < MOMENT_S / 2 and count == self.count < MOST_STEPS:
                    self.count *= 2
            else:
                count, made = 1, self._train_one(_cut(batches[0]), program)
            batches = batches[count:]
        return made

    def _train_one(self, batch: Any, program: _Program | None) -> dict[str, Any]:
        """Make one step, and write it down if that is worth it."""
        if program is not None and program.is_trusted:
            return program.run(batch)
        key = _key(batch)
        if program is not None:
            made, is_right = program.proved(batch)
            if not is_right:
                del self.known[key]
            return made
        if key not in self.known:
            if len(self.known) < MOST:
                self.known[key] = None
            return self.model.train_step(batch)  # builds and lays out what is not yet
        if self.tries[key] >= MOST_TRIES or not self._may_be_written_down(batch):
            return self.model.train_step(batch)
        self.tries[key] += 1
        program = _Program(self.model, batch)
        if program.missed:
            self.tries[key] = MOST_TRIES
        else:
            self.known[key] = program
        return program.made

    def _forget_what_is_old(self) -> None:
        """Drop the programs of a model that is another one now, or whose weights have moved."""
        model, optimizer = self.model, self.model.optimizer
        state = (
            clock.structure(), optimizer, optimizer.is_plain, model._compile_loss,
            model._compile_metrics, [id(w) for w in model.trainable_weights],
        )  # fmt: skip
        if state != self.state:
            self.state = state
            self.known.clear()
            self.tries.clear()
        if optimizer.built:
            optimizer._flat.lay()
            if optimizer._flat.moves != self.moves:
                self.moves = optimizer._flat.moves
                self.known = dict.fromkeys(self.known)

    def _may_be_written_down(self, batch: Any) -> bool:
        """Return whether a step is made of nothing that may look at anything but its batch."""
        model, optimizer = self.model, self.model.optimizer
        return (
            model.is_trained_by_the_book()
            and dispatch.are_compiled()
            and optimizer.is_plain
            and optimizer.built
            and len(model.trainable_weights) == len(optimizer._flat.weights)
            and all(x is None or isinstance(x, np.ndarray) for x in tree.flatten(batch))
        )


def _cut(batch: Any) -> Any:
    return batch.taken() if isinstance(batch, Piece) else batch


def _generators(model: Any) -> list[np.random.Generator]:
    """Return what a model's layers draw from."""
    return [
        value
        for layer in model.layers_inside
        for value in vars(layer).values()
        if isinstance(value, np.random.Generator)
    ]


def _alike(pieces: list[Any]) -> int:
    """Return how many of the pieces, from the first on, have its size."""
    return len(list(itertools.takewhile(lambda piece: len(piece) == len(pieces[0]), pieces)))


def _key(batch: Any) -> tuple[Any, ...]:
    """Return what batches of one program have in common."""
    if isinstance(batch, Piece):
        samples = batch.samples
        leaves = tree.flatten(packed((samples.x, samples.y, samples.weight)))
        return tuple(
            ((len(batch), *x.shape[1:]), x.dtype) if isinstance(x, np.ndarray) else x
            for x in leaves
        )
    return tuple(
        (x.shape, x.dtype) if isinstance(x, np.ndarray) else x for x in tree.flatten(batch)
    )


class _Program:
    """A step for one shape of batch, made while it was written down."""

    def __init__(self, model: Any, batch: Any) -> None:
        self.model, self.optimizer = model, model.optimizer
        self.own = [None if x is None else x.copy() for x in tree.flatten(batch)]
        flat = self.optimizer._flat
        with recorded([flat.parameters, flat.gradient, *flat.slots.values()]) as program:
            self.made = model.train_step(tree.pack_sequence_as(batch, self.own))
        self.program = program
        self.missed = program.missed
        self.is_trusted = False

    def run(self, batch: Any) -> dict[str, Any]:
        """Make a step on a batch."""
        for own, given in zip(self.own, tree.flatten(batch), strict=True):
            if own is not None:
                np.copyto(own, given)
        for array, number in zip(self.program.numbers, self._numbers(), strict=True):
            array[:] = number
        self.program.run()
        return self.model.get_metrics_result()

    def run_over(self, pieces: list[Any]) -> dict[str, Any]:
        """Make a step on each of several batches of one size."""
        samples = pieces[0].samples
        leaves = tree.flatten(packed((samples.x, samples.y, samples.weight)))
        if not self.program.is_whole or not all(x is None or x.flags.c_contiguous for x in leaves):
            for piece in pieces:
                made = self.run(piece.taken())
            return made
        cut = [(x, own) for x, own in zip(leaves, self.own, strict=True) if own is not None]
        rows = [p.rows for p in pieces]
        order = np.concatenate(
            [np.arange(r.start, r.stop) if isinstance(r, slice) else r for r in rows]
        )
        numbers = [self._numbers() for _ in pieces]
        schedules = [np.stack(column) for column in zip(*numbers, strict=True)]
        self.program.run_over(cut, order, schedules, len(pieces))
        return self.model.get_metrics_result()

    def _numbers(self) -> list[np.ndarray]:
        weights = self.model.trainable_weights
        return made_anew(lambda: self.optimizer.again(weights))

    def proved(self, batch: Any) -> tuple[dict[str, Any], bool]:
        """Make a step both ways; return the means so far, and whether both end with one result."""
        variables = [*self.model.weights, *self.optimizer.variables]
        variables += [v for metric in self.model.metrics for v in metric.variables]
        before = [np.array(v.value) for v in variables]
        generators = _generators(self.model)
        drawn = [g.bit_generator.state for g in generators]
        try:
            self.run(batch)
        except Exception:  # of a layer that has to be called as it was, say; the step will tell
            by_program = []
        else:
            by_program = [np.array(v.value) for v in variables]
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        for generator, state in zip(generators, drawn, strict=True):
            generator.bit_generator.state = state
        made = self.model.train_step(batch)
        self.is_trusted = len(by_program) == len(variables) and all(
            np.array_equal(a, v.value, equal_nan=True)
            for a, v in zip(by_program, variables, strict=True)
        )
        return made, self.is_trusted
