"""A program: what kernels did once, written down, to be done again without Python in between.

    with recorded() as program:         everything runs as always, and each region of work is
        ...                             noted: its code, and where its numbers lie
    program.run()                       the same regions on the same memory, one call

The memory that is asked for meanwhile is the program's own. What lies there is let go of and used
again within a program just as it was while it was noted, so a program needs no more than a step
does. So what `memory.empty` returns is for what regions write; constants lie elsewhere. Numbers
from outside, such as weights, are read and written where they were: a program is of use as long as
they stay there.

Only regions are noted. What NumPy computes between them is not, and comes out as it was: a program
that ``missed`` something is of no use. Two things that Python makes anew at each step are known:

    numbers(...)                        such as a learning rate, which Python writes before a step
    exchange(array, read, give)         such as a metric's sums, which go in before and come out
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from melpy.kernels import memory, threads
from melpy.kernels.walk import Look, Walk

__all__ = [
    "Program",
    "exchange",
    "fixed",
    "made_anew",
    "recorded",
    "relies_on",
    "state_of",
    "unwritten",
    "watch",
]

MOST_WORDS = 512  # of eight bytes, for the arguments of one kernel


class Program:
    """Regions in their order, and the memory that they work on.

    Parameters
    ----------
    lent : arrays of others, such as weights, that the regions read and write; a program does not
        keep them, so that their owners see who else does
    is_fixed : whether all memory but its own stays as it is as long as the program is of use, so
        that what is made of weights is made once
    watched : ids of further arrays of others; which of them are worked on is noted
    most_bytes : of memory of its own; one that needs more is of no use

    Attributes
    ----------
    used : set of the ids of watched arrays that regions work on
    """

    def __init__(
        self,
        lent: Sequence[np.ndarray] = (),
        is_fixed: bool = False,
        watched: Collection[int] = frozenset(),
        most_bytes: float = math.inf,
    ) -> None:
        self.lent = {id(x) for x in lent}
        self.is_fixed = is_fixed
        self.watched, self.used = watched, set[int]()
        self.pool = memory.Pool(0, math.inf, most_bytes)
        self.regions: list[tuple[int, int, int, int]] = []
        self.missed: list[str] = []  # work that is in no region
        self.numbers: list[np.ndarray] = []
        self.kept_a_step: list[Callable[[], None]] = []  # what lets go of it
        self.between: list[tuple[int, Callable[[], None]]] = []  # after how many regions, and what
        self.exchanges: list[tuple[np.ndarray, Callable[[], Any], Callable[..., None]]] = []
        self.states: dict[int, np.ndarray] = {}  # of what is exchanged by more than one
        self.relied_on: list[tuple[Any, Any]] = []  # weak references: a variable, its array
        self.watch: tuple[int, np.ndarray] | None = None  # after how many regions, and what is seen
        self._parts: list[Walk] | None = None  # between what Python does
        self._feed: _Feed | None = None
        self._kept: list[Any] = []

    def note(self, region: Any, count: int, work: int, *args: Any) -> bool:
        """Write down a region, or what is in none; see `threads.noted_by`."""
        from melpy.kernels.compiled.team import RECORD

        if self.pool.is_full:  # of no use any more: what it holds is for others
            self._kept.clear()
            return True
        if region is None:
            self._note_what_is_none(args[0])
            return True
        blocks = threads.parts(count, work)
        if blocks:
            words = np.empty(MOST_WORDS, np.int64)
            task = region(words.ctypes.data, count, RECORD, *args)
            used = words[1 : 2 + words[0] // 8].copy()
            self._kept.append((used, [a for a in args if not self._is_lent(a)]))
            self.regions.append((task, used.ctypes.data, count, blocks))
        return True

    def _note_what_is_none(self, what: Any) -> None:
        if isinstance(what, str):
            self.missed.append(what)
        elif isinstance(what, np.ndarray):
            self.numbers.append(what)
        else:
            do, let_go = what
            self.between.append((len(self.regions), do))
            if let_go is not None:
                self.kept_a_step.append(let_go)

    @property
    def is_whole(self) -> bool:
        """Whether Python has nothing to do between the regions."""
        return not self.between

    def _is_lent(self, x: Any) -> bool:
        root = x
        while isinstance(root, np.ndarray):
            if id(root) in self.lent:
                return True
            if id(root) in self.watched:
                self.used.add(id(root))
            root = root.base
        return self.pool.owns(x)

    def run(self, look: Look | None = None) -> None:
        """Do everything again, once.

        Parameters
        ----------
        look : function that is called once, where the number that is watched is not finite: before
            what comes after it is done. It takes how many steps were made before
        """
        if self._parts is None:
            ends = [*(count for count, _ in self.between), len(self.regions)]
            starts = [0, *ends[:-1]]
            watch = self.watch if self.is_whole else None
            self._parts = [
                Walk(self.regions[a:b], watch) for a, b in zip(starts, ends, strict=True)
            ]
        self._take_in()
        for n, part in enumerate(self._parts):
            part.walk(1, look)
            if n < len(self.between):
                self.between[n][1]()
        self._give_out()
        self.let_go()

    def let_go(self) -> None:
        """Drop what Python kept for the way back."""
        for drop in self.kept_a_step:
            drop()

    def run_over(
        self, cut: Sequence[tuple[np.ndarray, np.ndarray]], order: np.ndarray,
        schedules: Sequence[np.ndarray], steps: int, look: Look | None = None,
    ) -> None:  # fmt: skip
        """Do everything again, once for each of so many batches, and for the numbers of its step.

        Parameters
        ----------
        cut : pairs of arrays, all samples and where the program reads a batch of them
        order : ndarray (steps * B,) of int64, the rows of the batches
        schedules : for each of the ``numbers`` an array (steps, count), or (1, count) for all
        steps : int
        look : as in `run`
        """
        if self._feed is None or not self._feed.fits(cut, steps):
            self._feed = _Feed(self, cut, steps)
        self._feed.fill(order, schedules, steps)
        self._take_in()
        self._feed.part.walk(steps, look)
        self._give_out()

    def forget_samples(self) -> None:
        """Let go of the arrays that batches were cut from."""
        self._feed = None

    def _take_in(self) -> None:
        for array, read, _ in self.exchanges:
            array[:] = read()

    def _give_out(self) -> None:
        for array, _, give in self.exchanges:
            give(array)


class _Feed:
    """What a program begins each step with: the batch's rows, and the numbers of the step."""

    def __init__(
        self, program: Program, cut: Sequence[tuple[np.ndarray, np.ndarray]], steps: int
    ) -> None:
        from melpy.kernels.compiled import feeding

        self.samples, self.room = [samples for samples, _ in cut], steps
        self.order = np.empty(steps * len(cut[0][1]), np.int64)
        self.schedules = [np.empty((steps, x.size), x.dtype) for x in program.numbers]
        self.at = np.zeros(1, np.int64)
        self.begin = Program()  # keeps what its regions work on
        for samples, batch in cut:
            x, y = _as_bytes(samples), _as_bytes(batch)
            self.begin.note(feeding.take_rows, len(y), y.size // 4, x, self.order, self.at, y)
        for schedule, numbers in zip(self.schedules, program.numbers, strict=True):
            self.begin.note(feeding.write_numbers, 1, 1, schedule, self.at, numbers)
        self.begin.note(feeding.go_on, 1, 1, self.at)
        ahead, watch = len(self.begin.regions), program.watch
        self.part = Walk(
            [*self.begin.regions, *program.regions],
            None if watch is None else (ahead + watch[0], watch[1]),
        )

    def fits(self, cut: Sequence[tuple[np.ndarray, np.ndarray]], steps: int) -> bool:
        """Return whether it cuts from these samples, and has room for so many steps."""
        pairs = zip(self.samples, cut, strict=True)
        return steps <= self.room and all(a is b for a, (b, _) in pairs)

    def fill(self, order: np.ndarray, schedules: Sequence[np.ndarray], steps: int) -> None:
        """Take the rows and the numbers of the coming steps."""
        self.at[0] = 0
        self.order[: len(order)] = order
        for own, given in zip(self.schedules, schedules, strict=True):
            own[:steps] = given


def _as_bytes(x: np.ndarray) -> np.ndarray:
    """Return samples as rows of bytes."""
    return x.reshape(len(x), -1).view(np.uint8)


_current: ContextVar[Program | None] = ContextVar("program", default=None)


@contextmanager
def recorded(
    lent: Sequence[np.ndarray] = (),
    is_fixed: bool = False,
    watched: Collection[int] = frozenset(),
    most_bytes: float = math.inf,
) -> Iterator[Program]:
    """Write down the regions that run inside the ``with`` block; see `Program`."""
    program = Program(lent, is_fixed, watched, most_bytes)
    del lent  # one reference more would tell their owners that somebody holds them
    token = _current.set(program)
    try:
        with memory.from_pool(program.pool), threads.noted_by(program.note):
            yield program
        program.let_go()
        if program.pool.is_full:
            program.missed.append("memory beyond what a program may have")
    finally:
        _current.reset(token)


@contextmanager
def unwritten() -> Iterator[None]:
    """Have nothing written down inside the ``with`` block, whose memory is everyone's."""
    token = _current.set(None)
    try:
        with memory.from_pool(memory.everyones), threads.noted_by(None):
            yield
    finally:
        _current.reset(token)


def fixed(make: Callable[[np.ndarray], np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return ``make(x)``, which a program makes once if x is nothing that it writes itself."""
    program = _current.get()
    if program is None or not program.is_fixed or program.pool.owns(x):
        return make(x)
    with unwritten():
        return make(x)


def made_anew(step: Callable[[], Any]) -> list[np.ndarray]:
    """Return the numbers that Python makes for the regions of a step, which do not run."""
    made: list[np.ndarray] = []

    def note(region: Any, count: int, work: int, *args: Any) -> bool:
        if region is None and isinstance(args[0], np.ndarray):
            made.append(args[0])
        return False

    with threads.noted_by(note):
        step()
    return made


def state_of(
    owner: Any, read: Callable[[], np.ndarray], give: Callable[[np.ndarray], None]
) -> np.ndarray:
    """Return where regions find and change a state of ``owner``'s, as it is now.

    In a program it is one array for all that change it in a step, which goes in before and comes
    out after, as by `exchange`.
    """
    program = _current.get()
    array = np.array(read())
    if program is None:
        return array
    if id(owner) not in program.states:
        program.states[id(owner)] = array
        program.exchanges.append((array, read, give))
    known = program.states[id(owner)]
    known[:] = array
    return known


def relies_on(variable: Any) -> None:
    """Note that a program, if one is being written, reads a variable's array where it lies."""
    program = _current.get()
    if program is not None and isinstance(variable.array, np.ndarray):
        program.relied_on.append((weakref.ref(variable), weakref.ref(variable.array)))


def watch(values: np.ndarray) -> None:
    """Have a program, if one is being written, look whether values are finite where it is now."""
    program = _current.get()
    if program is not None and isinstance(values, np.ndarray) and values.flags.c_contiguous:
        from melpy.kernels.compiled import feeding

        seen = np.zeros(1)
        if program.note(feeding.see, 1, 1, values.reshape(-1), seen):
            program.watch = len(program.regions), seen


def exchange(
    array: np.ndarray, read: Callable[[], Sequence[float]], give: Callable[..., None]
) -> None:
    """Have a program, if one is being written, fill an array before it runs and give it back."""
    program = _current.get()
    if program is not None:
        program.exchanges.append((array, read, give))
