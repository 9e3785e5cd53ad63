"""What `adapt` learns from: arrays at once, or batches one after another."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from melpy.errors import DtypeError
from melpy.tape import Variable

__all__ = ["batches_of", "is_whole"]


def is_whole(data: Any) -> bool:
    """Return whether data is all samples at once, not batches of them."""
    return isinstance(data, list | tuple | Variable) or hasattr(data, "__array__")


def batches_of(data: Any, steps: int | None, who: str, lists: bool = True) -> Iterator[Any]:
    """Yield the batches of data, and of each only x: it may come with its targets and weights.

    Parameters
    ----------
    data : array or tensor, which is one batch; an iterable of batches, such as a `Loader`
    steps : int or None, how many batches, all by default
    who : str, in messages
    lists : bool, whether a list or a tuple is one batch, as an array is
    """
    if is_whole(data) and (lists or not isinstance(data, list | tuple)):
        yield data
        return
    if not isinstance(data, Iterable) or isinstance(data, str | bytes):
        raise DtypeError(
            who,
            "this cannot be adapted to",
            expected="an array, or an iterable of batches",
            received={"type": type(data).__name__},
        )
    for batch in itertools.islice(data, steps):
        yield batch[0] if isinstance(batch, tuple) else batch
