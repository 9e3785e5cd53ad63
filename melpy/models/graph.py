"""The graph between a model's symbolic inputs and outputs: found once, run at every call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from melpy import tree
from melpy.configurable import snake_case
from melpy.errors import ArgumentError, GraphError, MelpyError, ShapeError
from melpy.layers.base import Layer
from melpy.layers.input import InputLayer
from melpy.layers.parts import Parts
from melpy.models.fusion import Step, steps_of
from melpy.models.inference import Plans
from melpy.symbolic import Call, Symbolic

__all__ = ["Graph", "path_to", "unique_names"]


class Graph:
    """What is computed, and in which order, from symbolic inputs to symbolic outputs.

    Parameters
    ----------
    inputs, outputs : symbolic tensors, or lists, tuples or dicts of them

    Attributes
    ----------
    calls : list of `Call`, each after those that it needs
    layers : list of layers in Keras's order, the one in which weights come
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.inputs, self.outputs = inputs, outputs
        for name, side in (("inputs", inputs), ("outputs", outputs)):
            for x in tree.flatten(side):
                if not isinstance(x, Symbolic):
                    raise ArgumentError(
                        "Model",
                        f"its {name} are not symbolic tensors",
                        expected=f"what Input() and layers called on it return, as {name}",
                        received={"type": type(x).__name__},
                    )
        self.starts = tree.flatten(inputs)
        self.ends = tree.flatten(outputs)
        order = self._sorted()
        given = {id(x) for x in self.starts}
        self.calls = [c for c in order if not {id(x) for x in tree.flatten(c.outputs)} <= given]
        self.layers = _in_keras_order(order, self.starts, self.ends)
        self._forget()

    def _forget(self) -> None:
        self._steps: list[Step] | None = None
        self._plans: Plans | None = None
        self._edits = Parts.edits

    @property
    def steps(self) -> list[Step]:
        """The calls as they run: some of them together."""
        if self._edits != Parts.edits:  # what runs together follows from the layers' attributes
            self._forget()
        steps = self._steps  # another thread may forget it meanwhile
        if steps is None:
            steps = self._steps = steps_of(self.calls, self.ends)
        return steps

    @property
    def plans(self) -> Plans:
        """What runs few samples."""
        if self._edits != Parts.edits:
            self._forget()
        plans = self._plans
        if plans is None:
            plans = self._plans = Plans(self)
        return plans

    def __getstate__(self) -> dict[str, Any]:
        # A copy's steps and plans are made of the copy's layers.
        return self.__dict__ | {"_steps": None, "_plans": None}

    def _sorted(self) -> list[Call]:
        """Return all calls behind the outputs, each after those that it needs."""
        given = {id(x) for x in self.starts}
        order: list[Call] = []
        seen: set[int] = set()

        def needs(x: Symbolic) -> Iterator[Symbolic]:
            return iter(() if id(x) in given or x.call is None else x.call.inputs)

        for end in self.ends:
            trail = [(end, needs(end))] if id(end.call) not in seen else []
            seen.add(id(end.call))
            while trail:
                x, coming = trail[-1]
                begins = x.call is None or isinstance(x.call.function, InputLayer)
                if begins and id(x) not in given:
                    raise GraphError(
                        "Model",
                        f"its outputs need {x!r}, which is none of its inputs",
                        expected="inputs from which all outputs can be computed",
                        mend="Add it to the inputs.",
                    )
                for needed in coming:
                    key = id(needed.call or needed)
                    if key not in seen:
                        seen.add(key)
                        trail.append((needed, needs(needed)))
                        break
                else:
                    trail.pop()
                    if x.call is not None:
                        order.append(x.call)
        return order

    def run(self, inputs: Any) -> Any:
        """Compute the outputs from values of the inputs, in the nesting of either."""
        values = self.begin(inputs)
        for step in self.steps:
            if step.runs_together(values):
                self._keep(values, step.calls[-1], step.together, step.input_of(values))
            else:
                for call in step.calls:
                    self._keep(values, call, call.run, values)
            for key in step.done:
                values.pop(key, None)
        return tree.pack(self.outputs, [values[id(x)] for x in self.ends])

    @staticmethod
    def _keep(values: dict[int, Any], call: Call, run: Any, given: Any) -> None:
        """Put what a call makes among the values."""
        try:
            made = run(given)
        except MelpyError as error:
            if not error.is_nobodys:
                error.before = error.before or path_to(call)
            raise
        if isinstance(call.outputs, Symbolic):
            values[id(call.outputs)] = made
            return
        for x, value in zip(tree.flatten(call.outputs), tree.flatten(made), strict=True):
            values[id(x)] = value

    def begin(self, inputs: Any) -> dict[int, Any]:
        """Return the inputs' values by id of the symbolic input, each seen by its `InputLayer`."""
        values = {}
        for x, value in zip(self.starts, self._arranged(inputs), strict=True):
            begins = x.call is not None and isinstance(x.call.function, InputLayer)
            values[id(x)] = x.call.function(value) if begins else value
        return values

    def _arranged(self, inputs: Any) -> list[Any]:
        """Return the values in the order of the inputs; a dict by the inputs' names."""
        if isinstance(inputs, dict):
            keys = sorted(self.inputs) if isinstance(self.inputs, dict) else self.input_names
            missing = [key for key in keys if key not in inputs]
            if missing:
                raise ArgumentError(
                    "Model",
                    f"the input {missing[0]!r} is missing",
                    expected=f"a dict with {', '.join(map(repr, keys))}",
                    received={"keys": list(inputs)},
                )
            return [inputs[key] for key in keys]
        flat = tree.flatten(inputs)
        if len(flat) != len(self.starts):
            raise ShapeError(
                "Model",
                f"it has {len(self.starts)} inputs but {len(flat)} came",
                expected=f"one array each for {', '.join(map(repr, self.input_names))}",
                received={"shapes": [getattr(x, "shape", None) for x in flat]},
            )
        return flat

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [x.name or f"input_{n}" for n, x in enumerate(self.starts)]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: those of the layers that made them."""
        if isinstance(self.outputs, dict):
            return sorted(self.outputs)
        names = [x.call.name if x.call else x.name for x in self.ends]
        return _numbered(names)


def _numbered(names: list[str]) -> list[str]:
    """Return names of which none comes twice."""
    made: list[str] = []
    for name in names:
        made.append(name if name not in made else f"{name}_{names[: len(made)].count(name)}")
    return made


def _in_keras_order(order: list[Call], starts: list[Symbolic], ends: list[Symbolic]) -> list[Layer]:
    """Return the layers from the farthest from the outputs to the nearest.

    A call's depth is the longest way from it to an output; a layer's, that of its deepest call.
    Among equals, the one first met on the way back from the outputs comes first.
    """
    inside = {id(call) for call in order}
    depth: dict[int, int] = {}
    layer_depth: dict[int, int] = {}
    for call in reversed(order):
        owner = id(call.function) if isinstance(call.function, Layer) else id(call)
        here = max(depth.get(id(call), 0), layer_depth.get(owner, 0))
        depth[id(call)] = layer_depth[owner] = here
        for x in call.inputs:
            if id(x.call) in inside:
                depth[id(x.call)] = max(depth.get(id(x.call), 0), here + 1)
    layers = {id(c.function): c.function for c in order if isinstance(c.function, Layer)}
    for x in starts:  # inputs that no output needs
        if x.call is not None and isinstance(x.call.function, InputLayer):
            layers.setdefault(id(x.call.function), x.call.function)
    met = _met_first(order, ends)
    return sorted(layers.values(), key=lambda x: (-layer_depth.get(id(x), 0), met.get(id(x), -1)))


def _met_first(order: list[Call], ends: list[Symbolic]) -> dict[int, int]:
    """Return when a walk from the outputs back, depth first, meets each layer."""
    met: dict[int, int] = {}
    inside = {id(call) for call in order}
    trail: list[Any] = [x.call for x in ends if x.call is not None]
    seen = set()
    while trail:
        call = trail.pop(0)
        if id(call) in seen:
            continue
        seen.add(id(call))
        met.setdefault(id(call.function), len(met))
        trail[:0] = [x.call for x in call.inputs if id(x.call) in inside]
    return met


def path_to(call: Any) -> str:
    """Return the shapes of the few calls before one, for a message."""
    shapes: list[str] = []
    while call.inputs and len(shapes) < 4:
        x = call.inputs[0]
        shapes.append(f"{x.call.name if x.call else x.name} {x.shape}")
        if x.call is None:
            break
        call = x.call
    return " -> ".join(reversed(shapes))


def unique_names(layers: list[Layer]) -> None:
    """Number the layers that were given no name; refuse a name that was given twice."""
    given: dict[str, Layer] = {}
    for layer in layers:
        if layer._arguments.get("name") is None:
            continue
        if layer.name in given and given[layer.name] is not layer:
            raise ArgumentError(
                "Model",
                f"two layers are called {layer.name!r}",
                expected="a name of its own for each layer",
            )
        given[layer.name] = layer
    taken = set(given)
    for layer in layers:
        if layer._arguments.get("name") is None:
            if layer.name in taken:
                layer.rename(unique(snake_case(type(layer).__name__), taken))
            taken.add(layer.name)


def unique(name: str, taken: set[str]) -> str:
    """Return ``name``, with a number where another layer has it already."""
    number, candidate = 0, name
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
