"""Batches that come ready: of a `Loader` or another dataset, a generator, any iterable."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from melpy import random
from melpy.data.dataset import Dataset
from melpy.data.py_dataset import PyDataset
from melpy.data.samples import class_weights
from melpy.data.source import Source, as_arrays, only_weight, packed, unpacked
from melpy.data.streams import computed
from melpy.layers.parts import sources_in

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

    @property
    def _is_going_on(self) -> bool:
        return self._coming is not None and isinstance(self.data, Iterator)

    def order(self) -> dict[str, Any]:
        """Return what the next batches of a `Dataset` follow from."""
        return self.data.standing() if isinstance(self.data, Dataset) else {}

    def follow(self, order: Mapping[str, Any]) -> None:
        """Let the next batches of a `Dataset` follow from that."""
        if isinstance(self.data, Dataset) and order:
            self.data.stand(order)

    def state(self) -> Any:
        """Return the data's ``state_dict()``, where it has one."""
        return self.data.state_dict() if hasattr(self.data, "load_state_dict") else None

    def restore(self, state: Any) -> None:
        """Give the data its ``state_dict()`` back."""
        if state is not None and hasattr(self.data, "load_state_dict"):
            self.data.load_state_dict(state)

    def _begin(self, first: int = 0) -> None:
        if self._is_going_on:  # what was taken to see its shapes is no batch of the past
            self._coming, self._taken = itertools.islice(self._coming or (), first, None), first
        else:
            super()._begin(first)

    def whole(self, first: int = 0) -> Iterator[Any]:
        """Yield all batches once, from number ``first`` on; a generator's only once."""
        for batch in self.batches(first):
            parts = isinstance(batch, list | tuple)
            made = tuple(map(as_arrays, batch)) if parts else as_arrays(batch)
            x, y, weight = unpacked(made, self.who)
            if self.class_weight is not None:
                own = class_weights(y, self.class_weight, self.who)
                made = packed((x, y, only_weight(own, weight, self.who)))
            yield made

    def batches(self, first: int) -> Iterator[Any]:
        """Return the batches as they come; data that keep their own state know where they are."""
        if hasattr(self.data, "load_state_dict"):
            return iter(self.data)
        return itertools.islice(self.data, first, None)


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

    def order(self) -> dict[str, Any]:
        """Return the seed and the number that the order of the batches follows from."""
        return {"seed": self.seed, "number": self.number}

    def follow(self, order: Mapping[str, Any]) -> None:
        """Let the order of the batches follow from others."""
        self.seed, self.number = order["seed"], order["number"]

    def state(self) -> Any:
        """Return where what the dataset draws from stands, and its ``state_dict()``."""
        drawn = [random.state_of(source) for source in sources_in(vars(self.data))]
        return {"sources": drawn, "own": super().state()}

    def restore(self, state: Any) -> None:
        """Give the dataset its state back."""
        for source, standing in zip(sources_in(vars(self.data)), state["sources"], strict=True):
            random.restore(source, standing)
        super().restore(state["own"])

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


def _length(data: Any) -> int | None:
    """Return how many batches there are; None where nobody knows, or where there is no end."""
    try:
        return len(data)
    except (TypeError, NotImplementedError):
        return None
