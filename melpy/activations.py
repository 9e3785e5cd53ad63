"""Activations by their Keras names; each is an op."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from melpy import ops
from melpy.errors import DtypeError, lookup

__all__ = ["ACTIVATIONS", "add_bias", "get"]


def gelu(x: Any, approximate: bool = False) -> Any:
    """Return x Phi(x); exact by default, where `ops.gelu` is not: Keras's two differ so."""
    return ops.gelu(x, approximate=approximate)


ACTIVATIONS: dict[str, Callable[..., Any]] = {
    name: getattr(ops, name)
    for name in (
        "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "softsign", "sigmoid",
        "hard_sigmoid", "tanh", "softmax", "log_softmax", "exponential", "linear", "mish", "relu6",
    )
} | {"gelu": gelu}  # fmt: skip

# Those that the kernel `bias_activation` knows, with their slope.
_FUSED = {
    ops.linear: ("linear", 0.0),
    ops.relu: ("relu", 0.0),
    ops.leaky_relu: ("leaky_relu", 0.2),
    ops.elu: ("elu", 1.0),
    ops.sigmoid: ("sigmoid", 0.0),
    ops.tanh: ("tanh", 0.0),
}


def get(identifier: Any) -> Callable[..., Any]:
    """Return the activation of a name, or the function itself; None is linear."""
    if identifier is None:
        return ops.linear
    if callable(identifier):
        return identifier
    if not isinstance(identifier, str):
        raise DtypeError(
            "activations.get",
            "this is no activation",
            expected="a name, a function of one tensor, or None",
            received={"identifier": identifier},
        )
    return lookup("activation", identifier, ACTIVATIONS, "activations.get")


def add_bias(x: Any, bias: Any, activation: Callable[..., Any]) -> Any:
    """Return activation(x + bias), in one sweep where the kernel knows the activation."""
    if bias is None:
        return x if activation is ops.linear else activation(x)
    if activation in _FUSED:
        name, slope = _FUSED[activation]
        return ops.bias_activation(x, bias, activation=name, slope=slope)
    return activation(ops.bias_activation(x, bias))
