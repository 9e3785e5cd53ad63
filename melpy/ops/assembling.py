"""Put arrays beside and above each other, take them apart, turn them; all made of other ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from melpy.errors import ArgumentError, ShapeError
from melpy.ops.creation import array, ndim, shape
from melpy.ops.indexing import flip, get_item
from melpy.ops.joining import concatenate, pieces, split
from melpy.ops.registry import axes_within, composed, in_keras, op
from melpy.ops.samples import normal
from melpy.ops.shaping import expand_dims, swapaxes

__all__ = [
    "append", "array_split", "dsplit", "dstack", "fliplr", "flipud", "hsplit", "hstack", "rot90",
    "tril", "triu", "unstack", "vsplit", "vstack",
]  # fmt: skip


def _at_least(x: Any, count: int) -> Any:
    """Return x with axes of size 1 as numpy.atleast_nd adds them: in front, the third behind."""
    while ndim(x) < min(count, 2):
        x = expand_dims(x, 0)
    return expand_dims(x, -1) if ndim(x) < count else x


@composed
def hstack(xs: Sequence[Any]) -> Any:
    """Join beside each other: along axis 1, vectors along their only axis.

    A list of (n, m, ..) -> (n, Σ m, ..); of vectors (n,) -> (Σ n,).

    Examples
    --------
    >>> hstack([np.array([1.0]), np.array([2.0, 3.0])])
    array([1., 2., 3.])
    """
    xs = [_at_least(x, 1) for x in xs]
    return concatenate(xs, 0 if ndim(xs[0]) == 1 else 1)


@composed
def vstack(xs: Sequence[Any]) -> Any:
    """Join above each other: along axis 0, a vector counts as a row.

    A list of (n, ..) -> (Σ n, ..); a vector (m,) counts as (1, m).

    Examples
    --------
    >>> vstack([np.array([1.0, 2.0]), np.array([3.0, 4.0])])
    array([[1., 2.],
           [3., 4.]])
    """
    return concatenate([_at_least(x, 2) for x in xs], 0)


@composed
def dstack(xs: Sequence[Any]) -> Any:
    """Join behind each other: along axis 2, which is added where it is missing.

    A list of (n, m, k, ..) -> (n, m, Σ k, ..); (n, m) counts as (n, m, 1), (m,) as (1, m, 1).
    """
    return concatenate([_at_least(x, 3) for x in xs], 2)


@composed
def append(x1: Any, x2: Any, *, axis: int | None = None) -> Any:
    """Join x2 to the end of x1 along an axis; both flattened where it is None.

    (.., n, ..), (.., m, ..) -> (.., n + m, ..); flattened, of n and m entries, (n + m,).
    """
    return concatenate([x1, x2], axis)


@composed(made_of=pieces)
def array_split(x: Any, *, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut into so many pieces, the first ones longer by one where they cannot be equal.

    (.., n, ..) -> a list of arrays of that shape, but for the axis, of n / sections.

    Examples
    --------
    >>> [len(piece) for piece in array_split(np.arange(5.0), 3)]
    [2, 2, 1]
    """
    if not isinstance(indices_or_sections, int) or indices_or_sections < 1:
        return split(x, indices_or_sections, axis)
    size, longer = divmod(shape(x)[axis], indices_or_sections)
    cuts = [n * size + min(n, longer) for n in range(1, indices_or_sections)]
    return split(x, cuts, axis)


def _across(x: Any, indices_or_sections: Any) -> Any:
    return pieces(x, indices_or_sections, 0 if len(x.shape) == 1 else 1)


@composed(made_of=_across)
def hsplit(x: Any, *, indices_or_sections: Any) -> list[Any]:
    """Cut along axis 1, a vector along its only axis: the reverse of `hstack`.

    (n, m, ..) -> a list of (n, m / sections, ..); a vector (n,) -> of (n / sections,).
    """
    return split(x, indices_or_sections, 0 if ndim(x) == 1 else 1)


