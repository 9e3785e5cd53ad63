"""Join arrays, cut them and surround them."""

from __future__ import annotations

import itertools
import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from melpy.errors import ArgumentError, GraphError, lookup
from melpy.ops.indexing import add_rows, get_item
from melpy.ops.registry import composed, in_keras, op
from melpy.ops.samples import normal
from melpy.symbolic import Symbolic, like

__all__ = ["concatenate", "pad", "split", "stack"]


@op(
    sample=[
        normal((2, 3), (1, 3), axis=0),
        normal((2, 3), (2, 1), (2, 0), axis=-1),
        normal((2, 3), (2,), axis=None),
    ],
    like=lambda torch, *xs, axis=0: (
        torch.cat([x.ravel() for x in xs]) if axis is None else torch.cat(xs, axis)
    ),
)
def concatenate(*xs, axis=0):
    """Join along an axis: y = [x_0, x_1, ...].

    Parameters
    ----------
    xs : list or tuple of arrays of shapes (.., n, ..), equal but for the axis
    axis : int, or None to flatten them all

    Returns
    -------
    array, (.., Σ n, ..), the common type

    Gradient
    --------
    for each array its own piece of g

    Raises
    ------
    ShapeError, where another size differs

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.concatenate([[1.0, 2.0], [3.0]])
    array([1., 2., 3.], dtype=float32)
    """
    y = np.concatenate(xs, axis)
    if axis is None:
        ends = np.cumsum([x.size for x in xs]).tolist()
        return y, tuple(
            lambda g, end=end, x=x: g[end - x.size : end].reshape(x.shape)
            for end, x in zip(ends, xs, strict=True)
        )
    ends = np.cumsum([x.shape[axis] for x in xs])
    before = (slice(None),) * (axis % y.ndim)

    def piece(end, size):
        return lambda g: g[(*before, slice(end - size, end))]

    return y, tuple(piece(end, x.shape[axis]) for end, x in zip(ends.tolist(), xs, strict=True))


@op(
    sample=[normal((2, 3), (2, 3)), normal((2, 3), (2, 3), (2, 3), axis=-1)],
    like=lambda torch, *x, axis=0: torch.stack(x, axis),
)
def stack(*x, axis=0):
    """Join along a new axis: y[n] = x_n.

    Parameters
    ----------
    x : list or tuple of arrays of one shape
    axis : int, where the new axis shall be in y

    Returns
    -------
    array, one axis more, the common type

    Gradient
    --------
    for each array its own piece of g

    Raises
    ------
    ShapeError, where the shapes differ

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.stack([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([[1., 3.],
           [2., 4.]], dtype=float32)
    """
    y = np.stack(x, axis)
    before = (slice(None),) * (axis % y.ndim)

    def piece(n):
        return lambda g: g[(*before, n)]

    return y, tuple(piece(n) for n in range(len(x)))


# What each mode puts around x: copies of its own entries, or something made of them.
COPIES = dict.fromkeys(["edge", "reflect", "symmetric", "wrap"], True)
MODES = COPIES | dict.fromkeys(
    ["constant", "empty", "linear_ramp", "maximum", "mean", "median", "minimum"], False
)


def _torch_pad(torch, x, pad_width, mode="constant", constant_values=0.0):
    if mode != "constant":
        return x.ravel()[torch.as_tensor(_sources(x.shape, np.asarray(pad_width), mode))]
    pairs = np.broadcast_to(pad_width, (x.ndim, 2)).tolist()
    flat = [size for pair in reversed(pairs) for size in pair]
    return torch.nn.functional.pad(x, flat, value=constant_values)


