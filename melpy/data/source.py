"""Where batches come from: arrays, a dataset, or a generator, all behind one face."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from melpy import config, random, tree
from melpy.data.py_dataset import PyDataset
from melpy.data.samples import Samples, batches, class_weights, holds_arrays
from melpy.data.streams import computed
from melpy.errors import ArgumentError, DataError, DtypeError, warn
from melpy.tape import Variable

__all__ = ["Piece", "Source", "as_arrays", "packed", "source_of", "unpacked"]


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
        self._is_new = True

    def whole(self) -> Iterator[Any]:
        """Yield all batches once. Abstract."""
        raise NotImplementedError

    @property
    def epoch_steps(self) -> int | None:
        """How many batches an epoch has; None if only its end will tell."""
        return self.size if self.steps is None else self.steps

    def restart(self) -> None:
        """Let the next epoch begin with the first batch."""
        self._coming = None

    def peek(self) -> Any:
        """Return the first batch, which the next epoch begins with; None if there is none."""
        coming = self.whole()
        first = list(itertools.islice(coming, 1))
        self._coming, self._taken = itertools.chain(first, coming), 0
        return first[0] if first else None

    def begin_epoch(self) -> None:
        """Do what the data does before an epoch."""

    def finish_epoch(self) -> None:
        """Do what the data does after an epoch."""

    def epoch(self, together: int = 1) -> Iterator[Any]:
        """Yield one epoch's batches; with ``steps``, go on where the last epoch stopped.

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
        self.begin_epoch()
        first = [] if self._coming is None else list(itertools.islice(self._coming, 1))
        if not first:
            self._coming, self._taken = self.whole(), 0
        coming: Any = self._coming
        left = self.steps and -(-self.steps // together) * together - len(first)
        made = 0
        for batch in itertools.chain(first, itertools.islice(coming, left)):
            made += 1
            self._taken += 1
            yield batch
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

    def whole(self) -> Iterator[Any]:
        """Yield all batches once."""
        if self.rng is not None:
            for _ in range(self.drawn, self.number):  # epochs made before an interruption
                deque(self._rows(), maxlen=0)
            self.drawn = self.number + 1
        for rows in self._rows():
            piece = Piece(self.samples, rows)
            yield piece if self.in_pieces else piece.taken()

    def peek(self) -> Any:
        """Return the first samples in their own order, which draws no other."""
        return packed(self.samples.take(slice(0, self.batch_size)))

    def _rows(self) -> Iterator[np.ndarray | slice]:
        """Yield each batch's rows, in the next order."""
        within = self.shuffle == "batch"
        return batches(len(self.samples), self.batch_size, self.rng, within)


class IterableSource(Source):
    """Batches that come ready: of a `Loader`, a generator, any iterable."""

    def __init__(
        self, data: Any, steps: int | None, class_weight: Mapping[int, float] | None, who: str
    ) -> None:
        super().__init__(steps, who)
        self.data = data
        self.class_weight = class_weight
        self.size = _length(data)

    def whole(self) -> Iterator[Any]:
        """Yield all batches once; a generator's only once."""
        for batch in self.batches():
            parts = isinstance(batch, list | tuple)
            made = tuple(map(as_arrays, batch)) if parts else as_arrays(batch)
            x, y, weight = unpacked(made, self.who)
            if self.class_weight is not None:
                own = class_weights(y, self.class_weight, self.who)
                made = packed((x, y, _only_weight(own, weight, self.who)))
            yield made

    def batches(self) -> Iterator[Any]:
        """Return the batches as they come."""
        return iter(self.data)


class DatasetSource(IterableSource):
    """Batches by number, of a `PyDataset`, in a new order each epoch where ``shuffle`` is set."""

    def __init__(
        self,
        data: PyDataset,
        steps: int | None,
        shuffle: bool | str,
        class_weight: Mapping[int, float] | None,
        who: str,
    ) -> None:
        super().__init__(data, steps, class_weight, who)
        self.size = data.num_batches
        self.seed = random.next_seed() if shuffle and self.size is not None else None

    def begin_epoch(self) -> None:
        """Tell the dataset."""
        self.data.on_epoch_begin()

    def finish_epoch(self) -> None:
        """Tell the dataset."""
        self.data.on_epoch_end()

    def batches(self) -> Iterator[Any]:
        """Return one epoch of the dataset, made by its workers where it has several."""
        order: Iterable[int] = itertools.count() if self.size is None else range(self.size)
        if self.seed is not None:
            rng = np.random.default_rng([self.seed, self.number])
            order = rng.permutation(self.size or 0).tolist()
        if self.data.workers < 2:
            return (self.data[index] for index in order)
        return computed(self.data.__getitem__, order, self.data.workers, self.data.max_queue_size)


def source_of(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    shuffle: bool | str = False,
    class_weight: Mapping[int, float] | None = None,
    steps: int | None = None,
    who: str = "fit",
) -> Source:
    """Return the source of whatever data a model was given.

    Parameters
    ----------
    x : arrays, nested lists of numbers, or an iterable of batches, which brings its own y
    y, sample_weight : as in `Samples`
    batch_size : int > 0, for arrays; as in `ArraySource`
    shuffle : bool, for arrays and for a `PyDataset`, or "batch" for arrays
    class_weight : weight of each class's samples, or None
    steps : int > 0 or None, batches an epoch
    who : str, in messages
    """
    if is_arrays(x):
        samples = Samples(x, y, sample_weight, who)
        if class_weight is not None:
            weight = class_weights(samples.y, class_weight, who)
            samples.weight = _only_weight(weight, samples.weight, who)
        return ArraySource(samples, batch_size, shuffle, steps, who)
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ArgumentError(
                who,
                f"x brings batches of its own, so {name} is not taken",
                expected=f"batches (x, y) or (x, y, sample_weight), and {name}=None",
                received={"x": type(x).__name__},
            )
    if isinstance(x, PyDataset):
        return DatasetSource(x, steps, shuffle, class_weight, who)
    if not hasattr(x, "__iter__"):
        raise DtypeError(
            who,
            "x is neither arrays nor batches",
            expected="an array, a list or dict of arrays, a PyDataset, a Loader or a generator",
            received={"x": type(x).__name__},
        )
    return IterableSource(x, steps, class_weight, who)


def _only_weight(of_classes: np.ndarray, of_samples: Any, who: str) -> np.ndarray:
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
    return hasattr(x, "__array__") or isinstance(x, list | tuple | dict | int | float) or x is None


def as_arrays(batch: Any) -> Any:
    """Return a part of a batch as arrays: lists of numbers, and other libraries' tensors."""
    if isinstance(batch, np.ndarray) or batch is None:
        return batch
    if isinstance(batch, Mapping):
        return {key: as_arrays(one) for key, one in batch.items()}
    if isinstance(batch, list | tuple) and holds_arrays(batch):
        return tree.row_like(batch, [as_arrays(one) for one in batch])
    if isinstance(batch, Variable):
        return batch.value
    return batch.toarray() if hasattr(batch, "tocoo") else np.asarray(batch)


def _length(data: Any) -> int | None:
    """Return how many batches there are; None where nobody knows, or where there is no end."""
    try:
        return len(data)
    except (TypeError, NotImplementedError):
        return None


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
