"""Cross-entropies of one sample each, as keras.ops has them; losses for training are next door.

`melpy.losses` weighs, masks and averages; here is the bare formula.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import config
from melpy.errors import ShapeError
from melpy.ops.activations import log_sigmoid
from melpy.ops.choice import clip, where
from melpy.ops.comparison import equal, isinf, logical_and
from melpy.ops.creation import array
from melpy.ops.elementwise import divide, multiply, negative, subtract
from melpy.ops.encoding import one_hot
from melpy.ops.exponential import log
from melpy.ops.gates import log_softmax
from melpy.ops.reduction import sum as total
from melpy.ops.registry import axes_within, composed
from melpy.ops.shaping import squeeze

__all__ = ["binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"]

KERAS_ROOM = "nn"


def _require(fits: bool, who: str, target: Any, output: Any, expected: str) -> None:
    if not fits:
        raise ShapeError(
            who,
            "targets and outputs do not fit together",
            expected=expected,
            received={"target.shape": target.shape, "output.shape": output.shape},
        )


def clipped(p: Any) -> Any:
    """Return probabilities whose logarithms and gradients are finite, as Keras clips them.

    Where epsilon is too small for p's type, the type's own gaps from 0 and 1 take its place.
    """
    kind = np.finfo(p.dtype if np.dtype(p.dtype).kind == "f" else config.floatx())
    least, gap = (max(config.epsilon(), float(end)) for end in (kind.tiny, kind.epsneg))
    return clip(p, least, 1 - gap)


def _log_probabilities(output: Any, from_logits: bool, axis: int) -> Any:
    if from_logits:
        return log_softmax(output, axis)
    return log(clipped(divide(output, total(output, axis, True))))


def _weighed(target: Any, log_p: Any) -> Any:
    """Return t log p, and 0 for what cannot be and is not the target: 0 log 0 = 0."""
    is_nothing = logical_and(equal(target, 0), isinf(log_p))
    return multiply(target, where(is_nothing, 0, log_p))


@composed
def binary_crossentropy(target: Any, output: Any, *, from_logits: bool = False) -> Any:
    """Return -t log p - (1 - t) log(1 - p), entry by entry.

    Parameters
    ----------
    target : array, any shape, values in [0, 1]
    output : array or tensor of the same shape: p, or with ``from_logits`` the x of p = sigmoid(x)

    Returns
    -------
    array or tensor, the shape of output

    Examples
    --------
    >>> import numpy as np
    >>> binary_crossentropy(np.array([1.0, 0.0]), np.array([0.5, 0.25])).round(3)
    array([0.693, 0.288])
    """
    target, output = array(target), array(output)
    _require(target.shape == output.shape, "binary_crossentropy", target, output, "equal shapes")
    if from_logits:
        yes, no = log_sigmoid(output), log_sigmoid(negative(output))
    else:
        p = clipped(output)
        yes, no = log(p), log(subtract(1, p))
    return negative(_weighed(target, yes) + _weighed(subtract(1, target), no))


@composed
def categorical_crossentropy(
    target: Any, output: Any, *, from_logits: bool = False, axis: int = -1
) -> Any:
    """Return -Σ_c t_c log p_c along an axis.

    Parameters
    ----------
    target : array, any shape, distributions along the axis
    output : array or tensor of the same shape: p up to a factor, or with ``from_logits`` the x of
        p = softmax(x)
    axis : int, that of the classes

    Returns
    -------
    array or tensor, the shape of output without the axis

    Examples
    --------
    >>> import numpy as np
    >>> categorical_crossentropy(np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])).round(3)
    array([0.693])
    """
    target, output = array(target), array(output)
    fits = target.shape == output.shape and len(target.shape) > 0
    _require(fits, "categorical_crossentropy", target, output, "equal shapes")
    return negative(total(_weighed(target, _log_probabilities(output, from_logits, axis)), axis))


@composed
def sparse_categorical_crossentropy(
    target: Any, output: Any, *, from_logits: bool = False, axis: int = -1
) -> Any:
    """Return -log p_c of the class c = target, along an axis.

    Parameters
    ----------
    target : array of ints, the shape of output without the axis, or with size 1 there
    output : array or tensor, any shape: p up to a factor, or with ``from_logits`` the x of
        p = softmax(x)
    axis : int, that of the classes

    Returns
    -------
    array or tensor, the shape of output without the axis

    Examples
    --------
    >>> import numpy as np
    >>> sparse_categorical_crossentropy(np.array([1]), np.array([[0.5, 0.5]])).round(3)
    array([0.693])
    """
    target, output = array(target), array(output)
    if len(target.shape) == len(output.shape) and target.shape[-1] == 1:
        target = squeeze(target, -1)
    who, sizes = "sparse_categorical_crossentropy", list(output.shape)
    _require(bool(sizes), who, target, output, "one class a distribution")
    classes = sizes.pop(*axes_within(who, axis, len(sizes)))
    _require(list(target.shape) == sizes, who, target, output, "one class a distribution")
    chosen = one_hot(target, classes, axis, str(output.dtype))
    return negative(total(_weighed(chosen, _log_probabilities(output, from_logits, axis)), axis))
