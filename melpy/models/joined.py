"""Calls of a graph that run as one operation, since their layers offer it (`layers.joining`).

The results are the layers' own, in fewer sweeps over memory. What others need too, layers whose
``call`` was replaced, as `trace` does, and subclasses run by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from melpy import tree
from melpy.layers.joining import may_join
from melpy.symbolic import Call, Symbolic
from melpy.tensor import Tensor, mask_of

__all__ = ["Step", "steps_of"]

MOST = 5  # layers in a row that are looked at


class Step(NamedTuple):
    """One or several calls that run together, and which values nobody needs afterwards."""

    calls: list[Call]
    together: Callable[[Any], Any] | None
    done: list[int]

    def input_of(self, values: dict[int, Any]) -> Any:
        """Return what the first call takes: a value, or a list of them."""
        inputs = [values[id(x)] for x in self.calls[0].inputs]
        return inputs[0] if self.calls[0].plain else inputs

    def runs_together(self, values: dict[int, Any]) -> bool:
        """Return whether the calls can run as one now, on these inputs."""
        return self.together is not None and all(
            isinstance(values[id(x)], Tensor) and mask_of(values[id(x)]) is None
            for x in self.calls[0].inputs
        )


def steps_of(calls: Sequence[Call], ends: Iterable[Symbolic]) -> list[Step]:
    """Return a graph's calls, in order, as steps."""
    last, users = _uses(calls, ends)
    steps: list[Step] = []
    taken: set[int] = set()
    for n in range(len(calls)):
        if n in taken:
            continue
        row = _row(n, calls, users)
        layers: list[Any] = [calls[m].function for m in row]
        joint = layers[0].joined(layers[1:]) if len(row) > 1 else None
        count, together = joint or (0, None)
        row = [n, *row[1 : 1 + count]]
        taken.update(row)
        steps.append(Step([calls[m] for m in row], together, [key for m in row for key in last[m]]))
    return steps


def _takes_tensors_alone(call: Call) -> bool:
    """Return whether a call takes a tensor, or a list of them, and nothing else."""
    if call.plain or len(call.args) != 1 or call.kwargs:
        return call.plain
    given = call.args[0]
    return isinstance(given, list | tuple) and all(isinstance(x, Symbolic) for x in given)


def _row(n: int, calls: Sequence[Call], users: dict[int, list[int]]) -> list[int]:
    """Return a call and those after it that may join, each alone in need of the one before."""
    row: list[int] = []
    first: Any = calls[n].function
    following: int | None = n if _takes_tensors_alone(calls[n]) else None
    while following is not None and len(row) < MOST:
        layer: Any = calls[following].function
        if not may_join(layer) or layer.dtype != first.dtype:
            break
        row.append(following)
        following = _only_user(calls[following], calls, users)
    return row


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
    """Return the number of the call that alone needs this call's only output, and nothing else."""
    if not isinstance(call.outputs, Symbolic):
        return None
    found = users.get(id(call.outputs), [])
    alone = len(found) == 1 and found[0] >= 0 and calls[found[0]].plain
    return found[0] if alone else None
