"""Functions whose gradient their author says, and functions of single entries."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from melpy import tape
from melpy.errors import ArgumentError, GraphError
from melpy.ops.control import map as mapped
from melpy.ops.creation import array, convert_to_numpy, shape
from melpy.ops.registry import composed
from melpy.ops.shaping import broadcast_to, reshape
from melpy.tape import Variable

__all__ = ["custom_gradient", "vectorize"]

KERAS_ROOM = None


def custom_gradient(f: Callable[..., tuple[Any, Callable[..., Any]]]) -> Callable[..., Any]:
    """Make a function of one that returns its output and its gradient.

    Parameters
    ----------
    f : function of arrays that returns y and a function from dL/dy to dL/dx of each array: one
        array, or a tuple of as many

    Returns
    -------
    function that returns y; the steps inside ``f`` are not recorded

    Raises
    ------
    GraphError : the gradient has another number of parts than there are arguments

    Examples
    --------
    >>> import melpy
    >>> @custom_gradient
    ... def clipped(x):
    ...     return x, lambda upstream: melpy.ops.clip(upstream, -1.0, 1.0)
    >>> x = melpy.Tensor([1.0, 2.0], requires_grad=True)
    >>> (clipped(x) * melpy.Tensor([0.5, 7.0])).sum().backward()
    >>> x.grad
    array([0.5, 1. ], dtype=float32)
    """

    @functools.wraps(f)
    def call(*args: Any) -> Any:
        with tape.no_grad():
            y, gradient = f(*args)
        if not any(isinstance(x, Variable) and x.requires_grad for x in args):
            return y

        def back(g: np.ndarray) -> list[np.ndarray | None]:
            with tape.no_grad():
                made = gradient(g)
            parts = list(made) if isinstance(made, list | tuple) else [made]
            if len(parts) != len(args):
                raise GraphError(
                    getattr(f, "__name__", "custom_gradient"),
                    f"its gradient has {len(parts)} parts",
                    expected=f"one for each of the {len(args)} arguments",
                )
            return [None if d is None else np.asarray(convert_to_numpy(d)) for d in parts]

        return tape.record(
            getattr(f, "__name__", "custom_gradient"),
            convert_to_numpy(y),
            args,
            tape.joint(back, len(args)),
            {},
        )

    return composed(call)


def vectorize(pyfunc: Callable[..., Any], *, excluded: Any = None, signature: Any = None) -> Any:
    """Make a function of arrays of one of single entries: it is called for each of them.

    Parameters
    ----------
    pyfunc : function of scalars
    excluded : positions and names of arguments that are passed as they are
    signature : None; functions of rows are for `vectorized_map`

    Examples
    --------
    >>> vectorize(lambda a, b: a + b if a > b else a - b)(np.array([1.0, 5.0]), 2.0)
    array([-1.,  7.])
    """
    if signature is not None:
        raise ArgumentError(
            "vectorize",
            "only functions of single entries are taken",
            expected="signature=None",
            received={"signature": signature},
            mend="Call ops.vectorized_map for functions of rows.",
        )
    whole = set(excluded or ())

    @composed
    def call(*args: Any, **kwargs: Any) -> Any:
        places = [n for n in range(len(args)) if n not in whole]
        arrays = [array(args[n]) for n in places]
        common = np.broadcast_shapes(*(shape(x) for x in arrays))
        flat = tuple(reshape(broadcast_to(x, common), (-1,)) for x in arrays)

        def one(entries: tuple) -> Any:
            given = list(args)
            for n, entry in zip(places, entries, strict=True):
                given[n] = entry
            return pyfunc(*given, **kwargs)

        return reshape(mapped(one, flat), common)

    return functools.wraps(pyfunc)(call)
