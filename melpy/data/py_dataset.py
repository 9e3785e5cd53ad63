"""PyDataset: batches that a user's own code makes, one index at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

__all__ = ["PyDataset"]


class PyDataset:
    """Batches by number: ``dataset[i]`` is x, (x, y) or (x, y, sample_weight). Abstract.

    Subclasses define ``__getitem__`` and ``__len__``, the number of batches, or the property
    `num_batches`, which is None for a dataset without an end. Batches are asked for in any
    order and, with several workers, from several threads at once: ``__getitem__`` must not
    change the dataset. What changes between epochs belongs in `on_epoch_end`.

    Parameters
    ----------
    workers : int, threads that prepare batches
    use_multiprocessing : bool, accepted as Keras's; the workers are threads in any case
    max_queue_size : int, the most batches that are kept ready

    Source
    ------
    Keras 3, ``keras.utils.PyDataset``.

    Examples
    --------
    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 2
    ...
    ...     def __getitem__(self, index):
    ...         return [index], [index**2]
    >>> list(Squares())
    [([0], [0]), ([1], [1])]
    """

    # On the class, so that a subclass that forgets super().__init__ works too.
    workers: int = 1
    use_multiprocessing: bool = False
    max_queue_size: int = 10

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """Return batch number ``index``. Abstract."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Any]:
        """Yield one epoch's batches in order; without end where their number is not said."""
        unsaid = type(self).num_batches is PyDataset.num_batches and not hasattr(self, "__len__")
        count = None if unsaid else self.num_batches
        for index in itertools.count() if count is None else range(count):
            yield self[index]

    @property
    def num_batches(self) -> int | None:
        """The number of batches in an epoch, ``len(dataset)`` unless a subclass says otherwise."""
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError("a PyDataset needs __len__ or the property num_batches")

    def on_epoch_begin(self) -> None:
        """Do what an epoch needs before its first batch; nothing by default."""

    def on_epoch_end(self) -> None:
        """Do what an epoch needs after its last batch, such as shuffling; nothing by default."""
