"""Which arguments a layer class's ``call`` takes: read once a class, used at every call."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from melpy import symbolic, tree
from melpy.errors import ArgumentError, DtypeError, SignatureError
from melpy.symbolic import Symbolic
from melpy.tables import no_numbers
from melpy.tensor import SymbolicTensor, Tensor, mask_of

__all__ = [
    "Shape", "TakenArguments", "as_shape", "is_array", "listed", "masks_of", "no_array",
    "outputs_like", "shapes_of", "symbols_of", "taken_arguments",
]  # fmt: skip

Shape = tuple[int | None, ...]


class TakenArguments:
    """The names that ``call``, ``build`` and the constructor of a layer class take.

    Parameters
    ----------
    layer_class : class with a method ``call``
    """

    def __init__(self, layer_class: type) -> None:
        parameters = list(inspect.signature(layer_class.call).parameters.values())[1:]  # type: ignore[attr-defined]
        kinds = inspect.Parameter
        self.names = [
            p.name
            for p in parameters
            if p.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)
        ]
        self.any_positional = any(p.kind is kinds.VAR_POSITIONAL for p in parameters)
        self.training = "training" in self.names
        self.required = [
            p.name for p in parameters if p.name in self.names and p.default is p.empty
        ]
        defaults = {p.name: p.default for p in parameters}
        self.training_default = defaults.get("training") is True
        self.masks = [name for name in self.names if name == "mask" or name.endswith("_mask")]
        build = list(inspect.signature(layer_class.build).parameters.values())[1:]  # type: ignore[attr-defined]
        named = [p for p in build if p.kind is kinds.POSITIONAL_OR_KEYWORD]
        self.build_names = [p.name for p in named]
        self.build_required = [p.name for p in named if p.default is p.empty]
        self.base_arguments = _base_arguments(layer_class)

    def with_one_positional(self, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict]:
        """Return the arguments with the first one positional and the others by name."""
        if not args:
            if self.names and self.names[0] in kwargs:
                kwargs = dict(kwargs)
                return (kwargs.pop(self.names[0]),), kwargs
            if self.names and self.names[0] in self.required:
                raise _missing(self.names[0], self.names)
            return args, kwargs
        if self.any_positional or len(args) > len(self.names):
            return args, kwargs  # Python itself says what is wrong, where it is
        return args[:1], dict(zip(self.names[1:], args[1:], strict=False)) | kwargs

    def fill_masks(self, kwargs: dict[str, Any], first: Any, masks: Any) -> None:
        """Give each mask argument that did not come the mask of its tensor.

        One tensor's argument is called ``mask``; of several, ``query_mask`` belongs to ``query``.
        """
        if not self.masks:
            return
        tensors = {n: x for n, x in kwargs.items() if n not in self.masks and _is_tensor(x)}
        if not tensors:
            if "mask" in self.masks and kwargs.get("mask") is None:
                kwargs["mask"] = masks
            return
        for name, x in {self.names[0]: first, **tensors}.items():
            if f"{name}_mask" in self.masks and kwargs.get(f"{name}_mask") is None:
                kwargs[f"{name}_mask"] = tree.map_structure(mask_of, x)

    def build_shapes(self, first: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of ``build``: the first tensor's shape, or each tensor's by name."""
        if len(self.build_names) <= 1:
            return {"input_shape": shapes_of(first)}
        found = {f"{self.names[0]}_shape": shapes_of(first)}
        found |= {f"{n}_shape": shapes_of(x) for n, x in kwargs.items() if _is_tensor(x)}
        missing = [name for name in self.build_required if name not in found]
        if missing:
            argument = missing[0].removesuffix("_shape")
            if argument in self.required:
                raise _missing(argument, self.names)
            raise ArgumentError(
                "build",
                f"its argument {missing[0]!r} is the shape of nothing that call was given",
                expected=f"some of {', '.join(found)}, after the arguments of call",
                received={"build": self.build_names},
            )
        return {name: shape for name, shape in found.items() if name in self.build_names}


def _missing(name: str, names: list[str]) -> SignatureError:
    """Return the refusal of a call without one of its arguments."""
    return SignatureError(
        "call", f"the argument {name!r} is missing", expected=f"call({', '.join(names)})"
    )


def _is_tensor(x: Any) -> bool:
    return isinstance(x, Tensor | Symbolic | np.ndarray) or (
        isinstance(x, list | tuple | dict)
        and any(isinstance(leaf, Tensor | Symbolic | np.ndarray) for leaf in tree.flatten(x))
    )


def shapes_of(x: Any) -> Any:
    """Return the shape of a tensor, a batch axis of real values as None; or a structure of them."""
    if isinstance(x, Symbolic):
        return x.shape
    if tree.is_nested(x):
        return tree.map_structure(shapes_of, x)
    return (None, *x.shape[1:]) if hasattr(x, "shape") and x.shape else ()


def _base_arguments(layer_class: type) -> set[str]:
    """Return which of the base's own arguments the constructor takes."""
    parameters = inspect.signature(layer_class.__init__).parameters.values()  # type: ignore[misc]
    base = {"name", "trainable", "dtype"}
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return base
    return base & {p.name for p in parameters}


_taken: dict[type, TakenArguments] = {}


def taken_arguments(layer_class: type) -> TakenArguments:
    """Return the arguments that a layer class takes."""
    if layer_class not in _taken:
        _taken[layer_class] = TakenArguments(layer_class)
    return _taken[layer_class]


def as_shape(shape: Any) -> Any:
    """Return a shape, or a structure of shapes, as JSON gave it, as tuples."""
    if isinstance(shape, Mapping):
        return {name: as_shape(one) for name, one in shape.items()}
    if isinstance(shape, list | tuple):
        inner = any(isinstance(one, list | tuple | Mapping) for one in shape)
        return [as_shape(one) for one in shape] if inner else tuple(shape)
    return shape


def symbols_of(shape: Any, dtype: Any) -> Any:
    """Return a symbolic tensor of a shape, or a structure of them."""
    return tree.map_shape_structure(lambda one: SymbolicTensor(one, dtype), shape)


def outputs_like(shape: Any, dtype: Any) -> Any:
    """Return what `symbolic.defer` makes outputs of."""
    return tree.map_shape_structure(lambda one: symbolic.like(one, dtype), shape)


def is_array(x: Any) -> bool:
    """Return whether x is an input of its own in a list: an array, another library's too."""
    if isinstance(x, Tensor | np.ndarray):
        return True
    return hasattr(x, "__array__") and getattr(x, "shape", ()) != ()


def masks_of(first: Any) -> Any:
    """Return the masks of the first argument's tensors in its structure; None if there is none."""
    if isinstance(first, Tensor):
        return mask_of(first)
    masks = tree.map_structure(mask_of, first)
    return masks if any(m is not None for m in tree.flatten(masks)) else None


def no_array(inputs: Any) -> DtypeError:
    """Return the refusal of what a layer is called on and cannot compute with."""
    array = getattr(inputs, "value", inputs)
    if not isinstance(array, np.ndarray):
        array = np.empty(0, object)
    return no_numbers(array, inputs, "the input", "call", expected="an array or a tensor")


def listed(who: str, layers: Any) -> list[Any]:
    """Return layers that came in one list, or refuse what is none."""
    if isinstance(layers, str | type) or not isinstance(layers, Iterable):
        raise ArgumentError(
            who,
            "the layers come in one list",
            expected="a list of layers, in order",
            received={"layers": layers},
            mend=f"Write {who}([...]).",
        )
    return list(layers)
