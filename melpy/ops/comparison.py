"""Questions with yes or no for an answer: comparisons, logic, tests. None has a gradient.

The functions of one entry or of two differ in a sign only, so each is a row of a table that fills
in one page.
"""

from __future__ import annotations

import numpy as np

from melpy.ops.registry import in_keras, op

__all__ = [
    "all", "allclose", "any", "count_nonzero", "equal", "greater", "greater_equal", "isclose",
    "isfinite", "isin", "isinf", "isnan", "isneginf", "isposinf", "less", "less_equal",
    "logical_and", "logical_not", "logical_or", "logical_xor", "not_equal", "signbit",
]  # fmt: skip

PAGE = """{title}

Parameters
----------
{parameters}

Returns
-------
array of bools, the {shape} shape

Gradient
--------
none: an answer jumps

Source
------
Standard.

Examples
--------
>>> import numpy as np
>>> from melpy import ops
>>> ops.{name}({example})
{answer}
"""


def _draws(count):
    """Few different values, so that ties are common, and one NaN and one infinity."""

    def sample(rng):
        arrays = [rng.integers(-1, 2, (2, 3)).astype(float) for _ in range(count)]
        if count == 1:
            arrays[0].flat[:3] = np.nan, np.inf, -np.inf
        return tuple(arrays)

    return sample


def _of_two(function, title, example, answer, twin=None):
    """Make an op of a question about two entries."""

    def forward(x1, x2):
        return function(x1, x2), (None, None)

    forward.__name__ = name = function.__name__
    forward.__doc__ = PAGE.format(
        title=title, name=name, example=example, answer=answer, shape="broadcast",
        parameters="x1, x2 : arrays or numbers, of shapes that broadcast",
    )  # fmt: skip
    return op(sample=_draws(2), like=f"torch.{twin or name}", broadcasts=True)(forward)


def _of_one(function, title, example, answer):
    """Make an op of a question about one entry."""

    def forward(x):
        return function(x), (None,)

    forward.__name__ = name = function.__name__
    forward.__doc__ = PAGE.format(
        title=title, name=name, example=example, answer=answer, shape="input's",
        parameters="x : array, any shape",
    )  # fmt: skip
    return op(sample=_draws(1), like=f"torch.{name}")(forward)


PAIR = "[1.0, 2.0, 3.0], 2.0"
equal = _of_two(np.equal, "Compare: x1 = x2.", PAIR, "array([False,  True, False])", "eq")
not_equal = _of_two(np.not_equal, "Compare: x1 ≠ x2.", PAIR, "array([ True, False,  True])")
less = _of_two(np.less, "Compare: x1 < x2.", PAIR, "array([ True, False, False])")
less_equal = _of_two(np.less_equal, "Compare: x1 <= x2.", PAIR, "array([ True,  True, False])")
greater = _of_two(np.greater, "Compare: x1 > x2.", PAIR, "array([False, False,  True])")
greater_equal = _of_two(
    np.greater_equal, "Compare: x1 >= x2.", PAIR, "array([False,  True,  True])"
)

BOTH = "[True, False], [True, True]"
logical_and = _of_two(np.logical_and, "Join: x1 and x2.", BOTH, "array([ True, False])")
logical_or = _of_two(np.logical_or, "Join: x1 or x2.", BOTH, "array([ True,  True])")
logical_xor = _of_two(np.logical_xor, "Join: x1 or x2, not both.", BOTH, "array([False,  True])")
logical_not = _of_one(np.logical_not, "Negate: not x.", "[True, False]", "array([False,  True])")

ODD = "[1.0, -np.inf, np.inf, np.nan]"
isnan = _of_one(np.isnan, "Ask whether x is NaN.", ODD, "array([False, False, False,  True])")
isinf = _of_one(np.isinf, "Ask whether |x| = ∞.", ODD, "array([False,  True,  True, False])")
isneginf = _of_one(np.isneginf, "Ask whether x = -∞.", ODD, "array([False,  True, False, False])")
isposinf = _of_one(np.isposinf, "Ask whether x = ∞.", ODD, "array([False, False,  True, False])")
isfinite = _of_one(
    np.isfinite,
    "Ask whether |x| < ∞.",
    ODD,
    "array([ True, False, False, False])",
)
signbit = _of_one(
    np.signbit, "Ask whether x has a minus sign.", ODD, "array([False,  True, False, False])"
)


def _near(rng):
    x = rng.normal(size=(2, 3))
    return x, x + np.array([0.0, 1e-7, 1e-3])


