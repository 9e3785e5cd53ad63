"""What an operator of ONNX is here: one function of its node and its inputs, in a table by name.

    @operator("Softplus")
    def softplus(node, x):
        return ops.softplus(x)

The function is written in `melpy.ops`, so that it serves three times: on arrays it folds constants,
on symbolic tensors it describes a graph, and inside an `OnnxNode` it runs, and is differentiated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from melpy import budget, probing, tape
from melpy.errors import ArgumentError, UnsupportedError
from melpy.symbolic import Symbolic

__all__ = [
    "OPERATORS", "Node", "Operator", "ValueNeededError", "dtype_of", "effort", "numbers",
    "operator", "require", "room", "table_of", "value_of",
]  # fmt: skip

# The types of tensors that are read, by ONNX's number of them.
TYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64",
}  # fmt: skip


@dataclass(frozen=True)
class Node:
    """One use of an operator: which, of which version, with which attributes.

    Parameters
    ----------
    op : str, "Conv"; "ai.onnx.ml.Scaler" of another domain
    opset : int, the version of its domain's operators
    attributes : dict of numbers, texts, arrays and lists of them
    outputs : int, how many are asked for
    name : str, for messages
    """

    op: str
    opset: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    outputs: int = 1
    name: str = ""

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self.attributes.get(name, default)

    def having(self, **attributes: Any) -> Node:
        """Return the same use with other attributes; None takes one away."""
        kept = {k: v for k, v in {**self.attributes, **attributes}.items() if v is not None}
        return Node(self.op, self.opset, kept, self.outputs, self.name)

    @property
    def who(self) -> str:
        """What messages call it."""
        return f"{self.op} {self.name!r}" if self.name else self.op


class Operator(NamedTuple):
    """One row of the table: the function, and what the importer needs to know of it.

    ``reads`` are the places of inputs whose values say what comes out. ``layout`` says what becomes
    of channels that stand last: "first", they are put back before; "same", they may stay; "axis"
    and "axes", they may stay and the axes that the node names are turned. ``plain`` says that a
    model may have the function's ops themselves, in the place of a layer.
    """

    function: Callable[..., Any]
    reads: tuple[int, ...]
    layout: str
    plain: bool


OPERATORS: dict[str, Operator] = {}


def operator(
    *names: str, reads: Sequence[int] = (), layout: str = "first", plain: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put a function into the table under some names; see `Operator` for the rest."""

    def put(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            OPERATORS[name] = Operator(function, tuple(reads), layout, plain)
        return function

    return put


def table_of(functions: Mapping[str, Callable[..., Any]], layout: str, plain: bool = True) -> None:
    """Put functions of arrays alone into the table, each by its operator's name."""

    def without_node(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda node, *xs: function(*xs)

    for name, function in functions.items():
        operator(name, layout=layout, plain=plain)(without_node(function))


class ValueNeededError(Exception):
    """An operator needs the value of what is symbolic yet: it is known when the model runs."""


def value_of(x: Any) -> np.ndarray:
    """Return the values of an array or a tensor."""
    if isinstance(x, Symbolic):
        raise ValueNeededError
    return np.asarray(x.value if isinstance(x, tape.Variable) else x)


def numbers(x: Any) -> list[int]:
    """Return the whole numbers of an array, a tensor or an attribute as a list."""
    return [int(n) for n in value_of(x).reshape(-1)]


def dtype_of(x: Any) -> np.dtype:
    """Return the type of an array, a tensor or a symbolic one."""
    return np.dtype(x.dtype)


def typed(node: Node, number: int) -> str:
    """Return the name of a type by ONNX's number of it."""
    if number not in TYPES:
        raise UnsupportedError(
            node.who, "it makes tensors of a type that is not known here",
            expected=f"one of {', '.join(TYPES.values())}", received={"ONNX's type": number},
        )  # fmt: skip
    return TYPES[number]


def room(node: Node, shape: Sequence[Any], dtype: Any = "float32") -> None:
    """Refuse, while a file is read, a result that is larger than any step may make."""
    entries = math.prod(abs(float(s)) for s in shape if s is not None)
    budget.need(entries * np.dtype(dtype).itemsize, f"the operator {node.op}")


# What a step of a loop takes, a pass over one entry, and one of many products that are added up.
STEP_S, ENTRY_S, PRODUCT_S = 16e-6, 2e-9, 0.5e-9


def effort(node: Node, *, steps: float = 0, entries: float = 0, products: float = 0) -> None:
    """Refuse, while a file is read, what takes longer than a file of its size may ask for.

    Products are counted of constants only: to describe them, arrays of a few entries do.
    """
    time_s = STEP_S * steps + ENTRY_S * entries
    if not probing.is_describing():
        time_s += PRODUCT_S * products
    budget.spend(time_s, f"the operator {node.op}")


def require(holds: Any, node: Node, what: str, **received: Any) -> None:
    """Refuse a node unless something holds of it."""
    if not holds:
        raise ArgumentError(node.who, what, expected="as ONNX has it", received=received)


def unsupported(node: Node, what: str, **received: Any) -> UnsupportedError:
    """Return the refusal of what ONNX allows and is not done here."""
    return UnsupportedError(node.who, what, received=received)
