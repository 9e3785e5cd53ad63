"""Batches packed and unpacked, and rows brought to a norm of one."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import ArgumentError
from melpy.tape import Variable

__all__ = ["normalize", "pack_x_y_sample_weight", "unpack_x_y_sample_weight"]


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


def normalize(x: Any, axis: int = -1, order: Any = 2) -> Any:
    """y = x / (sum |x|^order)^(1 / order), along an axis.

    Parameters
    ----------
    x : array, or tensor, which gives a tensor
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
    if isinstance(x, Variable):
        return ops.normalize(x, axis, order)
    x = np.asarray(x)
    norm = np.linalg.norm(x, order, axis, keepdims=True)
    return x / np.where(norm == 0, 1, norm)
