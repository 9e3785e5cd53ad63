"""Dataset: a stream of elements that can be gone through again, and what streams are made of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from melpy import random, tree
from melpy.data import counts, streams
from melpy.data.chain import Chain
from melpy.data.checks import a_function, whole
from melpy.data.elements import Values, as_element, with_numpy
from melpy.errors import ArgumentError, DataError, DtypeError
from melpy.tape import no_grad

__all__ = ["Dataset"]

AUTOTUNE = -1  # as scripts for tf.data say "as many as you like"
READY = 2  # elements that prefetch makes ready where that is left open


class Dataset(Chain):
    """Elements, samples or batches, in a stream that can be gone through again. Abstract.

    An element is an array, or a tuple, list or dict of arrays. Methods have the names and the
    arguments of tf.data's, so that scripts that chain them run: each returns a dataset that reads
    this one while it is read itself. What is drawn at random follows from a seed and from how
    often the dataset was gone through, its `epoch`.

    Attributes
    ----------
    epoch : int, how often it was gone through, or anything else that its methods made of it: each
        time has an order of its own. Set it to go on where an earlier run stopped
    batch_size : int, or None where elements are single samples or that is not known

    Source
    ------
    TensorFlow, ``tf.data.Dataset``: what the methods are called.

    Examples
    --------
    >>> from melpy.data import Loader
    >>> dataset = Loader(np.arange(6), batch_size=None, shuffle=False)
    >>> dataset = dataset.map(lambda x: 10 * x).filter(lambda x: x != 20).batch(2)
    >>> [batch.tolist() for batch in dataset.take(2)]
    [[0, 10], [30, 40]]
    """

    batch_size: int | None = None

    def _run(self, epoch: int) -> Iterator[Any]:
        """Yield the elements of an epoch, as plain arrays. Abstract."""
        raise NotImplementedError

    def _count(self) -> float | None:
        """Return how many elements an epoch has: infinity, or None where its end will tell."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Any]:
        """Begin the next epoch."""
        return (with_numpy(element) for element in self.as_numpy_iterator())

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Begin the next epoch, of plain arrays."""
        epoch, self.epoch = self.epoch, self.epoch + 1
        return self._run(epoch)

    @property
    def num_batches(self) -> int | None:
        """How many elements an epoch has; None where it has no end, or only that will tell."""
        count = self._count()
        return None if count is None or math.isinf(count) else int(count)

    def cardinality(self) -> Values:
        """Return how many elements an epoch has: -1 for no end, -2 where that is not known."""
        count = self._count()
        number = -2 if count is None else -1 if math.isinf(count) else int(count)
        return np.asarray(number).view(Values)

    def __len__(self) -> int:
        count = self.num_batches
        if count is None:
            what = "has no end" if self._count() else "does not know its end"
            raise TypeError(f"this dataset {what}, and so no length")
        return count

    def get_single_element(self) -> Any:
        """Return the only element.

        Raises
        ------
        DataError : there are several, or none
        """
        found = list(self.take(2))
        if len(found) != 1:
            raise DataError(
                "get_single_element",
                f"the dataset has {'several elements' if found else 'no element'}",
                expected="exactly one",
                mend="Call take(1) first.",
            )
        return found[0]

    # Which elements come.

    def take(self, count: int, name: str | None = None) -> Dataset:
        """Return the first ``count`` elements; all with -1."""
        size = whole("take", "count", count, -1)
        if size < 0:
            return self
        return Stage(
            self, lambda e: streams.taken(self._run(e), size), lambda n: counts.at_most(n, size)
        )

    def skip(self, count: int, name: str | None = None) -> Dataset:
        """Return all but the first ``count`` elements; none with -1."""
        size = whole("skip", "count", count, -1)
        if size < 0:
            return self.take(0)
        return Stage(
            self,
            lambda e: itertools.islice(self._run(e), size, None),
            lambda n: None if n is None else max(n - size, 0),
        )

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """Return the elements of which ``predicate`` is true; a tuple's parts are its arguments."""
        a_function("filter", "predicate", predicate)
        return Stage(
            self,
            lambda e: (x for x in self._run(e) if bool(np.asarray(_call(predicate, x)))),
            lambda n: 0 if n == 0 else None,
            calls=predicate,
        )

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Return the elements in another order: each drawn from the ``buffer_size`` that come next.

        Parameters
        ----------
        buffer_size : int > 0
        seed : int, or None for the next one of the process's stream
        reshuffle_each_iteration : bool, whether each epoch has an order of its own; None for True
        """
        size = whole("shuffle", "buffer_size", buffer_size, 1)
        fixed = reshuffle_each_iteration is False

        def run(epoch: int) -> Iterator[Any]:
            rng = np.random.default_rng([made.seed or 0, 0 if fixed else epoch])
            return streams.shuffled(self._run(epoch), size, rng)

        made = Stage(self, run)
        made.seed = random.next_seed() if seed is None else int(seed) % 2**63
        return made

    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """Return the elements ``count`` times over; without end for None or -1."""
        times = -1 if count is None else whole("repeat", "count", count, -1)
        return Stage(
            self,
            lambda e: streams.repeated(self._run, e, times),
            lambda n: counts.repeated(n, times),
        )

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """Return the elements of this dataset and then those of another."""
        other = _dataset("concatenate", dataset)
        return Stage(
            self,
            lambda e: itertools.chain(self._run(e), other._run(e)),
            lambda n: counts.together(n, other._count()),
            reads=(other,),
        )

    # What the elements are.

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        synchronous: bool | None = None,
        use_unbounded_threadpool: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Return ``map_func`` of each element; a tuple's parts are its arguments.

        Parameters
        ----------
        map_func : function of arrays; what it computes with tensors is not recorded
        num_parallel_calls, deterministic, synchronous, use_unbounded_threadpool : taken for the
            sake of scripts; elements come in their order, so that layers that draw, such as those
            that augment, draw the same each time. `prefetch` takes the work to a thread
        """
        a_function("map", "map_func", map_func)
        return Stage(
            self,
            lambda e: (as_element(_call(map_func, x)) for x in self._run(e)),
            calls=map_func,
        )

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Return the elements of the datasets that ``map_func`` makes of each element, in turns.

        Parameters
        ----------
        map_func : function of an element, a tuple's parts are its arguments, that returns a
            dataset, or anything else that gives elements when it is gone through
        cycle_length : int > 0, how many of these are gone through at once; None or -1 for a few
        block_length : int > 0, how many elements one gives before the next one's turn; None for 1
        num_parallel_calls, deterministic : taken for the sake of scripts; the order is fixed
        """
        a_function("interleave", "map_func", map_func)
        few = READY if cycle_length in (None, AUTOTUNE) else cycle_length
        cycle = whole("interleave", "cycle_length", few, 1)
        block = whole("interleave", "block_length", 1 if block_length is None else block_length, 1)

        def run(epoch: int) -> Iterator[Any]:
            parts = (map(as_element, _call(map_func, element)) for element in self._run(epoch))
            return streams.interleaved(parts, cycle, block)

        return Stage(self, run, counts.not_known, calls=map_func, batch_size=None)

    def flat_map(self, map_func: Callable[..., Any], name: str | None = None) -> Dataset:
        """Return the elements of the datasets that ``map_func`` makes of each, one after another.

        See `interleave`.
        """
        a_function("flat_map", "map_func", map_func)
        return self.interleave(map_func, cycle_length=1)

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """Return (number, element) for each element."""
        return Stage(
            self,
            lambda e: ((np.asarray(n), x) for n, x in enumerate(self._run(e), int(start))),
            batch_size=None,
        )

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """Return elements made of one element of each dataset, as long as all have one.

        Parameters
        ----------
        args : datasets, or one tuple or dict of datasets, whose structure the elements have
        """
        structure = datasets if datasets is not None else args[0] if len(args) == 1 else args
        parts = [_dataset("zip", part) for part in tree.flatten(structure)]
        if not parts:
            raise ArgumentError("zip", "there is nothing to zip", expected="at least one dataset")

        def run(epoch: int) -> Iterator[Any]:
            for elements in zip(*(part._run(epoch) for part in parts), strict=False):
                yield tree.pack_sequence_as(structure, list(elements))

        fewest = counts.fewest
        return Stage(
            parts[0], run, lambda n: fewest([part._count() for part in parts]), reads=parts[1:]
        )

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Return batches of ``batch_size`` elements, stacked along a new first axis.

        Parameters
        ----------
        batch_size : int > 0
        drop_remainder : bool, whether a last, smaller batch is left out
        """
        size = whole("batch", "batch_size", batch_size, 1)
        return Stage(
            self,
            lambda e: streams.batched(self._run(e), size, drop_remainder),
            lambda n: counts.in_batches(n, size, drop_remainder),
            batch_size=size,
        )

    def rebatch(
        self, batch_size: int, drop_remainder: bool = False, name: str | None = None
    ) -> Dataset:
        """Return batches of ``batch_size`` rows, cut from the batches that this dataset has."""
        size = whole("rebatch", "batch_size", batch_size, 1)
        return Stage(
            self,
            lambda e: streams.rebatched(self._run(e), size, drop_remainder),
            counts.not_known,
            batch_size=size,
        )

    def unbatch(self, name: str | None = None) -> Dataset:
        """Return the rows of the batches that this dataset has, one by one."""
        return Stage(
            self, lambda e: streams.unbatched(self._run(e)), counts.not_known, batch_size=None
        )

    # When they are made.

    def cache(self, filename: str = "", name: str | None = None) -> Dataset:
        """Return the first epoch's elements, from memory once they were all gone through.

        A backup holds no elements: a training that goes on makes them again as they first were, by
        the seeds of `shuffle`. What a function draws before the cache is drawn anew; draw after it.

        Raises
        ------
        ArgumentError : a filename: elements are kept in memory alone
        """
        if filename:
            raise ArgumentError(
                "cache",
                "elements are kept in memory alone",
                expected="no filename",
                received={"filename": filename},
            )
        kept: list[list[Any]] = []

        def run(epoch: int) -> Iterator[Any]:
            if kept:
                yield from kept[0]
                return
            seen = []
            for element in self._run(0):  # whichever epoch a training goes on with
                seen.append(element)
                yield element
            kept[:] = [seen]

        return Stage(self, run)

    def prefetch(self, buffer_size: int = AUTOTUNE, name: str | None = None) -> Dataset:
        """Return the elements, up to ``buffer_size`` made ready ahead in a thread; -1 for a few."""
        size = whole("prefetch", "buffer_size", buffer_size, -1)
        made = Stage(self, lambda e: streams.ahead(self._run(e), READY if size < 0 else size))
        made._has_thread = True
        return made if size else self


class Stage(Dataset):
    """What a method of a dataset returns: another way to go through it."""

    def __init__(
        self,
        source: Dataset,
        run: Callable[[int], Iterator[Any]],
        count: Callable[[float | None], float | None] = lambda n: n,
        reads: Iterable[Dataset] = (),
        calls: Any = None,
        **batch_size: int | None,
    ) -> None:
        self._source, self._runs, self._counted = source, run, count
        self._reads, self._calls = (source, *reads), calls
        self._passes = source._passes
        self.batch_size = batch_size.get("batch_size", source.batch_size)

    def _run(self, epoch: int) -> Iterator[Any]:
        return self._runs(epoch)

    def _count(self) -> float | None:
        return self._counted(self._source._count())


def _call(function: Callable[..., Any], element: Any) -> Any:
    with no_grad():  # a layer may do the work, and nothing is to be learned from it
        return function(*element) if isinstance(element, tuple) else function(element)


def _dataset(who: str, dataset: Any) -> Dataset:
    if not isinstance(dataset, Dataset):
        raise DtypeError(
            who,
            "this is no dataset",
            expected="a Loader, or what its methods return",
            received={"type": type(dataset).__name__},
        )
    return dataset
