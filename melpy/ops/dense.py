"""A dense layer as one operation: product, bias and activation."""

from __future__ import annotations

import math

from melpy.errors import ShapeError
from melpy.kernels import dispatch as kernels
from melpy.ops.fused import bias_activation_like
from melpy.ops.registry import op
from melpy.vjps import selective

__all__ = ["dense"]

KERAS_ROOM = None


def _like(torch, x, kernel, bias, **options):
    return bias_activation_like(torch, torch.matmul(x, kernel), bias, **options)


def _sample(shape, units, activation, slope=0.0):
    """Draw until no sum lies near the kink at 0."""

    def sample(rng):
        while True:
            x, w, b = (
                rng.normal(size=shape),
                rng.normal(size=(shape[-1], units)),
                rng.normal(size=units),
            )
            if abs(x @ w + b).min(initial=1) > 1e-2:
                return x, w, b, {"activation": activation, "slope": slope}

    return sample


@op(
    sample=[
        _sample((4, 3), 5, "linear"),
        _sample((2, 3, 4), 2, "relu"),
        _sample((3, 2), 4, "leaky_relu", 0.2),
        _sample((3, 2), 4, "elu", 0.7),
        _sample((3, 2), 4, "tanh"),
        _sample((3, 2), 4, "sigmoid"),
        _sample((0, 2), 4, "relu"),
    ],
    like=_like,
)
def dense(x, kernel, bias, *, activation="linear", slope=0.0):
    """Multiply, add a bias and activate in one sweep: y = act(x W + b).

    Parameters
    ----------
    x : tensor, shape (..., C)
    kernel : tensor W, shape (C, D)
    bias : tensor b, shape (D,)
    activation : "linear", "relu", "leaky_relu", "elu", "sigmoid" or "tanh"
    slope : float >= 0, the slope of leaky_relu below 0, the alpha of elu

    Returns
    -------
    tensor, shape (..., D), dtype of x

    Gradient
    --------
    With d_u = g act'(x W + b), taken from y:
    d_x = d_u W^T, d_W = x^T d_u, d_b = d_u summed to (D,).

    Raises
    ------
    UnknownNameError : the activation is not one of the six
    ShapeError : kernel or bias do not fit

    Source
    ------
    Standard; see `melpy.kernels.spec.bias_activation` for each activation's.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.dense(np.array([[1.0, 2.0]]), np.ones((2, 1)), np.array([-4.0]), activation="relu")
    array([[0.]])
    """
    if kernel.ndim != 2 or x.ndim < 1 or x.shape[-1] != kernel.shape[0]:
        raise ShapeError(
            "dense",
            "the kernel does not fit the last axis",
            expected=f"shape (C, D) with C = {x.shape[-1] if x.ndim else 'the last axis of x'}",
            received={"x.shape": x.shape, "kernel.shape": kernel.shape},
        )
    if bias.shape != kernel.shape[1:]:
        raise ShapeError(
            "dense",
            "the bias does not fit the kernel",
            expected=f"shape {kernel.shape[1:]}",
            received={"bias.shape": bias.shape},
        )
    count, shape = math.prod(x.shape[:-1]), (*x.shape[:-1], kernel.shape[1])
    rows = x.reshape(count, x.shape[-1])  # (..., C) -> (P, C)
    y = kernels.dense(rows, kernel, bias, activation, slope)

    def back(g, wanted):
        d_x, *rest = kernels.dense_back(
            g.reshape(count, shape[-1]), rows, kernel, y, activation, slope, wanted
        )
        return None if d_x is None else d_x.reshape(x.shape), *rest

    return y.reshape(shape), selective(back, 3)
