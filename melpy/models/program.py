"""Steps as programs: the second step of a shape is written down, later ones are replayed.

A step of `Steps.train_step` or `Steps.test_step` makes hundreds of Python calls, which for small
networks is most of its time. What it does to the numbers is a row of regions
(`melpy.kernels.program`), the same ones for every batch of a shape; so they are written down while
a step runs as always, and later steps copy their batch to where the first one lay, and run the
program.

What is no region, a layer of one's own, a loss with code of its own, is told apart while the step
is written down: such a model trains as before. And before a program is trusted, its first step is
made twice, by the program and by the step: if one bit differs, it is dropped.

A model keeps its programs from one ``fit`` to the next, until the clock says that what is computed
is another thing.
"""

from __future__ import annotations

import itertools
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from melpy import clock, part, tree
from melpy.data import unpacked
from melpy.data.samples import Samples
from melpy.data.source import Piece, packed, taken
from melpy.kernels import dispatch
from melpy.kernels.walk import Look
from melpy.models.shared import shared_by
from melpy.models.step_program import StepProgram

__all__ = ["Programs", "programs_of"]

MOST = 4  # shapes of batches
MOST_TRIES = 3  # of a shape, where the weights move in between


class Programs:
    """The programs of a model's steps, by the shapes of batches.

    Parameters
    ----------
    model : Model, compiled; it is not kept alive, and a copy of it has programs of its own
    learns : bool, whether they are training's or measuring's

    Attributes
    ----------
    count : int, how many batches make a moment, between two looks of Python
    count_of_all : int, how many all processes make of it that share the batches
    """

    def __init__(self, model: Any, learns: bool) -> None:
        self._model = weakref.ref(model)
        self.learns, self.name = learns, "train_step" if learns else "test_step"
        self.lock = threading.Lock()
        self.count = self.count_of_all = 1
        self.known: dict[Any, StepProgram | None] = {}  # None: there is none yet
        self.tries: Counter[Any] = Counter()  # steps of a shape that were written down
        self.proofs = Proofs()
        self.seen: set[Any] = set()  # since the last ``fit`` began
        self.state: Any = None
        self.moves = 0  # of the weights, in memory
        self.whole: _Whole | None = None  # what pieces were cut from last
        self.at = 0  # the batch at work, of those that `run` was given

    def __reduce__(self) -> Any:
        return type(None), ()  # a copy of a model, and its file, begin with none

    @property
    def model(self) -> Any:
        """The model; None once nobody else has it."""
        return self._model()

    def run(self, batches: list[Any], are_checked: bool = False) -> dict[str, Any]:
        """Make a step on each batch, as the model's does, and return the means so far.

        Labels of arrays, of which a piece comes, were checked before the first step; those of other
        batches are checked here, unless they ``are_checked``.
        """
        shared = shared_by()
        if shared is not None:
            return [shared.run(self, batch, are_checked) for batch in batches][-1]
        return self.run_here(batches, are_checked)

    def run_here(self, batches: list[Any], are_checked: bool) -> dict[str, Any]:
        """Make a step on each batch, of which this process has all that it is to compute."""
        with self._unless_taken() as is_free:
            if is_free:
                return self._run(batches, are_checked)
        return [self.step(taken(batch)) for batch in batches][-1]

    @contextmanager
    def _unless_taken(self) -> Iterator[bool]:
        """Keep other threads out, whose memory this is too; or say that one of them was first."""
        is_free = self.lock.acquire(blocking=False)
        try:
            yield is_free
        finally:
            if is_free:
                self.lock.release()

    def _run(self, batches: list[Any], are_checked: bool) -> dict[str, Any]:
        made: dict[str, Any] | None = None
        is_current, self.at = False, 0
        while batches:
            if not is_current:
                self._forget_what_is_old()
            key = self._key(batches[0])
            self.seen.add(key)
            program = self.known.get(key)
            is_current = program is not None and program.is_trusted and program.is_whole
            count = 1
            if program is not None and program.is_trusted and self.model._settled:
                made = None
                whole = self.whole if isinstance(batches[0], Piece) and is_current else None
                if whole is not None and whole.is_contiguous:
                    count = self._run_over(program, whole.leaves, batches)
                else:
                    if not are_checked and not isinstance(batches[0], Piece):
                        self._check_labels(batches[0])
                    program.run(taken(batches[0]), self._look_at(program))
            else:
                made = self._run_one(key, taken(batches[0]), program)
            batches, self.at = batches[count:], self.at + count
        return self.model.get_metrics_result() if made is None else made

    def _check_labels(self, batch: Any) -> None:
        """Refuse labels that a step would refuse, whose checks are no kernels' work."""
        x, y, _ = unpacked(batch)
        loss = self.model._compile_loss
        loss.check(y, loss.shapes, len(tree.flatten(x)[0]))

    def __enter__(self) -> None:
        """Begin a ``fit``."""
        with self._unless_taken() as is_free:
            if is_free:
                self.seen.clear()
                self.count = self.count_of_all = 1

    def __exit__(self, *error: Any) -> None:
        """Let go of the data until there is more to train."""
        with self._unless_taken() as is_free:
            if not is_free:
                return
            self.whole = None
            for program in self.known.values():
                if program is not None:
                    program.program.forget_samples()

    def _run_over(self, program: StepProgram, leaves: list[Any], pieces: list[Any]) -> int:
        """Make a step on each of the first pieces, those of one size; return how many they are."""
        size, most = len(pieces[0]), self.model.optimizer.alike_ahead
        alike = list(itertools.takewhile(lambda piece: len(piece) == size, pieces[:most]))
        begun = time.perf_counter()
        program.run_over(leaves, [piece.rows for piece in alike], self._look_at(program))
        program.note_time(len(alike), time.perf_counter() - begun)
        running = [p for key, p in self.known.items() if p is not None and key in self.seen]
        self.count = max(one.count for one in running)
        return len(alike)

    def _look_at(self, program: StepProgram) -> Look | None:
        """Return what looks at a batch of a program whose loss is not finite, until it is told."""
        watch = self.model._watch
        if watch is None or watch.is_told or not self.learns:
            return None
        return lambda ahead: watch.tell(unpacked(program.batch)[0], ahead)

    def _run_one(self, key: Any, batch: Any, program: StepProgram | None) -> dict[str, Any]:
        """Make one step by Python, and write it down if that is worth it."""
        if self._is_to_be_proved(key, program) and program is not None:
            made, is_right = program.proved(self.step, batch)
            if not self._all_agree(is_right):
                del self.known[key]
                self.proofs.settled.discard(key)
            return made
        if key not in self.known:
            unseen = [other for other in self.known if other not in self.seen | self.proofs.settled]
            if len(self.known) >= MOST and unseen:
                del self.known[unseen[0]]
            if len(self.known) < MOST:
                self.known[key] = None
            return self.step(batch)  # builds and lays out what is not yet
        if (
            program is not None
            or self.tries[key] >= MOST_TRIES
            or not self._may_be_written_down(batch)
        ):
            return self.step(batch)
        self.tries[key] += 1
        program = StepProgram(self.model, batch, self.step, self.learns)
        if program.missed:
            self.tries[key] = MOST_TRIES
        else:
            self.known[key] = program
        return program.made

    def _is_to_be_proved(self, key: Any, program: StepProgram | None) -> bool:
        """Return whether to make this step both ways: all processes do that, or none."""
        waits = program is not None and not program.is_trusted
        if not self._is_shared():
            return waits
        if not (self.proofs.is_due(key) and self._all_agree(waits)):
            return False
        self.proofs.settled.add(key)
        return True

    def stand_alike(self) -> None:
        """Have all processes that share the batches begin with the programs of the same steps.

        Each may lose some on its own: where weights are put elsewhere, where another model is made.
        """
        shared = shared_by()
        if shared is None:
            return
        is_other = self._forget_what_is_old()
        programs = [self.known.get(key) for key in self.proofs.settled]
        if shared.agree(is_other or not all(one and one.is_trusted for one in programs)):
            self._forget()

    def _forget(self) -> None:
        self.known.clear()
        self.tries.clear()
        self.proofs = Proofs()

    def _is_shared(self) -> bool:
        return part.at_work.get() is not None and shared_by() is not None

    def _all_agree(self, flag: bool) -> bool:
        """Return whether all processes that share the batch say so: they sum at the same places."""
        shared = shared_by() if part.at_work.get() is not None else None
        return flag if shared is None else not shared.agree(not flag)

    def step(self, batch: Any) -> dict[str, Any]:
        """Make a step as the model says."""
        return getattr(self.model, self.name)(batch)

    def _forget_what_is_old(self) -> bool:
        """Drop the programs of a model that is another one now, or whose weights have moved.

        Returns
        -------
        whether it is another one
        """
        model, optimizer = self.model, self.model.optimizer
        state = (
            clock.structure(), optimizer, model._compile_loss, model._compile_metrics,
            model.is_by_the_book(self.name),
            [id(w) for w in model.trainable_weights],
        )  # fmt: skip
        is_other = state != self.state
        if is_other:
            self.state = state
            self.known.clear()
            self.tries.clear()
        if self.learns and optimizer is not None and optimizer.built:
            optimizer._flat.lay()
            if optimizer._flat.moves != self.moves:
                self.moves = optimizer._flat.moves
                self.known = dict.fromkeys(self.known)
        for key, program in self.known.items():
            if program is not None and not program.holds():
                self.known[key] = None
        return is_other

    def _may_be_written_down(self, batch: Any) -> bool:
        """Return whether a step is made of nothing that may look at anything but its batch."""
        model, optimizer = self.model, self.model.optimizer
        return (
            model.is_by_the_book(self.name)
            and dispatch.are_compiled()
            and all(x is None or isinstance(x, np.ndarray) for x in tree.flatten(batch))
            and (
                not self.learns
                or (
                    optimizer.built  # not of a model of which nothing is trained
                    and optimizer.is_plain
                    and len(model.trainable_weights) == len(optimizer._flat.weights)
                )
            )
        )

    def _key(self, batch: Any) -> tuple[Any, ...]:
        """Return what batches of one program have in common."""
        optimizer = self.model.optimizer if self.learns else None
        moves = optimizer is not None and optimizer.left_to_accumulate == 1
        begin = moves, part.at_work.get()
        if not isinstance(batch, Piece):
            leaves = tree.flatten(batch)
            kinds = ((x.shape, x.dtype) if isinstance(x, np.ndarray) else x for x in leaves)
            return *begin, tree.outline(batch), *kinds
        if self.whole is None or self.whole.samples is not batch.samples:
            self.whole = _Whole(batch.samples)
        return *begin, *self.whole.key_of(len(batch))