@in_keras(call=("constant_values",))
@op(
    sample=[
        normal((2, 3), pad_width=((1, 0), (2, 1))),
        normal((2, 3), pad_width=1, constant_values=4.0),
        normal((2, 3), pad_width=((1, 0), (2, 2)), mode="reflect"),
        normal((2, 3), pad_width=((1, 3), (0, 7)), mode="symmetric"),
        normal((2, 3), pad_width=((1, 1), (0, 7)), mode="wrap"),
        normal((2, 3), pad_width=((2, 1), (0, 1)), mode="edge"),
    ],
    like=_torch_pad,
)
def pad(x, *, pad_width, mode="constant", constant_values=None):
    """Surround x, y = x in the middle, by a constant or by what its own entries give.

    Parameters
    ----------
    x : array, any shape
    pad_width : ((before, after), ...) for each axis, or one pair or one int for all
    mode : "constant"; "edge", "reflect", "symmetric" or "wrap", which repeat entries of x; or
        "maximum", "mean", "median", "minimum", "linear_ramp" or "empty", as numpy.pad has them
    constant_values : number, None for 0; with mode="constant" only

    Returns
    -------
    array, the shape of x, each axis longer by before + after; its type

    Gradient
    --------
    g without its margins, plus g in the margins where they repeat entries; none for the last six

    Raises
    ------
    UnknownNameError, for another mode; ArgumentError, for a constant in another mode; ShapeError,
    for widths that do not fit

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.pad([1.0, 2.0], (1, 2))
    array([0., 1., 2., 0., 0.], dtype=float32)
    >>> ops.pad([1.0, 2.0, 3.0], 1, mode="reflect")
    array([2., 1., 2., 3., 2.], dtype=float32)
    """
    copies = lookup("mode", mode, MODES, "pad")
    if constant_values is not None and mode != "constant":
        raise ArgumentError(
            "pad",
            "only the constant mode takes a constant",
            expected="constant_values=None",
            received={"mode": mode, "constant_values": constant_values},
        )
    widths = np.broadcast_to(np.asarray(pad_width, int), (x.ndim, 2))
    if copies:
        sources = _sources(x.shape, widths, mode)
        return x.reshape(-1)[sources], (
            lambda g: add_rows(g.reshape(-1), sources.reshape(-1), x.size).reshape(x.shape),
        )
    if mode != "constant":
        return np.pad(x, widths, "constant" if mode == "empty" else mode), (_no_gradient,)
    inside = tuple(
        slice(before, before + size)
        for (before, _), size in zip(widths.tolist(), x.shape, strict=True)
    )
    fill = 0 if constant_values is None else np.asarray(constant_values).astype(x.dtype)
    return np.pad(x, widths, constant_values=fill), (lambda g: g[inside],)


def _no_gradient(g):
    raise GraphError(
        "pad",
        "this mode has no gradient",
        expected="the constant mode, or one that repeats entries",
        mend="Pass mode='edge' or 'reflect', or stop the gradient first.",
    )


def _sources(shape, widths, mode):
    """Return of each entry of the padded array its place in x, flattened."""
    return np.pad(np.arange(math.prod(shape)).reshape(shape), widths, mode)


def pieces(x, indices_or_sections, axis=0):
    """Return what symbolic pieces between known cuts are, of an axis whose size is not known.

    They are as long as the cuts say: whether the axis is long enough shows when it is there.
    """
    if isinstance(indices_or_sections, int) or not isinstance(x, Symbolic):
        return None
    axis = normalize_axis_index(axis, x.ndim)
    cuts = [0, *indices_or_sections]
    if x.shape[axis] is not None or cuts != sorted(cuts):
        return None
    sizes = [end - start for start, end in itertools.pairwise(cuts)]
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    return [like((*before, size, *after), x.dtype) for size in (*sizes, None)]


@composed(whole=True, made_of=pieces)
def split(x, *, indices_or_sections, axis=0):
    """Cut along an axis into a list of pieces, the reverse of `concatenate`; each is a `get_item`.

    Parameters
    ----------
    x : array or tensor, of shape (.., n, ..)
    indices_or_sections : int, the number of equal pieces; or the positions of the cuts
    axis : int

    Returns
    -------
    list of arrays or tensors, of shape (.., n / sections, ..), or as long as the cuts say

    Gradient
    --------
    g of each piece, in its place

    Raises
    ------
    ArgumentError, where the axis has no such number of equal pieces

    Source
    ------
    Standard.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.split(np.arange(6.0), [2, 3])
    [array([0., 1.]), array([2.]), array([3., 4., 5.])]
    """
    shape = np.shape(x)
    axis = normalize_axis_index(axis, len(shape))
    if isinstance(indices_or_sections, int):
        size, rest = divmod(shape[axis], indices_or_sections or shape[axis] + 1)
        if rest or indices_or_sections < 1:
            raise ArgumentError(
                "split",
                f"axis {axis} of size {shape[axis]} has no {indices_or_sections} equal pieces",
                expected="a number that divides the size, or the positions of the cuts",
                received={"indices_or_sections": indices_or_sections},
            )
        cuts = [size * n for n in range(1, indices_or_sections)]
    else:
        cuts = list(indices_or_sections)
    before = (slice(None),) * axis
    bounds = zip([0, *cuts], [*cuts, shape[axis]], strict=True)
    return [get_item(x, key=(*before, slice(start, end))) for start, end in bounds]
