"""Model: a graph of layers, or a class of one's own, that trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from melpy import saving, tree
from melpy.errors import ArgumentError, GraphError, ShapeError, UndefinedError, lookup
from melpy.layers.base import Layer, as_shape
from melpy.layers.nesting import nested
from melpy.layers.scope import within
from melpy.models.function import is_made_of_its_graph, named
from melpy.models.graph import Graph, unique_names
from melpy.models.inference import InferencePrograms
from melpy.models.summary import print_table, summary_table
from melpy.models.training import Trainer
from melpy.saving import pickling
from melpy.tensor import SymbolicTensor

if TYPE_CHECKING:
    from melpy.models.trace import Trace

__all__ = ["Model"]

OWN_ROOMS = (__name__, "melpy.models.sequential")  # whose ``call`` runs the graph


class Model(Trainer):
    """A layer that trains: of a graph of layers, or with a ``call`` of its own.

    Parameters
    ----------
    inputs, outputs : symbolic tensors, or lists, tuples or dicts of them; without them, a
        subclass defines ``call``
    name : str or None
    trainable : bool

    Examples
    --------
    Two inputs, one of them used twice by the same layer:

    >>> import melpy
    >>> from melpy import layers
    >>> a, b = melpy.Input((4,)), melpy.Input((4,))
    >>> shared = layers.Dense(3)
    >>> y = layers.Dense(1)(shared(a) * shared(b))
    >>> melpy.Model([a, b], y).count_params()
    19
    """

    whole = True
    _graph: Graph | None = None

    @property
    def _is_open(self) -> bool:
        return self._graph is not None  # which says what the model is made of

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str | None = None,
        trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        if inputs is not None and type(self) is Model:
            name = name or "functional"  # as Keras calls it
        super().__init__(name=name, trainable=trainable, **kwargs)
        if (inputs is None) != (outputs is None):
            raise ArgumentError(
                type(self).__name__,
                "inputs and outputs come together",
                expected="both, or neither for a class that defines call",
            )
        if inputs is not None:
            self._describe_as(Graph(inputs, outputs))
            if not trainable:
                self.trainable = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        programs = self._programs
        if programs is not None and len(args) == 1 and not any(kwargs.values()):
            y = programs.run(args[0])
            if y is not None:
                return y
        return super().__call__(*args, **kwargs)

    @property
    def _programs(self) -> InferencePrograms | None:
        """What infers without the layers' decisions, where the graph is all that ``call`` does."""
        graph = self._graph
        is_own = type(self).call.__module__ in OWN_ROOMS and "call" not in vars(self)
        if graph is None or not is_own:
            return None
        return graph.programs

    def _describe_as(self, graph: Graph) -> None:
        unique_names(sorted(graph.layers, key=lambda layer: layer._calls[0].serial))
        self._graph = graph
        self._follow(graph)
        self.built = True
        with within(self):  # its path
            pass

    def _follow(self, graph: Graph) -> None:
        """Take floats of the type that the inputs have, which is not to be rounded before them."""
        if any(x.dtype == np.float64 for x in graph.starts):
            self.dtype = "float64"

    def call(self, inputs: Any) -> Any:
        """Compute the outputs of the graph."""
        if self._graph is None:
            raise GraphError(
                type(self).__name__,
                "it has no graph and defines no call",
                expected="Model(inputs, outputs), or a subclass with a method call(self, inputs)",
            )
        return _alone(self._graph.run(self._graph.begin(inputs)))

    def ensure_built(self, input_shape: Any) -> None:
        """Note the shape; the layers of a ``call`` are built as they are called."""
        if type(self).build is not Model.build:
            super().ensure_built(input_shape)
        elif not self.built:
            self.built, self._build_shapes = True, {"input_shape": input_shape}

    def build(self, input_shape: Any = None) -> None:
        """Make all weights, by running ``call`` on zeros of a shape (or a list, a dict of shapes).

        A class whose own ``build`` calls this one makes its weights there, or as it is called.

        Parameters
        ----------
        input_shape : tuple that begins with None, for the batch axis
        """
        if type(self).build is not Model.build:
            self.built, self._build_shape = True, input_shape
        elif self._graph is None and input_shape is not None:
            super().compute_output_shape(input_shape)

    def build_from_config(self, config: Any) -> None:
        """Make the weights for the shapes of `get_build_config`."""
        if not self.built and config.get("input_shape"):
            self.build(as_shape(config["input_shape"]))
        else:
            super().build_from_config(config)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the outputs' shapes."""
        if self._graph is None:
            return super().compute_output_shape(input_shape)
        outputs = self._graph.outputs
        if self._is_described_for(input_shape):
            return _shapes(outputs)
        return tree.pack_sequence_as(outputs, _flat(super().compute_output_shape(input_shape)))

    def _rule_for_shapes(self, first: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        made_of = super()._rule_for_shapes(first, args, kwargs)
        if made_of is not None and self._graph is not None:
            for leaf, x in zip(tree.flatten(made_of), self._graph.ends, strict=True):
                leaf.dtype = x.dtype  # the graph's own: places and answers are no floats
        return made_of

    def _is_described_for(self, input_shape: Any) -> bool:
        """Return whether the graph is of these inputs' shapes."""
        graph = self._whole_graph()
        given = tree.map_shape_structure(SymbolicTensor, input_shape)
        return [x.shape for x in graph.arranged(given)] == [x.shape for x in graph.starts]

    def _outputs_for(self, samples: Any) -> Any:
        if self._graph is None:
            return super()._outputs_for(samples)
        try:
            self._graph.begin(samples.take(slice(0, 1))[0])
        except ShapeError as error:  # the message is about all samples, not about the first
            shapes = [np.shape(x) for x in tree.flatten(samples.x)]
            error.received = {"shape": shapes[0]} if len(shapes) == 1 else {"shapes": shapes}
            raise
        return self._graph.outputs

    def _children(self) -> Iterator[Any]:
        seen = set()
        for layer in self._graph.layers if self._graph else []:
            seen.add(id(layer))
            yield layer
        yield from (part for part in super()._children() if id(part) not in seen)

    @property
    def layers(self) -> list[Layer]:
        """The layers, inputs included, in the order of their weights."""
        layers = list(self._children())
        if self._graph is None:
            unique_names(layers, are_told_apart=False)
        return layers

    @layers.setter
    def layers(self, layers: Any) -> None:
        refuse_layers(self, "Use another name for layers of your own.")

    @property
    def operations(self) -> list[Any]:
        """What a graph computes, inputs included: its layers, and its uses of ops."""
        calls = [*(x.call for x in self._whole_graph().starts), *self._whole_graph().calls]
        return list({id(f): f for f in map(named, calls)}.values())

    def _whole_graph(self) -> Graph:
        if self._graph is None:
            raise UndefinedError(
                f"{type(self).__name__} {self.name!r}",
                "it has no graph, so no symbolic inputs and outputs",
                expected="a model with a known input",
                mend="Begin it with an Input, or build it as Model(inputs, outputs).",
            )
        return self._graph

    # What a graph has; a model of its own class has none of them, hasattr(model, "input") is false.
    input = property(lambda self: self._whole_graph().inputs)
    output = property(lambda self: self._whole_graph().outputs)
    inputs = property(lambda self: self._whole_graph().starts)
    outputs = property(lambda self: self._whole_graph().ends)
    input_names = property(lambda self: self._whole_graph().input_names)
    output_names = property(lambda self: self._graph.output_names if self._graph else None)
    input_shape = property(lambda self: _alone(_shapes(self._whole_graph().starts)))
    output_shape = property(lambda self: _alone(_shapes(self._whole_graph().ends)))

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or its index."""
        if (index is None) == (name is None):
            raise ArgumentError(
                "get_layer",
                "a layer is found by its name or by its index",
                expected="one of them",
                received={"name": name, "index": index},
            )
        if index is not None:
            layers = self.layers
            if not -len(layers) <= index < len(layers):
                raise ArgumentError(
                    "get_layer",
                    "there is no such layer",
                    expected=f"an index below {len(layers)}",
                    received={"index": index},
                )
            return layers[index]
        return lookup("layer", name, {layer.name: layer for layer in self.layers}, "get_layer")

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print the layers, their output shapes and their numbers of parameters.

        Parameters
        ----------
        line_length : int, the most characters of a line; positions : accepted as in Keras
        print_fn : function of the text, print by default
        expand_nested : bool, whether to show the layers of models inside
        show_trainable : bool, whether to mark layers that training leaves alone
        layer_range : patterns that the names of the first and the last layer to show begin with
        """
        table = summary_table(self, expand_nested, show_trainable, layer_range, line_length)
        (print_fn or print_table)(table)

    def _repr_html_(self) -> str:
        from melpy.viz.notebook import of_model  # when a notebook shows it

        return of_model(self, summary_table(self))

    def trace(
        self, x: Any, y: Any = None, sample_weight: Any = None, training: bool | None = None,
        inside: bool = False,
    ) -> Trace:  # fmt: skip
        """Return every layer's input, output and gradients for one batch, to look at.

        The model stays as it was; see `melpy.models.trace.trace`.
        """
        from melpy.models.trace import trace  # when asked for: it takes a while

        return trace(self, x, y, sample_weight, training, inside)

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """Return all variables as a tree of arrays; see `melpy.models.state_tree`."""
        from melpy.models import state_tree

        return state_tree.get_state_tree(self, value_format)

    def set_state_tree(self, state_tree: dict[str, Any]) -> None:
        """Give the variables the values of a tree that `get_state_tree` returned, or of a part."""
        from melpy.models import state_tree as trees

        trees.set_state_tree(self, state_tree)

    def save(
        self, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
    ) -> None:
        """Write the whole model into a file that `load_model` and Keras 3 read.

        See `melpy.saving.save_model` for the kinds of files.
        """
        saving.save_model(self, filepath, overwrite, zipped, **kwargs)

    def to_json(self, **options: Any) -> str:
        """Return the model as text, without weights; `models.model_from_json` reads it."""
        return saving.to_json(self, **options)

    def save_weights(self, filepath: Any, overwrite: bool = True, **kwargs: Any) -> None:
        """Write the weights into a file, whole or not at all; see `melpy.saving.save_weights`."""
        saving.save_weights(self, filepath, overwrite, **kwargs)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Read the weights of a file that was saved for the same layers.

        See `melpy.saving.load_weights` for the kinds of files.
        """
        saving.load_weights(self, filepath, skip_mismatch, **kwargs)

    def __reduce__(self) -> Any:  # of pickles, joblib's files and other processes
        return pickling.reduced(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return pickling.deep_copy(self, memo)

    def __copy__(self) -> Any:
        return pickling.shallow_copy(self)

    def export(
        self,
        filepath: Any,
        format: str | None = None,
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """Write what the model does into a file for other programs: m.onnx.

        Parameters
        ----------
        filepath : path that ends in ".onnx", or any with ``format="onnx"``
        format : "onnx", the only one; by default what the path ends in
        verbose : whether to say where the file is; None and False say nothing
        input_signature, **kwargs : see `melpy.saving.onnx_export.export`, as for what is refused
        """
        from melpy.saving.onnx_export import export  # when asked for: it takes a while

        export(self, filepath, format, verbose, input_signature, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the model as plain values: its graph, or its constructor's arguments."""
        from melpy.models.config import graph_config

        if self._graph is None or not is_made_of_its_graph(type(self)):
            return super().get_config()
        return graph_config(self)

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None) -> Any:
        """Make a model, with new weights, from `get_config`'s result."""
        from melpy.models.config import model_of_graph

        if "input_layers" not in config:
            return super().from_config({key: nested(value) for key, value in config.items()})
        return model_of_graph(cls, config, custom_objects)


def refuse_layers(model: Model, mend: str) -> None:
    """Refuse to set ``model.layers``."""
    raise UndefinedError(
        f"{type(model).__name__} {model.name!r}", "its layers cannot be set", mend=mend
    )


def _shapes(structure: Any) -> Any:
    return tree.map_structure(lambda x: x.shape, structure)


def _flat(shapes: Any) -> list[Any]:
    """Return the shapes of a structure as a list."""
    found: list[Any] = []
    tree.map_shape_structure(found.append, shapes)
    return found


def _alone(values: Any) -> Any:
    """Return what stands alone in a list or a tuple; anything else as it is."""
    return values[0] if isinstance(values, list | tuple) and len(values) == 1 else values
