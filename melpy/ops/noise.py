"""Noise, each one operation: what a layer of noise does while it trains.

Each draws from counters (`melpy.kernels.spec.philox`), so the same seed draws the same: the way
back draws again what the way forward drew, and nothing is kept in between.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from melpy import part
from melpy.errors import ArgumentError, ShapeError
from melpy.kernels import dispatch as kernels
from melpy.ops.registry import op
from melpy.ops.samples import normal

__all__ = ["alpha_dropout", "dropout", "gaussian_dropout", "gaussian_noise"]

KERAS_ROOM = None

# The lower limit of selu(x): -1.0507 * 1.6733.
SELU_LIMIT = -1.0507009873554804934193349852946 * 1.6732632423543772848170429916717
SEED = np.array([3, 1])


def _noise_shape(x: np.ndarray, noise_shape: Any, who: str) -> tuple[int, ...]:
    """Return the shape of the draw, of as many axes as x."""
    if noise_shape is None:
        return x.shape
    given = tuple(noise_shape)
    owns = x.shape[max(x.ndim - len(given), 0) :]
    sizes = tuple(own if s is None else s for s, own in zip(given, owns, strict=False))
    if len(given) > x.ndim or any(s not in (1, own) for s, own in zip(sizes, owns, strict=True)):
        raise ShapeError(
            who,
            "the noise does not broadcast to the inputs",
            expected=f"a noise_shape that broadcasts to {x.shape}",
            received={"noise_shape": given},
        )
    return (1,) * (x.ndim - len(sizes)) + sizes


def _place(x: np.ndarray) -> int:
    """Return the place of the first sample in the whole batch, of which this may be a part."""
    return part.first_sample(x.shape[0]) if x.ndim else 0


def _require_rate(rate: float, who: str) -> None:
    if not 0 <= rate < 1:
        raise ArgumentError(
            who,
            "the rate leaves nothing, or is no share",
            expected="0 <= rate < 1",
            received={"rate": rate},
        )


@op(
    sample=[
        normal((3, 5), rate=0.4, seed=SEED),
        normal((3, 4, 2), rate=0.5, seed=SEED, noise_shape=(None, 1, None)),
        normal((3, 4, 2), rate=0.5, seed=SEED, noise_shape=(4, 1)),
        normal((2, 3, 2, 3), rate=0.5, seed=SEED, noise_shape=(None, 1, None, 1)),
        normal((), rate=0.5, seed=SEED),
    ],
    floats=True,
)
def dropout(x, *, rate, seed, noise_shape=None):
    """Drop a share of the values, and scale the others up: y = k x / (1 - rate).

    Parameters
    ----------
    x : tensor, shape (N, ...)
    rate : float in [0, 1], the probability that k is 0 instead of 1; 1 gives zeros
    seed : ndarray (2,) of ints, a source's seed and the step, as `random.SeedGenerator.next` gives
    noise_shape : shape of k, which broadcasts to that of x; None in it for the same size, None as a
        whole for x's shape

    Returns
    -------
    tensor, shape and dtype of x

    Gradient
    --------
    d_x = k g / (1 - rate), with the same k, drawn again.

    Raises
    ------
    ArgumentError : the rate is out of range
    ShapeError : the noise does not broadcast to x

    Source
    ------
    N. Srivastava et al. 2014, Dropout, section 4 (scaled while training).

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.dropout(np.ones((2, 3)), rate=0.5, seed=np.array([1, 0]))
    array([[2., 2., 2.],
           [2., 0., 0.]])
    """
    if not 0 <= rate <= 1:
        raise ArgumentError(
            "dropout", "the rate is no share", expected="0 <= rate <= 1", received={"rate": rate}
        )
    noise, scale = _noise_shape(x, noise_shape, "dropout"), 1 / (1 - rate) if rate < 1 else 0.0
    place = _place(x)

    def scaled(x):
        return kernels.dropped(x, seed, noise, rate, scale, 0.0, 0.0, place)

    return scaled(x), (scaled,)


@op(
    sample=[
        normal((3, 5), rate=0.4, seed=SEED),
        normal((3, 4, 2), rate=0.5, seed=SEED, noise_shape=(None, 1, None)),
    ],
    floats=True,
)
def alpha_dropout(x, *, rate, seed, noise_shape=None):
    """Drop a share of what a selu gives, mean and variance kept: y = a (k x + (1 - k) l) + b.

    Parameters
    ----------
    x : tensor, shape (N, ...), of mean 0 and variance 1
    rate : float in [0, 1), the probability that k is 0 instead of 1
    seed, noise_shape : as in `dropout`

    Returns
    -------
    tensor, shape and dtype of x

    Gradient
    --------
    d_x = a k g, with the same k, drawn again.

    Raises
    ------
    ArgumentError : the rate is out of range
    ShapeError : the noise does not broadcast to x

    Source
    ------
    G. Klambauer et al. 2017, Self-normalizing neural networks, section 3; l = -1.7581 is the selu's
    lower limit, a = ((1 - rate) (1 + rate l^2))^-1/2 and b = -a l rate.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.alpha_dropout(np.ones((1, 3)), rate=0.5, seed=np.array([3, 0])).round(2)
    array([[ 1.67, -0.78,  1.67]])
    """
    _require_rate(rate, "alpha_dropout")
    noise = _noise_shape(x, noise_shape, "alpha_dropout")
    a = ((1 - rate) * (1 + rate * SELU_LIMIT**2)) ** -0.5
    b = -a * SELU_LIMIT * rate

    place = _place(x)

    def d_x(g):
        return kernels.dropped(g, seed, noise, rate, a, 0.0, 0.0, place)

    return kernels.dropped(x, seed, noise, rate, a, b, a * SELU_LIMIT + b, place), (d_x,)


@op(sample=normal((3, 5), deviation=0.4, seed=SEED), floats=True)
def gaussian_noise(x, *, deviation, seed):
    """Add noise: y = x + e, with e from the normal distribution of mean 0.

    Parameters
    ----------
    x : tensor, shape (N, ...)
    deviation : float >= 0, the standard deviation of e
    seed : as in `dropout`

    Returns
    -------
    tensor, shape and dtype of x

    Gradient
    --------
    d_x = g.

    Source
    ------
    Standard; for the draws see `melpy.kernels.spec.philox`.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.gaussian_noise(np.zeros((1, 3)), deviation=0.1, seed=np.array([1, 0])).shape
    (1, 3)
    """
    return kernels.noisy(x, seed, deviation, False, _place(x)), (lambda g: g,)


@op(sample=normal((3, 5), rate=0.4, seed=SEED), floats=True)
def gaussian_dropout(x, *, rate, seed):
    """Multiply by noise of mean 1: y = x e, with e's variance rate / (1 - rate).

    Parameters
    ----------
    x : tensor, shape (N, ...)
    rate : float in [0, 1)
    seed : as in `dropout`

    Returns
    -------
    tensor, shape and dtype of x

    Gradient
    --------
    d_x = g e, with the same e, drawn again.

    Raises
    ------
    ArgumentError : the rate is out of range

    Source
    ------
    N. Srivastava et al. 2014, Dropout, section 10.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.gaussian_dropout(np.zeros((1, 3)), rate=0.5, seed=np.array([1, 0]))
    array([[0., 0., 0.]])
    """
    _require_rate(rate, "gaussian_dropout")
    deviation = math.sqrt(rate / (1 - rate))

    place = _place(x)

    def scaled(x):
        return kernels.noisy(x, seed, deviation, True, place)

    return scaled(x), (scaled,)
