"""Normalization of channels over a batch, and of features of each sample, with their gradients.

Over the rows of x (M,C), or along each of them,

    mean = sum x / count,  variance = sum (x - mean)^2 / count,  s = 1 / sqrt(variance + epsilon)
    z = (x - mean) s,      y = act(gamma z + beta)

and backwards, with d = g act'(y), sums and means over what was averaged:

    batch:  d_beta = sum d,  d_gamma = sum d z,  d_x = gamma s (d - d_beta / M - z d_gamma / M)
    layer:  e = gamma d,     d_x = s (e - mean(e) - z mean(e z)),  d_beta, d_gamma as above

Sources: S. Ioffe, C. Szegedy 2015, Batch normalization, section 3; J. L. Ba et al. 2016, Layer
normalization, equations 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from melpy.kernels.spec.bias_activation import ACTIVATIONS

__all__ = [
    "batch_norm", "batch_norm_d_x", "layer_norm", "layer_norm_d_x", "scale_offset",
    "shared_batch_norm", "shared_batch_norm_d_x",
]  # fmt: skip

Sum = Callable[[np.ndarray], np.ndarray]
Three = tuple[np.ndarray, np.ndarray, np.ndarray]


def batch_norm(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, epsilon: float, act: str
) -> Three:
    """Normalize channels over the batch.

    Parameters
    ----------
    x : ndarray (M,C), M > 0
    gamma, beta : ndarrays (C,)
    epsilon : float > 0
    act : "linear" or "relu"

    Returns
    -------
    y (M,C), mean (C,), variance (C,), the biased one
    """
    mean = x.mean(axis=0)
    centered = x - mean
    variance = np.einsum("mc,mc->c", centered, centered) / x.dtype.type(len(x))
    s = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    return ACTIVATIONS[act][0](centered * (s * gamma) + beta, 0.0), mean, variance


def batch_norm_d_x(
    g: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray,
    epsilon: float,
    act: str,
) -> Three:
    """Return d_x (M,C), d_gamma and d_beta (C,), from what `batch_norm` took and returned."""
    d = g * ACTIVATIONS[act][1](y, 0.0)
    s = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    z = (x - mean) * s
    d_beta, d_gamma = d.sum(axis=0), np.einsum("mc,mc->c", d, z)
    M = x.dtype.type(len(x))
    return (gamma * s) * (d - d_beta / M - z * (d_gamma / M)), d_gamma, d_beta


def shared_batch_norm(
    x: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    epsilon: float,
    act: str,
    count: int,
    added_up: Sum,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Normalize channels over a batch of which this process has a part.

    Moments of the parts make those of the whole, with n_r values a channel in part r:
    mean = sum n_r mean_r / sum n_r, variance = sum n_r (variance_r + (mean_r - mean)^2) / sum n_r.

    Parameters
    ----------
    x, gamma, beta, epsilon, act : as `batch_norm` takes them
    count : how many rows count: all, or none where they stand in for a part without samples
    added_up : function that returns the sum of an array over the parts

    Returns
    -------
    y (M,C), mean (C,), variance (C,), and sums (2,C) in float64: how many values, and their sum
    """
    own_mean, own_variance = x.mean(axis=0, dtype=np.float64), x.var(axis=0, dtype=np.float64)
    sums = added_up(np.stack([np.full(len(gamma), float(count)), count * own_mean]))
    mean = sums[1] / sums[0]
    variance = added_up(count * (own_variance + np.square(own_mean - mean))) / sums[0]
    mean, variance = mean.astype(x.dtype), variance.astype(x.dtype)
    s = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    return ACTIVATIONS[act][0]((x - mean) * (s * gamma) + beta, 0.0), mean, variance, sums


def shared_batch_norm_d_x(
    g: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    sums: np.ndarray,
    gamma: np.ndarray,
    epsilon: float,
    act: str,
    added_up: Sum,
) -> Three:
    """Return d_x (M,C), and this part's d_gamma and d_beta, from what `shared_batch_norm` made."""
    d = g * ACTIVATIONS[act][1](y, 0.0)
    s = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    z = (x - mean) * s
    own = np.stack([d.sum(axis=0), np.einsum("mc,mc->c", d, z)])
    d_beta, d_gamma = (added_up(own.astype(np.float64)) / sums[0]).astype(x.dtype)
    return (gamma * s) * (d - d_beta - z * d_gamma), own[1], own[0]


def scale_offset(x: np.ndarray, scale: np.ndarray, offset: np.ndarray, act: str) -> np.ndarray:
    """y = act(scale x + offset), a channel at a time: x (M,C), scale and offset (C,)."""
    return ACTIVATIONS[act][0](x * scale + offset, 0.0)


def layer_norm(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, epsilon: float) -> Three:
    """Normalize each row.

    Parameters
    ----------
    x : ndarray (M,C), C > 0
    gamma, beta : ndarrays (C,)
    epsilon : float > 0

    Returns
    -------
    y (M,C), mean (M,), s (M,) = 1 / sqrt(variance + epsilon)
    """
    mean = x.mean(axis=1)
    centered = x - mean[:, None]
    s = 1 / np.sqrt(np.square(centered).mean(axis=1) + x.dtype.type(epsilon))
    return centered * s[:, None] * gamma + beta, mean, s


def layer_norm_d_x(
    g: np.ndarray, x: np.ndarray, mean: np.ndarray, s: np.ndarray, gamma: np.ndarray
) -> Three:
    """Return d_x (M,C), d_gamma and d_beta (C,), from what `layer_norm` took and returned."""
    z = (x - mean[:, None]) * s[:, None]
    e = g * gamma
    along = e.mean(axis=1, keepdims=True), (e * z).mean(axis=1, keepdims=True)
    return s[:, None] * (e - along[0] - z * along[1]), np.einsum("mc,mc->c", g, z), g.sum(axis=0)
