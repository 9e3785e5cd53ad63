"""The tape: records what was computed, replays it backwards, un-broadcasts. It knows no op.

A `Variable` is an array that remembers the `Node` that made it. A node holds its inputs and one
vector-Jacobian product (vjp) per input: a function from g = dL/dy to dL/dx. Nodes are numbered
as they are made, so walking them from the highest number down visits every node after all of its
users; no recursion, hence no limit on depth. First order only: gradients are plain arrays.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from melpy import clock, part
from melpy.errors import GraphError, ShapeError
from melpy.kernels import dispatch as kernels
from melpy.kernels import threads, tracing
from melpy.vjps import Selective, Vjp

__all__ = [
    "Node", "Variable", "adopted", "adopter", "backward", "fitted", "gradients", "is_recording",
    "is_training", "locked", "looked_at", "no_grad", "observer", "overwrite", "phase", "plain",
    "read_out", "undone",
]  # fmt: skip

Ready = Callable[[Any, np.ndarray], None]

_recording: ContextVar[bool] = ContextVar("recording", default=True)
# Whether the layer's call that is running is one of training; None: no call is running.
phase: ContextVar[bool | None] = ContextVar("training", default=None)
# What makes a variable of another library's tensor that was computed from one of ours, if any was.
adopter: ContextVar[Callable[[Any], Any] | None] = ContextVar("adopter", default=None)
# Who is shown every op that runs, if anybody is. It has observe(name, op, args, options), which
# runs the op, and noted(array), which makes a plain array tell what NumPy does with it.
observer: ContextVar[Any] = ContextVar("observer", default=None)
# What variables held before they were overwritten, by their ids; None where nothing is undone.
_before: ContextVar[dict[int, tuple[Variable, np.ndarray]] | None] = ContextVar(
    "before", default=None
)
_serial = itertools.count()


class Node:
    """One recorded operation: its name, its options, its inputs that want a gradient, its vjps."""

    __slots__ = ("inputs", "op", "options", "serial", "vjps")

    def __init__(
        self,
        op: str,
        inputs: Sequence[Variable | None],
        vjps: Sequence[Vjp | None],
        options: Mapping[str, object],
    ) -> None:
        self.op, self.inputs, self.vjps, self.options = op, inputs, vjps, options
        self.serial = next(_serial)


class Variable:
    """An array, whether it wants a gradient, and the node that made it (None for a leaf)."""

    __slots__ = ("__weakref__", "array", "grad", "name", "node", "requires_grad")

    def __init__(
        self,
        array: np.ndarray,
        requires_grad: bool = False,
        node: Node | None = None,
        name: str = "",
    ) -> None:
        self.array = array
        self.requires_grad = requires_grad
        self.node = node
        self.name = name
        self.grad: np.ndarray | None = None

    @classmethod
    def of(cls, value: np.ndarray, node: Node | None) -> Variable:
        """Wrap an op's output; a subclass whose ``__init__`` differs overrides this."""
        return cls(value, node is not None, node)

    @property
    def value(self) -> np.ndarray:
        """The array, for the library's users: a look at it is seen where a program is written."""
        return looked_at(self)


def overwrite(variable: Variable, value: np.ndarray) -> None:
    """Give a variable an array of other values. Who holds the one before keeps what it was.

    That may be the user, who read a weight out, or the way back of what was computed from it.
    """
    before = _before.get()
    if before is not None:
        before.setdefault(id(variable), (variable, variable.array))
    variable.array = value


@contextmanager
def undone() -> Iterator[Mapping[int, tuple[Variable, np.ndarray]]]:
    """Give back to all variables, at the end of the ``with`` block, what they held before it.

    So a model is described, or computed with other weights, and its state stays as it was. What
    was overwritten is found in the mapping that the block is given.
    """
    before: dict[int, tuple[Variable, np.ndarray]] = {}
    token = _before.set(before)
    try:
        yield before
    finally:
        _before.reset(token)
        for variable, value in before.values():
            variable.array = value
        if before:
            clock.values_changed()


def looked_at(variable: Variable) -> np.ndarray:
    """Return a variable's values for Python to look at: what a layer makes of them is no region."""
    if phase.get() is not None:
        threads.missed("a look at a tensor's values")
    return plain(variable)


def locked(array: np.ndarray) -> np.ndarray:
    """Return a view that refuses to be written to, and whose own views do.

    Nobody would see that what was computed with a weight is no longer right.
    """
    seen = array.view()
    seen.flags.writeable = False
    return seen


