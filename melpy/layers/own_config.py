"""The arguments that make a layer again, with what was changed since it was made."""

from __future__ import annotations

from typing import Any

from melpy.configurable import is_ours, plain

__all__ = ["changes_since"]


def changes_since(layer: Any) -> dict[str, Any]:
    """Return the constructor's arguments whose attributes were set to something else since.

    It is of layers of the library that the attributes' meaning is known; names and pairs are often
    made of arguments of another form, which stay the ones to write down.
    """
    if not is_ours(type(layer)):
        return {}
    now = {name: vars(layer).get(name, given) for name, given in layer._arguments.items()}
    return {
        name: plain(now[name])
        for name, given in layer._arguments.items()
        if _is_changed(given, now[name])
    }


def _is_changed(given: Any, now: Any) -> bool:
    if callable(now) and not isinstance(now, type):  # an activation
        return plain(given) != plain(now) and not isinstance(given, dict)
    plain_types = (bool, int, float, str)
    return type(given) is type(now) and isinstance(now, plain_types) and now != given
