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
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from melpy import foreign, symbolic, tape
from melpy.errors import DtypeError, MelpyError, OutOfRangeError, ShapeError
from melpy.kernels import threads, tracing
from melpy.ops.promotion import as_floats, settled_as, together
from melpy.ops.written import written_down

__all__ = [
    "OPS", "Op", "OutOfRangeError", "axes_within", "composed", "in_keras", "keras_class", "op",
]  # fmt: skip

Sample = Callable[[np.random.Generator], tuple]


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
    keeps: Sequence[str] = (),
    floats: bool = False,
    poles: bool = False,
    constant: bool = False,
    made_of: Callable[..., Any] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a public operation of a function that returns its output and its vjps.

    Parameters
    ----------
    sample : function from a random generator to the op's arguments: arrays, then, if the op has
        options, a dict of them; or several such functions. Samples keep away from kinks.
    like : the same function in PyTorch, for the parity test: a dotted name, or a function of
        torch and the same arguments; None where PyTorch has none.
    broadcasts : whether the arrays are broadcast against each other; then tests draw such shapes.
    keeps : names of arrays that keep their own type, such as indices beside floats; of all others
        the whole numbers become floats where a float is among them.
    floats : whether whole numbers become floats in any case, where NumPy would keep them.
    poles : whether the derivative is infinite somewhere, of a function of single entries: an entry
        whose y does not count, g = 0, has the gradient 0 there too, not 0 · ∞ = NaN.
    constant : whether no gradient passes although floats go in and come out.
    made_of : as in `composed`: says what comes out of symbolic tensors, or refuses them.
    """

    def decorate(forward: Callable[..., Any]) -> Callable[..., Any]:
        parameters = inspect.signature(forward).parameters.values()
        arrays = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        options = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        name = forward.__name__
        kept = {n for n, p in enumerate(arrays) if p.name in keeps}
        performed = _careful(forward) if poles else forward

        @functools.wraps(forward)
        def call(*args: Any, **kwargs: Any) -> Any:
            if symbolic.any_in(args, kwargs):
                outputs = made_of(*args, **kwargs) if made_of else None
                return symbolic.defer_op(call, args, kwargs, outputs)
            if variadic:
                args, rest = _variadic(args, variadic, kwargs)
            else:
                args, rest = args[: len(arrays)], args[len(arrays) :]
                args += _by_keyword(arrays[len(args) :], kwargs)
            if rest:
                _by_position(name, options, rest, kwargs)
            _as_constants(kwargs)
            watch = tape.observer.get()
            if watch is not None:
                return watch.observe(name, call, args, kwargs)
            try:
                values = together(name, args, kept)
            except NotImplementedError as error:  # as a tensor without values says of its array
                return foreign.node(call, args, kwargs, error)
            if floats:
                values = as_floats(values, kept)
            is_noted = threads.is_noted()
            if is_noted and not _as_given(args, values):
                threads.missed(f"{name} of other types than its arguments'")
            try:
                if is_noted:
                    y, vjps = written_down(performed, args, values, kwargs)
                else:
                    y, vjps = performed(*values, **kwargs)
                first = y[0] if isinstance(y, tuple) else y
                dtype = settled_as(first, values, kwargs)
                if dtype is not None:
                    threads.missed(f"{name} in another type")
                    if dtype.kind == "f":
                        y, vjps = performed(*as_floats(values, kept), **kwargs)
                    else:
                        y = first.astype(dtype)
            except MelpyError:
                raise
            except (ValueError, IndexError) as error:
                raise _refusal(name, error, values, kwargs) from error
            except TypeError as error:
                _refuse_wrong_type(name, error, values)
                raise
            if isinstance(y, tuple):
                return tape.record(name, y[0], args, vjps, kwargs), *y[1:]
            return tape.record(name, y, args, vjps, kwargs)

        vars(call)["is_by_entry"] = broadcasts
        samples = (sample,) if callable(sample) else tuple(sample)
        OPS[name] = Op(name, call, samples, like, broadcasts, constant, forward.__module__)
        return call

    return decorate


def _as_given(args: Sequence[Any], values: Sequence[Any]) -> bool:
    """Return whether an op's arrays are its arguments' own, or made of plain numbers."""
    return all(
        value is (arg.array if isinstance(arg, tape.Variable) else arg)
        or isinstance(arg, int | float | np.generic)
        for arg, value in zip(args, values, strict=False)
    )


def composed(
    function: Callable[..., Any] | None = None,
    *,
    made_of: Callable[..., Any] | None = None,
    whole: bool = False,
) -> Callable[..., Any]:
    """Make one call of a function that is composed of ops, and not differentiated itself.

    Of symbolic tensors it is remembered whole, by its own name, and all of its outputs belong to
    one call. Its options are keyword-only inside and taken by position too, as those of an op.

    Parameters
    ----------
    function : arrays positional, options keyword-only
    made_of : function of the same arguments that says what comes out of symbolic tensors (see
        `symbolic.defer`), for what must not be run to find out; or that returns None
    whole : whether all that it does with its arguments' values are ops, so that a program has it
    """
    if function is None:
        return functools.partial(composed, made_of=made_of, whole=whole)
    name, code = function.__name__, function.__code__
    arrays, is_variadic = code.co_argcount, bool(code.co_flags & inspect.CO_VARARGS)
    options = list(code.co_varnames[arrays : arrays + code.co_kwonlyargcount])

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if symbolic.any_in(args, kwargs):
            outputs = made_of(*args, **kwargs) if made_of else None
            return symbolic.defer_op(call, args, kwargs, outputs)
        if not whole:
            threads.missed(name)
        if len(args) > arrays and not is_variadic:
            _by_position(name, options, args[arrays:], kwargs)
            args = args[:arrays]
        _axes_as_tuples(kwargs)
        try:
            return function(*args, **kwargs)
        except NotImplementedError as error:  # as a tensor without values says of its array
            return foreign.node(call, args, kwargs, error)

    return call


def in_keras(
    where: str | None = "", call: Sequence[str] = (), made: Sequence[str] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Say where Keras has an op's class, by which a model's file names it.

    Without it, that is the class of the op's name in the room of keras.src.ops that the file's
    ``KERAS_ROOM`` names, or in "numpy".

    Parameters
    ----------
    where : a room, "linalg", or a class that is spelt otherwise, "linalg.SVD"; None where Keras has
        no class, and no file can hold the op
    call : options that Keras's class takes when it is called, not when it is made
    made : arguments that come by position here, and that Keras's class takes when it is made
    """

    def said(function: Callable[..., Any]) -> Callable[..., Any]:
        function.in_keras = where  # type: ignore[attr-defined]
        function.in_call, function.in_making = tuple(call), tuple(made)  # type: ignore[attr-defined]
        return function

    return said


