"""Pick, repeat and move entries; the gradients of all copies of an entry are added up."""

from __future__ import annotations

import numpy as np

from melpy.errors import DtypeError
from melpy.kernels import dispatch as kernels
from melpy.ops.registry import in_keras, op
from melpy.ops.samples import normal

__all__ = ["flip", "get_item", "repeat", "roll", "take", "tile"]


def _is_basic(index):
    """Return whether an index is made of ints and slices only, so that it picks nothing twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None
        or part is Ellipsis
        or isinstance(part, slice | np.integer)
        or (isinstance(part, int) and not isinstance(part, bool))
        for part in parts
    )


@in_keras(call=("key",))
@op(
    sample=[
        normal((3, 4), key=1),
        normal((3, 4), key=(slice(None, None, 2), None, -1)),
        normal((3, 4), key=(Ellipsis, slice(1, 3))),
        normal((3, 4), key=[0, 2, 0]),
        normal((3, 4), key=(np.array([0, 2, 0]), np.array([1, 1, 1]))),
        normal((2, 2), key=np.array([[True, False], [True, True]])),
    ],
    like=lambda torch, x, key: x[key],
)
def get_item(x, *, key):
    """Index as NumPy does: y = x[key].

    Parameters
    ----------
    x : array, any shape
    key : ints, slices, None, Ellipsis, arrays of ints or bools, or a tuple of these

    Returns
    -------
    array, of the shape that NumPy gives it, a view of x where the key holds only ints and slices

    Gradient
    --------
    0 everywhere, plus g at the key, added up where an entry was picked several times

    Raises
    ------
    OutOfRangeError (a ShapeError and an IndexError), where there is no such entry

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.get_item([1.0, 2.0, 3.0], slice(1, None))
    array([2., 3.], dtype=float32)
    """
    parts = key if isinstance(key, tuple) else (key,)
    parts = tuple(  # a tensor becomes its array; a NumPy number stays a basic index
        np.asarray(p) if hasattr(p, "__array__") and not isinstance(p, np.generic) else p
        for p in parts
    )
    key = parts if isinstance(key, tuple) else parts[0]
    shape = x.shape

    def d_x(g):
        d = np.zeros_like(g, shape=shape)
        if _is_basic(key):
            d[key] = g
        else:
            np.add.at(d, key, g)
        return d

    return x[key], (d_x,)


def add_rows(rows, positions, count):
    """Return ``count`` rows of zeros to which row n was added at positions[n], for every n."""
    return kernels.add_rows(rows, positions, count)


def _picked(x, positions, axis):
    """Return the vjp of ``x.take(positions, axis)``."""
    shape, count = x.shape, x.shape[axis]
    axis %= x.ndim
    flat = positions.ravel() % count if count else positions.ravel()

    def d_x(g):
        # (before..., picked..., after...) -> (P, before..., after...)
        picked = range(axis, axis + positions.ndim)
        g = np.moveaxis(g, picked, range(positions.ndim))
        rows = g.reshape(flat.size, *shape[:axis], *shape[axis + 1 :])
        return np.moveaxis(add_rows(rows, flat, count), 0, axis)

    return d_x


def _torch_take(torch, x, indices, axis=None):
    index = torch.as_tensor(np.asarray(indices))
    if axis is None:
        return x.reshape(-1)[index]
    return x[(slice(None),) * (axis % x.ndim) + (index,)]


@in_keras(call=("indices",))
@op(
    sample=[
        normal((4, 2), indices=np.array([[1, 1, 3], [0, 1, 3]]), axis=0),
        normal((2, 3, 2), indices=[0, 2, 2, 0], axis=-2),
        normal((2, 3), indices=4),
        normal((2, 3), indices=-1, axis=1),
    ],
    like=_torch_take,
)
def take(x, *, indices, axis=None):
    """Pick entries along an axis: y[.., i, ..] = x[.., indices[i], ..].

    Parameters
    ----------
    x : array, any shape
    indices : int or array of ints; negative ones count from the end
    axis : int, or None to pick from the flattened array

    Returns
    -------
    array, the shape of x with the axis replaced by the shape of indices, the type of x

    Gradient
    --------
    0 everywhere, plus g at the indices, added up where an entry was picked several times

    Raises
    ------
    OutOfRangeError (a ShapeError and an IndexError), where there is no such entry

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.take([[1.0, 2.0], [3.0, 4.0]], [1, 1, 0], axis=0)
    array([[3., 4.],
           [3., 4.],
           [1., 2.]], dtype=float32)
    """
    positions = indices if hasattr(indices, "dtype") else np.asarray(indices)
    if positions.dtype.kind not in "iu":
        raise DtypeError(
            "take",
            "the indices are not whole numbers",
            expected="an int or an array of ints",
            received={"dtype": str(positions.dtype)},
        )
    y = np.take(x, positions, axis)
    if axis is not None:
        return y, (_picked(x, positions, axis),)
    flat = _picked(x.reshape(-1), positions, 0)
    return y, (lambda g: flat(g).reshape(x.shape),)


def _torch_repeat(torch, x, repeats, axis=None):
    return torch.repeat_interleave(x, torch.as_tensor(repeats), dim=axis)


@op(
    sample=[
        normal((2, 3), repeats=2),
        normal((2, 3), repeats=3, axis=0),
        normal((2, 3), repeats=[2, 0, 1], axis=-1),
    ],
    like=_torch_repeat,
)
def repeat(x, *, repeats, axis=None):
    """Repeat each entry: y = x_0, x_0, .., x_1, x_1, .. along an axis.

    Parameters
    ----------
    x : array, any shape
    repeats : int, or one int for each entry along the axis
    axis : int, or None to repeat in the flattened array

    Returns
    -------
    array, the shape of x, longer along the axis; its type

    Gradient
    --------
    g, added up over the copies of each entry

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.repeat([1.0, 2.0], 2)
    array([1., 1., 2., 2.], dtype=float32)
    """
    y = np.repeat(x, repeats, axis)
    shape = x.shape
    if axis is None:
        x = x.reshape(-1)
    along = _picked(x, np.repeat(np.arange(x.shape[axis or 0]), repeats), axis or 0)
    return y, (lambda g: along(g).reshape(shape),)


@op(
    sample=[normal((2, 3), repeats=2), normal((2, 3), repeats=(2, 1, 2)), normal((), repeats=3)],
    like=lambda torch, x, repeats: torch.tile(x, np.atleast_1d(repeats).tolist()),
)
def tile(x, *, repeats):
    """Lay copies side by side: y[i] = x[i mod n] along each axis.

    Parameters
    ----------
    x : array, any shape
    repeats : int or tuple of ints, copies along each of the last axes

    Returns
    -------
    array, the shape of x, each axis longer by its factor; its type

    Gradient
    --------
    g, added up over the copies

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.tile([1.0, 2.0], 2)
    array([1., 2., 1., 2.], dtype=float32)
    """
    factors = [int(n) for n in np.atleast_1d(repeats)]
    ndim = max(len(factors), x.ndim)
    factors = [1] * (ndim - len(factors)) + factors
    shape = x.shape
    sizes = [1] * (ndim - x.ndim) + list(shape)
    pairs = [size for pair in zip(factors, sizes, strict=True) for size in pair]

    def d_x(g):
        return g.reshape(pairs).sum(axis=tuple(range(0, 2 * ndim, 2))).reshape(shape)

    return np.tile(x, repeats), (d_x,)


@op(
    sample=[normal((2, 3)), normal((2, 3), axis=(1,))],
    like=lambda torch, x, axis=None: torch.flip(x, axis or tuple(range(x.ndim))),
)
def flip(x, *, axis=None):
    """Reverse the order along axes: y[i] = x[n - 1 - i].

    Parameters
    ----------
    x : array, any shape
    axis : int, tuple of ints, or None for all axes

    Returns
    -------
    array, the shape of x, a view of it

    Gradient
    --------
    g flipped back

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.flip([1.0, 2.0, 3.0])
    array([3., 2., 1.], dtype=float32)
    """
    return np.flip(x, axis), (lambda g: np.flip(g, axis),)


@op(
    sample=[normal((2, 3), shift=1), normal((2, 3), shift=(1, -2), axis=(0, 1))],
    like=lambda torch, x, shift, axis=None: torch.roll(x, shift, axis),
)
def roll(x, *, shift, axis=None):
    """Shift entries around: y[(i + shift) mod n] = x[i].

    Parameters
    ----------
    x : array, any shape
    shift : int or tuple of ints, by how many places
    axis : int or tuple of ints, or None to roll the flattened array

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    g rolled back

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.roll([1.0, 2.0, 3.0], 1)
    array([3., 1., 2.], dtype=float32)
    """
    back = np.negative(shift)
    return np.roll(x, shift, axis), (lambda g: np.roll(g, back, axis),)
