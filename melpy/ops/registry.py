"""The op contract: one function is one operation, its gradients, its sample and its page.

    @op(sample=lambda rng: (rng.normal(size=(2, 3)),), like="torch.nn.functional.softplus")
    def softplus(x, *, beta=1.0):                 # arrays positional, options keyword-only
        y = np.logaddexp(0.0, beta * x) / beta
        def d_x(g):                               # g = dL/dy -> dL/dx
            return g * -np.expm1(-beta * y)
        return y, (d_x,)                          # one vjp per array, None where there is none

Inside, an op sees plain arrays and never writes into ``x`` or ``g``. Outside, it takes tensors or
arrays, and its options by position too, as keras.ops does. ``y`` may be a tuple: its first array
is the differentiable output, the others are constants that came out of the same sweep. What NumPy
refuses inside an op, a misfit of shapes or an axis out of range, leaves it as a `ShapeError` that
names the op.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from melpy import config, symbolic, tape
from melpy.errors import DtypeError, GraphError, MelpyError, ShapeError

__all__ = ["OPS", "Op", "OutOfRangeError", "composed", "op"]

Sample = Callable[[np.random.Generator], tuple]


class OutOfRangeError(ShapeError, IndexError):
    """An axis or an index is out of range; an IndexError too, as in NumPy."""


@dataclass(frozen=True)
class Op:
    """One row of the registry: what tests, docs and NumPy's protocols need to know of an op."""

    name: str
    call: Callable[..., Any]
    samples: tuple[Sample, ...]
    like: Callable[..., Any] | str | None
    broadcasts: bool
    constant: bool
    room: str


OPS: dict[str, Op] = {}


