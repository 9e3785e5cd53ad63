"""An ONNX graph as it is written: nodes, constants, and sizes that are known when it runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from melpy.saving.onnx_export.story import CannotSayError, Size

__all__ = ["FAR", "Graph", "Node"]

FAR = np.iinfo(np.int64).max  # as the end of a slice: to the end


@dataclass
class Node:
    """One operation of ONNX's."""

    kind: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


@dataclass
class Graph:
    """What has been written so far.

    Parameters
    ----------
    opset : int, the version of ONNX's operators

    Attributes
    ----------
    nodes : list of `Node`
    constants : dict of a name to its array
    ranks : dict of a name to its number of axes, where that is known
    joined : dict of a name to the parts that were laid side by side there, for who wants one
    scope : str, the layer that new names stand behind
    """

    opset: int
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)
    joined: dict[str, dict[str, Any]] = field(default_factory=dict)
    scope: str = ""
    _names: set[str] = field(default_factory=set)
    _small: dict[tuple, str] = field(default_factory=dict)  # constants by their content
    _made: dict[tuple, str] = field(default_factory=dict)  # what reads sizes, made once
    _dims: dict[tuple[int, ...], tuple[str, int]] = field(default_factory=dict)
    _counts: dict[str, Any] = field(default_factory=dict)

    def add(self, kind: str, *inputs: Any, **attributes: Any) -> str:
        """Write a node of one output, and return the output's name.

        Inputs are names; arrays and lists of whole numbers become constants; "" is left out.
        """
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        if kind in FOLDED and all(name in self.constants for name in names):
            arrays = [self.constants[name] for name in names]
            return self.constant(FOLDED[kind](*arrays, **attributes))
        return self.add_all(kind, 1, *names, **attributes)[0]

    def add_all(self, kind: str, count: int, *inputs: Any, **attributes: Any) -> list[str]:
        """Write a node of several outputs, and return their names."""
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        while names and not names[-1]:
            names.pop()
        outputs = [self.fresh(kind.lower()) for _ in range(count)]
        given = {key: value for key, value in attributes.items() if value is not None}
        self.nodes.append(Node(kind, names, outputs, given))
        return outputs

    def fresh(self, name: str) -> str:
        """Return a name that nothing has, behind that of the layer."""
        name = f"{self.scope}/{name}" if self.scope else name
        counts = self._counts.setdefault(name, itertools.count())
        for n in counts:
            candidate = f"{name}_{n}" if n else name
            if candidate not in self._names:
                break
        self._names.add(candidate)
        return candidate

    def take(self, name: str) -> str:
        """Take a name for good, with a number if something has it."""
        scope, self.scope = self.scope, ""
        try:
            return self.fresh(name)
        finally:
            self.scope = scope

    def constant(self, x: Any, name: str = "") -> str:
        """Return the name of a constant; lists are of int64; small equal ones are one."""
        array = np.ascontiguousarray(
            x, None if isinstance(x, np.ndarray | np.generic) else np.int64
        )
        array = array.reshape(np.shape(x)).view(np.ndarray)
        key = (array.dtype.str, array.shape, array.tobytes()) if array.size <= 64 else None
        if not name and key in self._small:
            return self._small[key]
        made = self.take(name) if name else self.fresh("constant")
        if key is not None and not name:
            self._small[key] = made
        self.constants[made] = array
        self.ranks[made] = array.ndim
        return made

    # Sizes.

    def knows(self, name: str, shape: Sequence[int | Size]) -> None:
        """Note the shape of what a name stands for: where sizes can be read from."""
        self.ranks[name] = len(shape)
        for axis, size in enumerate(shape):
            if isinstance(size, Size):
                self._dims.setdefault(size.runs, (name, axis))

    def sizes(self, sizes: Iterable[int | Size]) -> str:
        """Return the name of a vector (int64) of sizes."""
        sizes = list(sizes)
        if not any(isinstance(size, Size) for size in sizes):
            return self.constant(np.array(sizes, np.int64))
        parts: list[str] = []
        for known, run in itertools.groupby(sizes, lambda size: not isinstance(size, Size)):
            if known:
                parts.append(self.constant(np.array(list(run), np.int64)))
            else:
                parts += [self.size(size) for size in run]  # type: ignore[arg-type]
        return parts[0] if len(parts) == 1 else self.once("Concat", *parts, axis=0)

    def scalar(self, size: int | Size) -> str:
        """Return the name of one size as a number (int64) without axes."""
        if isinstance(size, Size):
            return self.once("Squeeze", self.size(size), [0])
        return self.constant(np.array(size, np.int64))

    def once(self, kind: str, *inputs: Any, **attributes: Any) -> str:
        """Write a node, or return the same one that was written before."""
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        key = (kind, tuple(names), tuple(sorted(attributes.items())))
        if key not in self._made:
            self._made[key] = self.add(kind, *names, **attributes)
        return self._made[key]

    def size(self, size: Size) -> str:
        """Return the name of a vector of one size: an axis of something, or computed of some."""
        at = self._dims.get(size.runs)
        if at is not None:
            return self.once("Shape", at[0], start=at[1], end=at[1] + 1)
        wanted = np.array(size.runs)
        known = {runs: np.array(runs) for runs in self._dims}
        for runs, x in known.items():
            line = _line(x, wanted)
            if line is not None:
                return self._moved(self.size(Size(runs)), *line)
        for (a, x), (b, y) in itertools.combinations_with_replacement(known.items(), 2):
            for kind, both in (("Mul", x * y), ("Add", x + y)):
                line = _line(both, wanted)
                if line is not None:
                    made = self.once(kind, self.size(Size(a)), self.size(Size(b)))
                    return self._moved(made, *line)
        raise CannotSayError("a size that does not follow from the inputs' sizes by a simple rule")

    def _moved(self, name: str, factor: int, divisor: int, more: int) -> str:
        """Return (name * factor) / divisor + more."""
        for kind, number, none in (("Mul", factor, 1), ("Div", divisor, 1), ("Add", more, 0)):
            if number != none:
                name = self.once(kind, name, [number])
        return name

    # What many rules need.

    def cast(self, name: str, old: np.dtype, new: np.dtype) -> str:
        """Return a name of another type."""
        if old == new:
            return name
        if name in self.constants:
            return self.constant(self.constants[name].astype(new))
        if new.kind == "b" and old.kind == "f":  # a Cast of 0.3 is False in some engines
            return self.add("Not", self.add("Equal", name, np.zeros((), old)))
        return self.add("Cast", name, to=onnx_type(new))

    def transpose(self, name: str, order: Sequence[int]) -> str:
        """Return the axes reordered: constants at once."""
        if list(order) == list(range(len(order))):
            return name
        if name in self.constants:
            return self.constant(self.constants[name].transpose(order))
        made = self.add("Transpose", name, perm=list(order))
        self.ranks[made] = len(order)
        return made

    def reshape(self, name: str, shape: Sequence[int | Size]) -> str:
        """Return another shape: constants at once; one size that is not known is what is left."""
        unknown = [size for size in shape if isinstance(size, Size)]
        if name in self.constants and not unknown:
            known = [size for size in shape if isinstance(size, int)]
            return self.constant(self.constants[name].reshape(known))
        if len(unknown) == 1 and 0 not in shape and -1 not in shape:
            target: Any = [-1 if isinstance(size, Size) else size for size in shape]
        else:
            target = self.sizes(shape)
        made = self.add("Reshape", name, target)
        self.ranks[made] = len(shape)
        return made


