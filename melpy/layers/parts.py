"""Weights, and things that own weights and are made of parts that do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from melpy import clock, tree
from melpy.configurable import is_ours
from melpy.kernels import threads
from melpy.layers.building import late_state
from melpy.layers.variable import Variable
from melpy.layers.weights import Weighted
from melpy.probing import is_describing
from melpy.random import SeedGenerator
from melpy.tensor import Tensor

__all__ = ["NO_PARTS", "Parts"]

# Attributes that hold no parts.
NO_PARTS = {
    "_arguments", "_build_shapes", "_calls", "_input_spec", "_inventory", "_losses", "_symbols",
    "_compile_config", "_inherited", "_standing", "_measuring_programs",
    "_seats", "_training_programs", "_unchecked", "_watch", "_weights", "history",
}  # fmt: skip
# Types of attributes that are set at any time and never are, nor hold, parts.
PLAIN = {
    bool, int, float, str, type(None), type(len), type(lambda: None), np.ndarray, np.dtype, Tensor,
    np.random.Generator,
}  # fmt: skip


class Inventory:
    """What a layer is made of, gathered once and kept until something is changed.

    A training step asks for weights, losses and metrics many times. An attribute that is set and
    might be a part makes all inventories out of date; lists and dicts, which change unseen, are
    compared each time.

    Parameters
    ----------
    owner : the layer
    """

    def __init__(self, owner: Parts) -> None:
        self.version = clock.parts()
        children = list(owner._children())
        inside = [child._gathered() for child in children]
        own = owner.__dict__
        self.lists: list[tuple[dict, str, list[int]]] = [
            (own, key, [id(part) for part in kept_in(value)])
            for key, value in own.items()
            if key not in NO_PARTS and _kind(value) == "list"
        ]
        self.lists += [entry for one in inside for entry in one.lists]
        layers: list[Any] = []
        for child, one in zip(children, inside, strict=True):
            layers += [child, *one.layers]
        self.layers: list[Any] = _each_once(layers)
        self.weights = _each_once(
            [*owner._own_weights(), *(w for c in children for w in c.weights)]
        )
        self.metrics_inside: list[Any] = []
        for child, one in zip(children, inside, strict=True):
            if child.measures_apart:
                self.metrics_inside += one.metrics_inside
            elif type(child).metrics is not Parts.metrics:  # its own rule, asked each time
                self.metrics_inside.append(child)
            else:
                self.metrics_inside += one.metrics
        held = [part for key, v in own.items() if key not in NO_PARTS for part in kept_in(v)]
        self.metrics: list[Any] = [x for x in held if _is_metric(x)] + self.metrics_inside

    def is_current(self) -> bool:
        """Return whether nothing has changed since."""
        return self.version == clock.parts() and all(
            [id(part) for part in kept_in(own.get(key))] == known for own, key, known in self.lists
        )


def kept_in(value: Any, around: tuple[int, ...] = ()) -> Iterator[Any]:
    """Yield parts, variables and metrics in a list, tuple or dict, or the value, if it is one.

    A list that holds itself, or one ``around`` it, is gone through once.
    """
    if isinstance(value, list | tuple | dict):
        if id(value) in around:
            return
        around = (*around, id(value))
        for entry in value.values() if isinstance(value, dict) else value:
            if type(entry) not in PLAIN:
                yield from kept_in(entry, around)
    elif isinstance(value, Parts | Variable | SeedGenerator) or _is_metric(value):
        yield value


def _is_metric(value: Any) -> bool:
    return hasattr(type(value), "update_state")


def _kind(value: Any) -> str:
    """Return "plain" for what never is a part, "list" for what may come to hold some, or ""."""
    if type(value) in PLAIN:
        return "plain"
    if isinstance(value, tuple):
        kinds = set(map(_kind, value))
        return "plain" if kinds <= {"plain"} else "list" if kinds <= {"plain", "list"} else ""
    return "list" if isinstance(value, list | dict) else ""


def _each_once(values: list[Any]) -> list[Any]:
    return list({id(value): value for value in values}.values())


class Parts(Weighted):
    """What has weights, penalties and parts of its own kind; a layer without its call. Abstract.

    Parts are attributes that are `Parts`, or lists and dicts of them. ``name``, ``dtype`` and
    ``built`` are the layer's.
    """

    _path: str | None
    _trainable: bool
    _is_complete: bool
    first_number = 0  # of the parts, in paths
    measures_apart = False  # whether what holds this leaves its metrics out
    none_means: Mapping[str, Any] = MappingProxyType({})  # what None stands for in an attribute

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__new__(cls, *args, **kwargs)
        made._weights, made._losses, made._inventory = [], [], None  # before __init__ sets any
        made._trainable, made.built, made._is_complete = True, False, False
        made._path = None
        return made

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_inventory": None}  # a copy's is made of the copy's parts

    def __setattr__(self, name: str, value: Any) -> None:
        if name in NO_PARTS:
            object.__setattr__(self, name, value)
            return
        if value is None:
            value = self.none_means.get(name)
        kind, before = _kind(value), _kind(self.__dict__.get(name))
        if kind != "plain":
            self._keep(value)
        object.__setattr__(self, name, value)
        if kind != before or not kind:  # a list in the place of a list is compared anyway
            clock.parts_changed()
        # An activation, say: who decided by it decides anew. By classes that are not the library's
        # nobody does, and these may note something at every call.
        if name[0] != "_" and type(self).__module__.startswith("melpy.layers."):
            clock.structure_changed()

    def _keep(self, value: Any) -> None:
        """Keep the variables in an attribute's value, in the order in which they come."""
        for thing in kept_in(value):
            if isinstance(thing, Variable):
                if all(thing is not w for w in self._weights):
                    self._keep_weight(thing)
            elif isinstance(thing, Parts) and not self._has(thing):
                if self._is_complete:
                    raise late_state(self, f"the layer {thing.name!r}")
                if not self._trainable:  # what is frozen is so as a whole
                    thing.trainable = False

    def _has(self, part: Parts) -> bool:
        return any(part is own for own in self._children())

    def _keep_weight(self, weight: Variable) -> None:
        if self._is_complete:
            raise late_state(self, f"the weight {weight.name!r}")
        weight.trainable = weight.trainable and self._trainable
        self._weights.append(weight)
        clock.parts_changed()

    def _drop_weights(self, count: int) -> None:
        """Keep only the first ``count`` of the weights that were added."""
        del self._weights[count:]
        clock.parts_changed()

    def __delattr__(self, name: str) -> None:
        gone = self.__dict__.get(name)
        self._weights[:] = [w for w in self._weights if w is not gone]
        object.__delattr__(self, name)
        clock.parts_changed()
        clock.structure_changed()

    def _gathered(self) -> Inventory:
        """Return what this layer is made of, as it is now."""
        inventory = self.__dict__.get("_inventory")
        if inventory is None or not inventory.is_current():
            inventory = self.__dict__["_inventory"] = Inventory(self)
        return inventory

    def _children(self) -> Iterator[Parts]:
        """Yield the layers that are attributes, or in lists and dicts of attributes, once each."""
        values = (value for key, value in self.__dict__.items() if key not in NO_PARTS)
        things = (thing for value in values for thing in kept_in(value))
        yield from _each_once([thing for thing in things if isinstance(thing, Parts)])

    def _own_weights(self) -> list[Variable]:
        """Return the weights that are no sublayer's: those made trainable, then the others."""
        own = {id(w): w for w in self._weights}
        for key, value in self.__dict__.items():
            if key not in NO_PARTS and _kind(value) == "list":  # it may have grown since
                own |= {id(w): w for w in kept_in(value) if isinstance(w, Variable)}
        return sorted(own.values(), key=lambda w: not w.is_parameter)

    @property
    def layers_inside(self) -> list[Any]:
        """All layers that are part of this one, at any depth, each before its own parts."""
        return list(self._gathered().layers)

    def rename(self, name: str) -> None:
        """Take another name, which the paths of all that is inside begin with."""
        old, self.name = self._path or self.name, name
        new = f"{old.rpartition('/')[0]}/{name}".lstrip("/")
        for weight in self.weights:
            if weight.path.startswith(f"{old}/"):
                weight.path = new + weight.path.removeprefix(old)
        for layer in (self, *self.layers_inside):
            if layer._path == old or (layer._path or "").startswith(f"{old}/"):
                layer._path = new + layer._path.removeprefix(old)

    @property
    def weights(self) -> list[Variable]:
        """All weights: the layer's own, then those of its parts, in Keras's order."""
        return list(self._gathered().weights)

    @property
    def variables(self) -> list[Any]:
        """The `weights`, and the states of the seed generators that are attributes."""
        values = [v for key, v in self.__dict__.items() if key not in NO_PARTS]
        seeds = [x.state for v in values for x in kept_in(v) if isinstance(x, SeedGenerator)]
        inside = [v for child in self._children() for v in child.variables]
        return _each_once([*self._own_weights(), *seeds, *inside])

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; set it to freeze or unfreeze the layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for weight in self._own_weights():
            if weight.is_parameter:
                weight.trainable = self._trainable
        for child in self._children():
            child.trainable = value

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        return [w for w in self.weights if w.requires_grad] if self._trainable else []

    trainable_variables = trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training leaves to the layer, or that are frozen."""
        return [w for w in self.weights if not (w.requires_grad and self._trainable)]

    @property
    def non_trainable_variables(self) -> list[Any]:
        """The `variables` that training leaves to the layer, or that are frozen."""
        return [v for v in self.variables if not (v.requires_grad and self._trainable)]

    @property
    def metrics(self) -> list[Any]:
        """The metrics that are attributes of the layer or of its parts."""
        found = self._gathered().metrics
        return [m for x in found for m in (x.metrics if isinstance(x, Parts) else [x])]

    @property
    def metrics_variables(self) -> list[Any]:
        """The variables of the `metrics`."""
        return [variable for metric in self.metrics for variable in metric.variables]

    @property
    def path(self) -> str | None:
        """The names of the layers around it and its own, "net/dense"; None before it is built."""
        return self._path

    @property
    def compute_dtype(self) -> str:
        """The type that the layer computes in: its own, which its weights have too."""
        return str(self.dtype)

    variable_dtype = input_dtype = compute_dtype

    # Losses.

    def add_loss(self, loss: Any) -> None:
        """Add a penalty, a scalar tensor, to the loss of the call at hand."""
        if not is_describing():
            self._losses.extend(tree.flatten(loss))

    def _forget_losses(self) -> None:
        for layer in (self, *self._gathered().layers):
            layer._losses.clear()

    @property
    def losses(self) -> list[Any]:
        """What `add_loss` was given in the last call, and the trained weights' penalties."""
        layers = self._gathered().layers
        added = [loss for layer in (self, *layers) for loss in layer._losses]
        return added + [_penalty(w) for w in self.trainable_weights if w.regularizer]

    def _count_added(self) -> int:
        """Return how many losses were added in the call at hand so far."""
        return sum(len(layer._losses) for layer in (self, *self._gathered().layers))


def _penalty(weight: Any) -> Any:
    """Return what a weight's regularizer says."""
    regularizer = weight.regularizer
    if not is_ours(type(regularizer)):
        threads.missed("a regularizer of one's own")
    return regularizer(weight)
