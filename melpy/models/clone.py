"""Models with the same layers and weights of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from melpy import tree
from melpy.errors import ArgumentError
from melpy.layers.base import Layer
from melpy.layers.input import Input, InputLayer
from melpy.layers.nesting import copied
from melpy.models.model import Model
from melpy.models.sequential import Sequential
from melpy.symbolic import replace

__all__ = ["clone_model"]


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Any:
    """Return a model with the same layers and new weights; it is not compiled.

    Parameters
    ----------
    model : a model
    input_tensors : symbolic tensors to begin with, in the structure of the model's inputs
    clone_function : function of a layer that returns the one to put in its place; by default an
        equal one
    call_function : function of (layer, *args, **kwargs) that calls a layer's clone; by default
        ``layer(*args, **kwargs)``
    recursive : bool, whether ``clone_function`` is shown the layers of models inside too

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
    if model._graph is None and not isinstance(model, Sequential):
        if input_tensors is not None or clone_function or call_function:
            raise ArgumentError(
                "clone_model",
                f"{type(model).__name__} {model.name!r} has a call of its own, and no graph",
                expected="nothing but the model",
                received={"model": type(model).__name__},
            )
        return type(model).from_config(model.get_config())

    def clone(layer: Layer) -> Layer:
        if recursive and isinstance(layer, Model):
            return clone_model(layer, None, clone_function, call_function, recursive)
        return (clone_function or copied)(layer)

    def call(function: Any, *args: Any, **kwargs: Any) -> Any:
        if call_function is None or not isinstance(function, Layer):
            return function(*args, **kwargs)
        return call_function(function, *args, **kwargs)

    if isinstance(model, Sequential) and input_tensors is None and call_function is None:
        first = [copied(x) for x in model._layers if isinstance(x, InputLayer)]
        layers = [*first, *map(clone, model.layers)]
        return Sequential(layers, name=model.name, trainable=model.trainable)
    graph = model._graph
    given = tree.flatten(input_tensors) if input_tensors is not None else None
    values = {
        id(x): given[n] if given else Input(batch_shape=x.shape, dtype=x.dtype.name, name=x.name)
        for n, x in enumerate(graph.starts)
    }
    clones: dict[int, Any] = {}
    for use in graph.calls:
        function = use.function
        if isinstance(function, Layer):
            if id(function) not in clones:
                clones[id(function)] = clone(function)
            function = clones[id(function)]
        args, kwargs = replace((use.args, use.kwargs), lambda x: values[id(x)])
        made = tree.flatten(call(function, *args, **kwargs))
        values.update(zip(map(id, tree.flatten(use.outputs)), made, strict=True))

    def same(structure: Any) -> Any:
        return tree.map_structure(lambda x: values[id(x)], structure)

    return Model(same(graph.inputs), same(graph.outputs), name=model.name)
