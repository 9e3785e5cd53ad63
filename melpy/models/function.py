"""Function: a graph of operations, called as one."""

from __future__ import annotations

import inspect
from typing import Any

from melpy import tree
from melpy.errors import ArgumentError, ShapeError, UnsupportedError
from melpy.models.graph import Graph, calls_between, require_symbolic
from melpy.operation import Operation
from melpy.symbolic import Symbolic
from melpy.tensor import SymbolicTensor

__all__ = ["Function"]


def named(call: Any) -> Any:
    """Return what a call computes: a layer, an operation, or the call of an op."""
    return call.function if isinstance(call.function, Operation) else call


class Function(Operation):
    """The function from symbolic inputs to symbolic outputs. It has no training loop: see `Model`.

    Parameters
    ----------
    inputs : symbolic tensors, or nested lists, tuples and dicts of them: an `Input`, or what an
        operation made; what is before it is left out
    outputs : the same, of what is computed from them
    name : str or None

    Attributes
    ----------
    operations : list of the layers and of the uses of ops, each after those that it needs

    Raises
    ------
    ArgumentError : no inputs or outputs, an output that needs something else than the inputs
    ShapeError : called on another structure, or on shapes that are not those of the inputs

    Examples
    --------
    >>> import melpy, numpy as np
    >>> x = melpy.KerasTensor((None, 2))
    >>> f = melpy.Function(x, 2 * x + 1)
    >>> f(np.array([[1.0, 2.0]]))
    Tensor([[3., 5.]], dtype=float64)
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        super().__init__(name=name)
        require_symbolic("Function", "inputs", inputs)
        require_symbolic("Function", "outputs", outputs)
        self._given, self._made = inputs, outputs
        self._starts = tree.flatten(inputs)
        given = {id(x) for x in self._starts}
        order = calls_between(self._starts, outputs, "Function")
        self._order = [call for call in order if call.inputs or id(call.outputs) not in given]

    @property
    def inputs(self) -> list[Symbolic]:
        """The symbolic inputs, in a list."""
        return list(self._starts)

    @property
    def outputs(self) -> list[Symbolic]:
        """The symbolic outputs, in a list."""
        return tree.flatten(self._made)

    @property
    def operations(self) -> list[Any]:
        """What is computed, each with a ``name``."""
        return [named(call) for call in self._order]

    def call(self, inputs: Any) -> Any:
        """Return the outputs for such inputs."""
        self._require_fitting(inputs)
        values = dict(zip(map(id, self._starts), tree.flatten(inputs), strict=True))
        for call in self._order:
            Graph.keep(values, call, call.run, values)
        return tree.map_structure(lambda x: values[id(x)], self._made)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return symbolic tensors like the outputs for such symbolic inputs."""
        return self.call(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the outputs for shapes of the inputs."""
        shapes = iter(_flat_shapes(input_shape))
        given = tree.map_structure(lambda x: SymbolicTensor(next(shapes), x.dtype), self._given)
        return tree.map_structure(lambda y: y.shape, self.compute_output_spec(given))

    def get_config(self) -> dict[str, Any]:
        """Refuse: a graph is written down as a `Model`."""
        raise UnsupportedError(
            f"Function {self.name!r}", "it has no config", mend="Make a Model of it."
        )

    def _require_fitting(self, inputs: Any) -> None:
        try:
            tree.assert_same_structure(self._given, inputs)
        except (ValueError, TypeError) as error:
            raise ArgumentError(
                f"Function {self.name!r}",
                "the inputs have another structure",
                expected=f"{tree.map_structure(lambda x: x.shape, self._given)}",
            ) from error
        for x, value in zip(self._starts, tree.flatten(inputs), strict=True):
            if not _fits(x, value):
                raise ShapeError(
                    f"Function {self.name!r}",
                    "an input has another shape",
                    expected=f"shape {x.shape}",
                    received={"shape": value.shape},
                )


def _fits(x: Symbolic, value: Any) -> bool:
    shape = tuple(value.shape)
    pairs = zip(x.shape, shape, strict=False)
    return len(shape) == x.ndim and all(None in pair or pair[0] == pair[1] for pair in pairs)


def _flat_shapes(shapes: Any) -> list[tuple]:
    """Return the shapes of a structure of them."""
    if isinstance(shapes, dict):
        return [shape for key in sorted(shapes) for shape in _flat_shapes(shapes[key])]
    if all(size is None or isinstance(size, int) for size in shapes):
        return [tuple(shapes)]
    return [shape for part in shapes for shape in _flat_shapes(part)]


def is_made_of_its_graph(made: type) -> bool:
    """Return whether a class of models takes inputs and outputs, as `Model` does."""
    parameters = list(inspect.signature(made.__init__).parameters.values())[1:]  # type: ignore[misc]
    kinds = {p.kind for p in parameters}
    open_to_all = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds
    return open_to_all or [p.name for p in parameters[:2]] == ["inputs", "outputs"]
