"""What stands under a name while a file is read: a constant, or a place in the graph to come.

Images come with their channels second, and run with their channels last. So a value of a graph
may lie either way, and says which. What needs the other way turns it, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy import ops
from melpy.saving.onnx_import.sizes import Size

__all__ = ["Value", "from_last", "to_last"]


def to_last(rank: int) -> tuple[int, ...]:
    """Return the axes of (N,C,H,W) in the order (N,H,W,C)."""
    return (0, *range(2, rank), 1)


def from_last(rank: int) -> tuple[int, ...]:
    """Return the axes of (N,H,W,C) in the order (N,C,H,W)."""
    return (0, rank - 1, *range(1, rank - 1))


class Value:
    """A constant, or a symbolic tensor with what is known of it.

    Parameters
    ----------
    array : array or None, of a constant
    trained : bool, whether a constant may be something that was learnt
    tensor : symbolic tensor or None
    last : bool, whether its channels, ONNX's second axis, are its last
    make : function that returns the tensor, for what may turn out not to be needed
    dims : tuple of ints and `Size`, in ONNX's order
    dtype : the type
    known : array of ints and `Size`, what its entries are; or None
    fill : float or None, what all of its entries are
    """

    def __init__(
        self,
        array: np.ndarray | None = None,
        *,
        trained: bool = False,
        tensor: Any = None,
        last: bool = False,
        make: Callable[[], Any] | None = None,
        dims: Sequence[Any] = (),
        dtype: Any = None,
        known: np.ndarray | None = None,
        fill: float | None = None,
    ) -> None:
        self.array: Any = array
        self.trained, self.last, self.fill = trained, last, fill
        self._tensor, self._make = tensor, make
        self._turned: dict[bool, Any] = {}
        self.origin: Any = None  # the node that made it, and its inputs
        self.dims = tuple(dims) if array is None else array.shape
        self.dtype = np.dtype(dtype if array is None else array.dtype)
        self.known = known
        if array is not None and array.dtype.kind in "ib" and array.size <= 64:
            self.known = array.astype(object)

    @property
    def is_constant(self) -> bool:
        """Whether its values are in the file."""
        return self.array is not None

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.dims)

    @property
    def shape(self) -> tuple[Any, ...]:
        """The sizes in ONNX's order, None where one is not known."""
        return tuple(None if isinstance(d, Size) else d for d in self.dims)

    @property
    def tensor(self) -> Any:
        """The symbolic tensor as it lies."""
        if self._tensor is None and self._make is not None:
            self._tensor = self._make()
        return self._tensor

    def turned(self, last: bool) -> Any:
        """Return the constant or the tensor with its channels last, or as ONNX has them."""
        if self.rank < 3:
            return self.array if self.is_constant else self.tensor
        if self.array is not None:
            return np.transpose(self.array, to_last(self.rank)) if last else self.array
        if last == self.last:
            return self.tensor
        if last not in self._turned:
            axes = (to_last if last else from_last)(self.rank)
            self._turned[last] = ops.transpose(self.tensor, axes=axes)
        return self._turned[last]

    @property
    def first(self) -> Any:
        """The constant or the tensor as ONNX has it."""
        return self.turned(False)
