"""NumPy's and Python's generators: where one stands, in plain values, and one that stands there."""

from __future__ import annotations

import random as python_random
from typing import Any

import numpy as np

__all__ = ["GENERATORS", "made", "restore", "state_of"]

GENERATORS = (np.random.Generator, np.random.RandomState, python_random.Random)
BITS = {kind.__name__: kind for kind in (
    np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64,
)}  # fmt: skip


def state_of(source: Any) -> Any:
    """Return where a generator stands, in plain values, which tell its kind too."""
    if isinstance(source, np.random.Generator):
        return _plain(source.bit_generator.state)
    if isinstance(source, np.random.RandomState):
        return _plain(source.get_state(legacy=False))
    version, words, gauss = source.getstate()
    return [version, list(words), gauss]


def restore(source: Any, state: Any) -> None:
    """Put a generator where another one of its kind stood."""
    if isinstance(source, np.random.Generator):
        source.bit_generator.state = state
    elif isinstance(source, np.random.RandomState):
        source.set_state(state)
    else:
        version, words, gauss = state
        source.setstate((version, tuple(words), gauss))


def made(state: Any) -> Any:
    """Return a new generator that stands where another one stood."""
    if isinstance(state, list):
        source: Any = python_random.Random()
    elif "gauss" in state:
        source = np.random.RandomState()
    else:
        source = np.random.Generator(BITS[state["bit_generator"]]())
    restore(source, state)
    return source


def _plain(state: Any) -> Any:
    """Return a state of NumPy's, of which some kinds hold arrays, as plain values."""
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray | np.generic) else state
