"""Neighbours in a graph that run as one operation: decided when the model is built.

A pattern is a few calls of layers in a row, of which nobody else needs what lies between. The
result is the layers' own, in fewer sweeps over memory. A layer whose ``call`` was replaced, as
`trace` does, or that a subclass defines anew, runs by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from melpy import tree
from melpy.layers.conv import Conv1D, Conv2D
from melpy.layers.pooling import MaxPooling1D, MaxPooling2D
from melpy.symbolic import Call, Symbolic

__all__ = ["Step", "steps_of"]


class Step(NamedTuple):
    """One or several calls that run together, and which values nobody needs afterwards."""

    calls: list[Call]
    together: Callable[[Any], Any] | None
    done: list[int]

    def fused(self) -> bool:
        """Return whether the calls can run as one now."""
        return self.together is not None and not any(
            "call" in vars(call.function) for call in self.calls
        )


def steps_of(calls: Sequence[Call], ends: Iterable[Symbolic]) -> list[Step]:
    """Return a graph's calls, in order, as steps."""
    last, users = _uses(calls, ends)
    steps: list[Step] = []
    taken: set[int] = set()
    for n, call in enumerate(calls):
        if n in taken:
            continue
        group, together = [n], None
        following = _only_user(call, calls, users)
        if following is not None and following not in taken:
            together = _together(call.function, calls[following].function)
            if together is not None:
                group.append(following)
        taken.update(group)
        done = [key for m in group for key in last[m]]
        steps.append(Step([calls[m] for m in group], together, done))
    return steps


def _uses(
    calls: Sequence[Call], ends: Iterable[Symbolic]
) -> tuple[list[list[int]], dict[int, list[int]]]:
    """Return, for each call, which values nobody needs after it; and each value's users."""
    last: dict[int, int] = {}
    users: dict[int, list[int]] = {}
    for number, call in enumerate(calls):
        for x in call.inputs:
            users.setdefault(id(x), []).append(number)
        for x in (*call.inputs, *tree.flatten(call.outputs)):
            last[id(x)] = number
    for x in ends:
        last.pop(id(x), None)
        users.setdefault(id(x), []).append(-1)
    lists: list[list[int]] = [[] for _ in calls]
    for key, number in last.items():
        lists[number].append(key)
    return lists, users


def _only_user(call: Call, calls: Sequence[Call], users: dict[int, list[int]]) -> int | None:
    """Return the number of the call that alone needs this call's only output."""
    if not isinstance(call.outputs, Symbolic):
        return None
    found = users.get(id(call.outputs), [])
    alone = len(found) == 1 and found[0] >= 0 and calls[found[0]].plain
    return found[0] if alone and call.plain else None


def _together(first: Any, second: Any) -> Callable[[Any], Any] | None:
    """Return what runs two layers as one, or None."""
    kinds = {Conv1D: MaxPooling1D, Conv2D: MaxPooling2D}
    if (
        kinds.get(type(first)) is type(second)
        and first.rises
        and first.activity_regularizer is None
        and not first.channels_first
        and not second.channels_first
        and second.padding == "valid"
        and second.strides == second.pool_size
        and math.prod(second.pool_size) <= 256
        and first.dtype == second.dtype
    ):
        return lambda x: first.stand_in(lambda y: first.call_pooled(y, second.pool_size), x)
    return None
