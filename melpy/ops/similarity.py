"""How alike arrays are: correlations, distances, and the errors that an eye would see."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from melpy import config
from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.ops.choice import clip
from melpy.ops.conv import conv
from melpy.ops.creation import array, dtype, ndim, shape
from melpy.ops.elementwise import add, divide, multiply, square, subtract
from melpy.ops.exponential import log10
from melpy.ops.indexing import flip
from melpy.ops.joining import pad
from melpy.ops.matrix import diagonal
from melpy.ops.products import matmul
from melpy.ops.reduction import mean
from melpy.ops.registry import composed, in_keras
from melpy.ops.shaping import cast, expand_dims, moveaxis, reshape, transpose
from melpy.ops.vectors import euclidean_norm

__all__ = ["cdist", "corrcoef", "correlate", "gaussian", "psnr", "ssim"]


def _as_floats(x: Any) -> Any:
    x = array(x)
    return x if np.dtype(dtype(x)).kind == "f" else cast(x, config.floatx())


@composed
def corrcoef(x: Any) -> Any:
    """Correlate variables, Pearson's r: y_ij = c_ij / √(c_ii c_jj), c their covariance.

    Parameters
    ----------
    x : array or tensor, (V, N): V variables, N samples of each; a vector is one variable

    Returns
    -------
    array or tensor, (V, V), in [-1, 1]; () of a vector

    Source
    ------
    K. Pearson 1895.

    Examples
    --------
    >>> corrcoef(np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])).round(6)
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    x = _as_floats(x)
    if ndim(x) == 1:
        return reshape(corrcoef(expand_dims(x, 0)), ())
    if ndim(x) != 2:
        raise ShapeError(
            "corrcoef",
            f"the array has {ndim(x)} axes",
            expected="shape (variables, samples)",
            received={"shape": shape(x)},
        )
    centred = subtract(x, mean(x, 1, True))
    covariance = matmul(centred, transpose(centred))
    deviation = diagonal(covariance) ** 0.5
    y = divide(divide(covariance, expand_dims(deviation, 1)), deviation)
    return clip(y, -1.0, 1.0)


MODES = {"valid": 0, "same": 1, "full": 2}  # how many times the shorter one, less 1, is added


@composed
def correlate(x1: Any, x2: Any, *, mode: str = "valid") -> Any:
    """Slide one signal along another: y_k = Σ_n x1_{n + k} x2_n.

    Parameters
    ----------
    x1, x2 : arrays or tensors, (n,) and (m,)
    mode : "valid", where the shorter one lies inside the longer one; "same", as many values as the
        longer one has; "full", wherever they overlap

    Returns
    -------
    array or tensor, (|n - m| + 1,), (max(n, m),) or (n + m - 1,), as mode says

    Examples
    --------
    >>> correlate(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0]))
    array([2., 3.])
    """
    times = lookup("mode", mode, MODES, "correlate")
    x1, x2 = _as_floats(x1), _as_floats(x2)
    if {ndim(x1), ndim(x2)} != {1} or 0 in shape(x1) + shape(x2):
        raise ShapeError(
            "correlate",
            "these are no signals",
            expected="two vectors that are not empty",
            received={"shapes": [shape(x1), shape(x2)]},
        )
    size, other = shape(x1)[0], shape(x2)[0]
    if size < other:  # the other way round, read backwards
        return flip(correlate(x2, x1, mode=mode), 0)
    total = times * (other - 1)
    before = total - total // 2
    padded = pad(x1, ((before, total - before),))
    y = conv(reshape(padded, (1, -1, 1)), reshape(x2, (-1, 1, 1)), data_format="channels_last")
    return reshape(y, (-1,))


@in_keras("math.CDist")
@composed
def cdist(x: Any, y: Any) -> Any:
    """Measure the distance of every row of x and every row of y: d_ij = |x_i - y_j|.

    Parameters
    ----------
    x : array or tensor, (.., n, d)
    y : array or tensor, (.., m, d)

    Returns
    -------
    array or tensor, (.., n, m)

    Examples
    --------
    >>> cdist(np.array([[0.0, 0.0], [3.0, 0.0]]), np.array([[0.0, 4.0]]))
    array([[4.],
           [5.]])
    """
    x, y = _as_floats(x), _as_floats(y)
    if min(ndim(x), ndim(y)) < 2 or shape(x)[-1] != shape(y)[-1]:
        raise ShapeError(
            "cdist",
            "these are no rows of one length",
            expected="shapes (.., n, d) and (.., m, d)",
            received={"shapes": [shape(x), shape(y)]},
        )
    return euclidean_norm(subtract(expand_dims(x, -2), expand_dims(y, -3)), -1)


