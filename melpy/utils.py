"""Small things that Keras keeps in ``keras.utils``."""

from __future__ import annotations

import random as python_random
from typing import Any

import numpy as np

from melpy import config, random
from melpy.data import Loader, PyDataset
from melpy.errors import ArgumentError, DataError, DtypeError
from melpy.kernels import memory
from melpy.preprocessing import (
    image_dataset_from_directory,
    pad_sequences,
    timeseries_dataset_from_array,
    to_categorical,
)
from melpy.preprocessing.image import array_to_img, img_to_array, load_img, save_img
from melpy.saving import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from melpy.symbolic import Symbolic
from melpy.viz import plot_model

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "image_dataset_from_directory",
    "img_to_array",
    "is_keras_tensor",
    "load_img",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

Sequence = PyDataset  # Keras's older name


def set_random_seed(seed: int) -> None:
    """Seed everything: melpy, and, as Keras does, Python's and NumPy's own generators.

    Parameters
    ----------
    seed : int in [0, 2^32)
    """
    random.set_seed(seed)
    python_random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  a user's own np.random calls


def clear_session(free_memory: bool = True) -> None:
    """Give the memory back that finished computations keep for the next; there is no other state.

    Parameters
    ----------
    free_memory : bool, whether to do so
    """
    if free_memory:
        memory.forget()


def is_keras_tensor(x: Any) -> bool:
    """Return whether x is symbolic: a value to come, of which models are described."""
    return isinstance(x, Symbolic)


def standardize_dtype(dtype: Any) -> str:
    """Return a type's name; the setting's for None and for Python's floats.

    Examples
    --------
    >>> standardize_dtype(np.float64), standardize_dtype(None), standardize_dtype(int)
    ('float64', 'float32', 'int32')
    """
    python_types = {None: config.floatx(), float: config.floatx(), int: "int32"}
    return python_types.get(dtype) or np.dtype(dtype).name


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Return a batch as ``fit`` takes it from a generator: x, (x, y) or (x, y, sample_weight).

    Examples
    --------
    >>> pack_x_y_sample_weight(1), pack_x_y_sample_weight([1, 2]), pack_x_y_sample_weight(1, 2)
    (1, ([1, 2],), (1, 2))
    """
    if y is None:
        return (x,) if isinstance(x, list | tuple) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Return (x, y, sample_weight) of a batch, None for what it lacks.

    Raises
    ------
    ArgumentError : the batch has more than three parts, or none

    Examples
    --------
    >>> unpack_x_y_sample_weight((1, 2))
    (1, 2, None)
    """
    parts = tuple(data) if isinstance(data, list | tuple) else (data,)
    if not 1 <= len(parts) <= 3:
        raise ArgumentError(
            "unpack_x_y_sample_weight",
            f"a batch of {len(parts)} parts",
            expected="x, (x, y) or (x, y, sample_weight)",
        )
    x, y, sample_weight = (*parts, None, None)[:3]
    return x, y, sample_weight


def normalize(x: Any, axis: int = -1, order: float = 2) -> np.ndarray:
    """y = x / (sum |x|^order)^(1 / order), along an axis.

    Parameters
    ----------
    x : array
    axis : int, the axis of each vector; a vector of zeros stays one
    order : float, the norm's; np.inf for the greatest value

    Source
    ------
    Keras 3, ``keras.utils.normalize``; along axis 0 that divides by another vector's norm.

    Examples
    --------
    >>> normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    x = np.asarray(x)
    norm = np.linalg.norm(x, order, axis, keepdims=True)
    return x / np.where(norm == 0, 1, norm)


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
