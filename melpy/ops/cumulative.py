"""Running sums and products, differences, integrals."""

from __future__ import annotations

import numpy as np

from melpy.ops.registry import in_keras, op
from melpy.ops.samples import away, normal

__all__ = ["cumprod", "cumsum", "diff", "trapezoid"]


def _along(x, axis):
    """Return x as it is, or flattened where the axis is None, and the axis."""
    return (x.reshape(-1), 0) if axis is None else (x, axis)


def _sum_from_here(g, axis):
    """Return Σ_{j >= i} g_j along an axis: the adjoint of a running sum."""
    return np.flip(np.cumsum(np.flip(g, axis), axis), axis)


@op(
    sample=[normal((2, 3)), normal((2, 3, 2), axis=1), normal((2, 3), axis=-1)],
    like=lambda torch, x, axis=None: (
        torch.cumsum(x.ravel(), 0) if axis is None else torch.cumsum(x, axis)
    ),
)
def cumsum(x, *, axis=None, dtype=None):
    """Add up along the way: y_i = x_0 + .. + x_i along an axis.

    Parameters
    ----------
    x : array, any shape
    axis : int, or None for the flattened array
    dtype : type of the sums; None for that of x, at least 32 bits for whole numbers

    Returns
    -------
    array, the shape of x, or one axis

    Gradient
    --------
    Σ g_j over j >= i

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.cumsum([1.0, 2.0, 3.0])
    array([1., 3., 6.], dtype=float32)
    """
    shape = x.shape
    rows, along = _along(x, axis)
    y = np.cumsum(rows, along, dtype)
    return y, (lambda g: _sum_from_here(g, along).reshape(shape),)


@op(
    sample=[away((2, 3)), away((2, 3, 2), axis=1), lambda rng: (np.array([2.0, 0, 3, 0, 5]),)],
    like=lambda torch, x, axis=None: (
        torch.cumprod(x.ravel(), 0) if axis is None else torch.cumprod(x, axis)
    ),
)
def cumprod(x, *, axis=None, dtype=None):
    """Multiply up along the way: y_i = x_0 .. x_i along an axis.

    Parameters
    ----------
    x : array, any shape
    axis : int, or None for the flattened array
    dtype : type of the products; None for that of x, at least 32 bits for whole numbers

    Returns
    -------
    array, the shape of x, or one axis

    Gradient
    --------
    s_i = y_{i-1} r_i with r_i = g_i + x_{i+1} r_{i+1} from the end; nothing is divided, so zeros
    are exact

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.cumprod([1.0, 2.0, 3.0])
    array([1., 2., 6.], dtype=float32)
    """
    rows, along = _along(x, axis)
    y = np.cumprod(rows, along, dtype)

    def d_x(g):
        xs, ys, gs = (np.moveaxis(a, along, 0) for a in (rows, y, g))
        rest = gs.copy()  # what y_i and all later ones give, per unit of x_0 .. x_i
        for i in range(len(xs) - 2, -1, -1):
            rest[i] += xs[i + 1] * rest[i + 1]
        rest[1:] *= ys[:-1]
        return np.moveaxis(rest, 0, along).reshape(x.shape)

    return y, (d_x,)


@op(
    sample=[normal((2, 4)), normal((5, 2), n=2, axis=0), normal((3, 2), n=0)],
    like=lambda torch, a, n=1, axis=-1: torch.diff(a, n, axis),
)
def diff(a, *, n=1, axis=-1):
    """Subtract neighbours: y_i = a_{i+1} - a_i along an axis, n times over.

    Parameters
    ----------
    a : array, at least one axis
    n : int >= 0, how many times
    axis : int

    Returns
    -------
    array, the shape of a, shorter by n along the axis; its type

    Gradient
    --------
    g_{i-1} - g_i, with zeros beyond the ends, n times over

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.diff([1.0, 4.0, 9.0])
    array([3., 5.], dtype=float32)
    """
    widths = [(0, 0)] * a.ndim
    if n:
        widths[axis] = (1, 1)

    def d_a(g):
        for _ in range(n):
            g = -np.diff(np.pad(g, widths), axis=axis)
        return g

    return np.diff(a, n, axis), (d_a,)


def _trapezoid_like(torch, y, x=None, dx=1.0, axis=-1):
    return torch.trapezoid(y, dx=dx, dim=axis) if x is None else torch.trapezoid(y, x, dim=axis)


@in_keras(made=("x",))
@op(
    sample=[
        normal((2, 4), dx=0.5),
        normal((4, 2), axis=0),
        lambda rng: (rng.normal(size=(2, 3)), np.sort(rng.normal(size=(2, 3)))),
    ],
    like=_trapezoid_like,
    floats=True,
)
def trapezoid(y, x=None, *, dx=1.0, axis=-1):
    """Integrate by trapezoids: Σ_i (x_{i+1} - x_i) (y_i + y_{i+1}) / 2 along an axis.

    Parameters
    ----------
    y : array, at least one axis, the values
    x : array of the shape of y, where the values are; None for steps of ``dx``
    dx : float, the step where x is None
    axis : int

    Returns
    -------
    array, the shape of y without the axis, its float type

    Gradient
    --------
    dL/dy_i = g (x_{i+1} - x_{i-1}) / 2, dL/dx_i = g (y_{i-1} - y_{i+1}) / 2; one-sided at the ends

    Source
    ------
    Standard.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> float(ops.trapezoid(np.array([0.0, 1.0, 4.0]), dx=2.0))
    6.0
    """
    values = np.moveaxis(y, axis, -1)
    steps = dx if x is None else np.diff(np.moveaxis(x, axis, -1))
    pairs = (values[..., 1:] + values[..., :-1]) / 2

    def ends(d, signs):
        """Give each piece's gradient to its two ends."""
        whole = np.zeros(values.shape, d.dtype)
        whole[..., :-1] += signs * d
        whole[..., 1:] += d
        return np.moveaxis(whole, -1, axis)

    def d_y(g):
        return ends(np.broadcast_to(g[..., np.newaxis] * steps / 2, pairs.shape), 1)

    def d_x(g):
        return ends(g[..., np.newaxis] * pairs, -1)

    return np.sum(pairs * steps, -1), (d_y, None if x is None else d_x)
