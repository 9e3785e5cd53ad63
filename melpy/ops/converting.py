"""From anything to a tensor."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from melpy.errors import ArgumentError
from melpy.ops.creation import array

__all__ = ["convert_to_tensor"]

KERAS_ROOM = "core"


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    """Return `array(x, dtype)` as a tensor; ``sparse``, ``ragged`` are taken for Keras's sake only.

    Any shape -> the same shape. The tensor has memory of its own: what is written into an array
    afterwards does not change it.

    Examples
    --------
    >>> convert_to_tensor([1.0, 2.0])
    Tensor([1., 2.], dtype=float32)
    """
    if x is None:
        raise ArgumentError("convert_to_tensor", "there is no value", received={"x": None})
    made = array(x, dtype)
    if isinstance(made, np.ndarray) and made.dtype.kind in "fiub":  # tensors stand above: see there
        if hasattr(x, "__array__") and np.may_share_memory(made, np.asarray(x)):
            made = made.copy()
        return importlib.import_module("melpy.tensor").Tensor.of(made, None)
    return made