def programs_of(model: Any, learns: bool = True) -> Programs:
    """Return the programs of a model, which it keeps, for training or for measuring."""
    name = "_training_programs" if learns else "_measuring_programs"
    programs = vars(model).get(name)
    if programs is None or programs.model is not model:  # those of what this is a copy of
        programs = Programs(model, learns)
        setattr(model, name, programs)
    return programs


class Proofs:
    """When processes that share a batch prove a program: all of them, or none.

    A proof makes a step twice, and so asks for the others' sums twice. When they ask each other
    hangs on how many steps they made, which is the same in all, and not on what one of them has.
    """

    def __init__(self) -> None:
        self.steps: Counter[Any] = Counter()  # by their keys, until they are settled
        self.settled: set[Any] = set()  # keys of which all have a program that is proved

    def is_due(self, key: Any) -> bool:
        """Count a step; return whether it is one at which they ask each other."""
        if key in self.settled:
            return False
        self.steps[key] += 1  # the first one builds, the second one is written down
        return 2 < self.steps[key] <= 2 + MOST_TRIES


class _Whole:
    """All samples, from which batches are cut as pieces."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        whole = packed((samples.x, samples.y, samples.weight))
        self.leaves, self.outline = tree.flatten(whole), tree.outline(whole)
        self.is_contiguous = all(x is None or x.flags.c_contiguous for x in self.leaves)

    def key_of(self, count: int) -> tuple[Any, ...]:
        """Return what `Programs` knows a batch of so many samples by."""
        return self.outline, *(
            ((count, *x.shape[1:]), x.dtype) if isinstance(x, np.ndarray) else x
            for x in self.leaves
        )
