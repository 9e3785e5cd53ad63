"""The process's state: its seeds, the memory it keeps, the names it has given out."""

from __future__ import annotations

import random as python_random
from collections import Counter
from typing import Any

import numpy as np

from melpy import random
from melpy.errors import ArgumentError
from melpy.kernels import memory
from melpy.symbolic import Symbolic

__all__ = ["clear_session", "get_source_inputs", "get_uid", "is_keras_tensor", "set_random_seed"]

_counts: Counter[str] = Counter()  # of `get_uid`


def set_random_seed(seed: int) -> None:
    """Seed everything: melpy, and, as Keras does, Python's and NumPy's own generators.

    Parameters
    ----------
    seed : int in [0, 2^32)

    Raises
    ------
    ArgumentError : another seed
    """
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or not 0 <= seed < 2**32:
        raise ArgumentError(
            "set_random_seed",
            "the seed is out of range",
            expected="an int from 0 to 2**32 - 1",
            received={"seed": seed},
        )
    random.set_seed(int(seed))
    python_random.seed(int(seed))
    np.random.seed(seed)  # noqa: NPY002  a user's own np.random calls


def clear_session(free_memory: bool = True) -> None:
    """Forget the numbers of `get_uid`, and what finished computations keep for the next.

    Settings and seeds stay; models hold no other state in common.

    Parameters
    ----------
    free_memory : bool, whether memory is given back
    """
    _counts.clear()
    if free_memory:
        memory.forget()


def get_uid(prefix: str = "") -> int:
    """Return how often this was asked for a prefix: 1, 2, ..; `clear_session` begins anew.

    Examples
    --------
    >>> get_uid("example"), get_uid("example"), get_uid("other example")
    (1, 2, 1)
    """
    _counts[prefix] += 1
    return _counts[prefix]


def is_keras_tensor(x: Any) -> bool:
    """Return whether x is symbolic: a value to come, of which models are described."""
    return isinstance(x, Symbolic)


def get_source_inputs(tensor: Any) -> Any:
    """Return the graph's inputs that a symbolic tensor is computed from, each once.

    Parameters
    ----------
    tensor : symbolic tensor; anything else comes back as it is

    Source
    ------
    Keras 3, ``keras.utils.get_source_inputs``.
    """
    if not isinstance(tensor, Symbolic):
        return tensor
    seen: set[int] = set()
    found, waiting = [], [tensor]
    while waiting:  # a stack, the first input on top: graphs may be deeper than Python recurses
        x = waiting.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        if x.call is None or not x.call.inputs:
            found.append(x)
        else:
            waiting += reversed(x.call.inputs)
    return found