def plain(variable: Variable) -> np.ndarray:
    """Return a variable's values as a plain array; an observer's array tells what becomes of it."""
    watch = observer.get()
    return variable.array if watch is None else watch.noted(variable.array)


def is_recording() -> bool:
    """Return whether operations on variables are being recorded."""
    return _recording.get()


def is_training() -> bool:
    """Return whether the layer's call that is running is one of training."""
    return bool(phase.get())


@contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing inside the ``with`` block; for inference, and for updating weights.

    Examples
    --------
    >>> import melpy
    >>> w = melpy.Tensor([2.0], requires_grad=True)
    >>> with melpy.no_grad():
    ...     (w * 3.0).requires_grad
    False
    """
    token = _recording.set(False)
    try:
        yield
    finally:
        _recording.reset(token)


def record(
    op: str,
    value: np.ndarray,
    inputs: Sequence[object],
    vjps: Sequence[Vjp | None],
    options: Mapping[str, object],
) -> np.ndarray | Variable:
    """Return ``value`` as what its inputs are: an array, or a variable that remembers them.

    The output has the class of the first variable among the inputs, so the tape needs to know
    no subclass. Nothing is recorded where no input wants a gradient.
    """
    adopt = adopter.get()
    if adopt is not None:
        inputs = [adopt(x) for x in inputs]
    kind = next((type(x) for x in inputs if isinstance(x, Variable)), None)
    if kind is None:
        return value
    if not threads.is_noted() and any(_is_of(value, x) for x in inputs if is_weight(x)):
        value = locked(value)
    wanted = [
        x if isinstance(x, Variable) and x.requires_grad and vjp is not None else None
        for x, vjp in zip(inputs, vjps, strict=True)
    ]
    if not _recording.get() or all(x is None for x in wanted):
        return kind.of(value, None)
    if isinstance(vjps, Selective):
        vjps.wanted[:] = [x is not None for x in wanted]
    return kind.of(value, Node(op, wanted, vjps, options))


def is_weight(x: Any) -> bool:
    """Return whether this is the state of a layer, which will be overwritten."""
    return isinstance(x, Variable) and hasattr(x, "trainable")


def _is_of(value: np.ndarray, weight: Any) -> bool:
    """Return whether an op's result is a weight's own array, or a view of it."""
    own = weight.array
    return value is own or (
        value.base is not None and any(value.base is x for x in (own, own.base))
    )


def adopted(x: Any) -> Any:
    """Return a variable for another library's tensor that was computed from one, else x itself."""
    adopt = adopter.get()
    return x if adopt is None else adopt(x)


def read_out(x: Any) -> Any:
    """Return what a weight holds now, as a value of its own; anything else as it is.

    A weight will be overwritten: what was made of it before is not to change with it.
    """
    if not is_weight(x):
        return x
    return record("read_out", x.array, [x], [lambda g: g], {})


