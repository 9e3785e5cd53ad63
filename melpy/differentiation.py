"""Functions that return gradients: of a function of arrays, a function of its derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from melpy import tape
from melpy.errors import DtypeError, GraphError
from melpy.tensor import Tensor

__all__ = ["grad", "value_and_grad"]


def value_and_grad(function: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable:
    """Return a function that gives ``(L, dL/darg)`` for L = function(*args), a scalar.

    Parameters
    ----------
    function : callable that takes arrays, or nested lists, tuples and dicts of arrays, and
        returns a scalar tensor
    argnums : int or tuple of ints, which arguments to differentiate; the rest are constants

    Returns
    -------
    callable; its gradients have the structure, the shapes and the types of the arguments

    Examples
    --------
    >>> import melpy, numpy as np
    >>> melpy.value_and_grad(lambda w: (w**2).sum())(np.array([1.0, 3.0]))
    (10.0, array([2., 6.]))
    """
    wanted = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    def with_gradient(*args: Any, **kwargs: Any) -> tuple[float, Any]:
        leaves: list[Tensor] = []

        def leaf(x: Any, n: int) -> Tensor:
            value = Tensor(x)
            if value.dtype.kind != "f":
                raise DtypeError(
                    "value_and_grad",
                    f"argument {n} is made of whole numbers, which have no gradient",
                    expected="floats",
                    received={"dtype": str(value.dtype)},
                    mend="Write 3.0 instead of 3, or use .astype(float).",
                )
            leaves.append(Tensor(value, requires_grad=True))
            return leaves[-1]

        traced = {n: _map(lambda x, n=n: leaf(x, n), args[n]) for n in wanted}  # type: ignore[misc]
        y = function(*[traced.get(n, arg) for n, arg in enumerate(args)], **kwargs)
        if not isinstance(y, Tensor):
            raise GraphError(
                "value_and_grad",
                "the function did not return a tensor",
                expected="a scalar melpy.Tensor that depends on the arguments",
                received={"type": type(y).__name__},
            )
        found = iter(tape.gradients(y, leaves))
        gradients = tuple(_map(lambda _: next(found), args[n]) for n in wanted)
        return y.item(), gradients[0] if isinstance(argnums, int) else gradients

    return with_gradient


def grad(function: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable:
    """Return a function that gives dL/darg for L = function(*args); see `value_and_grad`.

    Examples
    --------
    >>> import melpy, numpy as np
    >>> melpy.grad(lambda x: np.sin(x).sum())(np.array([0.0]))
    array([1.])
    """
    with_gradient = value_and_grad(function, argnums)
    return lambda *args, **kwargs: with_gradient(*args, **kwargs)[1]


def _map(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply a function to every array of nested lists, tuples and dicts."""
    if isinstance(tree, dict):
        return {key: _map(function, value) for key, value in tree.items()}
    if isinstance(tree, list | tuple) and not all(isinstance(x, int | float) for x in tree):
        return type(tree)(_map(function, value) for value in tree)
    return function(tree)
