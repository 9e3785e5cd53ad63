"""Sizes that are not known yet, and what is computed of them while a file is read.

A file computes shapes by its own nodes: Shape, Gather, Concat, Reshape. What they give is followed
here entry by entry: a number where it is one, and a `Size` where it is a size, such as the batch's,
that only a run will tell. So most of these nodes vanish, and a Reshape gets the numbers it needs.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy.saving.onnx_import.nodes import Node
from melpy.saving.onnx_import.shaping import cut_of

__all__ = ["Size", "are_same", "known_of", "product"]

MOST = 64  # entries that are followed
_numbers = itertools.count()


class UnknownError(Exception):
    """What comes of a size cannot be told."""


class Size:
    """A whole number that a run will tell: equal to itself only.

    Parameters
    ----------
    is_size : bool, whether it is the size of an axis, so not below 0
    """

    def __init__(self, is_size: bool = True) -> None:
        self.is_size, self.number = is_size, next(_numbers)
        self.made: dict[Any, Size] = {}  # of it and another number: the same of the same

    def __repr__(self) -> str:
        return f"?{self.number}"

    def _with(self, name: str, other: Any, is_size: bool) -> Size:
        key = name, other if isinstance(other, int) else id(other)
        if key not in self.made:
            self.made[key] = Size(is_size)
            self.made[key].origin = name, self, other  # kept, so that no other gets its id
        return self.made[key]

    def _joined(self, name: str, other: Any) -> Size:
        """Return a sum or a product, the same in both orders."""
        is_size = self.is_size and (other.is_size if isinstance(other, Size) else other >= 0)
        if isinstance(other, Size) and other.number < self.number:
            return other._with(name, self, is_size)
        return self._with(name, other, is_size)

    origin: tuple[str, Size, Any] | None = None  # what it is the sum, the product, ... of

    def __add__(self, other: Any) -> Any:
        return self if _is(other, 0) else self._joined("+", _whole(other))

    def __mul__(self, other: Any) -> Any:
        if _is(other, 0):
            return 0
        return self if _is(other, 1) else self._joined("*", _whole(other))

    __radd__, __rmul__ = __add__, __mul__

    def __sub__(self, other: Any) -> Any:
        if other is self:
            return 0
        return self if _is(other, 0) else self._with("-", _whole(other), False)

    def __rsub__(self, other: Any) -> Any:
        return self._with("from", _whole(other), False)

    def __floordiv__(self, other: Any) -> Any:
        if _is(other, 1):
            return self
        if other is self:
            return 1
        return self._with("/", _whole(other), self.is_size and not _is(other, 0))

    def __mod__(self, other: Any) -> Any:
        return 0 if _is(other, 1) else self._with("%", _whole(other), False)

    def __eq__(self, other: Any) -> bool:
        if other is self:
            return True
        if self.is_size and isinstance(other, int) and other < 0:
            return False
        raise UnknownError

    def __ne__(self, other: Any) -> bool:
        return not self == other

    __hash__ = object.__hash__


def product(sizes: Sequence[Any]) -> tuple[int, list[Size]]:
    """Return the number, and the unknown sizes, whose product some sizes have.

    Examples
    --------
    >>> batch = Size()
    >>> product([batch * 2, 3]) == (6, [batch])
    True
    """
    number, waiting = 1, list(sizes)
    unknown: list[Any] = []
    for _ in range(4 * MOST):
        if not waiting or len(unknown) + len(waiting) > MOST:
            break
        size = waiting.pop()
        if not isinstance(size, Size):
            number *= int(size)
        elif size.origin is not None and size.origin[0] == "*":
            waiting += size.origin[1:]
        else:
            unknown.append(size)
    return number, sorted([*unknown, *waiting], key=id)


def are_same(a: Sequence[Any], b: Sequence[Any]) -> bool:
    """Return whether two shapes are the same, as far as they are known."""
    return len(a) == len(b) and all(
        x is y or (not isinstance(x, Size) and not isinstance(y, Size) and x == y)
        for x, y in zip(a, b, strict=True)
    )


def _whole(other: Any) -> Any:
    if isinstance(other, Size):
        return other
    if isinstance(other, int | np.integer) and not isinstance(other, bool):
        return int(other)
    raise UnknownError


def _is(other: Any, number: int) -> bool:
    return isinstance(other, int | np.integer) and int(other) == number


def _is_64_bits(n: Any) -> bool:
    """Return whether a run has the same number: Python's own grow without bound."""
    return isinstance(n, Size) or -(2**63) <= n < 2**63


def _gather(node: Node, x: Any, indices: Any) -> Any:
    _together(x.reshape(-1, 1), indices.reshape(-1))  # at most so many come out
    return np.take(x, np.asarray(indices, int), node.get("axis", 0))


def _numbers_of(x: Any) -> list[int]:
    return [_whole(n) for n in np.asarray(x, object).reshape(-1)]


