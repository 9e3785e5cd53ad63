"""Pick and write by place: along an axis, in blocks, by lists of indices, by segments."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from melpy.errors import ShapeError, lookup
from melpy.ops.creation import convert_to_numpy
from melpy.ops.creation import shape as shape_of
from melpy.ops.indexing import get_item
from melpy.ops.registry import composed, in_keras, op

__all__ = [
    "scatter", "scatter_update", "slice", "slice_update", "take_along_axis",
]  # fmt: skip

KERAS_ROOM = "core"

COMBINERS: dict[str, Any] = {
    "None": None, "add": np.add, "max": np.maximum, "min": np.minimum, "mul": np.multiply,
}  # fmt: skip


def _torch_along(torch, x, indices, axis=None):
    return torch.take_along_dim(x, indices, axis)


@in_keras("numpy")
@op(
    sample=[
        lambda rng: (rng.normal(size=(2, 3)), np.array([[2, 0, 2], [1, 1, 1]]), {"axis": 1}),
        lambda rng: (rng.normal(size=(2, 3)), np.array([5, 0, 5])),
    ],
    like=_torch_along,
    keeps=("indices",),
)
def take_along_axis(x, indices, *, axis=None):
    """Pick one entry a place: y[.., i, ..] = x[.., indices[.., i, ..], ..].

    Parameters
    ----------
    x : array, any shape
    indices : array of ints, the shape of x but along the axis
    axis : int, or None to pick from the flattened array

    Returns
    -------
    array, the shape of indices, the type of x

    Gradient
    --------
    0 everywhere, plus g at the indices, added up where an entry was picked several times

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.take_along_axis([[1.0, 2.0], [3.0, 4.0]], [[1], [0]], axis=1)
    array([[2.],
           [3.]], dtype=float32)
    """
    rows, along = (x.reshape(-1), 0) if axis is None else (x, axis % x.ndim)
    if axis is None:
        indices = indices.reshape(-1)

    def d_x(g):
        d = np.zeros(rows.shape, g.dtype)
        places = list(np.ogrid[tuple(builtins.slice(n) for n in g.shape)])
        places[along] = np.broadcast_to(indices, g.shape)
        np.add.at(d, tuple(places), g)
        return d.reshape(x.shape)

    return np.take_along_axis(rows, indices, along), (d_x, None)


def _places(indices):
    """Return rows of indices (.., D) as D arrays, which index the first D axes."""
    return tuple(np.moveaxis(indices, -1, 0))


def _scatter_like(torch, indices, values, shape):
    return torch.zeros(shape, dtype=values.dtype).index_put(
        tuple(indices.movedim(-1, 0)), values, accumulate=True
    )


@op(
    sample=lambda rng: (np.array([[0, 1], [2, 0], [0, 1]]), rng.normal(size=3), {"shape": (3, 2)}),
    like=_scatter_like,
    keeps=("indices",),
)
def scatter(indices, values, *, shape):
    """Write into zeros: y[indices[n]] = Σ values[n], added up where a place occurs several times.

    Parameters
    ----------
    indices : array of ints, (.., D), places along the first D axes
    values : array, (.., rest of the shape)
    shape : tuple of ints, that of y

    Returns
    -------
    array of that shape, the type of values

    Gradient
    --------
    dL/dvalues = g at the indices

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.scatter([[0], [2], [2]], [1.0, 2.0, 3.0], (4,))
    array([1., 0., 5., 0.], dtype=float32)
    """
    y = np.zeros(shape, values.dtype)
    where = _places(indices)
    np.add.at(y, where, values)
    return y, (None, lambda g: g[where])


def _update_like(torch, inputs, indices, updates, reduction=None):
    if reduction == "mul":
        for n, index in enumerate(indices):
            factor = torch.ones_like(inputs).index_put(tuple(index[:, None]), updates[n][None])
            inputs = inputs * factor
        return inputs
    return inputs.index_put(tuple(indices.movedim(-1, 0)), updates, accumulate=reduction == "add")


@op(
    sample=[
        lambda rng: (rng.normal(size=(3, 2)), np.array([[0], [2]]), rng.normal(size=(2, 2))),
        lambda rng: (
            rng.normal(size=(3, 2)),
            np.array([[0, 1], [0, 1]]),
            rng.normal(size=2),
            {"reduction": "add"},
        ),
        lambda rng: (
            rng.normal(size=(3, 2)),
            np.array([[0], [2], [0]]),
            np.array([[3.0, 0.5], [2.0, 0.0], [-1.5, 0.0]]),
            {"reduction": "mul"},
        ),
    ],
    like=_update_like,
    keeps=("inputs", "indices", "updates"),
)
def scatter_update(inputs, indices, updates, *, reduction=None):
    """Overwrite places, or combine with them: y[indices[n]] = updates[n], y = inputs elsewhere.

    Parameters
    ----------
    inputs : array, any shape
    indices : array of ints, (.., D), places along the first D axes
    updates : array, (.., rest of the shape)
    reduction : None to overwrite, "add", "mul", "max" or "min" to combine

    Returns
    -------
    array, the shape and type of inputs

    Gradient
    --------
    dL/dinputs = g where it stayed, dL/dupdates = g at the indices; for "max" and "min" to those
    that won; for "mul" times all other factors; without a reduction to the last update of a place

    Raises
    ------
    UnknownNameError, for another reduction

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.scatter_update([1.0, 2.0, 3.0], [[0], [2]], [8.0, 9.0])
    array([8., 2., 9.], dtype=float32)
    """
    combine = lookup("reduction", str(reduction), COMBINERS, "scatter_update")
    y, updates = inputs.copy(), updates.astype(inputs.dtype, copy=False)
    where = _places(indices)
    if combine is not None:
        combine.at(y, where, updates)
        if combine is np.add:
            return y, (lambda g: g, None, lambda g: g[where])
        if combine is np.multiply:
            return y, _factors(inputs, where, updates)
        return y, (lambda g: g * (inputs == y), None, lambda g: g[where] * (updates == y[where]))
    y[where] = updates

    # Where a place occurs several times, only the last update is in y.
    numbers = np.arange(where[0].size).reshape(where[0].shape)
    last = np.full(inputs.shape[: len(where)], -1)
    last[where] = numbers
    rest = (1,) * (inputs.ndim - len(where))
    stayed = (last == -1).reshape(*last.shape, *rest)
    won = (last[where] == numbers).reshape(*numbers.shape, *rest)
    return y, (lambda g: g * stayed, None, lambda g: g[where] * won)


def _factors(inputs, where, updates):
    """Return the vjps of inputs times all updates of each place; nothing is divided by 0."""
    none = updates == 0
    known = np.where(none, 1, updates)
    product, zeros = np.ones_like(inputs), np.zeros(inputs.shape, int)
    np.multiply.at(product, where, known)
    np.add.at(zeros, where, none)

    def d_updates(g):
        others = np.where(zeros[where] > none, 0, product[where] / known)
        return g[where] * inputs[where] * others

    return lambda g: g * product * (zeros == 0), None, d_updates


@composed
def slice(inputs: Any, start_indices: Any, *, shape: Any) -> Any:
    """Return the block of a shape that begins at some indices; -1 is all that is left.

    Any shape -> the given shape, of as many axes. Indices below 0 count from the end. A block that
    would reach beyond the end is moved back.

    Raises
    ------
    ShapeError, where the block is larger than inputs

    Examples
    --------
    >>> slice(np.arange(9.0).reshape(3, 3), (1, 1), (2, -1))
    array([[4., 5.],
           [7., 8.]])
    """
    return get_item(inputs, key=_block("slice", shape_of(inputs), start_indices, shape))


def _block(who, within, start_indices, sizes):
    """Return the slices of a block that lies within a shape, wherever it is asked to begin."""
    starts = np.atleast_1d(convert_to_numpy(start_indices)).tolist()
    if not len(starts) == len(sizes) == len(within):
        raise ShapeError(
            who,
            "a block has a beginning and a size along each axis",
            expected=f"{len(within)} of them",
            received={"start_indices": starts, "shape": tuple(sizes)},
        )
    slices = []
    for start, size, whole in zip(starts, sizes, within, strict=True):
        start += whole if start < 0 else 0
        size = whole - start if size == -1 else size
        if size > whole:
            raise ShapeError(
                who,
                "the block is larger than the array",
                expected=f"at most shape {tuple(within)}",
                received={"shape": tuple(sizes)},
            )
        start = min(max(start, 0), whole - size)
        slices.append(builtins.slice(start, start + size))
    return tuple(slices)


@op(
    sample=lambda rng: (rng.normal(size=(3, 4)), np.array([1, 2]), rng.normal(size=(2, 2))),
    like=lambda torch, inputs, start_indices, updates: torch.slice_scatter(
        inputs, torch.slice_scatter(inputs[1:3], updates, 1, 2, 4), 0, 1, 3
    ),
    keeps=("inputs", "start_indices", "updates"),
)
def slice_update(inputs, start_indices, updates):
    """Overwrite a block: y[start : start + shape of updates] = updates, y = inputs elsewhere.

    Parameters
    ----------
    inputs : array, any shape
    start_indices : array of ints, one for each axis, where the block begins; as in `slice`
    updates : array, as many axes

    Returns
    -------
    array, the shape and type of inputs

    Gradient
    --------
    dL/dinputs = g outside the block, 0 inside; dL/dupdates = g inside

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.slice_update([0.0, 0.0, 0.0], [1], [7.0, 8.0])
    array([0., 7., 8.], dtype=float32)
    """
    block = _block("slice_update", inputs.shape, start_indices, updates.shape)

    def written(into, values):
        y = into.copy()
        y[block] = values
        return y

    return written(inputs, updates), (lambda g: written(g, 0), None, lambda g: g[block])