# What is done at once where everything is constant.
FOLDED: dict[str, Any] = {
    "Unsqueeze": lambda x, axes: np.expand_dims(
        x, tuple(int(a) for a in np.sort(axes % (x.ndim + len(axes))))
    ),
    "Squeeze": lambda x, axes: np.squeeze(x, tuple(axes.tolist())),
    "Concat": lambda *xs, axis: np.concatenate(xs, axis),
}


def _line(x: np.ndarray, y: np.ndarray) -> tuple[int, int, int] | None:
    """Return whole factor, divisor and rest with y = x factor / divisor + rest in all runs."""
    places = [n for n in range(1, len(x)) if x[n] != x[0]]
    if not places:
        return None
    rise, run = int(y[places[0]] - y[0]), int(x[places[0]] - x[0])
    common = int(np.gcd(rise, run)) or 1
    rise, run = rise // common, run // common
    if run < 0:
        rise, run = -rise, -run
    if rise == 0 or any(int(n) * rise % run for n in x):
        return None
    rest = int(y[0]) - int(x[0]) * rise // run
    if rest and len(set(x.tolist())) < 3:  # any two points lie on a line
        return None
    return (rise, run, rest) if all(x * rise // run + rest == y) else None


def onnx_type(dtype: Any) -> int:
    """Return ONNX's number of a type."""
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