@in_keras("nn.PSNR")
@composed
def psnr(x1: Any, x2: Any, *, max_val: float) -> Any:
    """Compare a signal's peak with its noise, in decibels: y = 20 log10 max - 10 log10 mean d^2.

    Parameters
    ----------
    x1, x2 : arrays or tensors of one shape; d is their difference
    max_val : float > 0, the largest value that there can be: 1.0, or 255

    Returns
    -------
    a scalar; infinite where nothing differs

    Examples
    --------
    >>> float(psnr(np.zeros(4), np.full(4, 0.1), 1.0).round(6))
    20.0
    """
    x1, x2 = _as_floats(x1), _as_floats(x2)
    if shape(x1) != shape(x2):
        raise ShapeError(
            "psnr",
            "the signals differ in shape",
            expected="equal shapes",
            received={"shapes": [shape(x1), shape(x2)]},
        )
    with np.errstate(divide="ignore"):
        noise = multiply(log10(mean(square(subtract(x1, x2)))), 10.0)
    return subtract(20.0 * math.log10(max_val), noise)


def gaussian(size: int, sigma: float) -> np.ndarray:
    """Return the weights (size,) of a bell of width sigma around the middle; they add up to 1.

    Examples
    --------
    >>> gaussian(3, 1.0).round(3)
    array([0.274, 0.452, 0.274])
    """
    weights = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / sigma) ** 2)
    return weights / weights.sum()


@in_keras("image.SSIM")
@composed
def ssim(
    image1: Any,
    image2: Any,
    *,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Any:
    """Compare the structure of images, 1 where they are equal.

    In windows with means m, variances v and a covariance c it is
    (2 m1 m2 + c1) (2 c + c2) / ((m1^2 + m2^2 + c1) (v1 + v2 + c2)); the result is its mean.

    Parameters
    ----------
    image1, image2 : arrays or tensors of one shape, (N, H, W, C) or (H, W, C), channels first with
        that data_format
    max_val : float > 0, the largest value that there can be: 1.0, or 255
    filter_size : int > 0, the windows' height and width, no larger than the images
    filter_sigma : float > 0, the width of the bell that weighs a window's pixels
    k1, k2 : floats; c1 = (k1 max_val)^2 and c2 = (k2 max_val)^2 keep the fraction from 0 / 0
    data_format : "channels_last", "channels_first", or None for the setting

    Returns
    -------
    array or tensor, (N,), or a scalar for one image; the type of image1

    Source
    ------
    Z. Wang, A. Bovik, H. Sheikh, E. Simoncelli 2004, equation 13.

    Examples
    --------
    >>> image = np.linspace(0.0, 1.0, 144).reshape(12, 12, 1)
    >>> float(ssim(image, image))
    1.0
    """
    place = data_format or config.image_data_format()
    lookup("data format", place, config.DATA_FORMATS, "ssim")
    if shape(image1) != shape(image2) or ndim(image1) not in (3, 4):
        raise ShapeError(
            "ssim",
            "these are no images of one shape",
            expected="equal shapes, (N, H, W, C) or (H, W, C)",
            received={"shapes": [shape(image1), shape(image2)]},
        )
    if not max_val > 0:
        raise ArgumentError(
            "ssim", "there is no such largest value", expected="> 0", received={"max_val": max_val}
        )
    kind = dtype(array(image1))
    axis = -1 if place == "channels_last" else -3

    def planes(images: Any) -> Any:
        """Return each channel as an image of its own: (N C, H, W, 1)."""
        x = moveaxis(_as_floats(images), axis, -3)
        return reshape(x, (-1, *shape(x)[-2:], 1))

    a, b = planes(image1), planes(image2)
    line = gaussian(filter_size, filter_sigma)
    kernel = np.outer(line, line)[:, :, np.newaxis, np.newaxis].astype(dtype(a))

    def blurred(x: Any) -> Any:
        return conv(x, kernel, data_format="channels_last")

    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    m1, m2 = blurred(a), blurred(b)
    m11, m22, m12 = square(m1), square(m2), multiply(m1, m2)
    v1 = subtract(blurred(square(a)), m11)
    v2 = subtract(blurred(square(b)), m22)
    c = subtract(blurred(multiply(a, b)), m12)
    alike = multiply(add(multiply(m12, 2.0), c1), add(multiply(c, 2.0), c2))
    y = mean(divide(alike, multiply(add(add(m11, m22), c1), add(add(v1, v2), c2))), (1, 2, 3))
    rows = mean(reshape(y, (-1, shape(image1)[axis])), -1)
    return cast(rows if ndim(image1) == 4 else reshape(rows, ()), kind)
