"""Batches that come ready: of a `Loader` or another dataset, a generator, any iterable."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from melpy import random
from melpy.data.classes import class_weights, largest_class, tell_of_classes_without_samples
from melpy.data.dataset import Dataset
from melpy.data.loader import Loader
from melpy.data.once import comes_once, noted, read_of
from melpy.data.process import process_state, restore_process
from melpy.data.py_dataset import PyDataset
from melpy.data.source import Own, Source, as_arrays, only_weight, packed, unpacked
from melpy.data.streams import computed
from melpy.errors import warn
from melpy.layers.drawing import stand, standing

__all__ = ["DatasetSource", "IterableSource"]


class IterableSource(Source):
    """Batches that come ready: of a `Loader`, a generator, any iterable."""

    def __init__(
        self, data: Any, steps: int | None, class_weight: Mapping[int, float] | None, who: str
    ) -> None:
        super().__init__(steps, who)
        self.data = data
        self.class_weight = class_weight
        self.size = _length(data)
        self._read = read_of(data)
        self._start = self._read.count
        self._most: int | None = 0  # the largest class among the labels, until all were seen

    @property
    def _is_going_on(self) -> bool:
        return self._coming is not None and comes_once(self.data)

    def order(self) -> dict[str, Any]:
        """Return what the next batches follow from: a `Dataset`'s seeds, the process's draws."""
        is_dataset = isinstance(self.data, Dataset)
        own = self.data.standing() if is_dataset else standing(self.data, "data")
        return {"own": own, "process": process_state()}

    def follow(self, order: Mapping[str, Any]) -> None:
        """Let the next batches follow from that."""
        own = order["own"]
        if isinstance(self.data, Dataset) and own:
            self.data.stand(own)
        elif own and not self._is_going_on:
            stand(self.data, own, self.who, "data")
        restore_process(order["process"])

    def peek(self) -> Any:
        """Return the first batch, which the next epoch begins with; None if there is none."""
        batch = super().peek()
        if comes_once(self.data):
            self._order["peeked"] = process_state()
        return batch

    def _begin_amidst(self, position: Mapping[str, Any], process: Any) -> Any:
        """Make the first batches again, with what the process drew from then.

        Others may have drawn from it between them, so that it is put where it stood after. Not
        where a thread draws: the batches that it had ready are to be made again too.
        """
        first = taken = int(position["taken"])
        if comes_once(self.data):
            first = self._left(position, taken, self._start)
        if self._is_going_on:  # the first one was made to see its shapes, and is not made again
            self._order |= position["order"]
            restore_process(self._order["peeked"])
        before = process_state()
        self._begin(first)
        self._taken = taken
        is_ahead = isinstance(self.data, Dataset) and self.data.is_ahead
        return None if is_ahead and process_state() != before else process

    def state(self) -> Any:
        """Return the data's ``state_dict()``, where it has one."""
        return self.data.state_dict() if hasattr(self.data, "load_state_dict") else None

    def restore(self, state: Any) -> None:
        """Give the data its ``state_dict()`` back."""
        if state is not None and hasattr(self.data, "load_state_dict"):
            self.data.load_state_dict(state)

    def position(self) -> dict[str, Any]:
        """Return where the data stands, and how much of data that come once is gone."""
        return {**super().position(), "read": self._read.count}

    def catch_up(self, position: Mapping[str, Any]) -> None:
        """Pass over what is gone of data that come once."""
        super().catch_up(position)
        if comes_once(self.data):
            gone = int(position.get("gone", 0))  # of an earlier version
            _without(self._elements(), self._left(position, gone, self._read.count))

    def _left(self, position: Mapping[str, Any], taken: int, at: int) -> int:
        """Return how many elements after the first ``at`` are to be passed over.

        In a process that has read of the same data before, fewer are.
        """
        left = int(position.get("read", self._start + taken)) - at
        if left < 0:
            warn(
                f"{self.who}: of the {type(self.data).__name__}, {-left} elements that came after "
                "the backup are gone: an earlier call has read them. The training goes on with "
                "those that come next; for the same bits, make the data anew before fit.",
            )
        return max(left, 0)

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
        return _without(self._elements(), first)

    def _elements(self) -> Iterable[Any]:
        return noted(self.data, self._read) if comes_once(self.data) else self.data


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
        super().finish_epoch()
        self.data.on_epoch_end()

    def order(self) -> dict[str, Any]:
        """Return the seed and the number that the order of the batches follows from."""
        return {"seed": self.seed, "number": self.number}

    def follow(self, order: Mapping[str, Any]) -> None:
        """Let the order of the batches follow from others."""
        self.seed, self.number = order["seed"], order["number"]

    _begin_amidst = Source._begin_amidst  # none is made again

    def state(self) -> Any:
        """Return what the dataset draws from, and its ``state_dict()``."""
        return {"sources": standing(self.data, "data"), "own": super().state()}

    def restore(self, state: Any) -> None:
        """Give the dataset its state back."""
        stand(self.data, state["sources"], self.who, "data")
        super().restore(state["own"])
        for name, value in state.get("changed", {}).items():  # of an earlier version
            setattr(self.data, name, value)

    @property
    def own(self) -> Any:
        """The dataset, whose attributes may change from epoch to epoch."""
        return self.data

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


def _length(data: Any) -> int | None:
    """Return how many batches there are; None where nobody knows, or where there is no end."""
    try:
        return len(data)
    except (TypeError, NotImplementedError):
        return None
