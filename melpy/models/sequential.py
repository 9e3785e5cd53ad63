"""Sequential: layers in a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from melpy.errors import DtypeError, GraphError, lookup
from melpy.layers.base import Layer, Shape, Weight
from melpy.layers.core import InputLayer
from melpy.models.summary import summary_table
from melpy.models.training import Trainer

__all__ = ["Input", "Sequential"]


def Input(  # noqa: N802  Keras's name
    shape: Sequence[int], batch_size: int | None = None, name: str | None = None
) -> InputLayer:
    """Return the beginning of a model: the shape of one sample.

    Parameters
    ----------
    shape : tuple of ints, without the batch axis
    batch_size : int or None
    name : str or None

    Examples
    --------
    >>> Input((28, 28, 1)).shape
    (28, 28, 1)
    """
    return InputLayer(shape, batch_size=batch_size, name=name)


class Sequential(Trainer, Layer):
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
        self, layers: Iterable[Layer] | None = None, trainable: bool = True, name: str | None = None
    ) -> None:
        self._layers: list[Layer] = []
        Layer.__init__(self, name=name, trainable=trainable)
        for layer in layers or []:
            self.add(layer)

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    @property
    def input_shape(self) -> Shape | None:
        """The input's shape, the batch axis None; None before the model is built."""
        return self._input_shape if self.built else None

    def add(self, layer: Layer) -> None:
        """Add a layer at the end."""
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
        layer.name = _unique(layer.name, {other.name for other in self._layers})
        if not self._trainable:
            layer.trainable = False
        self._layers.append(layer)
        first = self._layers[0]
        shape = first.batch_shape if isinstance(first, InputLayer) else self.input_shape
        if shape is None:
            return
        self.built = False
        try:
            self.ensure_built(shape)
        except Exception:  # the model stays as it was
            self._layers.pop()
            self.built = bool(self._layers)
            raise

    def pop(self) -> Layer:
        """Take the last layer away and return it."""
        if not self._layers:
            raise GraphError("Sequential.pop", "there is no layer to take away")
        return self._layers.pop()

    def build(self, input_shape: Shape) -> None:
        """Make all weights, each layer's from the shape that the one before it gives."""
        self._input_shape = tuple(input_shape)
        for layer in self._layers:
            layer.ensure_built(input_shape)
            input_shape = layer.output_shape(input_shape)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Run the layers in order."""
        if not self._layers:
            raise GraphError("Sequential", "the model has no layers", mend="Add some first.")
        x = inputs
        for layer in self._layers:
            x = layer(x, training=training)
        return x

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the last layer's output shape."""
        for layer in self._layers:
            input_shape = layer.output_shape(input_shape)
        return input_shape

    # The weights are the layers'; ``Layer`` sets the attributes before there are any.
    @property
    def weights(self) -> list[Weight]:
        """All weights, layer by layer."""
        return [weight for layer in self._layers for weight in layer.weights]

    @weights.setter
    def weights(self, value: list[Weight]) -> None:
        pass

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; setting it sets it for every layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = value
        for layer in self._layers:
            layer.trainable = value

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or its index."""
        if index is not None:
            return self.layers[index]
        return lookup("layer", name, {layer.name: layer for layer in self.layers}, "get_layer")

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Print the layers, their output shapes and their numbers of parameters."""
        shape: Shape | None = self.input_shape
        rows = []
        for layer in self.layers:
            shape = None if shape is None else layer.output_shape(shape)
            text = "?" if shape is None else str(tuple(shape))
            rows.append((f"{layer.name} ({type(layer).__name__})", text, layer.count_params()))
        trainable = sum(w.size for w in self.trainable_weights)
        title = f"{type(self).__name__} {self.name!r}"
        print_fn(summary_table(title, rows, trainable, self.count_params()))

    def get_config(self) -> dict[str, Any]:
        """Return the layers and their arguments as plain values."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "layers": [
                {"class_name": type(layer).__name__, "config": layer.get_config()}
                for layer in self._layers
            ],
        }

    @classmethod
    def from_config(cls, config: Any) -> Sequential:
        """Make a model, with new weights, from `get_config`'s result."""
        from melpy import layers as known

        classes = {name: getattr(known, name) for name in known.__all__} | {"Sequential": cls}
        made = [
            lookup("layer", entry["class_name"], classes, "from_config").from_config(
                entry["config"]
            )
            for entry in config["layers"]
        ]
        model = cls(made, name=config.get("name"))
        model._trainable = config.get("trainable", True)  # the layers have their own
        return model


def _unique(name: str, taken: set[str]) -> str:
    """Return ``name``, with a number where another layer has it already."""
    number, candidate = 0, name
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
