"""Sequential: layers in a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from melpy.errors import ArgumentError, DtypeError, GraphError, MelpyError
from melpy.layers import deserialize, serialize
from melpy.layers.base import Layer
from melpy.layers.input import InputLayer, beginning
from melpy.models.graph import Graph, path_to, unique_names
from melpy.models.model import Model
from melpy.symbolic import Symbolic
from melpy.tensor import SymbolicTensor

__all__ = ["Sequential"]


class Sequential(Model):
    """A model whose layers follow one another.

    Parameters
    ----------
    layers : layers, in order; with an `Input` first, the weights are made at once
    trainable : bool
    name : str or None

    Examples
    --------
    >>> import melpy
    >>> from melpy import layers
    >>> model = melpy.Sequential([melpy.Input((4,)), layers.Dense(3, activation="softmax")])
    >>> model.count_params()
    15
    """

    def __init__(
        self, layers: Iterable[Any] | None = None, trainable: bool = True, name: str | None = None
    ) -> None:
        self._layers: list[Layer] = []
        self._symbols: list[Any] = []  # the input, then each layer's output
        super().__init__(name=name, trainable=trainable)
        for layer in layers or []:
            self.add(layer)

    def _children(self) -> Iterator[Layer]:
        yield from self._layers

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Add a layer at the end."""
        if isinstance(layer, Symbolic) and layer.call is not None and not layer.call.inputs:
            layer = layer.call.function
        if not isinstance(layer, Layer):
            raise DtypeError(
                "Sequential.add",
                "this is no layer",
                expected="a layer, for example layers.Dense(10)",
                received={"layer": layer},
                mend="Call the class: it was given without its arguments."
                if isinstance(layer, type)
                else "",
            )
        if not self._layers and layer._first_shape is not None:
            self.add(InputLayer(batch_shape=layer._first_shape))
        if isinstance(layer, InputLayer) and self._layers:
            raise ArgumentError(
                "Sequential.add",
                "an Input stands at the beginning only",
                received={"layers before it": len(self._layers)},
            )
        if not self._trainable:
            layer.trainable = False
        self._layers.append(layer)
        try:
            unique_names(self._layers)
            if isinstance(layer, InputLayer):
                self._symbols = [beginning(layer)]
            elif self._symbols:
                self._extend(layer)
        except Exception:  # the model stays as it was
            self._layers.pop()
            raise
        self._settle()

    def _extend(self, layer: Layer) -> None:
        """Put a layer behind the symbolic output of those before it."""
        x = self._symbols[-1]
        try:
            y = layer(x)
        except MelpyError as error:
            before = path_to(x.call) + (" -> " if x.call and x.call.inputs else "")
            error.before = error.before or f"{before}{self._layers[-2].name} {x.shape}"
            raise
        if not isinstance(y, Symbolic):
            raise GraphError(
                "Sequential",
                f"layer {layer.name!r} has several outputs",
                expected="layers with one input and one output",
                mend="Use Model(inputs, outputs).",
            )
        self._symbols.append(y)

    def _settle(self) -> None:
        """Bring the graph and ``built`` up to date with the layers."""
        self._graph = None
        if self._symbols and len(self._symbols) > 1:
            self._graph = Graph(self._symbols[0], self._symbols[-1])
        self.built = bool(self._graph)

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer away and return it."""
        if not self._layers:
            raise GraphError("Sequential.pop", "there is no layer to take away")
        layer = self._layers.pop()
        if self._symbols:
            self._symbols.pop()
            layer._calls.pop()
        self._settle()
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Make all weights, each layer's from the shape that the one before it gives."""
        if self._symbols or input_shape is None:
            return
        if not self._layers:
            raise GraphError("Sequential", "the model has no layers", mend="Add some first.")
        x = SymbolicTensor(input_shape, self.dtype, name="input")
        self._symbols = [x]
        layers, self._layers = self._layers, []
        try:
            for layer in layers:
                self._layers.append(layer)
                self._extend(layer)
        finally:
            self._layers = layers
        self._settle()

    def call(self, inputs: Any) -> Any:
        """Run the layers in order."""
        if not self._layers:
            raise GraphError("Sequential", "the model has no layers", mend="Add some first.")
        if self._graph is not None:
            return self._graph.run(inputs)
        for layer in self._layers:
            inputs = layer(inputs)
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the last layer's output shape."""
        if self._graph is None:
            self.build(input_shape)
        for layer in self._layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the layers and their arguments as plain values."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self.dtype,
            "layers": [serialize(layer) for layer in self._layers],
        }

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None) -> Sequential:
        """Make a model, with new weights, from `get_config`'s result."""
        model = cls(
            [deserialize(entry, custom_objects) for entry in config["layers"]],
            name=config.get("name"),
        )
        model._trainable = config.get("trainable", True)  # the layers have their own
        return model