def keras_class(function: Callable[..., Any]) -> tuple[str, str] | None:
    """Return the room and the name of an op's class in Keras, or None.

    Examples
    --------
    >>> from melpy import ops
    >>> keras_class(ops.leaky_relu), keras_class(ops.svd), keras_class(ops.lstm)
    (('nn', 'LeakyRelu'), ('linalg', 'SVD'), None)
    """
    where = getattr(function, "in_keras", "")
    if where == "":
        where = getattr(sys.modules.get(function.__module__), "KERAS_ROOM", "numpy")
    if where is None:
        return None
    room, _, name = where.partition(".")
    return room, name or "".join(part.capitalize() for part in function.__name__.split("_"))


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


def _careful(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Return an op whose gradients are 0 wherever g is, though the derivative may be infinite."""

    def of_what_counts(vjp: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def careful(g: Any) -> Any:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                d = vjp(g)
                if isinstance(d, tracing.Traced) or np.isnan(np.sum(d)):
                    return np.where(np.isnan(d) & (g == 0), 0, d)
                return d

        return careful

    def performed(*values: Any, **options: Any) -> tuple[Any, Sequence[Any]]:
        y, vjps = forward(*values, **options)
        return y, tuple(vjp and of_what_counts(vjp) for vjp in vjps)

    return performed


def _axes_as_tuples(options: dict[str, Any]) -> None:
    """Let axes be given as a list, as Keras does everywhere."""
    for key, value in options.items():
        if isinstance(value, list) and key.startswith("ax"):
            options[key] = tuple(value)


def _as_constants(options: dict[str, Any]) -> None:
    """Let options be given as tensors too, such as sizes that were computed."""
    _axes_as_tuples(options)
    for key, value in options.items():
        if isinstance(value, tape.Variable):
            options[key] = value.array


def _refusal(
    name: str, error: Exception, values: Sequence[Any], options: dict[str, Any]
) -> ShapeError:
    """Return what NumPy refused as a `ShapeError` in the one sentence form."""
    shapes = [v.shape for v in values if v is not None]
    received: dict[str, Any] = {"shapes": shapes} if shapes else {}
    received |= {key: o for key, o in options.items() if isinstance(o, int | str | tuple | list)}
    kind = OutOfRangeError if isinstance(error, IndexError) else ShapeError
    what = str(error).removeprefix(f"{name}: ").rstrip(".")
    return kind(name, what, received=received)


def _refuse_wrong_type(name: str, error: TypeError, values: Sequence[Any]) -> None:
    """Raise a `DtypeError` that names the op, where NumPy has no loop for a type."""
    if str(error).startswith(("ufunc", "numpy boolean", "The numpy boolean")):
        types = [str(v.dtype) for v in values if v is not None]
        raise DtypeError(
            name, "it is not for this type", received={"dtypes": types}, mend="Call ops.cast first."
        ) from error


def axes_within(who: str, axis: Any, ndim: int, allow_duplicate: bool = False) -> tuple[int, ...]:
    """Return axes as numbers >= 0, for what is composed of ops; None stands for all of them."""
    axes = range(ndim) if axis is None else axis
    try:
        return normalize_axis_tuple(axes, ndim, allow_duplicate=allow_duplicate)
    except ValueError as error:
        raise _refusal(who, error, (), {"axis": axis, "ndim": ndim}) from error
