"""Weights, and things that own weights and are made of parts that do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from melpy import constraints, initializers, regularizers, tree
from melpy.configurable import Configurable
from melpy.errors import ArgumentError, ShapeError
from melpy.layers.weight import Weight, claim
from melpy.tensor import Tensor

__all__ = ["Parts", "Weight"]

# Attributes that hold no parts.
NO_PARTS = {
    "_weights", "_losses", "_calls", "_arguments", "_inherited", "_symbols", "_inventory",
    "_compile_config",
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

    latest: object = object()  # another one after each change of any layer's attributes

    def __init__(self, owner: Parts) -> None:
        self.version = Inventory.latest
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
        return self.version is Inventory.latest and all(
            [id(part) for part in kept_in(own.get(key))] == known for own, key, known in self.lists
        )

    @staticmethod
    def expire() -> None:
        """Make all inventories out of date."""
        Inventory.latest = object()


def kept_in(value: Any) -> Iterator[Any]:
    """Yield the parts and metrics in a list, tuple or dict, or the value, if it is one."""
    if isinstance(value, list | tuple | dict):
        for entry in value.values() if isinstance(value, dict) else value:
            if type(entry) not in PLAIN:
                yield from kept_in(entry)
    elif isinstance(value, Parts) or _is_metric(value):
        yield value


def parts_in(value: Any) -> Iterator[Parts]:
    """Yield the parts in a list, tuple or dict, in their order; or the value, if it is one."""
    return (part for part in kept_in(value) if isinstance(part, Parts))


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


class Parts(Configurable):
    """What has weights, penalties and parts of its own kind; a layer without its call. Abstract.

    Parts are attributes that are `Parts`, or lists and dicts of them. ``name``, ``dtype`` and
    ``built`` are the layer's.
    """

    measures_apart = False  # whether what holds this leaves its metrics out
    edits = 0  # how often an attribute of a layer of the library was set
    name: str
    dtype: str
    built: bool

    if TYPE_CHECKING:  # ``rules`` and subclasses set attributes that no class declares

        def __getattr__(self, name: str) -> Any: ...

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__new__(cls, *args, **kwargs)
        made._weights, made._losses = [], []  # before __init__ sets any attribute
        made._trainable, made.built = True, False
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        kind, before = _kind(value), _kind(self.__dict__.get(name))
        object.__setattr__(self, name, value)
        if kind != before or not kind:  # a list in the place of a list is compared anyway
            Inventory.expire()
        # An activation, say: who decided by it decides anew. By classes that are not the library's
        # nobody does, and these may note something at every call.
        if name[0] != "_" and type(self).__module__.startswith("melpy.layers."):
            Parts.edits += 1

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        Inventory.expire()
        Parts.edits += 1

    def _gathered(self) -> Inventory:
        """Return what this layer is made of, as it is now."""
        inventory = self.__dict__.get("_inventory")
        if inventory is None or not inventory.is_current():
            inventory = self.__dict__["_inventory"] = Inventory(self)
        return inventory

    def add_weight(
        self,
        shape: Sequence[int] | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
        **ignored: Any,
    ) -> Weight:
        """Make a weight of this layer and keep it.

        Parameters
        ----------
        shape : tuple of ints, () or None for a scalar
        initializer : initializer, Glorot's uniform by default
        dtype : type of the values, the layer's own by default
        trainable : bool
        regularizer, constraint : regularizer, constraint, or None
        name : str
        ignored : aggregation, layout, overwrite_with_gradient, autocast, accepted as in Keras
        """
        shape = (shape,) if isinstance(shape, int) else tuple(shape or ())
        start: Any = initializers.get("glorot_uniform" if initializer is None else initializer)
        claim(shape, dtype or self.dtype)
        weight = Weight(
            np.asarray(start(shape, dtype or self.dtype)),
            trainable,
            name or "variable",
            regularizers.get(regularizer),
            constraints.get(constraint),
            path=f"{self.name}/{name or 'variable'}",
        )
        weight.requires_grad = weight.requires_grad and self._trainable
        self._weights.append(weight)
        Inventory.expire()
        return weight

    def add_variable(
        self,
        shape: Any,
        initializer: Any,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Weight:
        """Do as `add_weight` does, whose arguments have another order in Keras."""
        return self.add_weight(
            shape, initializer, dtype, trainable, regularizer, constraint, name, autocast=autocast
        )

    def rules(self, name: str, initializer: Any, regularizer: Any = None, constraint: Any = None):
        """Keep how a weight begins and what holds it, as ``kernel_initializer`` and so on."""
        setattr(self, f"{name}_initializer", initializer)
        setattr(self, f"{name}_regularizer", regularizer)
        setattr(self, f"{name}_constraint", constraint)

    def ruled_weight(
        self, rules: str, shape: Any, trainable: bool = True, name: str | None = None
    ) -> Weight:
        """Make a weight by the `rules` of that name, which is its own unless it has another."""
        return self.add_weight(
            shape,
            getattr(self, f"{rules}_initializer"),
            trainable=trainable,
            regularizer=getattr(self, f"{rules}_regularizer"),
            constraint=getattr(self, f"{rules}_constraint"),
            name=name or rules,
        )

    def _children(self) -> Iterator[Parts]:
        """Yield the layers that are attributes, or in lists and dicts of attributes, once each."""
        values = (value for key, value in self.__dict__.items() if key not in NO_PARTS)
        yield from _each_once([part for value in values for part in parts_in(value)])

    def _own_weights(self) -> list[Weight]:
        """Return the weights that are no sublayer's: the trainable ones, then the others."""
        own = {id(w): w for w in self._weights}
        for value in self.__dict__.values():
            if isinstance(value, Weight):
                own.setdefault(id(value), value)
        return sorted(own.values(), key=lambda w: not w.trainable)

    @property
    def layers_inside(self) -> list[Any]:
        """All layers that are part of this one, at any depth, each before its own parts."""
        return list(self._gathered().layers)

    def rename(self, name: str) -> None:
        """Take another name."""
        self.name = name
        for weight in self._own_weights():
            weight.path = f"{name}/{weight.name}"

    @property
    def weights(self) -> list[Weight]:
        """All weights: the layer's own, then those of its parts, in Keras's order."""
        return list(self._gathered().weights)

    variables = weights

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; set it to freeze or unfreeze the layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for weight in self._own_weights():
            weight.requires_grad = self._trainable and weight.trainable
        for child in self._children():
            child.trainable = value

    @property
    def trainable_weights(self) -> list[Weight]:
        """The weights that training changes."""
        return [w for w in self.weights if w.requires_grad]

    trainable_variables = trainable_weights

    @property
    def non_trainable_weights(self) -> list[Weight]:
        """The weights that training leaves to the layer, or that are frozen."""
        return [w for w in self.weights if not w.requires_grad]

    non_trainable_variables = non_trainable_weights

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
    def path(self) -> str:
        """The layer's name, with which its weights' paths begin."""
        return self.name

    @property
    def compute_dtype(self) -> str:
        """The type that the layer computes in: its own, which its weights have too."""
        return str(self.dtype)

    variable_dtype = input_dtype = compute_dtype

    def count_params(self) -> int:
        """Return the number of values in all weights.

        Raises
        ------
        ArgumentError : the layer has seen no input's shape yet, so the number is not known
        """
        if not self.built:
            raise ArgumentError(
                f"{type(self).__name__} {self.name!r}",
                "its weights are not made yet",
                expected="a built layer",
                mend="Call it on data once, or begin the model with an Input.",
            )
        return sum(w.size for w in self.weights)

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights, in Keras's order."""
        return [w.value.copy() for w in self.weights]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Overwrite the weights with arrays of the same shapes, in Keras's order."""
        who = f"{type(self).__name__} {self.name!r}"
        own = self.weights
        if len(weights) != len(own):
            raise ShapeError(
                who,
                f"has {len(own)} weights but {len(weights)} arrays came",
                expected=f"shapes {[w.shape for w in own]}",
                received={"shapes": [np.shape(v) for v in weights]},
                mend="" if self.built else "Build the layer first, by calling it once.",
            )
        for weight, value in zip(own, weights, strict=True):
            if weight.shape != np.shape(value):  # refuse before anything is overwritten
                raise ShapeError(
                    who,
                    f"weight {weight.path!r} has another shape",
                    expected=f"shape {weight.shape}",
                    received={"shape": np.shape(value)},
                )
        for weight, value in zip(own, weights, strict=True):
            weight.assign(value)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Write the layer's own weights into a mapping, under "0", "1", ..., as Keras does."""
        for number, weight in enumerate(self._own_weights()):
            store[str(number)] = weight.value.copy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Read what `save_own_variables` wrote."""
        own = self._own_weights()
        shapes = [np.shape(store[key]) for key in sorted(store, key=int)]
        if shapes != [w.shape for w in own]:
            raise ShapeError(
                f"{type(self).__name__} {self.name!r}",
                "the arrays are those of another layer",
                expected=f"shapes {[w.shape for w in own]}",
                received={"shapes": shapes},
                mend="" if self.built else "Build the layer first, by calling it once.",
            )
        for number, weight in enumerate(own):
            weight.assign(store[str(number)])

    # Losses.

    def add_loss(self, loss: Any) -> None:
        """Add a penalty, a scalar tensor, to the loss of the call at hand."""
        self._losses.extend(tree.flatten(loss))

    def _forget_losses(self) -> None:
        for layer in (self, *self._gathered().layers):
            layer._losses.clear()

    @property
    def losses(self) -> list[Any]:
        """What `add_loss` was given in the last call, and the trained weights' penalties."""
        layers = self._gathered().layers
        added = [loss for layer in (self, *layers) for loss in layer._losses]
        return added + [w.regularizer(w) for w in self.trainable_weights if w.regularizer]