@in_keras(call=("rtol", "atol"))
@op(
    sample=_near,
    like=lambda torch, x1, x2: torch.isclose(x1, x2),
    broadcasts=True,
)
def isclose(x1, x2, *, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Ask whether two entries are close: |x1 - x2| <= atol + rtol |x2|.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast
    rtol, atol : floats >= 0
    equal_nan : bool, whether NaN is close to NaN

    Returns
    -------
    array of bools, the broadcast shape

    Gradient
    --------
    none: an answer jumps

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.isclose([1.0, 2.0], [1.000001, 2.1])
    array([ True, False])
    """
    return np.isclose(x1, x2, rtol, atol, equal_nan), (None, None)


@in_keras("numpy.AllClose")
@op(sample=_near, like=lambda torch, x1, x2: torch.tensor(torch.allclose(x1, x2)))
def allclose(x1, x2, *, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Ask whether all entries are close: |x1 - x2| <= atol + rtol |x2| everywhere.

    Parameters
    ----------
    x1, x2 : arrays or numbers, of shapes that broadcast
    rtol, atol : floats >= 0
    equal_nan : bool, whether NaN is close to NaN

    Returns
    -------
    one bool, of shape ()

    Gradient
    --------
    none: an answer jumps

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> bool(ops.allclose([1.0, 2.0], [1.000001, 2.0]))
    True
    """
    return np.all(np.isclose(x1, x2, rtol, atol, equal_nan)), (None, None)


@in_keras("numpy.IsIn")
@op(
    sample=lambda rng: (rng.integers(0, 5, (2, 3)), rng.integers(0, 5, 3)),
    like=lambda torch, x1, x2: torch.isin(x1, x2),
)
def isin(x1, x2, *, assume_unique=False, invert=False):
    """Ask of each entry of x1 whether it is among those of x2.

    Parameters
    ----------
    x1 : array, any shape
    x2 : array, any shape, the set
    assume_unique : bool, whether neither array repeats a value, which is faster
    invert : bool, whether to ask for "not among" instead

    Returns
    -------
    array of bools, the shape of x1

    Gradient
    --------
    none: an answer jumps

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.isin([1, 2, 3], [3, 1])
    array([ True, False,  True])
    """
    return np.isin(x1, x2, assume_unique=assume_unique, invert=invert), (None, None)


def _truths(**options):
    return lambda rng: (rng.random((3, 4)) < 0.5, options)


@op(
    sample=[_truths(), _truths(axis=1), _truths(axis=0, keepdims=True)],
    like=lambda torch, x, axis=None, keepdims=False: torch.any(x, dim=axis, keepdim=keepdims),
)
def any(x, *, axis=None, keepdims=False):
    """Ask whether an entry is true: y = x_0 or x_1 or .. along the axes.

    Parameters
    ----------
    x : array, any shape
    axis : int, tuple of ints, or None for all axes
    keepdims : bool, whether the reduced axes stay, with size 1

    Returns
    -------
    array of bools, the shape of x without the axes

    Gradient
    --------
    none: an answer jumps

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.any([[True, False], [False, False]], axis=1)
    array([ True, False])
    """
    return np.any(x, axis=axis, keepdims=keepdims), (None,)


@op(
    sample=[_truths(), _truths(axis=1), _truths(axis=0, keepdims=True)],
    like=lambda torch, x, axis=None, keepdims=False: torch.all(x, dim=axis, keepdim=keepdims),
)
def all(x, *, axis=None, keepdims=False):
    """Ask whether every entry is true: y = x_0 and x_1 and .. along the axes.

    Parameters
    ----------
    x : array, any shape
    axis : int, tuple of ints, or None for all axes
    keepdims : bool, whether the reduced axes stay, with size 1

    Returns
    -------
    array of bools, the shape of x without the axes

    Gradient
    --------
    none: an answer jumps

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.all([[True, False], [True, True]], axis=1)
    array([False,  True])
    """
    return np.all(x, axis=axis, keepdims=keepdims), (None,)


@op(
    sample=[_truths(), _truths(axis=1)],
    like=lambda torch, x, axis=None: torch.count_nonzero(x, dim=axis),
)
def count_nonzero(x, *, axis=None):
    """Count the entries that are not 0.

    Parameters
    ----------
    x : array, any shape
    axis : int, tuple of ints, or None for all axes

    Returns
    -------
    array of int32, the shape of x without the axes

    Gradient
    --------
    none: a count jumps

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.count_nonzero([[1.0, 0.0], [2.0, 3.0]], axis=0)
    array([2, 1], dtype=int32)
    """
    return np.asarray(np.count_nonzero(x, axis=axis), np.int32), (None,)
