"""How far entries lie from their mean: variance and standard deviation."""

from __future__ import annotations

import numpy as np

from melpy.ops.reduction import _added, _kept, _length, _like, _samples
from melpy.ops.registry import op
from melpy.ops.samples import normal

__all__ = ["std", "var"]


@op(sample=_samples(normal)[:3], like=_like("var", correction=0))
def var(x, *, axis=None, keepdims=False):
    """Compute the variance: y = Σ (x - mean)^2 / n over the axes, n entries each.

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
    2 g (x - mean) / n

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.var([[1.0, 2.0], [3.0, 4.0]], axis=0)
    array([1., 1.], dtype=float32)
    """
    centred = x - _added(np.mean, x, axis, True)
    y = _added(np.mean, centred * centred, axis, keepdims)
    share, ndim = y.size / x.size if x.size else 0.0, x.ndim
    return y, (lambda g: _kept(2 * share * g, ndim, axis, keepdims) * centred,)


@op(sample=_samples(normal)[:3], like=_like("std", correction=0))
def std(x, *, axis=None, keepdims=False):
    """Compute the standard deviation: y = √(Σ (x - mean)^2 / n) over the axes.

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
    g (x - mean) / (n y), and 0 where y = 0, as in PyTorch

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.std([[1.0, 2.0], [3.0, 4.0]], axis=0)
    array([1., 1.], dtype=float32)
    """
    centred = x - _added(np.mean, x, axis, True)
    y = _length(centred, axis, np.mean)
    share = y.size / x.size if x.size else 0.0

    def d_x(g):
        return _kept(share * g, centred.ndim, axis, keepdims) / np.where(y == 0, 1, y) * centred

    return y if keepdims else y.squeeze(tuple(range(x.ndim)) if axis is None else axis), (d_x,)
