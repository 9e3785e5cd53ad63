"""The graph between a model's symbolic inputs and outputs: found once, run at every call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from melpy import budget, clock, tree
from melpy.configurable import snake_case
from melpy.errors import ArgumentError, MelpyError, ShapeError, warn
from melpy.layers.base import Layer
from melpy.layers.input import Input, InputLayer
from melpy.models.inference import InferencePrograms
from melpy.models.joined import Step, steps_of
from melpy.names import FreeNames
from melpy.symbolic import Call, Symbolic, replace

__all__ = ["Graph", "calls_between", "path_to", "require_symbolic", "unique_names"]

CALL_S = 2e-5  # models in models, each used twice by the next, double their calls with each


class Graph:
    """What is computed, and in which order, from symbolic inputs to symbolic outputs.

    Parameters
    ----------
    inputs, outputs : symbolic tensors, or nested lists, tuples and dicts of them. An input that is
        no `Input`'s own, but what a layer made, gets an `Input` in its place.

    Attributes
    ----------
    starts, ends : the inputs and the outputs, as lists
    calls : list of `Call`, each after those that it needs
    uses : set of the calls, those of the inputs too
    layers : list of layers in Keras's order, the one in which weights come
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        for name, side in (("inputs", inputs), ("outputs", outputs)):
            require_symbolic("Model", name, side)
        self.inputs, self.outputs = _begun_by_inputs(inputs, outputs)
        self.starts = tree.flatten(self.inputs)
        self.ends = tree.flatten(self.outputs)
        order = calls_between(self.starts, self.outputs)
        self.calls = [call for call in order if call.inputs]
        self.uses = {*order, *(x.call for x in self.starts)}
        self.layers = _in_keras_order(order, self.starts, self.ends)
        self._forget()

    def _forget(self) -> None:
        self._steps: list[Step] | None = None
        self._programs: InferencePrograms | None = None
        self._edits = clock.structure()

    @property
    def steps(self) -> list[Step]:
        """The calls as they run: some of them together."""
        if self._edits != clock.structure():
            self._forget()
        steps = self._steps  # another thread may forget it meanwhile
        if steps is None:
            steps = self._steps = steps_of(self.calls, self.ends)
        return steps

    @property
    def programs(self) -> InferencePrograms:
        """What infers without the layers' decisions."""
        if self._edits != clock.structure():
            self._forget()
        programs = self._programs
        if programs is None:
            programs = self._programs = InferencePrograms(self)
        return programs

    def __getstate__(self) -> dict[str, Any]:
        # A copy's steps and programs are made of the copy's layers.
        return self.__dict__ | {"_steps": None, "_programs": None}

    def run(self, values: dict[int, Any]) -> Any:
        """Compute the outputs from what `begin` returned."""
        budget.spend(CALL_S * len(self.calls), "finding the shapes of models in models")
        for step in self.steps:
            if step.runs_together(values):
                self.keep(values, step.calls[-1], step.together, step.input_of(values))
            else:
                for call in step.calls:
                    self.keep(values, call, call.run, values)
            for key in step.done:
                values.pop(key, None)
        return tree.pack_sequence_as(self.outputs, [values[id(x)] for x in self.ends])

    @staticmethod
    def keep(values: dict[int, Any], call: Call, run: Any, given: Any) -> None:
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
        values = self.arranged(inputs)
        return {id(x): x.call.function(v) for x, v in zip(self.starts, values, strict=True)}

    def arranged(self, inputs: Any) -> list[Any]:
        """Return the values in the order of the inputs."""
        if not tree.is_nested(inputs) and isinstance(self.inputs, Symbolic):
            return [inputs]
        if isinstance(inputs, dict) and not isinstance(self.inputs, dict):
            return _by_key(dict(zip(self.input_names, self.starts, strict=True)), inputs, True)
        if isinstance(inputs, dict):
            return _by_key(self.inputs, inputs)
        flat = tree.flatten(inputs)
        if isinstance(self.inputs, dict) and len(flat) == len(self.starts):
            self._require_obvious_order(inputs)
        if len(flat) != len(self.starts):
            raise ShapeError(
                "Model",
                f"it has {len(self.starts)} inputs but {len(flat)} came",
                expected=f"one array each for {', '.join(map(repr, self.input_names))}",
                received={"shapes": [getattr(x, "shape", None) for x in flat]},
            )
        return flat

    def _require_obvious_order(self, inputs: Any) -> None:
        """Warn of a list in the place of a dict; refuse it where the dict has another order."""
        keys = list(self.inputs)
        what = "its inputs are a dict, and values without names came"
        if keys != sorted(keys):
            raise ArgumentError(
                "Model", what, expected=f"a dict with {keys}", received={"type": type(inputs)}
            )
        warn(f"Model: {what}; they are taken in the order {keys}.")

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [x.name for x in self.starts]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: those of the layers that made them."""
        return _numbered([x.call.name for x in self.ends])


def require_symbolic(who: str, name: str, side: Any) -> None:
    """Refuse inputs or outputs of which one is no symbolic tensor, or that are none."""
    flat = tree.flatten(side)
    wrong = [x for x in flat if not isinstance(x, Symbolic)]
    if wrong or not flat:
        raise ArgumentError(
            who,
            f"its {name} are not symbolic tensors" if wrong else f"it has no {name}",
            expected=f"what Input() and layers called on it return, as {name}",
            received={"type": type(wrong[0]).__name__} if wrong else {},
        )


def _begins(x: Symbolic) -> bool:
    return x.call is not None and isinstance(x.call.function, InputLayer)


def _begun_by_inputs(inputs: Any, outputs: Any) -> tuple[Any, Any]:
    """Return a graph's ends, each input an `Input`'s: what follows from another is called anew."""
    starts = tree.flatten(inputs)
    if all(map(_begins, starts)):
        return inputs, outputs
    new: dict[int, Any] = {
        id(x): x if _begins(x) else Input(batch_shape=x.shape, dtype=x.dtype) for x in starts
    }

    def renewed(structure: Any) -> Any:
        return replace(structure, lambda x: new.get(id(x), x))

    for call in calls_between(starts, outputs):
        if call.inputs:
            args, kwargs = renewed((call.args, call.kwargs))
            again = Call(call.function, args, kwargs)
            again.outputs = replace(call.outputs, lambda x, again=again: x.copy(again))  # type: ignore[misc]
            pairs = zip(tree.flatten(call.outputs), tree.flatten(again.outputs), strict=True)
            new |= {id(x): y for x, y in pairs if id(x) not in new}
            if isinstance(call.function, Layer):
                call.function._calls.append(again)
    return renewed(inputs), renewed(outputs)


def calls_between(starts: list[Symbolic], outputs: Any, who: str = "Model") -> list[Call]:
    """Return all calls behind the outputs, as far as the starts, each after those that it needs."""
    given = {id(x) for x in starts}
    order: list[Call] = []
    seen: set[int] = set()

    def needs(x: Symbolic) -> Iterator[Symbolic]:
        return iter(() if id(x) in given or x.call is None else x.call.inputs)

    for path, end in tree.flatten_with_path(outputs):
        trail = [(end, needs(end))] if _key(end, given) not in seen else []
        seen.add(_key(end, given))
        while trail:
            x, coming = trail[-1]
            if (x.call is None or _begins(x)) and id(x) not in given:
                where = f"output {'.'.join(map(str, path))!r}" if path else "output"
                raise ArgumentError(
                    who,
                    f"its {where} is not connected to its inputs: it needs {x!r}",
                    expected="inputs from which all outputs can be computed",
                    mend="Add it to the inputs.",
                )
            for needed in coming:
                if _key(needed, given) not in seen:
                    seen.add(_key(needed, given))
                    trail.append((needed, needs(needed)))
                    break
            else:
                trail.pop()
                if x.call is not None and (id(x) not in given or _begins(x)):
                    order.append(x.call)
    return order


def _key(x: Symbolic, given: set[int]) -> int:
    """Return what stands for a tensor on the way: itself where it is given, or else its call."""
    return id(x) if id(x) in given else id(x.call or x)


def _by_key(wanted: Any, given: Any, only_names: bool = False) -> list[Any]:
    """Return the values that a dict has where the inputs are, in the inputs' order.

    Keys that no input has are passed over, with a warning unless they are all ``only_names``.
    """
    if not isinstance(wanted, dict) or not isinstance(given, dict):
        return [given] if isinstance(wanted, Symbolic) else tree.flatten(given)
    keys = list(wanted) if only_names else sorted(wanted)
    missing = [key for key in keys if key not in given]
    if missing:
        raise ArgumentError(
            "Model",
            f"the input {missing[0]!r} is missing",
            expected=f"a dict with {', '.join(map(repr, keys))}",
            received={"keys": list(given)},
        )
    if not only_names and len(given) > len(wanted):
        unused = sorted(key for key in given if key not in wanted)
        warn(f"Model: no input is called {unused}; they are not used.")
    return [value for key in keys for value in _by_key(wanted[key], given[key])]


def _numbered(names: list[str]) -> list[str]:
    """Return names of which none comes twice."""
    free = FreeNames()
    return [free.give(name) for name in names]


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


def unique_names(layers: list[Layer], are_told_apart: bool = True) -> None:
    """Number the layers that were given no name; refuse a name that was given twice.

    In a class of one's own they need not be ``are_told_apart``: its attributes do that.
    """
    given: dict[str, Layer] = {}
    for layer in layers:
        if layer._arguments.get("name") is None:
            continue
        if are_told_apart and given.get(layer.name, layer) is not layer:
            raise ArgumentError(
                "Model",
                f"two layers are called {layer.name!r}",
                expected="a name of its own for each layer",
            )
        given[layer.name] = layer
    names = FreeNames(given)
    for layer in layers:
        if layer._arguments.get("name") is None:
            if layer.name in names.taken:
                layer.rename(names.give(snake_case(type(layer).__name__)))
            names.taken.add(layer.name)