def op(
    *,
    sample: Sample | Sequence[Sample],
    like: Callable[..., Any] | str | None = None,
    broadcasts: bool = False,
    indices: Sequence[str] = (),
    constant: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a public operation of a function that returns its output and its vjps.

    Parameters
    ----------
    sample : function from a random generator to the op's arguments: arrays, then, if the op has
        options, a dict of them; or several such functions. Samples keep away from kinks.
    like : the same function in PyTorch, for the parity test: a dotted name, or a function of
        torch and the same arguments; None where PyTorch has none.
    broadcasts : whether the arrays are broadcast against each other; then tests draw such shapes.
    indices : names of arrays that stay whole numbers beside floats; all others become floats.
    constant : whether no gradient passes although floats go in and come out.
    """

    def decorate(forward: Callable[..., Any]) -> Callable[..., Any]:
        parameters = inspect.signature(forward).parameters.values()
        arrays = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        options = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        name = forward.__name__
        kept = {n for n, p in enumerate(arrays) if p.name in indices}

        @functools.wraps(forward)
        def call(*args: Any, **kwargs: Any) -> Any:
            if symbolic.any_in(args, kwargs):
                return symbolic.defer(call, args, kwargs)
            if variadic:
                args, rest = _variadic(args, variadic, kwargs)
            else:
                args, rest = args[: len(arrays)], args[len(arrays) :]
                args += _by_keyword(arrays[len(args) :], kwargs)
            if rest:
                _by_position(name, options, rest, kwargs)
            values = _values(name, args, kept)
            try:
                y, vjps = forward(*values, **kwargs)
                if _is_fraction_of_whole_numbers(y, values, kwargs):
                    y, vjps = forward(*_as_floats(values, kept, "iub"), **kwargs)
            except MelpyError:
                raise
            except (ValueError, IndexError) as error:
                raise _refusal(name, error, values, kwargs) from error
            if isinstance(y, tuple):
                return tape.record(name, y[0], args, vjps, kwargs), *y[1:]
            return tape.record(name, y, args, vjps, kwargs)

        samples = (sample,) if callable(sample) else tuple(sample)
        OPS[name] = Op(name, call, samples, like, broadcasts, constant, forward.__module__)
        return call

    return decorate


def composed(
    function: Callable[..., Any] | None = None, *, made_of: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """Make one call of a function that is composed of ops, and not differentiated itself.

    Of symbolic tensors it is remembered whole, by its own name, and all of its outputs belong to
    one call. Its options are keyword-only inside and taken by position too, as those of an op.

    Parameters
    ----------
    function : arrays positional, options keyword-only
    made_of : function of the same arguments that says what comes out of symbolic tensors (see
        `symbolic.defer`), for what must not be run to find out; or that returns None
    """
    if function is None:
        return functools.partial(composed, made_of=made_of)
    name, code = function.__name__, function.__code__
    arrays, is_variadic = code.co_argcount, bool(code.co_flags & inspect.CO_VARARGS)
    options = list(code.co_varnames[arrays : arrays + code.co_kwonlyargcount])

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if symbolic.any_in(args, kwargs):
            outputs = made_of(*args, **kwargs) if made_of else None
            return symbolic.defer(call, args, kwargs, outputs)
        if len(args) > arrays and not is_variadic:
            _by_position(name, options, args[arrays:], kwargs)
            args = args[:arrays]
        return function(*args, **kwargs)

    return call


def _variadic(args: tuple, name: str, kwargs: dict[str, Any]) -> tuple[tuple, tuple]:
    """Split the arguments of an op over any number of arrays into the arrays and the options.

    ``concatenate([a, b], 0)`` takes one sequence, then options; ``einsum("ij,jk", a, b)`` an
    option, then arrays; ``xs=[a, b]`` works too.
    """
    if not args and name in kwargs:
        args = (kwargs.pop(name),)
    if args and isinstance(args[0], str):
        return args[1:], args[:1]
    if args and isinstance(args[0], list | tuple):
        return tuple(args[0]), args[1:]
    return args, ()


def _by_keyword(missing: Sequence[inspect.Parameter], kwargs: dict[str, Any]) -> tuple:
    """Return the arrays that were not passed by position; their defaults where they have one."""
    found: list[Any] = []
    for p in missing:
        if p.name in kwargs:
            found.append(kwargs.pop(p.name))
        elif p.default is not p.empty:
            found.append(p.default)
        else:
            break  # Python's own TypeError names the missing argument
    return tuple(found)


def _by_position(name: str, options: list[str], rest: tuple, kwargs: dict[str, Any]) -> None:
    """Put options that were passed by position among the keywords."""
    if len(rest) > len(options):
        raise TypeError(f"{name}() takes {len(options)} options, but {len(rest)} were given")
    for key, value in zip(options, rest, strict=False):
        if key in kwargs:
            raise TypeError(f"{name}() got multiple values for argument {key!r}")
        kwargs[key] = value


def _refusal(
    name: str, error: Exception, values: Sequence[Any], options: dict[str, Any]
) -> ShapeError:
    """Return what NumPy refused as a `ShapeError` in the one sentence form."""
    received: dict[str, Any] = {"shapes": [v.shape for v in values if v is not None]}
    received |= {key: o for key, o in options.items() if isinstance(o, int | str | tuple | list)}
    kind = OutOfRangeError if isinstance(error, IndexError) else ShapeError
    what = str(error).removeprefix(f"{name}: ").rstrip(".")
    return kind(name, what, received=received)


def _values(name: str, args: Sequence[Any], indices: Container[int] = ()) -> list[Any]:
    """Return the arguments as arrays of types that go together, as in Keras.

    A Python number takes the type of the arrays around it; whole numbers beside floats become
    floats of their type, where NumPy would widen float32 to float64.
    """
    values = [x.value if isinstance(x, tape.Variable) else x for x in args]
    if not all(isinstance(x, np.ndarray) for x in values):
        values = _arrays(name, values, indices)
    kinds = {x.dtype.kind for x in values if x is not None}
    return _as_floats(values, indices, "iu") if "f" in kinds and kinds & {"i", "u"} else values


def _arrays(name: str, values: list[Any], indices: Container[int]) -> list[Any]:
    """Return what is no array yet as one."""
    floats = [x.dtype for x in values if isinstance(x, np.ndarray | np.generic) and _is_float(x)]
    weak = np.result_type(*floats) if floats else np.dtype(config.floatx())
    values = [
        x if isinstance(x, np.ndarray) or _is_int(x) else _array(name, x, weak) for x in values
    ]
    arrays = [x for x in values if isinstance(x, np.ndarray)]
    whole = [x.dtype for x in arrays if x.dtype.kind in "iu"]
    integer = np.result_type(*whole) if whole else np.dtype(np.int64)
    if not any(map(_is_float, arrays)):
        weak = integer
    return [
        np.asarray(x, integer if n in indices else weak) if _is_int(x) else x
        for n, x in enumerate(values)
    ]


def _as_floats(values: Sequence[Any], indices: Container[int], kinds: str) -> list[Any]:
    """Return the arrays of some kinds in the type of the floats beside them, or in `floatx`."""
    floats = [x.dtype for x in values if x is not None and _is_float(x)]
    kind = np.result_type(*floats) if floats else np.dtype(config.floatx())
    return [
        x.astype(kind) if x is not None and x.dtype.kind in kinds and n not in indices else x
        for n, x in enumerate(values)
    ]


def _is_fraction_of_whole_numbers(y: Any, values: Sequence[Any], options: dict[str, Any]) -> bool:
    """Return whether NumPy chose the float type itself, such as float16 for the root of a uint8."""
    dtype = (y[0] if isinstance(y, tuple) else y).dtype
    return (
        dtype.kind == "f"
        and "dtype" not in options
        and dtype != config.floatx()
        and not any(x is not None and _is_float(x) for x in values)
    )


def _is_int(x: Any) -> bool:
    return isinstance(x, int) and not isinstance(x, bool)


def _is_float(x: Any) -> bool:
    return x.dtype.kind == "f"


def _array(name: str, x: Any, weak: np.dtype) -> np.ndarray | None:
    if x is None:  # an optional array, such as a bias
        return None
    if isinstance(x, list | tuple) and any(isinstance(v, tape.Variable) for v in x):
        raise GraphError(
            name,
            "an argument is a list of tensors, whose history would be lost",
            expected="a tensor, an array or a number",
            mend="Make one tensor of them with ops.stack.",
        )
    y = np.asarray(x)
    if y.dtype.kind not in "fiub":
        raise DtypeError(
            name,
            "an argument is not an array of numbers",
            expected="a tensor, an array, a number or nested lists of numbers",
            received={"type": type(x).__name__, "dtype": str(y.dtype)},
        )
    is_python_float = y.dtype == np.float64 and not isinstance(x, np.generic)
    return y.astype(weak) if is_python_float else y
