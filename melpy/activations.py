"""Activations by their Keras names and arguments; each is an op, or a few of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from melpy import custom, ops
from melpy.errors import ArgumentError, lookup
from melpy.ops import (
    celu,
    elu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    swish,
    tanh,
    tanh_shrink,
    threshold,
)

__all__ = [
    "ACTIVATIONS", "add_bias", "celu", "deserialize", "elu", "exponential", "gelu", "get", "glu",
    "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu", "linear",
    "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "serialize", "sigmoid", "silu",
    "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax",
    "squareplus", "swish", "tanh", "tanh_shrink", "threshold",
]  # fmt: skip


def relu(
    x: Any,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Any:
    """Return x above a threshold, at most max_value; negative_slope (x - threshold) below.

    Parameters
    ----------
    x : array or tensor, any shape
    negative_slope : float >= 0
    max_value : float >= 0, or None for no limit
    threshold : float >= 0

    Examples
    --------
    >>> import numpy as np
    >>> relu(np.array([-2.0, 0.5, 3.0, 9.0]), negative_slope=0.5, max_value=6.0, threshold=1.0)
    array([-1.5 , -0.25,  3.  ,  6.  ])
    """
    if not threshold and max_value is None:
        return leaky_relu(x, negative_slope) if negative_slope else ops.relu(x)
    if threshold:
        y = ops.where(ops.greater(x, threshold), x, 0)
    else:
        y = relu6(x) if max_value == 6 else ops.relu(x)
    if max_value is not None and (threshold or max_value != 6):
        kind = ops.dtype(y)
        y = ops.clip(y, 0, max_value)
        if not kind.startswith("float"):  # whole numbers stay so
            y = ops.cast(y, kind)
    if not negative_slope:
        return y
    return ops.subtract(y, ops.multiply(ops.relu(ops.subtract(threshold, x)), negative_slope))


def exponential(x: Any) -> Any:
    """Return e^x: `ops.exp` under the name that configurations have."""
    return ops.exp(x)


def gelu(x: Any, approximate: bool = False) -> Any:
    """Return x Phi(x); exact by default, where `ops.gelu` is not: Keras's two differ so."""
    return ops.gelu(x, approximate=approximate)


ACTIVATIONS: dict[str, Callable[..., Any]] = {
    name: globals()[name]
    for name in __all__
    if name not in ("ACTIVATIONS", "add_bias", "deserialize", "get", "serialize")
}

# Those that the kernel `bias_activation` knows, with their slope.
FUSED = {
    linear: ("linear", 0.0),
    relu: ("relu", 0.0),
    ops.relu: ("relu", 0.0),
    leaky_relu: ("leaky_relu", 0.2),
    elu: ("elu", 1.0),
    sigmoid: ("sigmoid", 0.0),
    tanh: ("tanh", 0.0),
}

# Those that a block of a convolution knows.
IN_BLOCK = FUSED | {
    silu: ("silu", 0.0),
    gelu: ("gelu", 0.0),
    ops.gelu: ("gelu_tanh", 0.0),
}

# Where the slope of an activation jumps; of those that are not here it does so nowhere.
KINKS: dict[Any, tuple[float, ...]] = {
    **dict.fromkeys((relu, ops.relu, leaky_relu, selu), (0.0,)),
    relu6: (0.0, 6.0),
    hard_sigmoid: (-3.0, 3.0),
    hard_silu: (-3.0, 3.0),
    hard_tanh: (-1.0, 1.0),
    sparse_sigmoid: (-1.0, 1.0),
    hard_shrink: (-0.5, 0.5),
    soft_shrink: (-0.5, 0.5),
}


def get(identifier: Any) -> Callable[..., Any]:
    """Return the activation that an identifier stands for.

    Parameters
    ----------
    identifier : None for linear; a name; a function of one tensor, or a layer, as it is; or what
        `serialize` gave

    Examples
    --------
    >>> get("relu") is relu, get(None) is linear
    (True, True)
    """
    if identifier is None:
        return linear
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    if callable(identifier):
        return identifier
    if not isinstance(identifier, str):
        raise ArgumentError(
            "activations.get",
            "this is no activation",
            expected="a name, a function of one tensor, or None",
            received={"identifier": identifier},
        )
    own = custom.found(identifier)
    if own is not None:
        return custom.made_of(own, identifier)
    return lookup("activation", identifier, ACTIVATIONS, "activations.get")


def serialize(activation: Callable[..., Any]) -> Any:
    """Return the name of an activation; a dict as Keras writes it for a function of one's own.

    Examples
    --------
    >>> serialize(relu)
    'relu'
    """
    if hasattr(activation, "get_config"):
        return {"class_name": type(activation).__name__, "config": activation.get_config()}
    name = activation.__name__
    if ACTIVATIONS.get(name) is activation or activation is ops.relu:
        return name
    return {
        "module": "builtins",
        "class_name": "function",
        "config": name,
        "registered_name": "function",
    }


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the activation of what `serialize` gave.

    Parameters
    ----------
    config : a name, or a dict with "class_name" and "config": Keras writes a function as
        ``{"class_name": "function", "config": "relu"}``
    custom_objects : functions of the user's own, by name
    """
    named = config
    if isinstance(config, Mapping):
        is_function = config.get("class_name") == "function"
        named = custom.unwrapped(config, ACTIVATIONS) if is_function else config.get("class_name")
    if custom_objects and named in custom_objects:
        return custom_objects[named]
    own = custom.found(config)
    if own is not None:
        return custom.made_of(own, config)
    if isinstance(config, Mapping) and not is_function:
        raise ArgumentError(
            "activations.get",
            f"the activation is a layer, {named!r}, given by its config",
            expected="a name or a function of one tensor",
            received={"config": config.get("config")},
            mend=f"Pass the layer itself, or put layers.{named} after this one.",
        )
    return get(named)


def dense(x: Any, kernel: Any, bias: Any, activation: Callable[..., Any]) -> Any:
    """Return activation(x W + bias), as one operation where the kernel knows the activation."""
    name, slope = FUSED.get(activation, ("linear", 0.0))
    y = ops.dense(x, kernel, bias, activation=name, slope=slope)
    return y if activation in FUSED else activation(y)


def add_bias(x: Any, bias: Any, activation: Callable[..., Any]) -> Any:
    """Return activation(x + bias), in one sweep where the kernel knows the activation."""
    if bias is None:
        return x if activation is linear else activation(x)
    if activation in FUSED:
        name, slope = FUSED[activation]
        return ops.bias_activation(x, bias, activation=name, slope=slope)
    return activation(ops.bias_activation(x, bias))
