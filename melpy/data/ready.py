"""Batches that come ready: of a `Loader` or another dataset, a generator, any iterable."""

from __future__ import annotations

import itertools
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from melpy import random
from melpy.data.classes import class_weights, largest_class, tell_of_classes_without_samples
from melpy.data.dataset import Dataset
from melpy.data.loader import Loader
from melpy.data.process import process_state, restore_process
from melpy.data.py_dataset import PyDataset
from melpy.data.source import Own, Source, as_arrays, only_weight, packed, unpacked
from melpy.data.streams import computed
from melpy.layers.parts import sources_in

__all__ = ["DatasetSource", "IterableSource"]

MOST_BYTES = 2**26  # of an attribute that is looked at for changes, such as an order


class IterableSource(Source):
    """Batches that come ready: of a `Loader`, a generator, any iterable."""

    def __init__(
        self, data: Any, steps: int | None, class_weight: Mapping[int, float] | None, who: str
    ) -> None:
        super().__init__(steps, who)
        self.data = data
        self.class_weight = class_weight
        self.size = _length(data)
        self._gone = 0  # of the elements that there ever were
        self._most: int | None = 0  # the largest class among the labels, until all were seen

    @property
    def _is_going_on(self) -> bool:
        return self._coming is not None and isinstance(self.data, Iterator)

    def order(self) -> dict[str, Any]:
        """Return what the next batches follow from: a `Dataset`'s seeds, the process's draws."""
        own = self.data.standing() if isinstance(self.data, Dataset) else {}
        return {"own": own, "process": process_state()}

    def follow(self, order: Mapping[str, Any]) -> None:
        """Let the next batches of a `Dataset` follow from that."""
        if isinstance(self.data, Dataset) and order["own"]:
            self.data.stand(order["own"])

    def _begin_amidst(self, first: int, order: Mapping[str, Any], process: Any) -> Any:
        """Make the first batches again, with what the process drew from then."""
        if not self._is_going_on:  # else a generator has drawn already, as it did the first time
            restore_process(order["process"])
        self._begin(first)
        return None

    def state(self) -> Any:
        """Return the data's ``state_dict()``, where it has one."""
        return self.data.state_dict() if hasattr(self.data, "load_state_dict") else None

    def restore(self, state: Any) -> None:
        """Give the data its ``state_dict()`` back."""
        if state is not None and hasattr(self.data, "load_state_dict"):
            self.data.load_state_dict(state)

    def position(self) -> dict[str, Any]:
        """Return where the data stands, and how much of data that come once is gone."""
        return {**super().position(), "gone": self._gone}

    def catch_up(self, position: Mapping[str, Any]) -> None:
        """Pass over what is gone of data that come once."""
        super().catch_up(position)
        if isinstance(self.data, Iterator):
            _without(self.data, int(position["gone"]) - self._gone)
            self._gone = int(position["gone"])

    def _begin(self, first: int = 0) -> None:
        if self._is_going_on:  # what was taken to see its shapes is no batch of the past
            self._coming, self._taken = _without(self._coming or (), first), first
        else:
            super()._begin(first)

    def whole(self, first: int = 0) -> Iterator[Any]:
        """Yield all batches once, from number ``first`` on; a generator's only once."""
        return self._packed(self.batches(first))

    def share(self, number: int, count: int) -> None:
        """Have a `Loader` read one process's rows of each batch only."""
        if isinstance(self.data, Loader):
            self.data = self.data.shared(number, count)

    def _packed(self, batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            if isinstance(batch, Own):
                yield Own(batch.part, self._as_a_step_takes(batch.batch))
            else:
                yield self._as_a_step_takes(batch)

    def _as_a_step_takes(self, batch: Any) -> Any:
        self._gone += 1
        parts = isinstance(batch, list | tuple)
        made = tuple(map(as_arrays, batch)) if parts else as_arrays(batch)
        x, y, weight = unpacked(made, self.who)
        if self.class_weight is not None:
            own = class_weights(y, self.class_weight, self.who)
            if self._most is not None:
                self._most = max(self._most, largest_class(y, self.who))
            made = packed((x, y, only_weight(own, weight, self.who)))
        return made

    def finish_epoch(self) -> None:
        """Tell of weights of classes that no label has, once all of the data was seen."""
        if self._most is not None and self.class_weight is not None and self._coming is None:
            tell_of_classes_without_samples(self.class_weight, self._most, self.who)
            self._most = None

    def batches(self, first: int) -> Iterator[Any]:
        """Return the batches as they come; data that keep their own state know where they are."""
        if hasattr(self.data, "load_state_dict"):
            return iter(self.data)
        return _without(self.data, first)


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
        self._first = {name: _digest(value) for name, value in self._numbers().items()}
        self.seed = random.next_seed() if shuffle and self.size is not None else None

    def begin_epoch(self) -> None:
        """Tell the dataset."""
        self.data.on_epoch_begin()

    def finish_epoch(self) -> None:
        """Tell the dataset."""
        super().finish_epoch()
        self.data.on_epoch_end()

    def order(self) -> dict[str, Any]:
        """Return the seed and the number that the order of the batches follows from."""
        return {"seed": self.seed, "number": self.number}

    def follow(self, order: Mapping[str, Any]) -> None:
        """Let the order of the batches follow from others."""
        self.seed, self.number = order["seed"], order["number"]

    def _numbers(self) -> dict[str, Any]:
        """Return the attributes that are numbers or texts, and arrays that are no larger than most.

        The samples themselves are larger, and do not change.
        """
        plain = int, float, str, np.generic
        return {
            name: value
            for name, value in vars(self.data).items()
            if isinstance(value, plain)
            or (isinstance(value, list) and all(isinstance(x, plain) for x in value))
            or (isinstance(value, np.ndarray) and value.dtype.kind in "fiub")
            if getattr(value, "nbytes", 0) <= MOST_BYTES
        }

    _begin_amidst = Source._begin_amidst  # none is made again

    def state(self) -> Any:
        """Return what the dataset draws from, its ``state_dict()``, and what of it has changed."""
        drawn = [random.state_of(source) for source in sources_in(vars(self.data))]
        changed = {n: x for n, x in self._numbers().items() if self._first.get(n) != _digest(x)}
        return {"sources": drawn, "own": super().state(), "changed": changed}

    def restore(self, state: Any) -> None:
        """Give the dataset its state back."""
        for source, standing in zip(sources_in(vars(self.data)), state["sources"], strict=True):
            random.restore(source, standing)
        super().restore(state["own"])
        for name, value in state["changed"].items():
            own = getattr(self.data, name, None)
            if isinstance(own, np.ndarray) and own.shape == np.shape(value):
                own[...] = value  # where it is: another attribute may be a view of it
            else:
                setattr(self.data, name, value)

    def batches(self, first: int) -> Iterator[Any]:
        """Return one epoch of the dataset, made by its workers where it has several."""
        order: Iterable[int] = itertools.count() if self.size is None else range(self.size)
        if self.seed is not None:
            rng = np.random.default_rng([self.seed, self.number])
            order = rng.permutation(self.size or 0).tolist()
        order = itertools.islice(order, first, None)
        if self.data.workers < 2:
            return (self.data[index] for index in order)
        return computed(self.data.__getitem__, order, self.data.workers, self.data.max_queue_size)


def _without(elements: Iterable[Any], first: int) -> Iterator[Any]:
    """Return an iterator of which the first elements are made already, and let go of."""
    coming = iter(elements)
    deque(itertools.islice(coming, first), maxlen=0)
    return coming


def _digest(value: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(value).tobytes())


def _length(data: Any) -> int | None:
    """Return how many batches there are; None where nobody knows, or where there is no end."""
    try:
        return len(data)
    except (TypeError, NotImplementedError):
        return None
