"""A step of a model for one shape of batch, as a program."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy import clock, random, tape, tree
from melpy.kernels import memory
from melpy.kernels.program import recorded
from melpy.kernels.walk import Look
from melpy.layers.drawing import sources_of

__all__ = ["StepProgram", "same_bits"]

Step = Callable[[Any], dict[str, Any]]  # of a batch, to the means so far

MOST_BYTES = 1 << 26  # of a program's memory: what is larger is worth Python's decisions
MOST_STEPS = 1024  # between two looks of Python, and
MOMENT_S = 0.05  # about how long they may take: the bar and Ctrl-C are to answer


class StepProgram:
    """A step for one shape of batch, made while it was written down."""

    def __init__(self, model: Any, batch: Any, step: Step, learns: bool) -> None:
        self.weights = model.trainable_weights
        variables = [*model.variables, *(v for m in model.metrics for v in m.variables)]
        self.numbers_ahead: Callable[..., list[np.ndarray]] | None = None
        self.sources = sources_of(model)
        self.own = [None if x is None else x.copy() for x in tree.flatten(batch)]
        if learns:
            self.numbers_ahead = model.optimizer.numbers_ahead
            variables += model.optimizer.variables
            flat = model.optimizer._flat
            lent = [flat.parameters, flat.gradient, *flat.slots.values()]
            others = [w for w in model.weights if not w.requires_grad]
        else:
            others = model.weights
            lent = [w.array if w.array.base is None else w.array.base for w in others]
        self.variables = list({id(v): v for v in variables}.values())  # each once
        arrays = [w.array for w in others]
        with recorded(lent, watched=set(map(id, arrays)), most_bytes=MOST_BYTES) as program:
            self.batch = tree.pack_sequence_as(batch, self.own)  # the one at work, in place
            self.made = step(self.batch)
        self.program, self.is_whole = program, program.is_whole
        self.relied_on = [
            (w, weakref.ref(x))
            for w, x in zip(others, arrays, strict=True)
            if not learns or id(x) in program.used
        ]
        del arrays
        own = set(map(id, self.variables))
        for variable, array in program.relied_on:
            if variable() is not None and id(variable()) not in own:
                self.relied_on.append((variable(), array))
        self.missed = program.missed or not self.holds()
        self.is_trusted = False
        self.count = 1  # of steps in a moment

    def holds(self) -> bool:
        """Return whether weights that no optimizer looks after lie where they lay."""
        return all(weight.array is array() for weight, array in self.relied_on)

    def run(self, batch: Any, look: Look | None = None) -> None:
        """Make a step on a batch; look at it where its loss is not finite."""
        for own, given in zip(self.own, tree.flatten(batch), strict=True):
            if own is not None:
                np.copyto(own, given)
        for array, (number,) in zip(self.program.numbers, self._numbers(1), strict=True):
            array[:] = number
        self.program.run(look)

    def note_time(self, steps: int, seconds: float) -> None:
        """Learn from a run of so many steps how many fill a moment."""
        if seconds > 2 * MOMENT_S:
            self.count = max(1, steps // 2)
        elif seconds < MOMENT_S / 2 and steps >= self.count:
            self.count = min(2 * steps, MOST_STEPS)

    def run_over(
        self, leaves: list[Any], rows: list[np.ndarray | slice], look: Look | None = None
    ) -> None:
        """Make a step on each of several batches of one size, rows of the samples in ``leaves``."""
        cut = [(x, own) for x, own in zip(leaves, self.own, strict=True) if own is not None]
        order = np.concatenate(
            [np.arange(r.start, r.stop) if isinstance(r, slice) else r for r in rows]
        )
        self.program.run_over(cut, order, self._numbers(len(rows)), len(rows), look)

    def _numbers(self, steps: int) -> list[np.ndarray]:
        """Return what Python makes anew for each of the next steps."""
        return self.numbers_ahead(self.weights, steps) if self.numbers_ahead else []

    def proved(self, step: Step, batch: Any) -> tuple[dict[str, Any], bool]:
        """Make a step both ways; return the means so far, and whether both end with one result."""
        held = [v.array for v in self.variables]
        kept = [x.copy() for x in held]  # as before the step, then what the program made
        put_back = random.remembered(self.sources)
        with tape.undone():  # the states of seed generators that no layer holds, too
            try:
                self.run(batch)
            except Exception:  # of a layer that has to be called as it was; the step will tell
                is_run = False
            else:
                is_run = True
            for n, (variable, array) in enumerate(zip(self.variables, held, strict=True)):
                made_by_program = np.array(variable.array)
                np.copyto(array, kept[n])  # where it was: the program goes on from there
                variable.array, kept[n] = array, made_by_program
        del held, array
        put_back()
        clock.values_changed()
        made = step(batch)
        self.is_trusted = is_run and same_bits(kept, [v.array for v in self.variables])
        if self.is_trusted:
            memory.forget()  # what steps were made in until now
        return made, self.is_trusted


def same_bits(ones: Sequence[Any], others: Sequence[Any]) -> bool:
    """Return whether arrays are as many and of the same values as others, a NaN being one too."""
    return len(ones) == len(others) and all(
        np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True)
        for a, b in zip(ones, others, strict=True)
    )
