"""Config: named values, by attribute or by key, that can be frozen."""

from __future__ import annotations

import json
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any

from melpy.errors import ArgumentError, nearest

__all__ = ["Config"]


class Config:
    """Named values: ``config.seed`` and ``config["seed"]`` are the same; `freeze` forbids changes.

    Parameters
    ----------
    kwargs : the values

    Attributes
    ----------
    frozen : bool

    Raises
    ------
    ArgumentError : a frozen config is changed
    AttributeError : there is no such value; the nearest name is suggested

    Source
    ------
    Keras 3, ``keras.utils.Config``.

    Examples
    --------
    >>> config = Config(learning_rate=0.1)
    >>> config.seed = 7
    >>> config["seed"], config.as_dict()
    (7, {'learning_rate': 0.1, 'seed': 7})
    """

    _config: dict[str, Any]
    _frozen: bool

    def __init__(self, **kwargs: Any) -> None:
        object.__setattr__(self, "_config", kwargs)
        object.__setattr__(self, "_frozen", False)

    @property
    def frozen(self) -> bool:
        """Whether the values may not be changed."""
        return self._frozen

    def freeze(self) -> None:
        """Forbid changes from now on."""
        object.__setattr__(self, "_frozen", True)

    def unfreeze(self) -> None:
        """Allow changes again."""
        object.__setattr__(self, "_frozen", False)

    def _changing(self) -> dict[str, Any]:
        """Return the values in order to change them, or refuse."""
        if self._frozen:
            raise ArgumentError(
                "Config", "it is frozen", mend="Call unfreeze() before you change a value."
            )
        return self._config

    def as_dict(self) -> dict[str, Any]:
        """Return a copy of the values."""
        return dict(self._config)

    def to_json(self) -> str:
        """Return the values as JSON."""
        return json.dumps(self._config)

    def keys(self) -> KeysView[str]:
        """Return the names, as a dict does."""
        return self._config.keys()

    def values(self) -> ValuesView[Any]:
        """Return the values, as a dict does."""
        return self._config.values()

    def items(self) -> ItemsView[str, Any]:
        """Return names and values, as a dict does."""
        return self._config.items()

    def get(self, keyname: str, value: Any = None) -> Any:
        """Return a value, or ``value`` if there is none of that name."""
        return self._config.get(keyname, value)

    def pop(self, *args: Any) -> Any:
        """Take a value out, as a dict does."""
        return self._changing().pop(*args)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several values, as a dict does."""
        self._changing().update(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # a copy that is being made has no values yet
            raise AttributeError(name)
        if name not in self._config:
            raise AttributeError(
                f"Config: no value {name!r}. {nearest(name, self._config)}".rstrip()
            )
        return self._config[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self._changing()[name] = value

    def __getitem__(self, key: str) -> Any:
        return self._config[key]

    def __setitem__(self, key: str, item: Any) -> None:
        self._changing()[key] = item

    def __delitem__(self, key: str) -> None:
        del self._changing()[key]

    def __contains__(self, item: object) -> bool:
        return item in self._config

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._config))

    def __len__(self) -> int:
        return len(self._config)

    def __repr__(self) -> str:
        return f"<Config {self._config}>"
