"""OnnxNode: an operator of ONNX as a layer, for what Keras has neither a layer nor an operation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from melpy import budget, ops
from melpy.errors import ArgumentError, lookup
from melpy.layers.base import Layer
from melpy.saving.onnx_import import operators
from melpy.saving.onnx_import.nodes import OPERATORS, Node
from melpy.tensor import SymbolicTensor, Tensor

__all__ = ["OnnxNode", "operators", "plain_array"]  # the operators' rooms fill the table


def plain_array(array: np.ndarray) -> dict[str, Any]:
    """Return an array as plain values, its type and shape beside them."""
    return {
        "dtype": str(array.dtype),
        "shape": list(array.shape),
        "values": np.asarray(array).reshape(-1).tolist(),
    }


def _array(told: Mapping[str, Any]) -> np.ndarray:
    """Return the array that plain values describe."""
    kind, shape = np.dtype(told["dtype"]), [int(size) for size in told["shape"]]
    if kind.kind not in "fiub":
        raise ArgumentError(
            "OnnxNode", "an array is of no type for numbers", received={"dtype": str(kind)}
        )
    budget.take(math.prod(shape) * kind.itemsize, f"an array of shape {tuple(shape)}")
    return np.array(told["values"], kind).reshape(shape)


class OnnxNode(Layer):
    """y = operator(inputs), as ONNX defines it.

    Parameters
    ----------
    operator : str, ONNX's name of it, "Resize"
    opset : int, the version of the operators
    attributes : dict of the node's attributes as plain values
    inputs : list with an entry for each of the node's inputs: "tensor" for what the layer is called
        on, "absent" for what is left out, ``{"dtype", "shape", "values"}`` for a constant, and
        ``{"dtype", "shape", "trainable"}`` for a weight
    outputs : int, how many are asked for
    made : list of (shape, dtype), what the outputs are, where their sizes follow from values;
        None to find it out

    Notes
    -----
    Weights: those that ``inputs`` names, in its order, "w0" for the first input.

    Examples
    --------
    >>> layer = OnnxNode("LeakyRelu", 16, {"alpha": 0.5}, ["tensor"])
    >>> layer(np.array([-1.0, 2.0])).numpy()
    array([-0.5,  2. ])
    """

    whole = True

    def __init__(
        self,
        operator: str,
        opset: int,
        attributes: Mapping[str, Any],
        inputs: Sequence[Any],
        outputs: int = 1,
        made: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        lookup("operator", operator, OPERATORS, "OnnxNode")
        self.autocast = False  # ONNX's types are the file's
        decoded = {k: _array(v) if isinstance(v, Mapping) else v for k, v in attributes.items()}
        self._node = Node(operator, int(opset), decoded, int(outputs))
        self._given = tuple(
            _array(x) if isinstance(x, Mapping) and "values" in x else x for x in inputs
        )
        self._made = made

    def build(self, input_shape: Any) -> None:
        """Make the weights that the inputs name."""
        self._held = {
            place: self.add_weight(
                tuple(told["shape"]), "zeros", _kept(told["dtype"]),
                trainable=told["trainable"], name=f"w{place}",
            )
            for place, told in enumerate(self._given)
            if isinstance(told, Mapping)
        }  # fmt: skip

    def put(self, arrays: Sequence[np.ndarray]) -> None:
        """Let the weights hold arrays, in the order of the inputs."""
        for weight, array in zip(self._held.values(), arrays, strict=True):
            weight.assign(array)

    def _is_whole(self) -> bool:
        """Return whether nothing is read but through ops: no input's value says what comes out."""
        reads = OPERATORS[self._node.op].reads
        told = [self._given[place] for place in reads if place < len(self._given)]
        return super()._is_whole() and not any(isinstance(x, str) and x == "tensor" for x in told)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return symbolic tensors like the outputs."""
        if self._made is None:
            return super().compute_output_spec(inputs)
        made = [SymbolicTensor(tuple(shape), dtype) for shape, dtype in self._made]
        return made[0] if self._node.outputs == 1 else made

    def call(self, inputs: Any) -> Any:
        """Return the operator's output, or a list of several."""
        tensors = iter(inputs if isinstance(inputs, list | tuple) else [inputs])
        values: list[Any] = []
        for place, told in enumerate(self._given):
            if isinstance(told, str):
                values.append(next(tensors) if told == "tensor" else None)
            else:
                values.append(self._weight(place, told) if isinstance(told, Mapping) else told)
        y = OPERATORS[self._node.op].function(self._node, *values)
        if self._node.outputs == 1:
            return _tensor(y[0] if isinstance(y, list | tuple) else y)
        return [_tensor(part) for part in y[: self._node.outputs]]

    def _weight(self, place: int, told: Mapping[str, Any]) -> Any:
        weight = self._held[place]
        return ops.cast(weight, "bool") if told["dtype"] == "bool" else weight


def _kept(dtype: str) -> str:
    """Return the type in which a weight is kept: files of weights have no truth values."""
    return "uint8" if dtype == "bool" else dtype


def _tensor(x: Any) -> Any:
    return x if isinstance(x, Tensor) else Tensor(np.asarray(x))
