"""The type that layers compute in and keep their weights in: one and the same here."""

from __future__ import annotations

from typing import Any

from melpy.config import settings
from melpy.errors import ArgumentError, DtypeError

__all__ = ["DTypePolicy", "dtype_policy", "set_dtype_policy"]


# What layers without weights may give: numbers of entries, texts.
OF_STATELESS = frozenset({
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "string",
})  # fmt: skip


class DTypePolicy:
    """A float type by the name of Keras's policies; what layers take as ``dtype``.

    Parameters
    ----------
    name : "float32" or "float64"; None for the setting's. Of layers without weights a type of
        whole numbers, "bool" or "string", which is no setting

    Attributes
    ----------
    name, compute_dtype, variable_dtype : str, the type's name
    quantization_mode : None

    Raises
    ------
    ArgumentError : another type, mixed precision among them
    DtypeError : the name is no string

    Source
    ------
    Keras 3, ``keras.DTypePolicy``.

    Examples
    --------
    >>> DTypePolicy("float64")
    <DTypePolicy "float64">
    >>> DTypePolicy("float64").compute_dtype
    'float64'
    """

    quantization_mode = None

    def __init__(self, name: str | None = None) -> None:
        if not isinstance(name, str | None):
            raise DtypeError(
                "DTypePolicy",
                "the name must be a string",
                expected='"float32" or "float64"',
                received={"name": name},
            )
        default = settings._settings.get("dtype_policy", settings.floatx())
        chosen = str(default if name is None else name)
        stateless = chosen in OF_STATELESS
        self._name = chosen if stateless else settings.checked_float(chosen, "DTypePolicy")

    @property
    def name(self) -> str:
        """The type's name."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """The type that is computed in."""
        return self._name

    @property
    def variable_dtype(self) -> str:
        """The type of weights."""
        return self._name

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {"name": self._name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """Make a policy again."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self._name == other._name

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self._name}">'


def dtype_policy() -> DTypePolicy:
    """Return the policy of new layers: that of `floatx` unless it was set."""
    return DTypePolicy()


def set_dtype_policy(policy: str | DTypePolicy) -> None:
    """Set the policy of new layers: "float32" or "float64", whatever `floatx` is.

    Raises
    ------
    ArgumentError : anything else, half precision too: processors without a unit for it are slower
    """
    if not isinstance(policy, str | DTypePolicy):
        raise ArgumentError(
            "set_dtype_policy",
            "this is no policy",
            expected='"float32", "float64" or a DTypePolicy',
            received={"policy": policy},
        )
    made = policy if isinstance(policy, DTypePolicy) else DTypePolicy(policy)
    settings._settings["dtype_policy"] = settings.checked_float(made.name, "set_dtype_policy")
