"""Activation functions made of pieces of lines: hard approximations, and those that shrink."""

from __future__ import annotations

import numpy as np

from melpy.ops.registry import op
from melpy.ops.samples import normal

__all__ = [
    "hard_shrink", "hard_silu", "hard_swish", "hard_tanh", "soft_shrink", "sparse_plus",
    "sparse_sigmoid", "tanh_shrink", "threshold",
]  # fmt: skip

KERAS_ROOM = "nn"


def _off_kinks(*values, **options):
    """Values that keep away from the kinks, some of every piece."""
    return lambda rng: (rng.choice(values, (3, 4)), options)


@op(sample=_off_kinks(-4.0, -2.0, 0.0, 2.5, 4.0), like="torch.nn.functional.hardswish")
def hard_silu(x):
    """Gate x by its hard sigmoid: y = x min(max(x + 3, 0), 6) / 6. Also called ``hard_swish``.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g (2x + 3) / 6 where |x| < 3, g above, 0 below

    Source
    ------
    Howard et al. (2019), Searching for MobileNetV3, section 5.2.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.hard_silu([-4.0, 1.0, 4.0]).round(3)
    array([-0.   ,  0.667,  4.   ], dtype=float32)
    """
    gate = np.clip(x + 3, 0, 6) / 6

    def d_x(g):
        return g * np.where((gate > 0) & (gate < 1), gate + x / 6, gate)

    return np.maximum(x, -3.0) * gate, (d_x,)  # -inf times 0 is no number


@op(sample=_off_kinks(-4.0, -0.5, 0.0, 0.5, 4.0), like="torch.nn.functional.hardtanh")
def hard_tanh(x):
    """Cut off on both sides: y = min(max(x, -1), 1).

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    g where |x| < 1, 0 elsewhere

    Source
    ------
    Collobert (2004), Large scale machine learning, section 5.1.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.hard_tanh([-4.0, 0.5, 4.0])
    array([-1. ,  0.5,  1. ], dtype=float32)
    """
    return np.clip(x, -1, 1), (lambda g: g * (np.abs(x) < 1),)


@op(sample=normal((2, 3)), like="torch.nn.functional.tanhshrink")
def tanh_shrink(x):
    """Take away the tanh: y = x - tanh x.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g tanh^2 x

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.tanh_shrink([0.0, 2.0]).round(3)
    array([0.   , 1.036], dtype=float32)
    """
    t = np.tanh(x)
    return x - t, (lambda g: g * t * t,)


@op(
    sample=[_off_kinks(-4.0, -0.2, 0.3, 2.0), _off_kinks(-4.0, -0.2, 0.3, 2.0, threshold=1.0)],
    like=lambda torch, x, threshold=0.5: torch.nn.functional.softshrink(x, threshold),
    floats=True,
)
def soft_shrink(x, *, threshold=0.5):
    """Move towards 0 by a threshold: y = sign(x) max(|x| - threshold, 0).

    Parameters
    ----------
    x : array, any shape
    threshold : float >= 0

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    g where |x| > threshold, 0 elsewhere

    Source
    ------
    Donoho (1995), De-noising by soft-thresholding.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.soft_shrink([-2.0, 0.25, 1.0])
    array([-1.5,  0. ,  0.5], dtype=float32)
    """
    far = np.abs(x) > threshold
    return np.where(far, x - np.copysign(threshold, x).astype(x.dtype), x * 0), (lambda g: g * far,)


@op(
    sample=[_off_kinks(-4.0, -0.2, 0.3, 2.0), _off_kinks(-4.0, -0.2, 0.3, 2.0, threshold=1.0)],
    like=lambda torch, x, threshold=0.5: torch.nn.functional.hardshrink(x, threshold),
    floats=True,
)
def hard_shrink(x, *, threshold=0.5):
    """Drop what is small: y = x where |x| > threshold, 0 elsewhere.

    Parameters
    ----------
    x : array, any shape
    threshold : float >= 0

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    g where |x| > threshold, 0 elsewhere

    Source
    ------
    Donoho and Johnstone (1994), Ideal spatial adaptation by wavelet shrinkage.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.hard_shrink([-2.0, 0.25, 1.0])
    array([-2.,  0.,  1.], dtype=float32)
    """
    far = np.abs(x) > threshold
    return x * far, (lambda g: g * far,)


@op(
    sample=_off_kinks(-4.0, -0.2, 0.3, 2.0, threshold=0.1, default_value=7.0),
    like=lambda torch, x, threshold, default_value: torch.nn.functional.threshold(
        x, threshold, default_value
    ),
)
def threshold(x, *, threshold, default_value):
    """Replace what is not above a threshold: y = x where x > threshold, default_value elsewhere.

    Parameters
    ----------
    x : array, any shape
    threshold, default_value : floats

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    g where x > threshold, 0 elsewhere

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.threshold([-2.0, 0.25, 1.0], 0.5, 9.0)
    array([9., 9., 1.], dtype=float32)
    """
    above = x > threshold
    return np.where(above, x, default_value), (lambda g: g * above,)


def _sparse_plus_like(torch, x):
    return torch.where(x <= -1, 0 * x, torch.where(x < 1, (x + 1) ** 2 / 4, x))


@op(sample=_off_kinks(-2.0, -0.5, 0.0, 0.6, 2.0), like=_sparse_plus_like)
def sparse_plus(x):
    """Smooth the relu by a parabola: y = (x + 1)^2 / 4 where |x| < 1, max(x, 0) elsewhere.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g min(max((x + 1) / 2, 0), 1), which is g sparse_sigmoid(x)

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.sparse_plus([-2.0, 0.0, 2.0])
    array([0.  , 0.25, 2.  ], dtype=float32)
    """
    slope = np.clip((x + 1) / 2, 0, 1)
    return np.where(x < 1, slope * slope, x), (lambda g: g * slope,)


@op(
    sample=_off_kinks(-2.0, -0.5, 0.0, 0.6, 2.0),
    like=lambda torch, x: torch.clamp((x + 1) / 2, 0, 1),
)
def sparse_sigmoid(x):
    """Approximate the sigmoid by three lines: y = min(max((x + 1) / 2, 0), 1).

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g / 2 where |x| < 1, 0 elsewhere

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.sparse_sigmoid([-2.0, 0.5, 2.0])
    array([0.  , 0.75, 1.  ], dtype=float32)
    """
    y = np.clip((x + 1) / 2, 0, 1)
    return y, (lambda g: g * (np.abs(x) < 1) / 2,)


hard_swish = hard_silu
