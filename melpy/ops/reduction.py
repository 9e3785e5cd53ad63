"""Sums, means, extremes and their kin: many entries become one, along some axes or all."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from melpy.kernels import dispatch as kernels
from melpy.ops.registry import composed, in_keras, op
from melpy.ops.samples import away, distinct, normal

__all__ = [
    "amax", "amin", "logsumexp", "max", "mean", "min", "prod", "sum",
]  # fmt: skip


LONG = 1024  # entries that are added up one after another lose no digit that matters


def _kept(y, ndim, axis, keepdims):
    """Give ``y`` back the reduced axes, with size 1."""
    if keepdims:
        return y
    return np.expand_dims(y, tuple(range(ndim)) if axis is None else axis)


def _spread(g, shape, axis, keepdims):
    """Repeat ``g`` along the reduced axes: the adjoint of a sum."""
    return np.broadcast_to(_kept(g, len(shape), axis, keepdims), shape)


def _added(function, x, axis, keepdims):
    """Return NumPy's sum or mean, with the digits of float32 for long ones too.

    NumPy adds in pairs along the last axis alone; along others one after another, and of a million
    entries two digits are left. Those are added up in float64.
    """
    if x.dtype == np.float32 and axis is not None and x.ndim > 1:
        axes = normalize_axis_tuple(axis, x.ndim)
        if x.ndim - 1 not in axes and math.prod(x.shape[n] for n in axes) >= LONG:
            y = function(x, axis=axis, keepdims=keepdims, dtype=np.float64)
            return y.astype(np.float32)
    return function(x, axis=axis, keepdims=keepdims)


def _length(x, axis, added=np.sum):
    """Return √(Σ x^2), or the root of their mean, where the axes stay with size 1.

    In units of the largest, so that squares neither overflow nor vanish.
    """
    scale = np.max(np.abs(x), axis, keepdims=True, initial=0)
    scale = np.where(np.isfinite(scale) & (scale > 0), scale, x.dtype.type(1))
    return np.sqrt(_added(added, np.square(x / scale), axis, True)) * scale


def _in_one_go(x, axis, keepdims):
    """Return whether a mean is that of all entries, which is a kernel's."""
    return axis is None and not keepdims and x.size > 0 and x.dtype.kind == "f"


def _given(**options):
    """Return the options that are not None: NumPy's default is not always None."""
    return {key: value for key, value in options.items() if value is not None}


def _like(name, **fixed):
    """Return PyTorch's reduction, which takes ``dim`` and wants all axes spelled out."""

    def twin(torch, x, axis=None, keepdims=False):
        dim = tuple(range(x.ndim)) if axis is None else axis
        return getattr(torch, name)(x, dim=dim, keepdim=keepdims, **fixed)

    return twin


def _samples(make):
    return [
        make((2, 3)),
        make((2, 3, 2), axis=1),
        make((2, 3, 2), axis=(0, -1), keepdims=True),
        make(()),
    ]


@op(sample=_samples(normal), like=_like("sum"))
def sum(x, *, axis=None, keepdims=False):
    """Add up: y = Σ x over the axes.

    Parameters
    ----------
    x : array, any shape
    axis : int, tuple of ints, or None for all axes
    keepdims : bool, whether the reduced axes stay, with size 1

    Returns
    -------
    array, the shape of x without the axes, its type; of bools and small whole numbers 32 bits

    Gradient
    --------
    g to every entry

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
    array([4., 6.], dtype=float32)
    """
    shape = x.shape
    return _added(np.sum, x, axis, keepdims), (lambda g: _spread(g, shape, axis, keepdims),)


@op(
    sample=_samples(normal),
    like=_like("mean"),
)
def mean(x, *, axis=None, keepdims=False):
    """Average: y = Σ x / n over the axes, n entries each.

    Parameters
    ----------
    x : array, any shape, not empty along the axes
    axis : int, tuple of ints, or None for all axes
    keepdims : bool, whether the reduced axes stay, with size 1

    Returns
    -------
    array, the shape of x without the axes, its float type

    Gradient
    --------
    g / n to every entry

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.mean([[1.0, 2.0], [3.0, 4.0]], axis=0)
    array([2., 3.], dtype=float32)
    """
    if _in_one_go(x, axis, keepdims):
        shape = x.shape
        return kernels.mean(x), (lambda g: kernels.mean_d_x(g, shape),)
    y = _added(np.mean, x, axis, keepdims)
    shape, share = x.shape, y.size / x.size if x.size else 0.0
    return y, (lambda g: _spread(g * share, shape, axis, keepdims),)


def _to_extremes(x, y, axis, keepdims):
    """Return the vjp of an extreme: g, split evenly among the entries that tie for it."""
    hits = x == _kept(y, x.ndim, axis, keepdims)

    def d_x(g):
        ties = np.maximum(np.sum(hits, axis=axis, keepdims=True), 1).astype(g.dtype)
        return hits * (_kept(g, hits.ndim, axis, keepdims) / ties)

    return d_x


