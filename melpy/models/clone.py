"""Models with the same layers and weights of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from melpy import tree
from melpy.errors import ArgumentError
from melpy.layers.base import Layer
from melpy.layers.input import Input, InputLayer, beginning
from melpy.layers.nesting import copied
from melpy.models.function import is_made_of_its_graph
from melpy.models.model import Model
from melpy.models.sequential import Sequential
from melpy.models.steps import Steps
from melpy.symbolic import Symbolic, replace

__all__ = ["clone_model"]


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Any:
    """Return a model with the same layers and new weights, compiled as the first one is.

    Parameters
    ----------
    model : a model
    input_tensors : symbolic tensors to begin with, in the structure of the model's inputs
    clone_function : function of a layer that returns the one to put in its place; by default an
        equal one
    call_function : function of (layer, *args, **kwargs) that calls a layer's clone; by default
        ``layer(*args, **kwargs)``; not for a `Sequential`
    recursive : bool, whether ``clone_function`` is shown the layers of models inside too, each
        once, wherever it is used

    Raises
    ------
    ArgumentError : ``input_tensors`` of another structure; a function for a class with a ``call``
        of its own, whose layers nobody knows, or a ``call_function`` for a `Sequential`

    Examples
    --------
    Freeze all but the last layer of a copy:

    >>> import melpy
    >>> from melpy import layers
    >>> model = melpy.Sequential([melpy.Input((4,)), layers.Dense(3), layers.Dense(1)])
    >>> def frozen(layer):
    ...     return type(layer).from_config({**layer.get_config(), "trainable": False})
    >>> len(clone_model(model, clone_function=frozen).trainable_weights)
    0
    """
    if isinstance(model, Sequential) and call_function is not None:
        raise ArgumentError(
            "clone_model",
            "a Sequential's layers are in a row, and nothing is called between them",
            expected="call_function=None",
            mend="Build the model as Model(inputs, outputs).",
        )
    return _Cloning(clone_function or copied, call_function, recursive).of(model, input_tensors)


class _Cloning:
    """What one call of `clone_model` makes: each layer's clone, once."""

    def __init__(self, clone: Callable[[Layer], Layer], call: Any, recursive: bool) -> None:
        self.clone, self.call, self.recursive = clone, call, recursive
        self.made: dict[int, Any] = {}

    def of(self, model: Any, input_tensors: Any = None) -> Any:
        if isinstance(model, Sequential):
            made = self.sequential(model, input_tensors)
        elif model._graph is not None:
            made = self.graph(model, input_tensors)
        else:
            if input_tensors is not None or self.call is not None or self.clone is not copied:
                raise ArgumentError(
                    "clone_model",
                    f"{type(model).__name__} {model.name!r} has a call of its own, and no graph",
                    expected="nothing but the model",
                    received={"model": type(model).__name__},
                )
            made = type(model).from_config(model.get_config())
        if model.compiled:
            if type(model).compile is Steps.compile:
                made.compile(**tree.map_structure(fresh, model._compile_config))
            else:
                made.compile_from_config(model.get_compile_config())
        return made

    def layer(self, layer: Any) -> Any:
        """Return a layer's clone."""
        if id(layer) not in self.made:
            inside = self.recursive and isinstance(layer, Model)
            self.made[id(layer)] = self.of(layer) if inside else self.clone(layer)
        return self.made[id(layer)]

    def sequential(self, model: Sequential, input_tensors: Any) -> Sequential:
        first: list[Any] = [copied(x) for x in model._layers if isinstance(x, InputLayer)]
        if input_tensors is not None:
            (tensor,) = self.structured(input_tensors, model.input)
            name = first[0].name if first else None
            first = [Input(tensor=tensor, name=name)]
        layers = [*first, *map(self.layer, model.layers)]
        return Sequential(layers, name=model.name, trainable=model.trainable)

    def graph(self, model: Model, input_tensors: Any) -> Any:
        graph = model._whole_graph()
        if input_tensors is None:
            starts = [copied(x.call.function) for x in graph.starts]
            given = list(map(beginning, starts))
        else:
            given = self.structured(input_tensors, graph.inputs)
        values: dict[int, Any] = dict(zip(map(id, graph.starts), given, strict=True))
        for use in graph.calls:
            args, kwargs = replace((use.args, use.kwargs), lambda x: values[id(x)])
            function: Any = use.function
            if isinstance(function, Layer):
                function = self.layer(function)
            if isinstance(function, Layer) and self.call is not None:
                made = self.call(function, *args, **kwargs)
            else:
                made = function(*args, **kwargs)
            values.update(zip(map(id, tree.flatten(use.outputs)), tree.flatten(made), strict=True))
        inputs, outputs = replace((graph.inputs, graph.outputs), lambda x: values[id(x)])
        kind = type(model) if is_made_of_its_graph(type(model)) else Model
        return kind(inputs, outputs, name=model.name)

    def structured(self, given: Any, wanted: Any) -> list[Any]:
        """Return the symbolic tensors of a structure that is the model's inputs'."""
        flat = tree.flatten(given)
        if isinstance(wanted, Symbolic) and len(flat) == 1:
            given = flat[0]
        try:
            tree.assert_same_structure(given, wanted)
        except ArgumentError as error:
            raise ArgumentError(
                "clone_model", "input_tensors are not in the structure of the model's inputs",
                expected=error.expected, received=error.received,
            ) from None  # fmt: skip
        if not all(isinstance(x, Symbolic) for x in flat):
            raise ArgumentError(
                "clone_model",
                "input_tensors are not symbolic tensors",
                expected="what Input() returns",
                received={"types": [type(x).__name__ for x in flat]},
            )
        return flat


def fresh(x: Any) -> Any:
    """Return an equal optimizer, loss or metric that has seen nothing; names and functions stay."""
    if isinstance(x, type) or not hasattr(x, "get_config"):
        return x
    return type(x).from_config(x.get_config())
