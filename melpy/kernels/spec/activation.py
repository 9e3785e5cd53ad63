"""An activation by itself, y = act(x), and its gradient from x and y.

The six of `bias_activation` take their slope from y; these take it from x, since they fall and
rise again, with Φ and φ the normal distribution's and its density, s(x) = 1 / (1 + exp(-x)):

    name        act(x)                                           d act/dx
    silu        x s(x)                                           s (1 + x (1 - s))
    gelu        x Φ(x) = x (1 + erf(x / √2)) / 2                 Φ(x) + x φ(x)
    gelu_tanh   x (1 + t) / 2,                                   (1 + t) / 2 + x (1 - t^2) t' / 2,
                t = tanh(√(2/π) (x + 0.044715 x^3))              t' = √(2/π) (1 + 0.134145 x^2)

Sources: D. Hendrycks, K. Gimpel 2016, Gaussian error linear units, section 2 (silu and gelu).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from melpy.errors import lookup
from melpy.kernels.spec.bias_activation import ACTIVATIONS, sigmoid

__all__ = ["GATES", "activation", "activation_d_x", "erf"]

Function = Callable[[np.ndarray], np.ndarray]

ROOT_2_BY_PI = math.sqrt(2 / math.pi)

_erf = np.vectorize(math.erf, otypes=[np.float64])


def erf(x: np.ndarray) -> np.ndarray:
    """2/√π times the integral of exp(-t^2) from 0 to x, in the float type of x."""
    return _erf(x).astype(x.dtype if x.dtype.kind == "f" else np.float64)


def _silu_slope(x: np.ndarray) -> np.ndarray:
    s = sigmoid(x, 0.0)
    return s * (1 + x * (1 - s))


def _phi(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + erf(x / math.sqrt(2.0)))


def _gelu_slope(x: np.ndarray) -> np.ndarray:
    z = np.clip(x, -40, 40)  # beyond, the density is 0 to the last bit
    return _phi(x) + z * np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)


def _t(z: np.ndarray) -> np.ndarray:
    return np.tanh(ROOT_2_BY_PI * (z + 0.044715 * z * z * z))


def _gelu_tanh(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + _t(np.clip(x, -20, 20)))  # beyond, tanh is 1; x^3 could overflow


def _gelu_tanh_slope(x: np.ndarray) -> np.ndarray:
    z = np.clip(x, -20, 20)
    t = _t(z)
    return 0.5 * (1 + t) + z * (0.5 * (1 - t * t) * ROOT_2_BY_PI * (1 + 0.134145 * z * z))


# name: (act(x), its derivative from x)
GATES: dict[str, tuple[Function, Function]] = {
    "silu": (lambda x: x * sigmoid(x, 0.0), _silu_slope),
    "gelu": (lambda x: x * _phi(x), _gelu_slope),
    "gelu_tanh": (_gelu_tanh, _gelu_tanh_slope),
}


def activation(x: np.ndarray, name: str, slope: float) -> np.ndarray:
    """y = act(x).

    Parameters
    ----------
    x : ndarray, any shape
    name : a key of `GATES`, or of `melpy.kernels.spec.bias_activation.ACTIVATIONS`
    slope : float >= 0, as there

    Returns
    -------
    ndarray, the shape and dtype of x

    Examples
    --------
    >>> activation(np.array([-2.0, 2.0]), "relu", 0.0)
    array([0., 2.])
    """
    if name in GATES:
        y = GATES[name][0](x)
    else:
        y = lookup("activation", name, ACTIVATIONS, "activation")[0](x, float(slope))
    return y.astype(x.dtype, copy=False) if x.dtype.kind == "f" else y


def activation_d_x(
    g: np.ndarray, x: np.ndarray, y: np.ndarray, name: str, slope: float
) -> np.ndarray:
    """d_x = g * act'(x), from x for the gates, from y for the others.

    Examples
    --------
    >>> x = np.array([-2.0, 2.0])
    >>> activation_d_x(np.ones(2), x, activation(x, "relu", 0.0), "relu", 0.0)
    array([0., 1.])
    """
    derivative = GATES[name][1](x) if name in GATES else ACTIVATIONS[name][1](y, float(slope))
    return (g * derivative).astype(g.dtype, copy=False)
