"""A dataset cut in two."""

from __future__ import annotations

import random as python_random
from typing import Any

import numpy as np

from melpy import random
from melpy.data import Loader, PyDataset
from melpy.errors import ArgumentError, DataError, DtypeError

__all__ = ["split_dataset"]


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
) -> tuple[Loader, Loader]:
    """Cut a dataset in two.

    Parameters
    ----------
    dataset : array, list or tuple of arrays (N, ...), or a `Loader` or `PyDataset`, which is
        read into memory
    left_size, right_size : share in (0, 1) or number of samples in each, or None for what the
        other leaves; not both None
    shuffle : bool, whether the samples are mixed first, in the same order as Keras mixes them
    seed : int or None, for the next one of the process's stream

    Returns
    -------
    two Loaders, in order: of single samples, as they lay in the arrays, or of batches where the
    dataset had some. ``loader.batch(32)`` makes batches of them

    Raises
    ------
    ArgumentError : a size is out of range, or leaves a side empty
    DtypeError : the dataset is none of these
    DataError : it has no samples

    Source
    ------
    Keras 3, ``keras.utils.split_dataset``.

    Examples
    --------
    >>> left, right = split_dataset(np.arange(5), left_size=0.6)
    >>> len(left), [batch.tolist() for batch in right.batch(2)]
    (3, [[3, 4]])
    """
    batch_size = None
    if isinstance(dataset, Loader | PyDataset):
        batches = list(dataset)
        if not batches:
            raise DataError("split_dataset", "the dataset has no batches")
        if isinstance(dataset, Loader) and dataset.batch_size is None:
            dataset = _joined(batches, np.stack)
        else:
            batch_size = len(batches[0][0] if isinstance(batches[0], tuple) else batches[0])
            dataset = _joined(batches, np.concatenate)
    if not isinstance(dataset, np.ndarray | list | tuple):
        raise DtypeError(
            "split_dataset",
            "this cannot be split",
            expected="an array, a list or tuple of arrays, a Loader or a PyDataset",
            received={"type": type(dataset).__name__},
        )
    arrays = [dataset] if isinstance(dataset, np.ndarray) else [np.asarray(x) for x in dataset]
    lengths = {len(x) for x in arrays}
    if len(lengths) != 1 or not min(lengths):
        raise DataError(
            "split_dataset",
            "the arrays have different numbers of samples, or none",
            expected="the same number of rows, at least 1, in every array",
            received={"shapes": [x.shape for x in arrays]},
        )
    order = list(range(len(arrays[0])))
    if shuffle:
        python_random.Random(random.next_seed() if seed is None else seed).shuffle(order)
    left, right = _sizes(left_size, right_size, len(order))

    def part(rows: list[int]) -> Loader:
        taken = [x[rows] for x in arrays]
        whole = taken[0] if isinstance(dataset, np.ndarray) else tuple(taken)
        return Loader(whole, batch_size=batch_size, shuffle=False)

    return part(order[:left]), part(order[len(order) - right :])


def _joined(batches: list[Any], join: Any) -> Any:
    if isinstance(batches[0], tuple):
        return tuple(join(parts) for parts in zip(*batches, strict=True))
    return join(batches)


def _sizes(left: float | None, right: float | None, total: int) -> tuple[int, int]:
    """Return both sizes in samples, rounded as Keras rounds them."""
    sizes = []
    for name, size in (("left_size", left), ("right_size", right)):
        if size is not None:
            most = 1 if isinstance(size, float) else total
            if not isinstance(size, int | float) or not 0 < size < most:
                raise ArgumentError(
                    "split_dataset",
                    f"{name} is out of range",
                    expected=f"a share in (0, 1), or an int from 1 to {total - 1}",
                    received={name: size},
                )
            size = round(size * total) if isinstance(size, float) else size
        sizes.append(size)
    first, second = sizes
    first = first if first is not None or second is None else total - second
    second = second if second is not None or first is None else total - first
    if not first or not second or first + second > total:
        raise ArgumentError(
            "split_dataset",
            "the sizes leave a side empty, or are more than there is",
            expected=f"two parts of {total} samples",
            received={"left_size": left, "right_size": right},
        )
    return first, second
