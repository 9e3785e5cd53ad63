"""A layer as one operation: how a step that is written down has what its kernels do not tell.

Most layers are made of ops, and a program (`melpy.kernels.program`) knows what those do. What else
a layer does, with arrays of NumPy's or numbers of its own, a program cannot see. So it has such a
layer run anew as a whole, on a tape of its own, and take its gradients from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import FunctionType, MethodType
from typing import Any

from melpy import tape, tree
from melpy.configurable import is_ours
from melpy.kernels import program, threads
from melpy.layers.phase import phase
from melpy.ops.written import done_again
from melpy.tensor import Tensor, mask_of, set_mask
from melpy.vjps import joint

__all__ = ["ends_a_program", "goes_apart", "performed_apart"]


def goes_apart(layer: Any, first: Any, args: tuple, kwargs: dict[str, Any]) -> bool:
    """Return whether a layer's call is one operation in a step that is written down.

    A model's functions are its loss and its metrics, who speak for themselves.
    """
    if not layer.measures_apart and ends_a_program(layer):
        return False
    return not (layer._is_whole() and _have_no_masks(first, args, kwargs))


def _have_no_masks(first: Any, args: tuple, kwargs: dict[str, Any]) -> bool:
    """Return whether a call goes without masks, which are arrays of NumPy's making."""
    named = [value for name, value in kwargs.items() if name.endswith("mask")]
    if not all(mask is None or isinstance(mask, bool) for mask in tree.flatten(named)):
        return False
    tensors = tree.flatten([first, *args[1:], list(kwargs.values())])
    return all(mask_of(x) is None for x in tensors if isinstance(x, Tensor))


def ends_a_program(thing: Any) -> bool:
    """Return whether a layer, a loss, a metric runs code of one's own, and tell the step's program.

    Such code may count its calls, or read what changes: it is called once a step, as it says.
    """
    is_ones_own = not is_ours(type(thing)) or "call" in vars(thing) or _has_ones_own(thing)
    if is_ones_own:
        threads.missed(f"{thing.name}, which is one's own")
    return is_ones_own


def _has_ones_own(thing: Any, deep: int = 4) -> bool:
    """Return whether a function of one's own is among the attributes of a thing or its parts."""
    for value in vars(thing).values():
        for one in value if isinstance(value, list | tuple) else (value,):
            if isinstance(one, MethodType):
                one = one.__func__
            if not callable(one) or isinstance(one, type):
                continue
            if not is_ours(one if isinstance(one, FunctionType) else type(one)):
                return True
            if deep and hasattr(one, "measures_apart") and _has_ones_own(one, deep - 1):
                return True
    return False


def _ends_in_softmax(y: Tensor) -> bool:
    """Return whether a cross-entropy of y would be one step with what made it."""
    node = y.node
    while node is not None and node.op == "cast":
        node = node.inputs[0].node if node.inputs[0] is not None else None
    return node is not None and node.op == "softmax"


def performed_apart(
    name: str,
    all_weights: Sequence[Any],
    perform: Callable[..., Any],
    *given: Any,
    added: Callable[[], int] = lambda: 0,
) -> Any:
    """Return what ``perform(*given)`` does, as one operation of the tensors in ``given``.

    Parameters
    ----------
    name : str
    all_weights : the weights that it uses
    perform : function, whose result is one tensor
    given : its arguments, nested as they may be
    added : function that returns how many losses were added so far, which are results too
    """
    tensors = [x for x in tree.flatten(given) if isinstance(x, Tensor)]
    weights = [w for w in all_weights if w.requires_grad]
    training = phase.get()

    def forward() -> tuple[Any, Sequence[Any]]:
        leaves, before = [_leaf(x) for x in tensors], added()
        by_id = {id(x): leaf for x, leaf in zip(tensors, leaves, strict=True)}
        token, arrays = phase.set(training), [w.array for w in weights]
        try:
            with program.unwritten():
                y = perform(*tree.map_structure(lambda x: by_id.get(id(x), x), given))
        finally:
            phase.reset(token)
        if any(w.array is not array for w, array in zip(weights, arrays, strict=True)):
            threads.missed(f"{name}, which assigns to a trained weight")  # it lies elsewhere now
        is_one = isinstance(y, Tensor) and mask_of(y) is None and added() == before
        if not is_one or _ends_in_softmax(y):
            threads.missed(f"{name}, whose result is no single tensor")
            return y, ()  # still on the step's own tape, by way of the leaves
        for leaf in leaves:
            leaf.node = None
        sources = [*leaves, *weights]

        def back(g: Any) -> list[Any]:
            with program.unwritten():
                return tape.gradients(y, sources, g)

        vjps = joint(back, len(sources)) if y.requires_grad else [None] * len(sources)
        return y.array, vjps

    y, vjps = forward()
    if isinstance(y, Tensor) or not vjps:
        return y
    y, vjps = done_again(forward, y, vjps)
    return tape.record(name, y, [*tensors, *weights], vjps, {})


def _leaf(x: Tensor) -> Any:
    """Return a tensor with the values of another, which begins a tape of its own once it is cut."""
    leaf = tape.record("leaf", x.array, [x], [lambda g: g], {})
    set_mask(leaf, mask_of(x))
    return leaf
