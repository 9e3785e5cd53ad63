"""Functions whose gradient their author says, and functions of single entries."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy import tape, tree
from melpy.errors import ArgumentError, GraphError, ShapeError
from melpy.ops.control import map as mapped
from melpy.ops.creation import array, convert_to_numpy, shape
from melpy.ops.registry import composed
from melpy.ops.shaping import broadcast_to, reshape
from melpy.tape import Variable
from melpy.vjps import joint

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
            joint(back, len(args)),
            {},
        )

    return composed(call)


def vectorize(pyfunc: Callable[..., Any], *, excluded: Any = None, signature: Any = None) -> Any:
    """Make a function of arrays of one of single entries, or of their last axes.

    It is called once for each entry of the axes before, which are broadcast.

    Parameters
    ----------
    pyfunc : function of scalars, or of arrays of the axes that the signature names
    excluded : positions and names of arguments that are passed as they are
    signature : str, "(n,m),(m)->(n)": the last axes of each argument and result; or None for
        single entries

    Raises
    ------
    ShapeError : an argument has fewer axes than the signature

    Examples
    --------
    >>> vectorize(lambda a, b: a + b if a > b else a - b)(np.array([1.0, 5.0]), 2.0)
    array([-1.,  7.])
    >>> vectorize(np.dot, signature="(n),(n)->()")(np.ones((2, 3)), np.ones(3))
    array([3., 3.])
    """
    whole = set(excluded or ())
    inner = None if signature is None else _inner_axes(signature)

    @composed
    def call(*args: Any, **kwargs: Any) -> Any:
        places = [n for n in range(len(args)) if n not in whole]
        arrays = [array(args[n]) for n in places]
        outer, parts = _outer_and_parts(arrays, inner or [()] * len(arrays), signature)
        common = np.broadcast_shapes(*outer)
        flat = tuple(
            reshape(broadcast_to(x, (*common, *part)), (-1, *part))
            for x, part in zip(arrays, parts, strict=True)
        )

        def one(entries: tuple) -> Any:
            given = list(args)
            for n, entry in zip(places, entries, strict=True):
                given[n] = entry
            return pyfunc(*given, **kwargs)

        made = mapped(one, flat)
        return tree.map_structure(lambda y: reshape(y, (*common, *shape(y)[1:])), made)

    return functools.wraps(pyfunc)(call)


def _inner_axes(signature: str) -> list[tuple[str, ...]]:
    """Return the names of the last axes of each argument."""
    group = r"\(\w*(?:,\w+)*\)"
    text = signature.replace(" ", "")
    if not re.fullmatch(rf"{group}(?:,{group})*->{group}(?:,{group})*", text):
        raise ArgumentError(
            "vectorize",
            "this is no signature",
            expected="the last axes of each argument and result, such as '(n,m),(m)->(n)'",
            received={"signature": signature},
        )
    found = re.findall(r"\(([^)]*)\)", text.partition("->")[0])
    return [tuple(name for name in names.split(",") if name) for names in found]


def _outer_and_parts(
    arrays: Sequence[Any], inner: Sequence[tuple[str, ...]], signature: Any
) -> tuple[list[tuple], list[tuple]]:
    """Return the sizes of each array before those that a signature names, and those."""
    shapes = [shape(x) for x in arrays]
    sizes: dict[str, int] = {}
    outer, parts = [], []
    if len(shapes) == len(inner):
        for whole, names in zip(shapes, inner, strict=True):
            cut = len(whole) - len(names)
            outer.append(whole[: max(cut, 0)])
            parts.append(whole[max(cut, 0) :])
            pairs = list(zip(names, parts[-1], strict=False))
            if cut < 0 or any(sizes.setdefault(name, size) != size for name, size in pairs):
                break
        else:
            return outer, parts
    raise ShapeError(
        "vectorize",
        "the arguments do not fit the signature",
        expected=f"arrays whose last axes are {signature}",
        received={"shapes": shapes},
    )
