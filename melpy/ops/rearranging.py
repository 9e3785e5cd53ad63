"""Axes by name, places by number: patterns of axes, and indices of flattened arrays."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from melpy.errors import ArgumentError, ShapeError
from melpy.ops.creation import array, convert_to_numpy, dtype, ndim, ones_like, shape
from melpy.ops.elementwise import multiply
from melpy.ops.joining import stack
from melpy.ops.registry import composed, in_keras
from melpy.ops.shaping import reshape, transpose

__all__ = ["rearrange", "unravel_index", "vander"]

Groups = list[list[str]]


def _groups(side: str) -> Groups:
    """Return the names of each axis: "b (h w) 1" is [["b"], ["h", "w"], []]."""
    return [part.strip("()").split() for part in re.findall(r"\([^()]*\)|\w+", side)]


def _refused(pattern: str, what: str) -> ArgumentError:
    return ArgumentError(
        "rearrange",
        what,
        expected='a pattern such as "b h w c -> b (h w) c", each name once on both sides',
        received={"pattern": pattern},
    )


@in_keras(None)
@composed
def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    """Cut, reorder and join axes as a pattern of their names says.

    Parameters
    ----------
    tensor : array or tensor, of the shape of the names on the left
    pattern : such as "b h w c -> b (h w) c"; names in brackets are one axis, the last name's size
        running fastest
    axes_lengths : the sizes of names in brackets on the left, all but one of each bracket

    Returns
    -------
    array or tensor, of the shape of the names, and brackets, on the right

    Raises
    ------
    ArgumentError : the pattern is none; ShapeError : the array does not fit it

    Source
    ------
    A. Rogozhnikov 2022, Einops.

    Examples
    --------
    >>> rearrange(np.arange(4.0).reshape(1, 4), "n (h w) -> n w h", h=2)
    array([[[0., 2.],
            [1., 3.]]])
    """
    if pattern.count("->") != 1:
        raise _refused(pattern, "the pattern has no two sides")
    left, right = (_groups(side) for side in pattern.split("->"))
    names = [name for group in left for name in group]
    wanted = [name for group in right for name in group]
    if sorted(names) != sorted(wanted) or len(set(names)) != len(names):
        raise _refused(pattern, "the two sides have not the same names")
    x = array(tensor)
    if len(left) != ndim(x):
        raise ShapeError(
            "rearrange",
            f"the array has {ndim(x)} axes and the pattern {len(left)}",
            received={"shape": shape(x), "pattern": pattern},
        )
    sizes = dict(axes_lengths)
    for group, size in zip(left, shape(x), strict=True):
        missing = [name for name in group if name not in sizes]
        if len(missing) > 1:
            raise _refused(pattern, f"the sizes of {missing[0]} and {missing[1]} are not known")
        known = math.prod(sizes[name] for name in group if name in sizes)
        if missing:
            sizes[missing[0]], rest = divmod(size, known)
        else:
            rest = size - known
        if rest:
            raise ShapeError(
                "rearrange",
                f"an axis of size {size} cannot be cut into {' '.join(group)}",
                received={"shape": shape(x), **{n: sizes[n] for n in group}},
            )
    x = reshape(x, tuple(sizes[name] for name in names))
    x = transpose(x, tuple(names.index(name) for name in wanted))
    return reshape(x, tuple(math.prod(sizes[name] for name in group) for group in right))


@composed
def unravel_index(indices: Any, *, shape: Any) -> tuple[Any, ...]:
    """Return the place along each axis of an entry of a flattened array.

    Parameters
    ----------
    indices : array or tensor of whole numbers, any shape
    shape : tuple of ints, that of the array

    Returns
    -------
    tuple of an array or tensor for each axis, each the shape of indices

    Examples
    --------
    >>> unravel_index(np.array([5]), (3, 4))
    (array([1]), array([1]))
    """
    flat = convert_to_numpy(array(indices))
    return tuple(np.asarray(part, flat.dtype) for part in np.unravel_index(flat, shape))


@composed
def vander(x: Any, *, N: int | None = None, increasing: bool = False) -> Any:
    """Write the powers of each entry as a row: y_nk = x_n^(N - 1 - k), a matrix of Vandermonde.

    Parameters
    ----------
    x : array or tensor, (n,)
    N : int, how many powers; None for n
    increasing : bool, whether they begin with x^0

    Returns
    -------
    array or tensor, (n, N)

    Examples
    --------
    >>> vander(np.array([2.0, 3.0]), 3)
    array([[4., 2., 1.],
           [9., 3., 1.]])
    """
    x = array(x)
    if ndim(x) != 1:
        raise ShapeError(
            "vander", "this is no vector", expected="shape (n,)", received={"shape": shape(x)}
        )
    count = shape(x)[0] if N is None else N
    if not count:
        return np.zeros((shape(x)[0], 0), dtype(x))
    powers = [ones_like(x)]
    while len(powers) < count:
        powers.append(multiply(powers[-1], x))
    return stack(powers if increasing else powers[::-1], 1)
