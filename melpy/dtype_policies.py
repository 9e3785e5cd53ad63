"""What Keras 3 keeps in ``keras.dtype_policies``: here a policy is a float type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from melpy.config import DTypePolicy, dtype_policy
from melpy.errors import ArgumentError

__all__ = ["DTypePolicy", "FloatDTypePolicy", "deserialize", "get", "serialize"]

FloatDTypePolicy = DTypePolicy  # Keras's other name


def get(identifier: Any) -> DTypePolicy:
    """Return the policy that a name, a type or a description stands for; None for new layers'.

    Raises
    ------
    ArgumentError : another type than float32 and float64

    Examples
    --------
    >>> get("float64"), get(None)
    (<DTypePolicy "float64">, <DTypePolicy "float32">)
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    name = identifier if isinstance(identifier, str) else getattr(identifier, "name", None)
    return DTypePolicy(name or getattr(identifier, "__name__", str(identifier)))


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """Return a policy as plain values, which `deserialize` reads."""
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": dtype_policy.get_config(),
        "registered_name": None,
    }


def deserialize(config: Mapping[str, Any], custom_objects: Any = None) -> DTypePolicy:
    """Make a policy again.

    Raises
    ------
    ArgumentError : it describes no policy of a float type
    """
    if config.get("class_name") not in ("DTypePolicy", "FloatDTypePolicy"):
        raise ArgumentError(
            "dtype_policies.deserialize",
            "this describes no policy of a float type",
            expected='class_name="DTypePolicy"',
            received={"class_name": config.get("class_name")},
        )
    return DTypePolicy.from_config(dict(config["config"]))