@op(sample=_samples(distinct), like=_like("amax"))
def max(x, *, axis=None, keepdims=False, initial=None):
    """Take the largest: y = max x over the axes. Also called ``amax``.

    Parameters
    ----------
    x : array, any shape, not empty along the axes unless there is an initial
    axis : int, tuple of ints, or None for all axes
    keepdims : bool, whether the reduced axes stay, with size 1
    initial : number that counts among the entries, or None

    Returns
    -------
    array, the shape of x without the axes, its type

    Gradient
    --------
    g to the largest entry; split evenly where several tie, as in JAX and torch.amax

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.max([[1.0, 2.0], [3.0, 0.0]], axis=0)
    array([3., 2.], dtype=float32)
    """
    y = np.max(x, axis=axis, keepdims=keepdims, **_given(initial=initial))
    return y, (_to_extremes(x, y, axis, keepdims),)


@op(sample=_samples(distinct), like=_like("amin"))
def min(x, *, axis=None, keepdims=False, initial=None):
    """Take the smallest: y = min x over the axes. Also called ``amin``.

    Parameters
    ----------
    x : array, any shape, not empty along the axes unless there is an initial
    axis : int, tuple of ints, or None for all axes
    keepdims : bool, whether the reduced axes stay, with size 1
    initial : number that counts among the entries, or None

    Returns
    -------
    array, the shape of x without the axes, its type

    Gradient
    --------
    g to the smallest entry; split evenly where several tie, as in JAX and torch.amin

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.min([[1.0, 2.0], [3.0, 0.0]], axis=0)
    array([1., 0.], dtype=float32)
    """
    y = np.min(x, axis=axis, keepdims=keepdims, **_given(initial=initial))
    return y, (_to_extremes(x, y, axis, keepdims),)


def _prod_like(torch, x, axis=None, keepdims=False):
    dims = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    for dim in dims:
        x = torch.prod(x, dim=dim, keepdim=True)
    return x if keepdims else x.squeeze(tuple(dims))


@op(sample=_samples(away), like=_prod_like)
def prod(x, *, axis=None, keepdims=False, dtype=None):
    """Multiply up: y = Π x over the axes.

    Parameters
    ----------
    x : array, any shape
    axis : int, tuple of ints, or None for all axes
    keepdims : bool, whether the reduced axes stay, with size 1
    dtype : type of the result; None for that of x, at least 32 bits for whole numbers

    Returns
    -------
    array, the shape of x without the axes, its type; of bools and small whole numbers 32 bits

    Gradient
    --------
    g times the product of all other entries; nothing is divided, so zeros are exact

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.prod([[1.0, 2.0], [3.0, 4.0]], axis=0)
    array([3., 8.], dtype=float32)
    """

    def d_x(g):
        g = _kept(g, x.ndim, axis, keepdims)
        away = [n for n in range(x.ndim) if g.shape[n] != x.shape[n]]
        stay = [n for n in range(x.ndim) if n not in away]
        moved = x.transpose(*stay, *away)
        rows = moved.reshape(*moved.shape[: len(stay)], int(np.prod(moved.shape[len(stay) :])))
        none = rows == 0
        known = np.where(none, 1, rows)
        before, after = np.ones_like(rows), np.ones_like(rows)
        with np.errstate(over="ignore"):
            np.cumprod(known[..., :-1], axis=-1, out=before[..., 1:])
            np.cumprod(known[..., :0:-1], axis=-1, out=after[..., -2::-1])
            others = before * after
        # whatever the others are: beside a zero their product is none
        others[np.sum(none, -1, keepdims=True) > none] = 0
        others = others.reshape(moved.shape)
        return g * others.transpose(np.argsort([*stay, *away]).astype(int))

    return np.prod(x, axis=axis, keepdims=keepdims, dtype=dtype), (d_x,)


@in_keras("math")
@op(sample=_samples(normal), like=_like("logsumexp"), floats=True)
def logsumexp(x, *, axis=None, keepdims=False):
    """Add up in the logarithm: y = log Σ e^x over the axes, without overflow.

    Parameters
    ----------
    x : array, any shape; -inf entries count as nothing, and nothing adds up to -inf
    axis : int, tuple of ints, or None for all axes
    keepdims : bool, whether the reduced axes stay, with size 1

    Returns
    -------
    array, the shape of x without the axes, its float type

    Gradient
    --------
    g times the softmax of x; NaN where an entry is infinite, as in PyTorch

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.logsumexp([[0.0, 0.0], [2.0, 3.0]], axis=1).round(3)
    array([0.693, 3.313], dtype=float32)
    """
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0).astype(top.dtype)
    with np.errstate(divide="ignore", over="ignore"):  # log 0 = -inf is right where all are -inf
        shares = np.exp(x - top)
        whole = np.sum(shares, axis=axis, keepdims=True)
        y = np.log(whole) + top

    def d_x(g):
        with np.errstate(invalid="ignore"):  # an infinity's share of itself
            return _kept(g, shares.ndim, axis, keepdims) * (shares / np.where(whole == 0, 1, whole))

    return y if keepdims else y.squeeze(tuple(range(x.ndim)) if axis is None else axis), (d_x,)


@composed
def amax(x, *, axis=None, keepdims=False):
    """Take the largest, as `max` does.

    Any shape -> that shape without the axes.
    """
    return max(x, axis=axis, keepdims=keepdims)


@composed
def amin(x, *, axis=None, keepdims=False):
    """Take the smallest, as `min` does.

    Any shape -> that shape without the axes.
    """
    return min(x, axis=axis, keepdims=keepdims)
