"""Classes as rows of zeros and ones, and vectors of length one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from melpy import budget, config
from melpy.errors import ArgumentError
from melpy.ops.choice import maximum, minimum
from melpy.ops.elementwise import divide, multiply, rsqrt, square
from melpy.ops.reduction import max as largest
from melpy.ops.reduction import sum as total
from melpy.ops.registry import composed, op
from melpy.ops.vectors import norm
from melpy.symbolic import Symbolic, like

__all__ = ["multi_hot", "normalize", "one_hot"]

KERAS_ROOM = "nn"


def _dense(sparse, who):
    if sparse:
        raise ArgumentError(
            who, "arrays here are dense", expected="sparse=False", received={"sparse": sparse}
        )


def _with_classes(x, num_classes=None, axis=-1, dtype=None, sparse=False):
    """Say what comes out: tried, it would take many times what any other op of x takes."""
    if not isinstance(x, Symbolic) or not isinstance(num_classes, int) or num_classes < 0:
        return None  # the op itself says what is wrong
    budget.need(8 * num_classes, "the operation 'one_hot'")
    shape = list(x.shape)
    shape.insert(normalize_axis_index(axis, x.ndim + 1), num_classes)
    return like(shape, dtype or config.floatx())


@op(
    made_of=_with_classes,
    sample=lambda rng: (rng.integers(0, 4, (2, 3)), {"num_classes": 4}),
    like=lambda torch, x, num_classes: torch.nn.functional.one_hot(x, num_classes),
    keeps=("x",),
)
def one_hot(x, *, num_classes, axis=-1, dtype=None, sparse=False):
    """Write classes as rows: y_c = 1 where c = x, 0 elsewhere.

    Parameters
    ----------
    x : array of ints, any shape; a class out of range gives zeros only
    num_classes : int
    axis : int, where the new axis of classes shall be in y
    dtype : type of the result; None for `config.floatx`
    sparse : False

    Returns
    -------
    array, one axis more than x

    Gradient
    --------
    none: a class is a whole number

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.one_hot([0, 2], 3)
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    _dense(sparse, "one_hot")
    y = x[..., np.newaxis] == np.arange(num_classes)
    return np.moveaxis(y.astype(dtype or config.floatx()), -1, axis), (None,)


@composed
def multi_hot(
    inputs: Any,
    *,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,
) -> Any:
    """Write sets of classes as rows: y_c = 1 where c is among the classes of the row.

    (.., T) -> (.., num_classes).

    Examples
    --------
    >>> multi_hot(np.array([[0, 2], [1, 1]]), 3)
    array([[1., 0., 1.],
           [0., 1., 0.]], dtype=float32)
    """
    _dense(sparse, "multi_hot")
    if num_classes is None:
        raise ArgumentError("multi_hot", "the number of classes is missing", expected="an int")
    rows = one_hot(inputs, num_classes, axis, dtype)
    return largest(rows, axis=1 if len(rows.shape) > 2 else 0, initial=0)


@composed(whole=True)
def normalize(x: Any, *, axis: Any = -1, order: int = 2, epsilon: float | None = None) -> Any:
    """Divide by the length along an axis: y = x / max((Σ |x|^order)^(1 / order), epsilon).

    Parameters
    ----------
    x : array or tensor, at least one axis
    axis : int or tuple of ints
    order : int >= 1, 2 for Euclid's length
    epsilon : float > 0, or None for `config.epsilon`

    Returns
    -------
    array or tensor, the shape of x

    Examples
    --------
    >>> normalize(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """
    if not isinstance(order, int) or order < 1:
        raise ArgumentError(
            "normalize", "this is no order", expected="an int >= 1", received={"order": order}
        )
    epsilon = config.epsilon() if epsilon is None else epsilon
    if order != 2:
        return divide(x, maximum(norm(x, order, axis, True), epsilon))
    # 1 / 0 = inf is cut to 1 / epsilon, and 0 / epsilon is 0
    with np.errstate(divide="ignore", over="ignore"):
        inverse = rsqrt(total(square(x), axis, True))
    return multiply(x, minimum(inverse, 1 / epsilon))
