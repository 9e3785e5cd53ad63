"""A graph's or a function's nodes, and what stands under each name in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from melpy.errors import DataError
from melpy.saving.onnx_import.values import Value

__all__ = ["Scope", "cleaned", "op_of", "versions"]

WHO = "load_onnx"


def op_of(proto: Any) -> str:
    """Return an operator's name in the table, of which the domain is a part if it is not ONNX's."""
    named = proto.domain not in ("", "ai.onnx")
    return f"{proto.domain}.{proto.op_type}" if named else str(proto.op_type)


def cleaned(name: str) -> str:
    """Return a name as a layer may have it.

    Examples
    --------
    >>> cleaned("/layer1/conv/Conv"), cleaned("input.1"), cleaned("a b")
    ('layer1.conv.Conv', 'input.1', 'a_b')
    """
    return re.sub(r"[^\w.:-]", "_", name.strip("/").replace("/", "."))[:100] or "unnamed"


class Scope:
    """The nodes of a graph or of a function, and what stands under each name in it.

    Parameters
    ----------
    nodes : the nodes, in the file's order
    ends : names of the outputs
    opsets : dict of domains to the versions of their operators
    outer : dict of the attributes of the function's call, to which nodes inside refer
    """

    def __init__(
        self,
        nodes: Sequence[Any],
        ends: Sequence[str],
        opsets: Mapping[str, int],
        outer: Mapping[str, Any],
    ) -> None:
        self.nodes, self.opsets, self.outer = list(nodes), opsets, outer
        self.numbers = {id(proto): number for number, proto in enumerate(self.nodes)}
        made = Counter(name for proto in self.nodes for name in proto.output if name)
        for name, count in made.items():
            if count > 1:  # also of nodes that nobody needs, or that others take along
                raise _not_alone(name)
        self.values: dict[str, Value | None] = {}
        self.declared: dict[str, Any] = {}  # the types and the sizes that the file tells
        self.done: set[int] = set()  # nodes that others have taken along
        self.users: dict[str, list[int]] = {name: [-1] for name in ends}
        for number, proto in enumerate(self.nodes):
            for name in proto.input:
                self.users.setdefault(name, []).append(number)

    def only_user(self, name: str) -> int | None:
        """Return the number of the one node that needs a value."""
        users = self.users.get(name, [])
        return users[0] if len(users) == 1 and users[0] >= 0 else None

    def bind(self, name: str, value: Value | None) -> None:
        """Let a name stand for a value, which it does once."""
        if name in self.values:
            raise _not_alone(name)
        self.values[name] = value


def _not_alone(name: str) -> DataError:
    return DataError(
        WHO, f"two things are called {name!r}", expected="a name of its own for each value"
    )


def versions(imports: Any) -> dict[str, int]:
    """Return the version of each domain's operators that a file or a function names."""
    return {"" if x.domain == "ai.onnx" else x.domain: int(x.version) for x in imports}