def _whole_numbers(x: Any) -> list[int]:
    found = _numbers_of(x)
    if any(isinstance(n, Size) for n in found):
        raise UnknownError
    return found


def _slice(node: Node, x: Any, *given: Any) -> Any:
    told = [None if g is None else np.array(_whole_numbers(g)) for g in given]
    return x[cut_of(node, x.shape, told)]


def _axes(node: Node, given: Sequence[Any]) -> Any:
    if given and given[0] is not None:
        return tuple(_whole_numbers(given[0]))
    return None if node.get("axes") is None else tuple(node.get("axes"))


def _together(*xs: Any) -> list[np.ndarray]:
    """Return arrays broadcast to one shape, which is refused before it is made."""
    if math.prod(np.broadcast_shapes(*(x.shape for x in xs))) > MOST:
        raise UnknownError
    return list(np.broadcast_arrays(*xs))


def _of_pairs(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return lambda node, a, b: function(*_together(a, b))


def _where(node: Node, condition: Any, a: Any, b: Any) -> Any:
    rows = _together(condition, a, b)
    made = np.empty(rows[0].shape, object)
    made.reshape(-1)[:] = [x if c else y for c, x, y in zip(*(r.reshape(-1) for r in rows),
                                                            strict=True)]  # fmt: skip
    return made


def _equal(node: Node, a: Any, b: Any) -> Any:
    rows = _together(a, b)
    made = np.empty(rows[0].shape, object)
    pairs = zip(*(r.reshape(-1) for r in rows), strict=True)
    made.reshape(-1)[:] = [bool(x == y) for x, y in pairs]
    return made


def _largest(node: Node, *xs: Any) -> Any:
    rows = _together(*xs)
    made = np.empty(rows[0].shape, object)
    for n, entries in enumerate(zip(*(r.reshape(-1) for r in rows), strict=True)):
        first, *others = entries
        if any(isinstance(e, Size) for e in entries) and any(e is not first for e in others):
            raise UnknownError
        made.reshape(-1)[n] = first if isinstance(first, Size) else max(entries)
    return made


def _div(a: Any, b: Any) -> Any:
    made = np.asarray(a // b, object)
    if any(not isinstance(n, Size) and n < 0 for n in made.reshape(-1)):
        raise UnknownError  # it would have to be cut towards 0
    return made


def _constant_of_shape(node: Node, shape: Any) -> Any:
    value = np.asarray(node.get("value", np.zeros(1, np.float32)))
    sizes = _whole_numbers(shape)
    if value.dtype.kind not in "ib" or math.prod(sizes) > MOST:
        raise UnknownError
    return np.full(sizes, value.reshape(-1)[0].item(), object)


def _expand(node: Node, x: Any, shape: Any) -> Any:
    sizes = np.broadcast_shapes(x.shape, tuple(_whole_numbers(shape)))
    if math.prod(sizes) > MOST:
        raise UnknownError
    return np.broadcast_to(x, sizes)


def _reduce_prod(node: Node, x: Any, *axes: Any) -> Any:
    total: Any = 1
    for n in x.reshape(-1):
        total = total * n
    return np.array([total] if node.get("keepdims", 1) else total, object).reshape(
        (1,) * x.ndim if node.get("keepdims", 1) else ()
    )


RULES: dict[str, Callable[..., Any]] = {
    "Identity": lambda node, x: x,
    "Cast": lambda node, x: x,
    "Gather": _gather,
    "Slice": _slice,
    "Concat": lambda node, *xs: np.concatenate(xs, axis=node.get("axis", 0)),
    "Unsqueeze": lambda node, x, *axes: np.expand_dims(x, _axes(node, axes)),
    "Squeeze": lambda node, x, *axes: np.squeeze(x, _axes(node, axes)),
    "Reshape": lambda node, x, shape: x.reshape(_whole_numbers(shape)),
    "Add": _of_pairs(operator.add),
    "Sub": _of_pairs(operator.sub),
    "Mul": _of_pairs(operator.mul),
    "Div": _of_pairs(_div),
    "Mod": _of_pairs(operator.mod),
    "Equal": _equal,
    "Where": _where,
    "Max": _largest,
    "ConstantOfShape": _constant_of_shape,
    "Expand": _expand,
    "ReduceProd": _reduce_prod,
}


def known_of(node: Node, inputs: Sequence[Any]) -> np.ndarray | None:
    """Return what a node makes of numbers and sizes, as an array of both; None if it is not known.

    Parameters
    ----------
    node : Node
    inputs : for each input an array of numbers and sizes, or None for what is absent
    """
    rule = RULES.get(node.op)
    if rule is None:
        return None
    try:
        made = np.asarray(rule(node, *inputs), object)
    except Exception:  # of many kinds; the node itself says what is wrong when it runs
        return None
    fits = made.size <= MOST and all(map(_is_64_bits, made.reshape(-1)))
    return made if fits else None
