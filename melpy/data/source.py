"""Where batches come from: arrays, a dataset, or a generator, all behind one face."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from melpy import random
from melpy.data.py_dataset import PyDataset
from melpy.data.samples import Samples, batches, class_weights
from melpy.errors import ArgumentError, DataError, DtypeError

__all__ = ["Source", "packed", "source_of", "unpacked"]


class Source:
    """Epochs of batches (x, y, sample_weight). Abstract: subclasses define ``whole``.

    Parameters
    ----------
    steps : int or None, how many batches make an epoch, None for all that there are

    Attributes
    ----------
    size : int or None, batches in the whole data, None if that is not known
    """

    size: int | None = None

    def __init__(self, steps: int | None) -> None:
        self.steps = steps
        self._coming: Iterator[Any] | None = None
        self.exhausted = False  # the data cannot be begun anew
        self.number = 0  # of the epoch: with the seed, it settles a shuffled order

    def whole(self) -> Iterator[tuple[Any, Any, Any]]:
        """Yield all batches once. Abstract."""
        raise NotImplementedError

    @property
    def epoch_steps(self) -> int | None:
        """How many batches an epoch has; None if only its end will tell."""
        return self.size if self.steps is None else self.steps

    def epoch(self) -> Iterator[tuple[Any, Any, Any]]:
        """Yield one epoch's batches; with ``steps``, go on where the last epoch stopped."""
        if self.steps is None:
            self.exhausted = True
            for whole_batch in self.whole():
                self.exhausted = False
                yield whole_batch
            if self.exhausted:
                self._warn("at least one batch")
            return
        for _ in range(self.steps):
            if self._coming is None:
                self._coming = self.whole()
            batch = next(self._coming, None)
            if batch is None:
                self._coming = self.whole()
                batch = next(self._coming, None)
            if batch is None:
                self.exhausted = True
                self._warn(f"{self.steps} batches")
                return
            yield batch

    def _warn(self, expected: str) -> None:
        warnings.warn(
            f"The data came to its end before the epoch did. Expected {expected} an epoch; use a "
            "generator that begins anew, or set steps_per_epoch to what it has.",
            stacklevel=3,
        )


class ArraySource(Source):
    """Batches cut from arrays, in a new order each epoch where ``shuffle`` is set."""

    def __init__(
        self, samples: Samples, batch_size: int, shuffle: bool, steps: int | None = None
    ) -> None:
        super().__init__(steps)
        self.samples, self.batch_size = samples, batch_size
        self.size = -(-len(samples) // batch_size)
        self.rng = random.generator() if shuffle else None
        self.drawn = 0  # orders drawn so far: the one of each epoch follows from the seed

    def whole(self) -> Iterator[tuple[Any, Any, Any]]:
        """Yield all batches once."""
        if self.rng is not None:
            for _ in range(self.drawn, self.number):  # epochs made before an interruption
                self.rng.permutation(len(self.samples))
            self.drawn = self.number + 1
        for rows in batches(len(self.samples), self.batch_size, self.rng):
            yield self.samples.take(rows)


class IterableSource(Source):
    """Batches that come ready: of a `Loader`, a generator, any iterable."""

    def __init__(
        self, data: Any, steps: int | None, class_weight: Mapping[int, float] | None, who: str
    ) -> None:
        super().__init__(steps)
        self.data, self.class_weight, self.who = data, class_weight, who
        self.once = iter(data) is data
        if hasattr(data, "__len__"):
            self.size = len(data)

    def whole(self) -> Iterator[tuple[Any, Any, Any]]:
        """Yield all batches once; a generator's only once."""
        for batch in self.data:
            x, y, weight = unpacked(batch, self.who)
            if self.class_weight is not None:
                own = class_weights(np.asarray(y), self.class_weight, self.who)
                weight = _only_weight(own, weight, self.who)
            yield x, y, weight


class DatasetSource(IterableSource):
    """Batches by number, of a `PyDataset`, in a new order each epoch where ``shuffle`` is set."""

    def __init__(
        self,
        data: PyDataset,
        steps: int | None,
        shuffle: bool,
        class_weight: Mapping[int, float] | None,
        who: str,
    ) -> None:
        Source.__init__(self, steps)
        self.dataset, self.class_weight, self.who = data, class_weight, who
        self.size: int | None = data.num_batches
        self.seed = random.next_seed() if shuffle and self.size is not None else None

    @property
    def data(self) -> Iterator[Any]:
        """One epoch of the dataset."""
        self.dataset.on_epoch_begin()
        if self.seed is None:
            yield from self.dataset
        else:
            order = np.random.default_rng([self.seed, self.number]).permutation(self.size or 0)
            for index in order:
                yield self.dataset[int(index)]
        self.dataset.on_epoch_end()


def source_of(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    shuffle: bool = False,
    class_weight: Mapping[int, float] | None = None,
    steps: int | None = None,
    who: str = "fit",
) -> Source:
    """Return the source of whatever data a model was given.

    Parameters
    ----------
    x : arrays, nested lists of numbers, or an iterable of batches, which brings its own y
    y, sample_weight : as in `Samples`
    batch_size : int > 0, 32 by default, for arrays
    shuffle : bool, for arrays and for a `PyDataset`
    class_weight : weight of each class's samples, or None
    steps : int > 0 or None, batches an epoch
    who : str, in messages
    """
    if is_arrays(x):
        samples = Samples(x, y, sample_weight, who)
        if class_weight is not None:
            weight = class_weights(np.asarray(samples.y), class_weight, who)
            samples.weight = _only_weight(weight, samples.weight, who)
        return ArraySource(samples, batch_size or 32, shuffle, steps)
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


def unpacked(batch: Any, who: str = "fit") -> tuple[Any, Any, Any]:
    """Return x, (x, y) or (x, y, sample_weight) as three."""
    if not isinstance(batch, tuple):
        if isinstance(batch, list) and 1 <= len(batch) <= 3:
            batch = tuple(batch)
        else:
            return batch, None, None
    if not 1 <= len(batch) <= 3:
        raise DataError(
            who,
            f"a batch has {len(batch)} parts",
            expected="x, (x, y) or (x, y, sample_weight)",
        )
    x, y, weight = (*batch, None, None)[:3]
    return x, y, weight


def packed(batch: tuple[Any, Any, Any]) -> tuple:
    """Return three as (x,), (x, y) or (x, y, sample_weight): the inverse of `unpacked`."""
    x, y, weight = batch
    if weight is not None:
        return x, y, weight
    return (x,) if y is None else (x, y)
