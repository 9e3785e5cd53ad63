"""Input: where a model begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import config, ops, symbolic
from melpy.errors import ArgumentError, ShapeError
from melpy.layers.arguments import Shape, no_array
from melpy.layers.base import Layer
from melpy.strings import as_strings, data_type, type_name
from melpy.symbolic import Symbolic
from melpy.tables import as_numbers, plain
from melpy.tensor import SymbolicTensor, Tensor

__all__ = ["Input", "InputLayer"]


class InputLayer(Layer):
    """The shape and the type that a model takes; it looks at them and computes nothing.

    Parameters
    ----------
    shape : tuple of ints, one sample's shape, without the batch axis; None for an unknown size
    batch_size : int or None
    dtype : type of the input, `config.floatx` by default; "string" for words and texts
    batch_shape : tuple of ints, instead of shape and batch_size
    sparse, ragged : accepted as in Keras where they are false
    optional : bool, whether None may be passed
    name : str or None

    Notes
    -----
    Input (N, *shape), output the same.

    Examples
    --------
    >>> InputLayer((28, 28, 1)).batch_shape
    (None, 28, 28, 1)
    """

    whole = True

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        optional: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if sparse or ragged:
            raise ArgumentError(
                "Input",
                "sparse and ragged tensors are not supported",
                expected="dense arrays",
                received={"sparse": sparse, "ragged": ragged},
            )
        if shape is not None and batch_shape is not None:
            raise ArgumentError(
                "Input",
                "shape and batch_shape say the same",
                expected="one of them",
                received={"shape": shape, "batch_shape": batch_shape},
            )
        if batch_size is not None and batch_shape is not None:
            raise ArgumentError(
                "Input",
                "batch_shape begins with the batch size",
                expected="batch_shape, or shape and batch_size",
                received={"batch_size": batch_size, "batch_shape": batch_shape},
            )
        if batch_shape is None:
            if shape is None:
                raise ArgumentError("Input", "it needs a shape", expected="for example (28, 28, 1)")
            shape = (shape,) if isinstance(shape, int) else shape
            batch_shape = (batch_size, *shape)
        for size in batch_shape:
            if size is not None and (not isinstance(size, int | np.integer) or size < 0):
                raise ArgumentError(
                    "Input",
                    "a shape is made of whole numbers of at least 0, without the batch axis",
                    expected="for example (28, 28, 1)",
                    received={"shape": tuple(batch_shape)[1:]},
                )
        self.batch_shape = tuple(None if s is None else int(s) for s in batch_shape)
        self.shape = self.batch_shape[1:]
        kind = data_type(dtype or config.floatx())
        self.dtype = type_name(kind)
        self.takes_text = self.dtype == "string"
        self.optional, self.sparse, self.ragged = optional, False, False
        self.built = True

    @property
    def output(self) -> Any:
        """The symbolic tensor that begins here."""
        return beginning(self)

    def rename(self, name: str) -> None:
        """Take another name, by which a model's input is known."""
        super().rename(name)
        for call in self._calls:
            call.outputs.name = name

    def _as_input(self, inputs: Any) -> Any:
        """Return the input as a tensor of this type; a last axis of 1 is added or taken away."""
        if inputs is None and self.optional:
            return None
        if inputs is None:
            raise ArgumentError(
                "call",
                "the input is not optional, but None came",
                expected="an array",
                mend="Make it Input(..., optional=True), if the layers after it take None.",
            )
        if self.takes_text and not isinstance(inputs, Symbolic):
            inputs = Tensor.of(as_strings(inputs, "call"), None)
        if not isinstance(inputs, Tensor | Symbolic):
            inputs = Tensor.of(as_numbers(plain(inputs, "the input", "call")), None)
        if self.shape[-1:] == (1,) and self.fits((*inputs.shape, 1)):
            inputs = ops.expand_dims(inputs, -1)
        elif inputs.shape[-1:] == (1,) and self.fits(inputs.shape[:-1]):
            inputs = ops.squeeze(inputs, -1)
        if self.takes_text or inputs.dtype == self.dtype:
            return inputs
        if inputs.dtype.kind not in "fiub":
            raise no_array(inputs)
        return ops.cast(inputs, self.dtype)

    def call(self, inputs: Any = None) -> Any:
        """Return the input, after a look at its shape."""
        if inputs is not None:
            self.compute_output_shape(inputs.shape)
        return inputs

    def fits(self, shape: Shape) -> bool:
        """Return whether a shape is the model's."""
        return len(shape) == len(self.batch_shape) and all(
            size == own or own is None or size is None
            for size, own in zip(shape[1:], self.shape, strict=True)
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape, if it is the model's."""
        if not self.fits(input_shape):
            raise ShapeError(
                "call",
                "the input is not what the model was made for",
                expected=f"shape {('N', *self.shape)}".replace("'", ""),
                received={"shape": tuple(input_shape)},
                mend=_missing_axis(tuple(input_shape), self.shape),
            )
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer, as plain values."""
        return {
            "batch_shape": list(self.batch_shape),
            "dtype": self.dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
        } | ({"optional": True} if self.optional else {})


def _missing_axis(received: Shape, wanted: Shape) -> str:
    if received == wanted:
        return "Add the batch axis: x[np.newaxis]."
    if len(wanted) == 3 and received[1:] == (wanted[2], *wanted[:2]):
        return "The channels come first here: x.transpose(0, 2, 3, 1)."
    if len(wanted) == 3 and len(received) == 4 and received[1:] == (*wanted[1:], wanted[0]):
        return "The channels come last here: x.transpose(0, 3, 1, 2)."
    if len(received) == len(wanted) + 1:
        return "Resize the samples, or build the model for this size."
    return ""


def Input(  # noqa: N802  Keras's name
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: SymbolicTensor | None = None,
    optional: bool = False,
) -> SymbolicTensor:
    """Return the beginning of a model: a symbolic tensor of the shape (N, *shape).

    Parameters
    ----------
    shape : tuple of ints, without the batch axis; None for an unknown size
    batch_size : int or None
    dtype : type of the input, `config.floatx` by default; "string" for words and texts
    batch_shape : tuple of ints, instead of shape and batch_size
    name : str or None
    tensor : symbolic tensor whose shape and type to take
    sparse, ragged, optional : as in `InputLayer`

    Examples
    --------
    >>> Input((28, 28, 1)).shape
    (None, 28, 28, 1)
    """
    if tensor is not None:
        batch_shape, dtype = tensor.shape, tensor.dtype
    layer = InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, optional, name)
    return beginning(layer)


def beginning(layer: InputLayer) -> SymbolicTensor:
    """Return the symbolic output of an input layer."""
    if layer._calls:
        return layer._calls[0].outputs
    x = SymbolicTensor(layer.batch_shape, layer.dtype, name=layer.name)
    x.call = symbolic.Call(layer, (), {})
    x.call.outputs = x
    layer._calls.append(x.call)
    return x