def unbroadcast(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Sum ``g`` over the axes along which an input of ``shape`` was broadcast.

    The adjoint of repeating a value is adding up the gradients of its copies.

    Examples
    --------
    >>> unbroadcast(np.ones((4, 3)), (1, 3))
    array([[4., 4., 4.]])
    """
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(
        axis + extra for axis, size in enumerate(shape) if size == 1 and g.shape[axis + extra] != 1
    )
    return g.sum(axis=axes, keepdims=True).reshape(shape)


def _uses(y: Variable) -> Counter[int]:
    """Return how many gradients each leaf behind ``y`` will get, by its id."""
    counts: Counter[int] = Counter()
    waiting, seen = [y.node], {id(y.node)}
    while waiting:
        node = waiting.pop()
        for x in node.inputs if node is not None else ():
            if x is not None and x.node is None:
                counts[id(x)] += 1
            elif x is not None and id(x.node) not in seen:
                seen.add(id(x.node))
                waiting.append(x.node)
    return counts


def _replay(
    y: Variable, g: np.ndarray, forget: bool = False, ready: Ready | None = None
) -> Iterator[tuple[Variable, np.ndarray]]:
    """Walk backwards from ``y`` and yield each leaf that wants a gradient, with its gradient.

    With ``forget``, what a node remembers is let go of once it is passed: the memory of the way
    forward serves the way back. ``ready`` is told a leaf's gradient once it is whole, amidst the
    walk.
    """
    sums = {id(y): g}
    left = _uses(y) if ready is not None else None
    waiting = [(-_serial_of(y), id(y), y)]
    while waiting:
        _, key, variable = heapq.heappop(waiting)
        g = np.asarray(sums.pop(key))  # NumPy's sum of two 0-d arrays is no array
        node = variable.node
        if node is None:
            yield variable, g
            continue
        for x, vjp in zip(node.inputs, node.vjps, strict=True):
            if x is None or vjp is None:
                continue
            d_x = fitted(vjp(g), x.array.shape, x.array.dtype)
            if id(x) in sums:
                sums[id(x)] = kernels.add(sums[id(x)], d_x)  # a new array: d_x may be g itself
            else:
                sums[id(x)] = d_x
                heapq.heappush(waiting, (-_serial_of(x), id(x), x))
            if left is not None and ready is not None and x.node is None:
                left[id(x)] -= 1
                if not left[id(x)]:
                    ready(x, sums[id(x)])
        if forget:
            node.vjps = node.inputs = ()
            variable.node = None


def fitted(g: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return a gradient in the shape and the type of what it is the gradient of."""
    g = np.asarray(g)
    if g.shape == shape and g.dtype == dtype:
        return g
    return tracing.computed(lambda g: unbroadcast(g, shape).astype(dtype, copy=False), g)


def _serial_of(variable: Variable) -> int:
    return -1 if variable.node is None else variable.node.serial


def _seed(y: Variable, g: np.ndarray | None) -> np.ndarray:
    """Check the starting gradient, 1 for a scalar."""
    if not isinstance(y, Variable):
        raise GraphError(
            "backward",
            "this is no tensor of Melpy's, so what it was computed from is not known",
            expected="a tensor computed by melpy.ops and by operators",
            received={"type": type(y).__name__},
            mend="NumPy's and other libraries' functions record no gradient.",
        )
    if not y.requires_grad:
        raise GraphError(
            "backward",
            "nothing was recorded for this tensor",
            expected="a tensor computed from one with requires_grad=True, outside no_grad()",
            received={"requires_grad": False},
        )
    if g is None:
        if y.array.size != 1:
            raise ShapeError(
                "backward",
                "only a scalar has a gradient of its own",
                expected="a tensor of size 1, or an explicit g = dL/dy of the tensor's shape",
                received={"shape": y.array.shape},
                mend="Reduce it first, for example with .sum() or .mean().",
            )
        return np.full_like(y.array, part.weight())  # processes' gradients add up to all's
    g = np.array(g, dtype=y.array.dtype)  # a copy: vjps may remember which g they saw,
    g.flags.writeable = False  # and none may write into it
    if g.shape != y.array.shape:
        raise ShapeError(
            "backward",
            "g has another shape than the tensor",
            expected=f"shape {y.array.shape}",
            received={"g.shape": g.shape},
        )
    return g


def backward(y: Variable, g: np.ndarray | None = None) -> None:
    """Add dL/dx to ``x.grad`` of every leaf x behind ``y`` that wants a gradient."""
    for leaf, d_x in _replay(y, _seed(y, g)):
        leaf.grad = d_x.copy() if leaf.grad is None else np.asarray(leaf.grad + d_x)


def gradients(
    y: Variable, sources: Sequence[Variable], g: np.ndarray | None = None, forget: bool = False,
    ready: Ready | None = None,
) -> list[np.ndarray]:  # fmt: skip
    """Return dL/dx for each leaf x of ``sources``, zeros where ``y`` does not depend on it.

    Each is an array of the caller's own: an op may hand the same g to both of its inputs, or a
    view that cannot be written to, and those are copied. ``forget`` lets go of the graph on the
    way, which then has no second time, and copies nothing: the arrays are to be read only.
    ``ready(x, d_x)`` is called as soon as a leaf's gradient is whole, while others are not.
    """
    y = adopted(y)
    seed = _seed(y, g)
    found = {id(leaf): d_x for leaf, d_x in _replay(y, seed, forget, ready)}
    given = {id(seed)}

    def own(x: Variable) -> np.ndarray:
        d_x = found.get(id(x))
        if d_x is None:
            return np.zeros_like(x.array)
        if forget:
            return d_x
        if d_x.base is not None or id(d_x) in given:
            return d_x.copy()
        given.add(id(d_x))
        return d_x

    return [own(x) for x in sources]