@composed(made_of=pieces)
def vsplit(x: Any, *, indices_or_sections: Any) -> list[Any]:
    """Cut along axis 0: the reverse of `vstack`.

    (n, ..) -> a list of (n / sections, ..).
    """
    return split(x, indices_or_sections, 0)


@composed(made_of=lambda x, indices_or_sections: pieces(x, indices_or_sections, 2))
def dsplit(x: Any, *, indices_or_sections: Any) -> list[Any]:
    """Cut along axis 2: the reverse of `dstack`.

    (n, m, k, ..) -> a list of (n, m, k / sections, ..).
    """
    return split(x, indices_or_sections, 2)


@in_keras("core")
@composed
def unstack(x: Any, *, num: int | None = None, axis: int = 0) -> list[Any]:
    """Take apart along an axis: the reverse of `stack`. ``num`` is the size of the axis, if known.

    (.., n, ..) -> a list of n arrays of that shape without the axis.

    Examples
    --------
    >>> unstack(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    [array([1., 3.]), array([2., 4.])]
    """
    x = x if hasattr(x, "shape") else array(x)
    axis = normalize_axis_index(axis, len(x.shape))
    count = x.shape[axis] if num is None else num
    before = (slice(None),) * axis
    return [get_item(x, key=(*before, n)) for n in range(count)]


@composed
def fliplr(x: Any) -> Any:
    """Reverse the order along axis 1.

    (n, m, ..) -> the same shape.
    """
    return flip(x, 1)


@composed
def flipud(x: Any) -> Any:
    """Reverse the order along axis 0.

    (n, ..) -> the same shape.
    """
    return flip(x, 0)


@composed
def rot90(array: Any, *, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """Turn k times by 90 degrees, from the first of two axes towards the second.

    (n, m, ..) -> (m, n, ..), for an even k the same shape; other axes likewise.

    Examples
    --------
    >>> rot90(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[2., 4.],
           [1., 3.]])
    """
    count = ndim(array)
    if count < 2:
        raise ShapeError(
            "rot90", "there is nothing to turn in less than two axes", expected="two axes or more",
            received={"shape": shape(array)},
        )  # fmt: skip
    first, second = axes_within("rot90", axes, count, allow_duplicate=True)
    if first == second:
        raise ArgumentError(
            "rot90", "the two axes are the same", expected="different axes", received={"axes": axes}
        )
    if k % 2:
        turned = swapaxes(array, first, second)
        return flip(turned, first if k % 4 == 1 else second)
    return flip(array, (first, second)) if k % 4 else array


@op(
    sample=[normal((3, 3)), normal((2, 2, 4), k=1)],
    like=lambda torch, x, k=0: torch.tril(x, k),
)
def tril(x, *, k=0):
    """Keep what is on and below a diagonal: y_ij = x_ij where j - i <= k, 0 elsewhere.

    Parameters
    ----------
    x : array, (.., n, m)
    k : int, the diagonal

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    g on and below the diagonal, 0 above

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.tril([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 0.],
           [3., 4.]], dtype=float32)
    """
    _require_matrices("tril", x)
    return np.tril(x, k), (lambda g: np.tril(g, k),)


@op(
    sample=[normal((3, 3)), normal((2, 2, 4), k=1)],
    like=lambda torch, x, k=0: torch.triu(x, k),
)
def triu(x, *, k=0):
    """Keep what is on and above a diagonal: y_ij = x_ij where j - i >= k, 0 elsewhere.

    Parameters
    ----------
    x : array, (.., n, m)
    k : int, the diagonal

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    g on and above the diagonal, 0 below

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.triu([[1.0, 2.0], [3.0, 4.0]])
    array([[1., 2.],
           [0., 4.]], dtype=float32)
    """
    _require_matrices("triu", x)
    return np.triu(x, k), (lambda g: np.triu(g, k),)


def _require_matrices(who, x):
    if x.ndim < 2:
        raise ShapeError(
            who,
            "these are no matrices",
            expected="shape (.., n, m)",
            received={"x.shape": x.shape},
        )
