"""Activation functions: overflow-safe, their gradients from y wherever y tells enough."""

from __future__ import annotations

import numpy as np

from melpy.kernels import dispatch as kernels
from melpy.ops.exponential import exp
from melpy.ops.registry import in_keras, op
from melpy.ops.samples import away, normal

__all__ = [
    "elu", "exponential", "hard_sigmoid", "leaky_relu", "linear", "log_sigmoid", "relu", "relu6",
    "selu", "sigmoid", "tanh",
]  # fmt: skip

KERAS_ROOM = "nn"

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def logistic(x):
    """Return 1 / (1 + e^-x) without overflow: e^-|x| is at most 1."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def activated(x, name, slope=0.0):
    """Return act(x) and its vjp by the kernel that knows it."""
    y = kernels.activation(x, name, slope)
    return y, (lambda g: kernels.activation_d_x(g, x, y, name, slope),)


@in_keras(None)
@op(sample=normal((2, 3)), like=lambda torch, x: x)
def linear(x):
    """Do nothing: y = x.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, x itself, its shape and type

    Gradient
    --------
    g

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.linear([1.0, -2.0])
    array([ 1., -2.], dtype=float32)
    """
    return x, (lambda g: g,)


@op(sample=away((2, 3)), like="torch.relu")
def relu(x):
    """Cut off below zero: y = max(x, 0).

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    g where y > 0, 0 elsewhere

    Source
    ------
    Nair and Hinton (2010), Rectified linear units improve restricted Boltzmann machines.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.relu([1.0, -2.0])
    array([1., 0.], dtype=float32)
    """
    return activated(x, "relu")


@op(
    sample=lambda rng: (rng.choice([-2.0, -0.5, 1.0, 5.5, 7.0], (3, 4)),),
    like="torch.nn.functional.relu6",
    floats=True,
)
def relu6(x):
    """Cut off below 0 and above 6: y = min(max(x, 0), 6).

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    g where 0 < y < 6, 0 elsewhere

    Source
    ------
    Krizhevsky (2010), Convolutional deep belief networks on CIFAR-10.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.relu6([-1.0, 3.0, 8.0])
    array([0., 3., 6.], dtype=float32)
    """
    y = np.clip(x, 0, 6)
    return y, (lambda g: g * ((y > 0) & (y < 6)),)


@op(
    sample=[away((2, 3)), away((2, 3), negative_slope=0.01)],
    like=lambda torch, x, negative_slope=0.2: torch.nn.functional.leaky_relu(x, negative_slope),
)
def leaky_relu(x, *, negative_slope=0.2):
    """Flatten below zero: y = x where x > 0, negative_slope x elsewhere.

    Parameters
    ----------
    x : array, any shape
    negative_slope : float

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    g where x > 0, negative_slope g elsewhere

    Source
    ------
    Maas, Hannun and Ng (2013), Rectifier nonlinearities improve neural network acoustic models.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.leaky_relu([1.0, -2.0])
    array([ 1. , -0.4], dtype=float32)
    """
    if negative_slope >= 0:
        return activated(x, "leaky_relu", negative_slope)
    above = x > 0  # y tells no more where x was positive
    return np.where(above, x, negative_slope * x), (
        lambda g: np.where(above, g, negative_slope * g),
    )


def _elu(x, alpha, scale):
    """Return scale times the elu and its vjp, in which scale alpha e^x is y + scale alpha."""
    if alpha >= 0:
        y, (d_x,) = activated(x, "elu", alpha)
        return (y, (d_x,)) if scale == 1 else (scale * y, (lambda g: scale * d_x(g),))
    above = x > 0
    y = scale * np.where(above, x, alpha * np.expm1(np.minimum(x, 0)))
    return y, (lambda g: g * np.where(above, scale, y + scale * alpha),)


@op(
    sample=[away((2, 3)), away((2, 3), alpha=0.5)],
    like=lambda torch, x, alpha=1.0: torch.nn.functional.elu(x, alpha),
)
def elu(x, *, alpha=1.0):
    """Saturate below zero: y = x where x > 0, alpha (e^x - 1) elsewhere.

    Parameters
    ----------
    x : array, any shape
    alpha : float, minus the limit for x towards -inf

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    g where x > 0, g (y + alpha) elsewhere

    Source
    ------
    Clevert, Unterthiner and Hochreiter (2016), Fast and accurate deep network learning by
    exponential linear units, equation 15.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.elu([1.0, -1000.0])
    array([ 1., -1.], dtype=float32)
    """
    return _elu(x, alpha, 1.0)


@op(sample=away((2, 3)), like="torch.selu")
def selu(x):
    """Saturate below zero and scale: y = 1.0507 x where x > 0, 1.0507 · 1.6733 (e^x - 1) elsewhere.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    1.0507 g where x > 0, g (y + 1.7581) elsewhere

    Source
    ------
    Klambauer et al. (2017), Self-normalizing neural networks, equation 2.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.selu([1.0, -1000.0]).round(3)
    array([ 1.051, -1.758], dtype=float32)
    """
    return _elu(x, SELU_ALPHA, SELU_SCALE)


@op(sample=normal((2, 3)), like="torch.sigmoid")
def sigmoid(x):
    """Squash into (0, 1): y = 1 / (1 + e^-x).

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g y (1 - y)

    Source
    ------
    Verhulst (1845), the logistic function.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.sigmoid([0.0, -1000.0])
    array([0.5, 0. ], dtype=float32)
    """
    return activated(x, "sigmoid")


@op(sample=normal((2, 3)), like="torch.nn.functional.logsigmoid")
def log_sigmoid(x):
    """Take the logarithm of the sigmoid: y = -log(1 + e^-x).

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g (1 - e^y)

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.log_sigmoid([0.0, -3.0]).round(3)
    array([-0.693, -3.049], dtype=float32)
    """
    y = -np.logaddexp(x.dtype.type(0), -x)
    return y, (lambda g: g * -np.expm1(y),)


@op(
    sample=lambda rng: (rng.choice([-4.0, -2.0, 0.0, 2.5, 4.0], (3, 4)),),
    like=lambda torch, x: torch.nn.functional.relu6(x + 3) / 6,  # their 1/6 is a float32,
)
def hard_sigmoid(x):
    """Approximate the sigmoid by three lines: y = min(max(x + 3, 0), 6) / 6.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g / 6 where 0 < y < 1, 0 elsewhere

    Source
    ------
    Courbariaux, Bengio and David (2015), BinaryConnect, equation 3; with the slope 1/6 of
    Howard et al. (2019), Searching for MobileNetV3, section 5.2.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.hard_sigmoid([-4.0, 0.0, 4.0])
    array([0. , 0.5, 1. ], dtype=float32)
    """
    y = np.clip(x + 3, 0, 6) / 6
    return y, (lambda g: g * ((y > 0) & (y < 1)) / 6,)


@in_keras("numpy")
@op(sample=normal((2, 3)), like="torch.tanh")
def tanh(x):
    """Squash into (-1, 1): y = (e^x - e^-x) / (e^x + e^-x).

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, the shape of x, its float type

    Gradient
    --------
    g (1 - y^2)

    Source
    ------
    Standard.

    Examples
    --------
    >>> from melpy import ops
    >>> ops.tanh([0.0, -1000.0])
    array([ 0., -1.], dtype=float32)
    """
    return activated(x, "tanh")


exponential = exp
