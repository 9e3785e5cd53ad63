"""Where what a model draws from stands, in plain values: what makes a training go on alike."""

from __future__ import annotations

from typing import Any

from melpy import random
from melpy.errors import DataError, warn
from melpy.layers.parts import Parts, sources_of

__all__ = ["stand", "standing"]


def standing(model: Parts) -> list[Any]:
    """Return the states of all that a model and its layers draw from, in the layers' order."""
    return [random.state_of(source) for source in sources_of(model)]


def stand(model: Parts, states: Any, who: str) -> None:
    """Put all that a model draws from where it stood.

    Raises
    ------
    DataError : the states are those of a model that draws from others
    """
    if isinstance(states, dict):  # of a version in which dropout drew from others
        warn(
            f"{who}: this is of an earlier version, whose layers drew other random numbers. The "
            "training goes on with new ones.",
        )
        return
    sources = sources_of(model)
    try:
        if len(states) != len(sources):
            raise ValueError(f"{len(states)} generators")
        before = [random.state_of(source) for source in sources]
        try:
            for source, state in zip(sources, states, strict=True):
                random.restore(source, state)
        except Exception:
            for source, state in zip(sources, before, strict=True):
                random.restore(source, state)
            raise
    except Exception as error:  # NumPy's generators have their own ways to refuse a state
        raise DataError(
            who,
            f"this is of a model that draws from others ({error})",
            expected=f"the states of {len(sources)} generators",
        ) from error
