"""Operation: a function that is recorded in a graph where it is called on symbolic tensors."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from melpy import symbolic, tree
from melpy.configurable import Configurable, NotPlainError, plain, snake_case
from melpy.errors import ArgumentError, UndefinedError, UnsupportedError
from melpy.symbolic import Symbolic
from melpy.tensor import SymbolicTensor, Tensor

__all__ = ["Operation"]


class Operation(Configurable):
    """A function of tensors, an object with a name and a config. Abstract: ``call`` computes it.

    Called on arrays or tensors, it computes. Called on symbolic tensors, it becomes part of what
    they describe, and computes when that is run. Layers are operations, with weights.

    Parameters
    ----------
    name : str without "/", or None for the class's name in snake case

    Raises
    ------
    ArgumentError : a name that is no name
    UnsupportedError (a NotImplementedError) : ``call`` is not defined, or what ``get_config``
        should return cannot be known from the constructor's arguments

    Examples
    --------
    >>> import melpy, numpy as np
    >>> class Scaled(melpy.Operation):
    ...     def __init__(self, by, name=None):
    ...         super().__init__(name=name)
    ...         self.by = by
    ...     def call(self, x):
    ...         return self.by * x
    >>> double = Scaled(2.0)
    >>> double(np.array([1.0, 2.0]))
    Tensor([2., 4.], dtype=float64)
    >>> double(melpy.KerasTensor((None, 3))).shape, double.get_config()
    ((None, 3), {'by': 2.0, 'name': 'scaled'})
    """

    name: str
    _calls: list[Any]  # its uses in graphs

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__new__(cls, *args, **kwargs)
        vars(made)["_calls"] = []
        return made

    def __init__(self, name: str | None = None) -> None:
        name = snake_case(type(self).__name__) if name is None else name
        if not isinstance(name, str) or "/" in name:
            raise ArgumentError(
                type(self).__name__,
                "the name is no name",
                expected="a string without '/'",
                received={"name": name},
            )
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute, or describe what will be computed."""
        if symbolic.any_in(args, kwargs):
            return self.symbolic_call(*args, **kwargs)
        args, kwargs = tree.map_structure(_as_tensor, (args, kwargs))
        return self.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Return the result for tensors; a subclass's."""
        raise UnsupportedError(
            f"{type(self).__name__} {getattr(self, 'name', '')!r}",
            "it does not say what it computes",
            expected="a method call",
        )

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Return the symbolic outputs of a call that is remembered, not run."""
        made = self.compute_output_spec(*args, **kwargs)
        made_of = tree.map_structure(lambda x: symbolic.like(x.shape, x.dtype), made)
        outputs = symbolic.defer(self, args, kwargs, made_of)
        first = next(x for x in tree.flatten(outputs) if isinstance(x, Symbolic))
        self._calls.append(first.call)
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return symbolic tensors like the outputs; by default found by running ``call``."""
        made_of = symbolic.probe(self.call, args, kwargs)
        return tree.map_structure(lambda x: SymbolicTensor(x.shape, x.dtype), made_of)

    @property
    def input(self) -> Any:
        """The symbolic input of the first use in a graph."""
        inputs = self._first_call("input").inputs
        return inputs[0] if len(inputs) == 1 else inputs

    @property
    def output(self) -> Any:
        """The symbolic output of the first use in a graph."""
        return self._first_call("output").outputs

    def _first_call(self, what: str) -> symbolic.Call:
        if not self._calls:
            raise UndefinedError(
                f"{type(self).__name__} {self.name!r}",
                f"it is used in no graph, so it has no {what}",
                expected="a call on a symbolic tensor",
            )
        return self._calls[0]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal object, as plain values."""
        who, config = f"{type(self).__name__} {self.name!r}", super().get_config()
        kinds = {p.kind: p for p in inspect.signature(type(self).__init__).parameters.values()}
        taken = inspect.signature(type(self).__init__).parameters
        if inspect.Parameter.VAR_POSITIONAL in kinds:
            raise _untold(who, "its constructor takes any number of arguments")
        try:
            plain(config)
        except NotPlainError as error:
            raise _untold(who, "an argument cannot be written down") from error
        if "name" in taken or inspect.Parameter.VAR_KEYWORD in kinds:
            config["name"] = self.name
        return config


def _untold(who: str, what: str) -> UnsupportedError:
    return UnsupportedError(who, what, expected="a method get_config that says what makes it again")


def _as_tensor(x: Any) -> Any:
    return Tensor(x) if isinstance(x, np.ndarray) else x
