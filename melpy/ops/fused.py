"""The fused steps of a network: bias and activation, normalization, cross-entropy."""

from __future__ import annotations

import math

import numpy as np

from melpy.errors import ArgumentError, ShapeError
from melpy.kernels import dispatch as kernels
from melpy.ops.registry import op
from melpy.vjps import joint

__all__ = ["add_relu", "batch_norm", "bias_activation", "scale_offset", "softmax_cross_entropy"]

KERAS_ROOM = None


def bias_activation_like(torch, x, b, *, activation="linear", slope=0.0):
    functional = torch.nn.functional
    return {
        "linear": lambda z: z,
        "relu": functional.relu,
        "leaky_relu": lambda z: functional.leaky_relu(z, slope),
        "elu": lambda z: functional.elu(z, slope),
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "silu": functional.silu,
        "gelu": functional.gelu,
        "gelu_tanh": lambda z: functional.gelu(z, approximate="tanh"),
    }[activation](x + b)


def _off_zero(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Values of both signs, at least 0.3 from the kink at 0 even after a bias of up to 0.1."""
    return rng.choice([-1.0, 1.0], size=shape) * rng.uniform(0.4, 2.0, size=shape)


def _biased(activation: str, slope: float = 0.0):
    return lambda rng: (
        _off_zero(rng, (2, 3, 5)),
        rng.uniform(-0.1, 0.1, size=5),
        {"activation": activation, "slope": slope},
    )


@op(
    sample=[
        _biased("linear"),
        _biased("relu"),
        _biased("leaky_relu", 0.2),
        _biased("elu", 0.7),
        _biased("sigmoid"),
        _biased("tanh"),
    ],
    like=bias_activation_like,
)
def bias_activation(x, b, *, activation="linear", slope=0.0):
    """Add a bias and activate in one sweep: y = act(x + b).

    Parameters
    ----------
    x : tensor, shape (..., C)
    b : tensor, shape (C,)
    activation : "linear", "relu", "leaky_relu", "elu", "sigmoid" or "tanh"
    slope : float >= 0, the slope of leaky_relu below 0, the alpha of elu

    Returns
    -------
    tensor, shape (..., C), dtype of x

    Gradient
    --------
    d_x = g act'(x + b), taken from y, so that x need not be kept; d_b = d_x summed to (C,).

    Raises
    ------
    UnknownNameError : the activation is not one of the six
    ShapeError : b is not of shape (C,)

    Source
    ------
    Standard; see `melpy.kernels.spec.bias_activation` for each activation's.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.bias_activation(np.array([[-2.0, 2.0]]), np.array([1.0, 1.0]), activation="relu")
    array([[0., 3.]])
    """
    if b.shape != x.shape[-1:]:
        raise ShapeError(
            "bias_activation",
            "the bias does not fit the last axis",
            expected=f"shape {x.shape[-1:]}",
            received={"b.shape": b.shape},
        )
    y = kernels.bias_activation(x, b, activation, slope)
    latest: list = [None, None]  # both gradients need d_x, and ask for it with the same g

    def d_x(g):
        if latest[0] is not g:
            latest[:] = [g, kernels.bias_activation_d_x(g, y, activation, slope)]
        return latest[1]

    def d_b(g):
        return kernels.sum_rows(d_x(g))

    return y, (d_x, d_b)


def _add_relu_like(torch, x1, x2):
    return torch.relu(x1 + x2)


@op(
    sample=[
        lambda rng: (_off_zero(rng, (2, 3, 5)), rng.uniform(-0.1, 0.1, size=(2, 3, 5))),
        lambda rng: (_off_zero(rng, (7,)), rng.uniform(-0.1, 0.1, size=(7,))),
    ],
    like=_add_relu_like,
)
def add_relu(x1, x2):
    """Add and cut off below zero in one sweep: y = max(x1 + x2, 0), where a residual block ends.

    Parameters
    ----------
    x1, x2 : tensors of one shape

    Returns
    -------
    tensor, the shape and type of x1 and x2

    Gradient
    --------
    g where y > 0, 0 elsewhere, to both

    Raises
    ------
    ShapeError : the shapes differ

    Source
    ------
    K. He et al. 2015, Deep residual learning for image recognition, figure 2.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.add_relu(np.array([1.0, -3.0]), np.array([2.0, 1.0]))
    array([3., 0.])
    """
    if x1.shape != x2.shape:
        raise ShapeError(
            "add_relu",
            "the shapes differ",
            expected=f"shape {x1.shape}",
            received={"x2.shape": x2.shape},
        )
    y = kernels.add_relu(x1, x2)

    def back(g):
        d = kernels.activation_d_x(g, y, y, "relu", 0.0)
        return d, d

    return y, joint(back, 2)


def _batch_norm_like(torch, x, gamma, beta, *, epsilon=1e-3, activation="linear"):
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axes), x.var(axes, unbiased=False)
    y = (x - mean) / torch.sqrt(variance + epsilon) * gamma + beta
    return torch.relu(y) if activation == "relu" else y


@op(
    sample=[
        lambda rng: (rng.normal(size=(6, 3)), rng.uniform(0.5, 2, 3), rng.normal(size=3)),
        lambda rng: (
            rng.normal(size=(2, 3, 2, 4)),
            rng.uniform(0.5, 2, 4),
            rng.normal(size=4),
            {"epsilon": 0.1},
        ),
        lambda rng: (rng.normal(size=(5, 2)), np.ones(2), np.full(2, 0.01), {"activation": "relu"}),
    ],
    like=_batch_norm_like,
)
def batch_norm(x, gamma, beta, *, epsilon=1e-3, activation="linear"):
    """Normalize channels over the batch: y = act(gamma (x - mean) / sqrt(variance + eps) + beta).

    Parameters
    ----------
    x : tensor, shape (..., C)
    gamma, beta : tensors, shape (C,)
    epsilon : float > 0
    activation : "linear" or "relu"

    Returns
    -------
    (y, mean, variance) : tensor of x's shape and dtype, and two constant arrays of shape (C,),
        the batch's mean and biased variance

    Gradient
    --------
    With z = (x - mean) / s, s = sqrt(variance + eps), M values a channel, and sums over them:
    d = g act'(y): d_beta = sum d, d_gamma = sum d z, d_x = gamma / s (d - d_beta / M -
    z d_gamma / M).

    Raises
    ------
    ShapeError : x has no values to average

    Source
    ------
    S. Ioffe, C. Szegedy 2015, Batch normalization, algorithm 1 and section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> y, mean, variance = ops.batch_norm(np.array([[1.0], [3.0]]), np.ones(1), np.zeros(1))
    >>> mean, variance
    (array([2.]), array([1.]))
    """
    rows = x.reshape(-1, x.shape[-1]) if x.size else x.reshape(0, x.shape[-1])  # (..., C) -> (M,C)
    count = len(rows)
    if count == 0:
        raise ShapeError(
            "batch_norm",
            "there is nothing to average over",
            expected="at least one value a channel",
            received={"shape": x.shape},
        )
    y, mean, variance = kernels.batch_norm(rows, gamma, beta, epsilon, activation)

    def back(g):
        g = g.reshape(rows.shape)
        d_x, d_gamma, d_beta = kernels.batch_norm_d_x(
            g, rows, y, mean, variance, gamma, epsilon, activation
        )
        return d_x.reshape(x.shape), d_gamma, d_beta

    return (y.reshape(x.shape), mean, variance), joint(back, 3)


def _scale_offset_like(torch, x, scale, offset, *, activation="linear"):
    y = x * scale + offset
    return torch.relu(y) if activation == "relu" else y


@op(
    sample=[
        lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=3)),
        lambda rng: (
            np.array([[1.0, -2.0, 3.0]]), np.ones(3), np.full(3, 0.5), {"activation": "relu"}
        ),
    ],
    like=_scale_offset_like,
)  # fmt: skip
def scale_offset(x, scale, offset, *, activation="linear"):
    """Scale and move channels: y = act(scale x + offset), as batch normalization at inference.

    Parameters
    ----------
    x : tensor, shape (..., C)
    scale, offset : tensors, shape (C,)
    activation : "linear" or "relu"

    Returns
    -------
    tensor, shape and dtype of x

    Gradient
    --------
    d = g act'(y): d_x = scale d, d_scale = sum d x, d_offset = sum d, sums over all but C.

    Source
    ------
    S. Ioffe, C. Szegedy 2015, Batch normalization, algorithm 2, line 11.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.scale_offset(np.array([[1.0, 2.0]]), np.array([2.0, 3.0]), np.array([0.5, 0.0]))
    array([[2.5, 6. ]])
    """
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])  # (...,C) -> (M,C)
    y = kernels.scale_offset(rows, scale, offset, activation)

    def back(g):
        g = g.reshape(rows.shape)
        d = kernels.activation_d_x(g, y, y, activation, 0.0) if activation != "linear" else g
        return (d * scale).reshape(x.shape), np.einsum("mc,mc->c", d, rows), d.sum(axis=0)

    return y.reshape(x.shape), joint(back, 3)


def _targets(rng: np.random.Generator, count: int, classes: int) -> np.ndarray:
    return np.eye(classes)[rng.integers(0, classes, size=count)]


@op(
    sample=[
        lambda rng: (rng.normal(size=(4, 5)), _targets(rng, 4, 5).astype(int), {"epsilon": 0.0}),
        lambda rng: (rng.normal(size=(3, 4)), _targets(rng, 3, 4).astype(int)),
    ],
    like=lambda torch, logits, target, epsilon=1e-7: torch.nn.functional.cross_entropy(
        logits, target.double(), reduction="none"
    ),
)
def softmax_cross_entropy(logits, target, *, epsilon=1e-7):
    """Cross-entropy of softmax(logits): loss_n = -sum_c target_nc log(clip(p_nc, eps, 1 - eps)).

    Parameters
    ----------
    logits : tensor, shape (N, C)
    target : array, shape (N, C), each row a distribution; a constant
    epsilon : float in [0, 0.5), where probabilities are clipped; 0 for not at all

    Returns
    -------
    (loss, p) : tensor of shape (N,), and the probabilities, a constant array of shape (N, C)

    Gradient
    --------
    d_logits = g (p - target), while no probability is clipped; clipped ones pass nothing on.

    Raises
    ------
    ShapeError : logits and target are not both of shape (N, C)
    ArgumentError : epsilon is out of its range

    Source
    ------
    J. Bridle 1990, Probabilistic interpretation of feedforward classification network outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> loss, p = ops.softmax_cross_entropy(np.zeros((1, 2)), np.array([[0.0, 1.0]]))
    >>> p
    array([[0.5, 0.5]])
    """
    if logits.ndim != 2 or logits.shape != target.shape:
        raise ShapeError(
            "softmax_cross_entropy",
            "logits and targets do not fit together",
            expected="both of shape (N, C)",
            received={"logits.shape": logits.shape, "target.shape": target.shape},
        )
    if not 0 <= epsilon < 0.5:
        raise ArgumentError(
            "softmax_cross_entropy",
            "epsilon is out of range",
            expected="a float in [0, 0.5)",
            received={"epsilon": epsilon},
        )
    target = target.astype(logits.dtype, copy=False)
    loss, p = kernels.softmax_cross_entropy(logits, target, epsilon)

    def d_logits(g):
        return kernels.softmax_cross_entropy_d_logits(g, p, target, epsilon)

    return (loss, p), (d_logits, None)
