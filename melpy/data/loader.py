"""Loader: batches made ready in threads ahead of the training that takes them."""

from __future__ import annotations

import copy
import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from melpy import random
from melpy.data import streams
from melpy.data.chain import Passes
from melpy.data.checks import whole
from melpy.data.dataset import AUTOTUNE, READY, Dataset
from melpy.data.py_dataset import PyDataset
from melpy.data.source import Own
from melpy.errors import ArgumentError, ShapeError
from melpy.part import Part
from melpy.tables import as_numbers, plain
from melpy.tape import Variable, no_grad

__all__ = ["Loader"]

Augment = Callable[[Any, np.random.Generator], Any]


class Loader(Dataset):
    """One epoch's batches at each ``iter``: x, (x, y) or (x, y, sample_weight), made ahead.

    Parameters
    ----------
    x : array (N, ...), a memory map, a dict, list or tuple of such, anything with ``len`` that
        takes an array of row numbers, or a `PyDataset`, which comes in its own batches
    y : the same, N targets, or None
    sample_weight : array (N,) or None
    batch_size : int > 0, or None for single samples without a batch axis
    shuffle : bool, whether each epoch has an order of its own
    seed : int or None, for the next one of the process's stream
    augment : function of (x, rng) that returns a batch's new x, or None. It runs in the workers'
        threads, so all its randomness must come from ``rng``
    prefetch : int >= 0, batches that are made ready ahead, at least one a worker; 0 makes each
        when it is asked for
    workers : int > 0, threads that make them
    drop_last : bool, whether a last, smaller batch is left out

    Attributes
    ----------
    epoch : int, the number of the next epoch; set it to go on where an earlier run stopped
    parts : tuple, x, y and sample_weight, as far as they are given

    Notes
    -----
    The order follows from the seed and the epoch, and each batch's ``rng`` from these and the
    batch's number: the batches are the same for any number of workers. What goes wrong in a
    worker is raised where the batch is taken; the threads end with the iteration, also where it
    is left early.

    Raises
    ------
    ShapeError : x, y and sample_weight differ in length
    ArgumentError : a size is out of range; y or sample_weight beside a `PyDataset`

    Examples
    --------
    >>> loader = Loader(np.arange(5), batch_size=2, shuffle=False, augment=lambda x, rng: 10 * x)
    >>> [batch.tolist() for batch in loader]
    [[0, 10], [20, 30], [40]]
    """

    _number, _processes = 0, 1  # of those that share each batch

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = 32,
        shuffle: bool = True,
        seed: int | None = None,
        augment: Augment | None = None,
        prefetch: int = 2,
        workers: int = 1,
        drop_last: bool = False,
    ) -> None:
        for name, value, least in (
            ("batch_size", 1 if batch_size is None else batch_size, 1),
            ("workers", workers, 1),
            ("prefetch", prefetch, 0),
        ):
            whole("Loader", name, value, least)
        parts = [part for part in (x, y, sample_weight) if part is not None]
        if isinstance(x, PyDataset) and len(parts) > 1:
            raise ArgumentError(
                "Loader",
                "a PyDataset gives its own targets and weights",
                expected="y=None and sample_weight=None",
                mend="Return (x, y, sample_weight) from its __getitem__.",
            )
        if y is None and sample_weight is not None:
            raise ArgumentError("Loader", "sample_weight has no y to weigh", expected="y")
        self._dataset = x if isinstance(x, PyDataset) else None
        self.parts = () if self._dataset else tuple(_each(part, _array) for part in parts)
        self._samples = 0 if self._dataset else _length(self.parts)
        self.batch_size, self._mixed, self.drop_last = batch_size, shuffle, drop_last
        self.seed = random.next_seed() if seed is None else seed
        self.augment, self._ready, self.workers = augment, prefetch, workers
        self._calls = augment
        self._passes = Passes()

    def _count(self) -> float:
        if self._dataset:
            count = self._dataset.num_batches
            return math.inf if count is None else count
        size = self.batch_size or 1
        return self._samples // size if self.drop_last else -(-self._samples // size)

    @property
    def _has_thread(self) -> bool:  # type: ignore[override]
        return bool(self._ready and self._dataset)  # an ``augment`` is given what it draws from

    # Batches of arrays are cut where they are read, at no cost; others are taken apart.

    def _cut(self, batch_size: int | None, drop_last: bool) -> Loader | None:
        """Return a loader of the same samples in batches of another size, if that is the same."""
        if self._dataset or self.augment or (self.drop_last and self.batch_size):
            return None
        made = copy.copy(self)
        made.batch_size, made.drop_last = batch_size, drop_last
        return made

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Return batches of ``batch_size`` elements, as `Dataset.batch` does."""
        size = whole("batch", "batch_size", batch_size, 1)
        cut = self._cut(size, drop_remainder) if self.batch_size is None else None
        return super().batch(size, drop_remainder) if cut is None else cut

    def rebatch(
        self, batch_size: int, drop_remainder: bool = False, name: str | None = None
    ) -> Dataset:
        """Return batches of ``batch_size`` rows, as `Dataset.rebatch` does."""
        size = whole("rebatch", "batch_size", batch_size, 1)
        cut = self._cut(size, drop_remainder) if self.batch_size else None
        return super().rebatch(size, drop_remainder) if cut is None else cut

    def unbatch(self, name: str | None = None) -> Dataset:
        """Return single samples, as `Dataset.unbatch` does."""
        cut = self._cut(None, False) if self.batch_size else None
        return super().unbatch() if cut is None else cut

    def prefetch(self, buffer_size: int = AUTOTUNE, name: str | None = None) -> Dataset:
        """Return a loader of the same samples that makes ``buffer_size`` batches ready ahead."""
        size = whole("prefetch", "buffer_size", buffer_size, -1)
        made = copy.copy(self)
        made._ready = READY if size == AUTOTUNE else size
        return made

    def shared(self, number: int, count: int) -> Loader:
        """Return a loader of one process's part of each batch, as `Own`, where it reads rows.

        Where a batch has fewer rows than there are processes, who has none gets its first one. What
        makes its batches its own way, and rows that are read otherwise beside others
        (``rows_are_alone`` is False), come whole.
        """
        own = type(self)._make is not Loader._make or type(self)._run is not Loader._run
        alone: list[bool] = []
        for part in self.parts:
            _each(part, lambda rows: alone.append(getattr(rows, "rows_are_alone", True)))
        if self._dataset or self.augment or self.batch_size is None or own or not all(alone):
            return self
        made = copy.copy(self)
        made._number, made._processes = number, count
        return made

    def _run(self, epoch: int) -> Iterator[Any]:
        if self._dataset:
            self._dataset.on_epoch_begin()
        tasks = enumerate(self._order(epoch))
        if self._ready:
            make = functools.partial(self._made, epoch)
            yield from streams.computed(make, tasks, self.workers, self._ready)
        else:
            yield from (self._make(epoch, *task) for task in tasks)
        if self._dataset:
            self._dataset.on_epoch_end()

    def _order(self, epoch: int) -> Iterator[Any]:
        """Yield what `_make` needs of each batch: its rows, or its number in the dataset."""
        rng = self._rng(epoch, 0)
        if self._dataset:
            count = self._dataset.num_batches
            if count is None:
                yield from itertools.count()
            else:
                yield from (rng.permutation(count) if self._mixed else np.arange(count)).tolist()
            return
        order = rng.permutation(self._samples) if self._mixed else None
        for number in range(int(self._count())):
            if self.batch_size is None:
                yield number if order is None else order[number]
            else:
                start = number * self.batch_size
                rows = slice(start, min(start + self.batch_size, self._samples))
                yield rows if order is None else order[rows]

    def _made(self, epoch: int, task: tuple[int, Any]) -> Any:
        return self._make(epoch, *task)

    def _make(self, epoch: int, number: int, rows: Any) -> Any:
        if self._processes > 1:
            count = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
            own = Part.of(count, self._number, self._processes)
            return Own(own, _batch(self.parts, own.of_rows(rows)))
        batch = self._dataset[rows] if self._dataset else _batch(self.parts, rows)
        if self.augment is None:
            return batch
        with no_grad():  # a layer may do the augmenting, and nothing is to be learned from it
            if not isinstance(batch, tuple):
                return _each(self.augment(batch, self._rng(epoch, 1 + number)), _array)
            x = self.augment(batch[0], self._rng(epoch, 1 + number))
        return _each(x, _array), *batch[1:]

    def _rng(self, epoch: int, number: int) -> np.random.Generator:
        key = np.random.SeedSequence(self.seed, spawn_key=(epoch, number))
        return np.random.default_rng(key)


def _each(values: Any, function: Callable[[Any], Any]) -> Any:
    """Apply a function to every array of a dict, list or tuple of arrays, or to the one array."""
    if isinstance(values, Mapping):
        return {name: _each(value, function) for name, value in values.items()}
    if isinstance(values, tuple | list) and any(_is_array(value) for value in values):
        return type(values)(_each(value, function) for value in values)
    return function(values)


def _is_array(values: Any) -> bool:
    return isinstance(values, np.ndarray | Variable)


def _array(values: Any) -> Any:
    """Return numbers, lists, tables and tensors as an array; any other source as it is."""
    if isinstance(values, Variable):
        return values.array
    values = plain(values, "a part", "Loader")
    column = hasattr(values, "iloc")  # of pandas: its [] takes labels, not rows
    source = hasattr(values, "__getitem__") and not isinstance(values, list | tuple) and not column
    return values if source else as_numbers(values)


def _batch(parts: tuple[Any, ...], rows: Any) -> Any:
    taken = tuple(_each(part, lambda array: _take(array, rows)) for part in parts)
    return taken if len(taken) > 1 else taken[0]


def _take(array: Any, rows: Any) -> Any:
    # A view of a memory map would be read by the training, not by the worker.
    return np.array(array[rows]) if isinstance(array, np.memmap) else array[rows]


def _length(parts: tuple[Any, ...]) -> int:
    """Return the number of samples, the same in every array, or refuse."""
    lengths: list[int] = []
    for part in parts:
        _each(part, lambda a: lengths.append(0 if getattr(a, "shape", None) == () else len(a)))
    if len(set(lengths)) > 1 or not lengths[0]:
        raise ShapeError(
            "Loader",
            "x, y and sample_weight have different numbers of samples, or none",
            expected="the same number of rows, at least 1, in every array",
            received={"rows": lengths},
        )
    return lengths[0]
