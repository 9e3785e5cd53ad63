"""Where TensorFlow meets the library: its graphs, such as ``tf.data`` makes, and its functions.

Tensors in a graph have no values yet. A call on them becomes a node of their graph: its outputs'
shapes and types are described as those of a `Symbolic` are, its values are computed here whenever
the graph runs. TensorFlow is never imported: who has such a tensor has imported it.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import numpy as np

from melpy import symbolic, tape, tree
from melpy.errors import GraphError, MelpyError
from melpy.kernels import threads
from melpy.strings import STRING
from melpy.symbolic import Symbolic
from melpy.vjps import joint

__all__ = ["Borrowing", "constant", "in_graphs", "node", "sizes", "stand_ins"]

Describe = Callable[[tuple, dict[str, Any]], Any]


def _is_place(x: Any) -> bool:
    """Return whether something is a tensor of a TensorFlow graph."""
    library = sys.modules.get("tensorflow")
    return library is not None and isinstance(x, library.Tensor) and not hasattr(x, "numpy")


def _symbol(x: Any) -> Symbolic:
    text = x.dtype == sys.modules["tensorflow"].string
    return Symbolic(x.shape.as_list(), STRING if text else x.dtype.as_numpy_dtype)


class Borrowing:
    """The ``with`` block of one training step, in which TensorFlow's functions are recorded too.

    The first tensor that wants a gradient and is given to one of them begins a record of
    TensorFlow's. What is made of its constant comes back as a tensor of ours: its gradient is what
    TensorFlow says of its own functions, and goes on from there to the tensor that was given.
    """

    def __enter__(self) -> None:
        self._token = _step.set(self)
        self._sources: list[tuple[tape.Variable, Any]] = []
        self._watch: Any = None
        self._is_watching = False

    def __exit__(self, *_: object) -> None:
        _step.reset(self._token)
        if self._watch is not None:
            self._stop()
            tape.adopter.reset(self._adopting)

    def constant(self, x: tape.Variable, dtype: Any, name: str | None) -> Any:
        """Return TensorFlow's constant of a tensor, which its functions are followed from."""
        library = sys.modules["tensorflow"]
        threads.missed("a function of TensorFlow's")
        if self._watch is None:
            self._watch = library.GradientTape(persistent=True)
            self._watch.__enter__()
            self._is_watching = True
            self._adopting = tape.adopter.set(self._adopt)
        made = library.constant(x.array, name=name)
        self._watch.watch(made)
        self._sources.append((x, made))
        return made if dtype in (None, made.dtype) else library.cast(made, dtype)

    def _stop(self) -> None:
        if self._is_watching:
            self._is_watching = False
            self._watch.__exit__(None, None, None)

    def _adopt(self, y: Any) -> Any:
        """Return a tensor of ours for one of TensorFlow's, anything else as it is."""
        library = sys.modules["tensorflow"]
        if not isinstance(y, library.Tensor) or not y.dtype.is_floating or not hasattr(y, "numpy"):
            return y
        given = [x for x, _ in self._sources]
        constants = [made for _, made in self._sources]

        def back(g: np.ndarray) -> list[np.ndarray]:
            self._stop()
            found = self._watch.gradient(
                y, constants, library.constant(g), unconnected_gradients="zero"
            )
            return [library.convert_to_tensor(d_x).numpy() for d_x in found]

        return tape.record("tensorflow", y.numpy(), given, joint(back, len(given)), {})


_step: ContextVar[Borrowing | None] = ContextVar("step", default=None)


def constant(x: tape.Variable, dtype: Any, name: str | None) -> Any:
    """Return TensorFlow's constant of a tensor's value, as its functions ask for it.

    In a training step its gradient is kept, see `Borrowing`. In a layer that is called to learn
    outside of one it would be lost, and that is refused.
    """
    step = _step.get()
    if x.requires_grad and step is not None:
        return step.constant(x, dtype, name)
    if x.requires_grad and tape.is_training():
        raise GraphError(
            "a function of TensorFlow's",
            "it would give a constant, through which nothing before it learns",
            expected="melpy.ops on a tensor that wants a gradient",
            received={"shape": x.array.shape},
        )
    return sys.modules["tensorflow"].constant(x.array, dtype, name=name)


def sizes(x: Any) -> tuple:
    """Return a shape in which a graph's tensor of one number stands for each unknown size.

    What else has unknown sizes has None there.
    """
    shape = tuple(x.shape)
    if None not in shape or not _is_place(x):
        return shape
    now = sys.modules["tensorflow"].shape(x)
    return tuple(now[axis] if size is None else size for axis, size in enumerate(shape))


def stand_ins(structure: Any, numbers_are_sizes: bool = False) -> Any:
    """Return a structure with a symbolic tensor in the place of each of a graph's.

    Or with None, a size that is not known, in the place of each single whole number.
    """

    def stand_in(x: Any) -> Any:
        symbol = _symbol(x)
        is_number = not symbol.shape and symbol.dtype.kind in "iu"
        return None if numbers_are_sizes and is_number else symbol

    return tree.map_structure(lambda x: stand_in(x) if _is_place(x) else x, structure)


def node(
    function: Callable[..., Any],
    args: tuple,
    kwargs: Mapping[str, Any],
    error: Exception | None = None,
    describe: Describe | None = None,
) -> Any:
    """Return the tensors of a graph's node that calls a function whenever the graph runs.

    Parameters
    ----------
    function : what to call
    args, kwargs : its arguments
    error : what calling it raised, and what is raised again if no tensor of a graph is among them;
        None where one is
    describe : function of arguments with symbolic tensors that returns what the outputs are;
        `symbolic.probe` of the function by default
    """
    given = (args, dict(kwargs))
    leaves = tree.flatten(given)
    places = [n for n, x in enumerate(leaves) if _is_place(x)]
    if error is not None and not places:
        raise error
    library = sys.modules["tensorflow"]
    probe = describe or (lambda args, kwargs: symbolic.probe(function, args, kwargs))
    try:
        made_of = probe(*stand_ins(given))
    except MelpyError:  # no number would do: those of the graph may be sizes, as `sizes` gives them
        made_of = probe(*stand_ins(given, numbers_are_sizes=True))

    def run(*arrays: np.ndarray) -> list[np.ndarray]:
        now = list(leaves)
        for n, array in zip(places, arrays, strict=True):
            now[n] = array
        args, kwargs = tree.pack_sequence_as(given, now)
        outputs = tree.flatten(function(*args, **kwargs))
        return [np.asarray(outputs[n]) for n in made_arrays]

    made = tree.flatten(made_of)
    made_arrays = [n for n, x in enumerate(made) if hasattr(x, "shape")]  # the rest: plain numbers
    types = [library.string if made[n].dtype == STRING else made[n].dtype for n in made_arrays]
    outputs = library.numpy_function(run, [leaves[n] for n in places], types)
    for n, y in zip(made_arrays, outputs, strict=True):
        y.set_shape(made[n].shape)
        made[n] = y
    return tree.pack_sequence_as(made_of, made)


F = TypeVar("F", bound=Callable[..., Any])


def in_graphs(function: F) -> F:
    """Let a function of arrays be called on the tensors of a TensorFlow graph as well."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if "tensorflow" in sys.modules and any(map(_is_place, tree.flatten((args, kwargs)))):
            return node(function, args, kwargs)
        return function(*args, **kwargs)

    vars(call)["autograph_info__"] = None  # or TensorFlow would rewrite it, and what it calls
    return cast(F, call)
