"""Sequential: layers in a row."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from melpy import clock, tree
from melpy.errors import ArgumentError, MelpyError, ShapeError
from melpy.layers import deserialize, serialize
from melpy.layers.arguments import listed
from melpy.layers.base import Layer
from melpy.layers.input import InputLayer, beginning
from melpy.layers.scope import within
from melpy.models.graph import Graph, path_to, unique_names
from melpy.models.model import Model, refuse_layers
from melpy.symbolic import Call, Symbolic
from melpy.tape import no_grad

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

    whole = True

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        several = [layer for layer in args if isinstance(layer, Layer | Symbolic)]
        if len(several) > 1 and cls.__init__ is Sequential.__init__:
            raise ArgumentError(
                "Sequential",
                f"{len(several)} layers came as arguments of their own",
                expected="one list of layers, in order",
                received={"layers": several},
                mend="Write Sequential([...]).",
            )
        return super().__new__(cls, *args, **kwargs)

    def __init__(
        self, layers: Iterable[Any] | None = None, trainable: bool = True, name: str | None = None
    ) -> None:
        self._layers: list[Layer] = []
        self._symbols: list[Any] = []  # the input, then each layer's output
        super().__init__(name=name, trainable=trainable)
        for layer in listed("Sequential", [] if layers is None else layers):
            self.add(layer, rebuild=False)
        self._rebuild()

    def _children(self) -> Iterator[Layer]:
        yield from self._layers

    @property
    def first_number(self) -> int:  # type: ignore[override]
        """The number of the first layer, in paths: an input that is still to come has 0."""
        return 0 if self._layers and isinstance(self._layers[0], InputLayer) else 1

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input; `add` and `pop` change them."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    @layers.setter
    def layers(self, layers: Any) -> None:
        refuse_layers(self, "Use add() and pop() to change them.")

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Add a layer at the end.

        Parameters
        ----------
        layer : layer, or what `Input` returns, at the beginning
        rebuild : bool, whether weights are made at once where the input's shape is known
        """
        if isinstance(layer, Symbolic) and layer.call is not None and not layer.call.inputs:
            layer = layer.call.function
        if not isinstance(layer, Layer):
            raise ArgumentError(
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
        unique_names([*self._layers, layer])
        self._layers.append(layer)
        self.built, self._graph = False, None
        clock.structure_changed()
        if rebuild:
            try:
                self._rebuild()
            except Exception:  # the model stays as it was
                self._layers.pop()
                self._settle()
                raise

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer away and return it."""
        if not self._layers:
            raise ArgumentError("Sequential.pop", "there is no layer to take away")
        layer = self._layers.pop()
        if len(self._symbols) > len(self._layers):
            layer._calls.remove(made_by(self._symbols.pop()))
        self.built, self._graph = False, None
        clock.structure_changed()
        if rebuild:
            self._rebuild()
        return layer

    def _rebuild(self) -> None:
        """Put the layers that are new behind those before, if it is known what comes in."""
        first = self._layers[0] if self._layers else None
        if isinstance(first, InputLayer):
            self._extend()
        elif len(self._layers) > 1 and is_shape(getattr(first, "input_shape", None)):
            self.build(first.input_shape)  # type: ignore[union-attr]  # it begins with a model

    def _extend(self) -> None:
        """Put each layer behind the symbolic output of the one before, where that is to be done."""
        self._symbols = self._symbols or [beginning(self._layers[0])]  # type: ignore[arg-type]
        for layer in self._layers[len(self._symbols) :]:
            require_one_input(layer)
            x = self._symbols[-1]
            try:
                with within(self):
                    y = layer(x)
            except NotImplementedError:  # cannot be described: the layers run one by one
                return
            except MelpyError as error:
                call = made_by(x)
                before = path_to(call) + (" -> " if call.inputs else "")
                shapes = ", ".join(str(one.shape) for one in tree.flatten(x))
                error.before = error.before or f"{before}{call.name} {shapes}"
                raise
            self._symbols.append(y)
        self._settle()

    def _settle(self) -> None:
        """Bring the graph and ``built`` up to date with the layers."""
        self._graph = None
        if len(self._symbols) == len(self._layers) > 1:
            self._graph = Graph(self._symbols[0], self._symbols[-1])
            self._follow(self._graph)
        self.built = self._graph is not None

    def build(self, input_shape: Any = None) -> None:
        """Make all weights, each layer's from the shape that the one before it gives.

        Parameters
        ----------
        input_shape : tuple that begins with the batch size or None; or a list or dict of them, for
            a first layer that takes several tensors: then the model has no symbolic input
        """
        if input_shape is None and self._graph is None:
            return
        self._require_layers()
        first, shape = self._layers[0], input_shape
        if isinstance(first, InputLayer):
            if shape is not None and not first.fits(shape):
                raise ShapeError(
                    f"Sequential {self.name!r}",
                    "it begins with an Input of another shape",
                    expected=f"{first.batch_shape}, or no shape at all",
                    received={"input_shape": shape},
                )
            self._extend()
        elif is_shape(shape) and first.input_dtype is not None:
            start = InputLayer(batch_shape=shape, dtype=first.input_dtype)
            unique_names([*self._layers, start])
            self._layers.insert(0, start)
            try:
                self._extend()
            except Exception:  # the model stays as it was
                self._layers.pop(0)
                self._symbols = []
                raise
        else:
            super().build(shape)

    def _require_layers(self) -> None:
        if not self._layers:
            raise ArgumentError(
                f"Sequential {self.name!r}", "the model has no layers", mend="Add some first."
            )

    def ensure_built(self, input_shape: Any) -> None:
        """Make the weights once; for several tensors, the layers make theirs as they are called."""
        if not self.built and is_shape(input_shape):
            super().ensure_built(input_shape)
        elif not self.built:
            self._note_build({"input_shape": input_shape})

    def _note_build(self, shapes: dict[str, Any]) -> None:
        if self._graph is not None or any(shape is not None for shape in shapes.values()):
            super()._note_build(shapes)

    def call(self, inputs: Any) -> Any:
        """Run the layers in order."""
        self._require_layers()
        if self._graph is None:
            for layer in self._layers:
                inputs = layer(inputs)
            return inputs
        try:
            begun = self._graph.begin(inputs)
        except ShapeError as refused:
            return self._run_in_other_sizes(inputs, refused)
        return self._graph.run(begun)

    def _run_in_other_sizes(self, inputs: Any, refused: ShapeError) -> Any:
        """Run on an input of another size than the first one's, if that suits all layers."""
        x = self._layers[0]._as_input(inputs)
        sizes = np.shape(x)[1:]
        turned = Counter(sizes) == Counter(self.input_shape[1:])  # axes in another order
        if len(sizes) != len(self.input_shape) - 1 or turned:
            raise refused
        try:
            return self._graph.run({id(self._symbols[0]): x})  # type: ignore[union-attr]
        except MelpyError:  # it is the input that does not fit
            raise refused from None

    def _outputs_for(self, samples: Any) -> Any:
        try:
            return super()._outputs_for(samples)
        except ShapeError as refused:
            try:
                with no_grad():  # layers may take other sizes than the Input's
                    return self(samples.take(slice(0, 1))[0], training=False)
            except MelpyError:
                raise refused from None

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the last layer's output shape."""
        if self._graph is None and is_shape(input_shape):
            self.build(input_shape)
        for layer in self.layers:
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
        if "name" not in config or "layers" not in config:
            raise ArgumentError(
                "Sequential.from_config",
                "the config is not a Sequential's",
                expected='a dict with "name" and "layers"',
                received={"keys": list(config)},
            )
        model = cls(
            [deserialize(entry, custom_objects) for entry in config["layers"]],
            name=config["name"],
        )
        model._trainable = config.get("trainable", True)  # the layers have their own
        return model


def is_shape(x: Any) -> bool:
    """Return whether this is one shape, not several of them."""
    return isinstance(x, list | tuple) and all(isinstance(n, int | np.integer | None) for n in x)


def made_by(outputs: Any) -> Call:
    """Return the call that made symbolic outputs."""
    return next(x.call for x in tree.flatten(outputs) if isinstance(x, Symbolic) and x.call)


def require_one_input(layer: Layer) -> None:
    """Refuse a layer that cannot be called with one argument."""
    parameters = inspect.signature(layer.call).parameters.values()
    by_position = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p.name for p in by_position if p.default is p.empty]
    takes_one = by_position or any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if len(needed) > 1 or not takes_one:
        raise ArgumentError(
            f"{type(layer).__name__} {layer.name!r}",
            "a layer of a Sequential is called with one argument, the output of the layer before",
            expected="one required argument of call",
            received={"arguments": needed},
            mend="Use Model(inputs, outputs).",
        )
