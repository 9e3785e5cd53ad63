"""A dataset cut in two."""

from __future__ import annotations

import random as python_random
from typing import Any

import numpy as np

from melpy import random, tree
from melpy.data import Dataset, Loader, PyDataset
from melpy.data.elements import as_element, joined, rows_of
from melpy.errors import ArgumentError, DataError, DtypeError
from melpy.tables import is_sparse, is_table, plain

__all__ = ["split_dataset"]


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Loader, Loader]:
    """Cut a dataset in two.

    Parameters
    ----------
    dataset : array, list or tuple of arrays (N, ...); or a `Loader`, what its methods return, a
        `PyDataset`, or PyTorch's Dataset, which are read into memory
    left_size, right_size : share in (0, 1) or number of samples in each, or None for what the
        other leaves; not both None
    shuffle : bool, whether the samples are mixed first, in the same order as Keras mixes them
    seed : int or None, for the next one of the process's stream
    preferred_backend : accepted for the sake of scripts; Loaders come back in any case

    Returns
    -------
    two Loaders, in order: of single samples, as they lay in the arrays, or of batches where the
    dataset had some. ``loader.batch(32)`` makes batches of single samples

    Raises
    ------
    ArgumentError : a size is out of range, or leaves a side empty; the dataset has no end
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
    samples, batch_size = _read(dataset)
    lengths = {len(x) if np.ndim(x) else 0 for x in tree.flatten(samples)}
    if len(lengths) != 1 or not min(lengths):
        raise DataError(
            "split_dataset",
            "the arrays have different numbers of samples, or none",
            expected="the same number of rows, at least 1, in every array",
            received={"shapes": [np.shape(x) for x in tree.flatten(samples)]},
        )
    order = list(range(lengths.pop()))
    if shuffle:
        python_random.Random(random.next_seed() if seed is None else seed).shuffle(order)
    left, right = _sizes(left_size, right_size, len(order))

    def part(rows: list[int]) -> Loader:
        return Loader(_Rows(samples, np.array(rows)), batch_size=batch_size, shuffle=False)

    return part(order[:left]), part(order[len(order) - right :])


class _Rows:
    """Some samples of arrays in any structure."""

    def __init__(self, samples: Any, order: np.ndarray) -> None:
        self.samples, self.order = samples, order

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, rows: Any) -> Any:
        return rows_of(self.samples, self.order[rows])


def _array(values: Any) -> np.ndarray:
    return np.asarray(plain(values, "the dataset", "split_dataset"))


def _read(dataset: Any) -> tuple[Any, int | None]:
    """Return all samples, in the structure of one, and the size of the batches they came in."""
    if isinstance(dataset, Dataset | PyDataset):
        if isinstance(dataset, Dataset) and dataset.cardinality() == -1:
            raise ArgumentError(
                "split_dataset", "the dataset has no end", mend="Call take on it first."
            )
        elements = [as_element(element) for element in dataset]
        if not elements:
            raise DataError("split_dataset", "the dataset has no batches")
        if isinstance(dataset, Dataset) and dataset.batch_size is None:
            return joined(elements, np.stack), None
        return joined(elements, np.concatenate), len(tree.flatten(elements[0])[0])
    if isinstance(dataset, np.ndarray) or is_table(dataset) or is_sparse(dataset):
        return _array(dataset), None
    if isinstance(dataset, list | tuple):
        return tuple(tree.map_structure(_array, part) for part in dataset), None
    if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__") and not _is_text(dataset):
        found = [as_element(dataset[number]) for number in range(len(dataset))]
        if found:
            return joined(found, np.stack), None
    raise DtypeError(
        "split_dataset",
        "this cannot be split",
        expected="an array, a list or tuple of arrays, a Loader, a PyDataset or a Dataset",
        received={"type": type(dataset).__name__},
    )


def _is_text(dataset: Any) -> bool:
    return isinstance(dataset, str | bytes | dict)


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
