"""Vectors: their norms and their products."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.errors import ArgumentError
from melpy.ops.choice import where
from melpy.ops.comparison import equal, not_equal
from melpy.ops.creation import convert_to_numpy, floating, ndim, shape
from melpy.ops.decomposing import svd
from melpy.ops.elementwise import absolute, divide, multiply, power, subtract
from melpy.ops.indexing import get_item
from melpy.ops.joining import stack
from melpy.ops.products import tensordot
from melpy.ops.promotion import alike
from melpy.ops.reduction import _length
from melpy.ops.reduction import max as largest
from melpy.ops.reduction import min as smallest
from melpy.ops.reduction import sum as total
from melpy.ops.registry import axes_within, composed, in_keras, op
from melpy.ops.samples import normal
from melpy.ops.shaping import cast, expand_dims, moveaxis, ravel, squeeze

__all__ = ["cross", "euclidean_norm", "inner", "norm", "outer", "vdot"]


def _norm_like(torch, x, axis=None, keepdims=False):
    return torch.linalg.vector_norm(x, dim=axis, keepdim=keepdims)


@in_keras(None)
@op(
    sample=[normal((2, 3)), normal((2, 3), axis=1), normal((2, 3, 2), axis=(0, 2), keepdims=True)],
    like=_norm_like,
)
def euclidean_norm(x, *, axis=None, keepdims=False):
    """Measure the length: y = √(Σ x^2) over the axes.

    Parameters
    ----------
    x : array, any shape
    axis : int, tuple of ints, or None for all axes
    keepdims : bool, whether the reduced axes stay, with size 1

    Returns
    -------
    array, the shape of x without the axes, its float type

    Gradient
    --------
    g x / y, and 0 where y = 0

    Source
    ------
    Standard.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.euclidean_norm(np.array([[3.0, 4.0]]), axis=1)
    array([5.])
    """
    axes = tuple(range(x.ndim)) if axis is None else axis
    y = _length(x, axes)

    def d_x(g):
        g = g.reshape(y.shape)
        return g / np.where(y == 0, 1, y) * x

    return y if keepdims else y.squeeze(axes), (d_x,)


@in_keras("linalg")
@composed(whole=True)
def norm(x: Any, *, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the norm of vectors or matrices, as numpy.linalg.norm does, as a float.

    Parameters
    ----------
    x : array or tensor, any shape
    ord : None, a number, inf, -inf or 0 for vectors: (Σ |x|^ord)^(1 / ord), the largest, the
        smallest, the number of entries that are not 0. For matrices None or "fro" (Frobenius), 1,
        -1, inf, -inf (sums of columns or rows), 2, -2 or "nuc" (of the singular values the largest,
        the smallest, the sum)
    axis : int for vectors, a pair of ints for matrices; None for all of x
    keepdims : bool, whether the reduced axes stay, with size 1

    Returns
    -------
    array or tensor, the shape of x without the axes

    Examples
    --------
    >>> float(norm(np.array([3.0, -4.0]))), float(norm(np.array([3.0, -4.0]), 1))
    (5.0, 7.0)
    >>> float(norm(np.diag([3.0, 4.0]), "nuc"))
    7.0
    """
    x = floating(x)
    axes = axes_within("norm", axis, ndim(x))
    if ord is None and (axis is None or len(axes) <= 2):
        return euclidean_norm(x, axes, keepdims)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ArgumentError(
        "norm",
        "there is no such norm over these axes",
        expected="one axis for vectors, two for matrices",
        received={"ord": ord, "axis": axis, "shape": shape(x)},
    )


def _unknown_norm(ord: Any, kind: str, expected: str) -> ArgumentError:
    return ArgumentError(
        "norm", f"{kind} have no such norm", expected=expected, received={"ord": ord}
    )


