"""Where batches come from: what all kinds of data share, and arrays."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from melpy import config, random, tree
from melpy.data.samples import Samples, batches, holds_arrays
from melpy.errors import ArgumentError, DataError, warn
from melpy.part import Part
from melpy.tables import as_numbers, is_sparse, plain
from melpy.tape import Variable

__all__ = ["Own", "Piece", "Source", "as_arrays", "only_weight", "packed", "unpacked"]


class Source:
    """Epochs of batches, each as a step takes it. Abstract: subclasses define ``whole``.

    Parameters
    ----------
    steps : int or None, how many batches make an epoch, None for all that there are
    who : str, in messages

    Attributes
    ----------
    size : int or None, batches in the whole data, None if that is not known
    number : int, of the epoch: with the seed, it settles a shuffled order
    """

    size: int | None = None

    def __init__(self, steps: int | None, who: str) -> None:
        most = config.max_steps_per_epoch()
        self.steps = min(steps or most, most) if most else steps
        self.who, self.number = who, 0
        self._coming: Iterator[Any] | None = None
        self._taken = 0  # of the batches that are coming
        self._made = 0  # of the epoch at hand
        self._is_over = False  # that epoch, whose last batch may be at work
        self._ends = False  # the next one is that
        self._is_begun = False  # it is told that it begins
        self._order: dict[str, Any] = {}  # what the batches that are coming follow from
        self._is_new = True

    def whole(self, first: int = 0) -> Iterator[Any]:
        """Yield all batches once, from number ``first`` on. Abstract."""
        raise NotImplementedError

    def order(self) -> dict[str, Any]:
        """Return what the next batches follow from, in plain values."""
        return {}

    def follow(self, order: Mapping[str, Any]) -> None:
        """Let the next batches follow from what `order` returned."""

    def state(self) -> Any:
        """Return what the data itself says of its state, in plain values; None for nothing."""
        return None

    def restore(self, state: Any) -> None:
        """Give the data a state of its own back."""

    @property
    def own(self) -> Any:
        """What of the data changes in its attributes; None for nothing."""
        return None

    def position(self) -> dict[str, Any]:
        """Return where the data stands, in plain values; the batches made ready do not count."""
        coming = self._coming is not None
        return {
            "order": self._order if coming else self.order(),
            "next": self.order(),
            "taken": self._taken if coming else None,  # None between two goes through the data
            "made": self._made,
            "is_over": self._is_over,
            "size": self.size,
            "state": self.state(),
        }

    def go_to(self, position: Mapping[str, Any], process: Any, within_epoch: bool) -> Any:
        """Go on where another source of the same data stood.

        Parameters
        ----------
        position : what `position` returned
        process : what `process_state` returned then
        within_epoch : bool, whether the next `epoch` is the rest of one

        Returns
        -------
        the state that the process is to have now; None to leave it

        Raises
        ------
        DataError : it stood amidst data of another number of batches
        """
        taken = position["taken"]
        if taken is not None and position["size"] != self.size:
            raise DataError(
                self.who,
                f"an epoch was left after {taken} batches, of other data than these",
                expected=f"{position['size']} batches",
                received={"batches": self.size},
            )
        self._is_begun = within_epoch
        if not self._is_going_on:
            self._coming = None  # and what was making it, ahead, draws no more
        self._made, self._ends = int(position["made"]), within_epoch and position["is_over"]
        self.restore(position["state"])
        self.follow(position["order"])
        if taken is None:
            return process
        return self._begin_amidst(position, process)

    def _begin_amidst(self, position: Mapping[str, Any], process: Any) -> Any:
        """Let the data go on where they stood; return the state that the process is to have."""
        self._begin(int(position["taken"]))
        return process

    def catch_up(self, position: Mapping[str, Any]) -> None:
        """Be as far as another source of the same data was between two epochs."""
        self.restore(position["state"])
        self.follow(position["next"])

    @property
    def _is_going_on(self) -> bool:
        """Whether the data comes once, as a generator's does: what is taken of it is gone."""
        return False

    def _begin(self, first: int = 0) -> None:
        """Let the data begin anew, with batch ``first``."""
        self._order = self.order()
        self._coming, self._taken = self.whole(first), first

    @property
    def epoch_steps(self) -> int | None:
        """How many batches an epoch has; None if only its end will tell."""
        return self.size if self.steps is None else self.steps

    def restart(self) -> None:
        """Let the next epoch begin with the first batch."""
        self._coming = None

    def peek(self) -> Any:
        """Return the first batch, which the next epoch begins with; None if there is none."""
        self._begin()
        coming: Any = self._coming
        first = list(itertools.islice(coming, 1))
        self._coming = itertools.chain(first, coming)
        batch = first[0] if first else None
        return batch.batch if isinstance(batch, Own) else batch

    def share(self, number: int, count: int) -> None:
        """Read one of ``count`` processes' part of each batch only, where the data can."""

    def begin_epoch(self) -> None:
        """Do what the data does before an epoch."""

    def finish_epoch(self) -> None:
        """Do what the data does after an epoch."""

    def epoch(self, together: int = 1) -> Iterator[Any]:
        """Yield one epoch's batches; with ``steps``, go on where the last epoch stopped.

        An epoch that `go_to` begins in its midst yields those that are left.

        Parameters
        ----------
        together : int > 0, how many steps are made between two callbacks; ``steps`` are rounded up
            to whole ones

        Notes
        -----
        An epoch ends with the data, with a warning where it has not had its steps; the next one
        begins anew. All this is as in Keras.

        Raises
        ------
        DataError : there is no batch at all
        """
        if self._ends:
            self._ends = False
            return
        self._is_over = False
        if not self._is_begun:
            self.begin_epoch()
        self._is_begun = False
        is_over = self.steps is not None and self._made >= self.steps
        first = [] if self._coming is None or is_over else list(itertools.islice(self._coming, 1))
        if not first and not self._made:
            self._begin()
        coming: Any = self._coming or ()
        left = self.steps and -(-self.steps // together) * together - len(first) - self._made
        for batch in itertools.chain(first, itertools.islice(coming, left)):
            self._made += 1
            self._taken += 1
            yield batch
        made, self._made = self._made, 0
        short = made < (self.steps or 1)
        if short and self._is_new and not made:
            raise DataError(
                self.who, "the data holds no batch", expected="at least one batch", received={}
            )
        self._is_new = False
        if short:
            warn(
                f"{self.who}: the data came to its end after {made} batches. Expected "
                f"{self.steps or 'at least one'} an epoch; use data that begin anew, or ask for as "
                "many steps as there are.",
            )
        if short or self.steps is None or self._taken == self.size:
            self._coming = None
        self._is_over = True
        self.finish_epoch()


class Piece:
    """A batch that is not cut out yet: some rows of samples."""

    __slots__ = ("rows", "samples")

    def __init__(self, samples: Samples, rows: np.ndarray | slice) -> None:
        self.samples, self.rows = samples, rows

    def __len__(self) -> int:
        return self.rows.stop - self.rows.start if isinstance(self.rows, slice) else len(self.rows)

    def taken(self) -> Any:
        """Return the batch as a step takes it."""
        return packed(self.samples.take(self.rows))


def taken(batch: Any) -> Any:
    """Return a batch as a step takes it, whether it is cut out already or not."""
    return batch.taken() if isinstance(batch, Piece) else batch


class Own:
    """A part of a batch that this process alone has read."""

    __slots__ = ("batch", "part")

    def __init__(self, part: Part, batch: Any) -> None:
        self.part, self.batch = part, batch


class ArraySource(Source):
    """Batches cut from arrays, in a new order each epoch where ``shuffle`` is set.

    Parameters
    ----------
    samples : `Samples`
    batch_size : int > 0, or None for 32, or for what makes ``steps`` batches of all samples
    shuffle : bool, or "batch" for a new order in each batch only
    steps, who : as in `Source`
    """

    def __init__(
        self,
        samples: Samples,
        batch_size: int | None,
        shuffle: bool | str,
        steps: int | None = None,
        who: str = "fit",
    ) -> None:
        super().__init__(steps, who)
        if batch_size is None:
            batch_size = -(-len(samples) // steps) if steps else 32
        self.samples, self.batch_size = samples, batch_size
        self.size = -(-len(samples) // batch_size)
        self.shuffle = shuffle
        self.rng = random.generator() if shuffle else None
        self.in_pieces = False  # whether batches come as `Piece`s, for who cuts them out himself
        self.drawn = 0  # orders drawn so far: the one of each epoch follows from the seed

    def whole(self, first: int = 0) -> Iterator[Any]:
        """Yield all batches once, from number ``first`` on."""
        return self._cut(first, self.number)

    def _cut(self, first: int, number: int) -> Iterator[Any]:
        if self.rng is not None:
            for _ in range(self.drawn, number):  # epochs made before, with another fit
                deque(self._rows(), maxlen=0)
            self.drawn = number + 1
        for rows in itertools.islice(self._rows(), first, None):
            piece = Piece(self.samples, rows)
            yield piece if self.in_pieces else piece.taken()

    def order(self) -> dict[str, Any]:
        """Return how many orders were drawn, and where the generator of the next one stands."""
        if self.rng is None:
            return {}
        return {"drawn": self.drawn, "number": self.number, "rng": random.state_of(self.rng)}

    def follow(self, order: Mapping[str, Any]) -> None:
        """Let the next orders be drawn by a generator that stands where another one stood."""
        if self.rng is not None and order:
            random.restore(self.rng, order["rng"])
            self.drawn, self.number = int(order["drawn"]), int(order["number"])

    def peek(self) -> Any:
        """Return the first samples in their own order, which draws no other."""
        return packed(self.samples.take(slice(0, self.batch_size)))

    def _rows(self) -> Iterator[np.ndarray | slice]:
        """Yield each batch's rows, in the next order."""
        within = self.shuffle == "batch"
        return batches(len(self.samples), self.batch_size, self.rng, within)


def only_weight(of_classes: np.ndarray, of_samples: Any, who: str) -> np.ndarray:
    """Return the classes' weights where the samples have none."""
    if of_samples is not None:
        raise ArgumentError(
            who,
            "class_weight and sample_weight come together",
            expected="one of them",
            mend="Multiply the classes' weights into sample_weight.",
        )
    return of_classes


def is_arrays(x: Any) -> bool:
    """Return whether ``x`` holds all its samples, as arrays do, and not batches."""
    is_array = hasattr(x, "__array__") or is_sparse(x)
    return is_array or isinstance(x, list | tuple | dict | int | float) or x is None


def as_arrays(batch: Any) -> Any:
    """Return a part of a batch as arrays: lists of numbers, and other libraries' tensors."""
    if isinstance(batch, np.ndarray) or batch is None:
        return batch
    if isinstance(batch, Mapping):
        return {key: as_arrays(one) for key, one in batch.items()}
    if isinstance(batch, list | tuple) and holds_arrays(batch):
        return tree.row_like(batch, [as_arrays(one) for one in batch])
    if isinstance(batch, Variable):
        return batch.array
    return as_numbers(plain(batch, "a table", "a batch"))


def unpacked(batch: Any, who: str = "fit") -> tuple[Any, Any, Any]:
    """Return x, (x, y) or (x, y, sample_weight) as three, None for what is not there."""
    parts = tuple(batch) if isinstance(batch, list | tuple) else (batch,)
    if not 1 <= len(parts) <= 3:
        raise DataError(
            who,
            f"a batch has {len(parts)} parts",
            expected="x, (x, y) or (x, y, sample_weight)",
        )
    x, y, weight = (*parts, None, None)[:3]
    return x, y, weight


def packed(batch: tuple[Any, Any, Any]) -> Any:
    """Return three as a step takes them: x, (x, y) or (x, y, sample_weight).

    An x that is a list or a tuple comes in a tuple of its own, as in Keras.
    """
    x, y, weight = batch
    if weight is not None:
        return x, y, weight
    if y is not None:
        return x, y
    return (x,) if isinstance(x, list | tuple) else x
