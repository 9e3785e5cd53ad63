"""Sparse matrices on their way into a model: a batch at a time becomes dense."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import random
from melpy.data import PyDataset
from melpy.tables import is_sparse

__all__ = ["SparseBatches", "dense", "dense_if_small"]

SMALL_BYTES = 1 << 26  # as an array, of a matrix for which batches are not worth their while


def dense(X: Any) -> Any:
    """Return X as an array."""
    return X.toarray() if is_sparse(X) else X


def dense_if_small(X: Any) -> Any:
    """Return a sparse matrix as an array where that takes little memory; anything else as it is."""
    if is_sparse(X) and X.shape[0] * X.shape[1] * X.dtype.itemsize <= SMALL_BYTES:
        return X.toarray()
    return X


class SparseBatches(PyDataset):
    """Batches of a sparse matrix, whose whole would not fit into memory.

    Parameters
    ----------
    X : sparse matrix (N, D) whose rows can be taken
    y, sample_weight : sparse matrix or array of as many rows, or None
    batch_size : int > 0
    shuffle : bool, whether each epoch has an order of its own

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> [x.shape for x in SparseBatches(csr_array(np.eye(5)), batch_size=3)]
    [(3, 5), (2, 5)]
    """

    def __init__(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int = 32,
        shuffle: bool = False,
    ) -> None:
        super().__init__()
        self.parts = [part for part in (X, y, sample_weight) if part is not None]
        self.batch_size, self.order = batch_size, np.arange(X.shape[0])
        self.rng = random.generator() if shuffle else None
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int) -> Any:
        """Return batch number ``index``: x, (x, y) or (x, y, sample_weight)."""
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        made = tuple(dense(part[rows]) for part in self.parts)
        return made if len(made) > 1 else made[0]

    def on_epoch_end(self) -> None:
        """Bring the rows into the next order."""
        if self.rng is not None:
            self.order = self.rng.permutation(len(self.order))