def _matrix_norm(x: Any, order: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if order == "fro":
        return euclidean_norm(x, axes, keepdims)
    if order in (1, -1, np.inf, -np.inf):
        added, chosen = axes if order in (1, -1) else axes[::-1]
        sums = total(absolute(x), added, True)
        y = (largest if order > 0 else smallest)(sums, chosen, True)
        return y if keepdims else squeeze(y, axes)
    if order in (2, -2, "nuc"):
        values = svd(moveaxis(x, axes, (-2, -1)), compute_uv=False)
        y = {2: largest, -2: smallest, "nuc": total}[order](values, -1)
        return expand_dims(y, tuple(sorted(axes))) if keepdims else y
    raise _unknown_norm(order, "matrices", 'None, "fro", "nuc", 1, -1, 2, -2, inf or -inf')


def _vector_norm(x: Any, order: Any, axis: int, keepdims: bool) -> Any:
    if not isinstance(order, int | float):
        raise _unknown_norm(order, "vectors", "None or a number")
    if order == 2:
        return euclidean_norm(x, axis, keepdims)
    size = absolute(x)
    if order in (np.inf, -np.inf):
        return (largest if order > 0 else smallest)(size, axis, keepdims)
    if order == 0:
        return total(cast(not_equal(x, 0), str(size.dtype)), axis, keepdims)
    if order == 1:
        return total(size, axis, keepdims)
    # in units of the largest, so that powers neither overflow nor vanish
    unit = np.max(convert_to_numpy(size), axis, keepdims=True, initial=0)
    unit = np.where((unit > 0) & np.isfinite(unit), unit, 1)
    with np.errstate(divide="ignore"):  # a negative power of 0
        sums = total(power(divide(size, unit), order), axis, True)
        nothing = equal(sums, 0)
        y = where(nothing, 0, multiply(power(where(nothing, 1, sums), 1 / order), unit))
    return y if keepdims else squeeze(y, axis)


@composed
def outer(x1: Any, x2: Any) -> Any:
    """Return every product of an entry of x1 and one of x2, both flattened: y_ij = x1_i x2_j.

    Any shapes, of n and m entries -> (n, m).

    Examples
    --------
    >>> outer(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    array([[3., 4.],
           [6., 8.]])
    """
    x1, x2 = alike("outer", x1, x2)
    return multiply(expand_dims(ravel(x1), 1), expand_dims(ravel(x2), 0))


@composed
def inner(x1: Any, x2: Any) -> Any:
    """Return the sum of products over the last axes: y[i.., j..] = Σ_k x1[i.., k] x2[j.., k].

    (.., k), (.., k) -> the leading axes of x1, then those of x2; () of two vectors.

    Examples
    --------
    >>> float(inner(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
    11.0
    """
    if not (ndim(x1) and ndim(x2)):
        return multiply(x1, x2)
    return tensordot(x1, x2, axes=([-1], [-1]))


@composed
def vdot(x1: Any, x2: Any) -> Any:
    """Return Σ x1 x2 over all entries, both flattened.

    Any two shapes of as many entries -> ().
    """
    x1, x2 = alike("vdot", x1, x2)
    return tensordot(ravel(x1), ravel(x2), axes=1)


@composed
def cross(
    x1: Any, x2: Any, *, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """Return the vector at right angles to two, y = x1 x x2; of vectors in the plane its length.

    (.., 3), (.., 3) -> (.., 3); a vector in the plane is (.., 2), and of two the lengths are (..).

    Examples
    --------
    >>> cross(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    array([0., 0., 1.])
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(x1, axisa, 0), moveaxis(x2, axisb, 0)
    if {a.shape[0], b.shape[0]} - {2, 3}:
        raise ArgumentError(
            "cross",
            "these are no vectors of 2 or 3 entries",
            expected="2 or 3 entries along the axes",
            received={"x1.shape": shape(x1), "x2.shape": shape(x2)},
        )

    def part(x: Any, n: int) -> Any:
        return get_item(x, n) if n < x.shape[0] else multiply(get_item(x, 0), 0)

    def minor(i: int, j: int) -> Any:
        return subtract(multiply(part(a, i), part(b, j)), multiply(part(a, j), part(b, i)))

    if a.shape[0] == b.shape[0] == 2:
        return minor(0, 1)
    return stack([minor(1, 2), minor(2, 0), minor(0, 1)], axis=axisc)
