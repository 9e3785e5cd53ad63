"""The clock: the one place that is told when something changes, and that says what went stale.

Who keeps what was made of a model, a plan, a program, a list of its weights, notes the clock's hand
and makes it anew once the hand has moved. There are three, since not everything depends on all:

    parts        what a layer is made of: layers, weights and metrics were added or taken away
    structure    what is computed: an attribute of a layer, an optimizer, a loss, a metric or a
                 weight was set, or a setting of the library
    values       what weights hold. Programs of training read them where they lie, and stay; numbers
                 that were folded together from them do not

It belongs to the whole process. A hand that moves for another model costs its readers a look, or
the making of what they keep; a change that nobody told would cost a wrong result.
"""

from __future__ import annotations

__all__ = [
    "parts", "parts_changed", "structure", "structure_changed", "values", "values_changed",
]  # fmt: skip

_parts = _structure = _values = 0


def parts() -> int:
    """Return how often layers came to be made of other parts."""
    return _parts


def parts_changed() -> None:
    """Tell that a layer is made of other parts than before."""
    global _parts
    _parts += 1


def structure() -> int:
    """Return how often it changed what is computed."""
    return _structure


def structure_changed() -> None:
    """Tell that something else is computed than before."""
    global _structure
    _structure += 1


def values() -> int:
    """Return how often weights got other values."""
    return _values


def values_changed() -> None:
    """Tell that weights hold other values than before."""
    global _values
    _values += 1
