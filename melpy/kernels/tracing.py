"""What NumPy computes, written down as regions: how a program does it without Python.

    computed(function, *arrays)         runs the function; while a step is written down, with
                                        stand-ins for the arrays, each of whose calls of NumPy's
                                        is noted as a region

A stand-in is no array and turns into none: what a function does with it is a call that is known
here, or it stops the tracing (`UntraceableError`), and the function runs as always, for Python to
do it anew. So nothing is missed by mistake, not a copy by ``np.asarray`` nor a branch on a value.
Every region runs once when it is noted, and one that gives other bits than NumPy is not taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from melpy.kernels import memory, threads

__all__ = [
    "Traced",
    "UntraceableError",
    "as_regions",
    "computed",
    "plain",
    "through",
    "traced",
    "zeros",
]


numpy: Any = np  # whose types know no stand-ins


class UntraceableError(Exception):
    """A function does what no region is known for."""


def computed(function: Callable[..., Any], *args: Any) -> Any:
    """Return ``function(*args)`` for a function that is NumPy's work, known to whoever notes it.

    Parameters
    ----------
    function : of arrays and constants, which returns one array or a tuple of some
    *args : its arguments
    """
    if not threads.is_noted():
        return function(*args)
    try:
        return as_regions(lambda: plain(function(*map(traced, args))))
    except UntraceableError as error:
        threads.missed(str(error))
        return function(*args)


def as_regions(run: Callable[[], Any]) -> Any:
    """Return what ``run()`` returns, and note its regions if it gets to its end.

    Raises
    ------
    UntraceableError
        where something is no region, whatever it failed by: it may be an error of its own then,
        which shows when it is run without stand-ins
    """
    noted: list[tuple[Any, ...]] = []

    def note(region: Any, count: int, work: int, *args: Any) -> bool:
        if region is None:
            raise UntraceableError(args[0] if isinstance(args[0], str) else "work of Python's")
        noted.append((region, count, work, *args))
        return True

    try:
        with threads.noted_by(note):
            made = run()
    except UntraceableError:
        raise
    except Exception as error:
        raise UntraceableError(f"{type(error).__name__}: {error}") from error
    threads.write_down(noted)
    return made


class Traced(NDArrayOperatorsMixin):
    """Stands for an array while what is computed from it is noted."""

    __slots__ = ("array",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    shape = property(lambda self: self.array.shape)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    dtype = property(lambda self: self.array.dtype)
    flags = property(lambda self: self.array.flags)
    itemsize = property(lambda self: self.array.itemsize)
    T = property(lambda self: Traced(self.array.T))

    def __len__(self) -> int:
        return len(self.array)

    def __repr__(self) -> str:
        return f"<Traced shape={self.shape}, dtype={self.dtype}>"

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise UntraceableError("Python looks at values")

    __array__ = __bool__ = __float__ = __int__ = __index__ = __complex__ = item = tolist = _refuse

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        from melpy.kernels import traced_loops

        if method == "__call__":
            return traced_loops.called(ufunc, inputs, **options)
        if method == "reduce":
            return traced_loops.reduced(ufunc, *inputs, **options)
        raise UntraceableError(f"{ufunc.__name__}.{method}")

    def __array_function__(self, function: Any, kinds: Any, args: Any, options: Any) -> Any:
        from melpy.kernels import traced_functions  # whose table is filled by then

        return traced_functions.call(function, args, options)

    def __getitem__(self, index: Any) -> Traced:
        y = self.array[_basic(index)]
        if not isinstance(y, np.ndarray):
            y = self.array[(*index, ...) if isinstance(index, tuple) else (index, ...)]
        return Traced(y)

    def __setitem__(self, index: Any, value: Any) -> None:
        _write(value, self[index].array)

    def reshape(self, *shape: Any, order: str = "C") -> Traced:
        return numpy.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)

    def transpose(self, *axes: Any) -> Traced:
        return Traced(self.array.transpose(*axes))

    def swapaxes(self, a: int, b: int) -> Traced:
        return Traced(self.array.swapaxes(a, b))

    def astype(self, dtype: Any, copy: bool = True, **options: Any) -> Traced:
        if np.dtype(dtype) == self.dtype and not copy:
            return self
        y = numpy.empty_like(self, dtype=dtype)
        _write(self, y.array)
        return y

    def copy(self, order: str = "C") -> Traced:
        return numpy.copy(self, order)

    def ravel(self) -> Traced:
        return self.reshape(-1)

    def flatten(self) -> Traced:
        return self.reshape(-1).copy()

    def squeeze(self, axis: Any = None) -> Traced:
        return Traced(self.array.squeeze(axis))

    def fill(self, value: Any) -> None:
        _write(value, self.array)

    def sum(self, *args: Any, **options: Any) -> Traced:
        return numpy.sum(self, *args, **options)

    def mean(self, *args: Any, **options: Any) -> Traced:
        return numpy.mean(self, *args, **options)

    def max(self, *args: Any, **options: Any) -> Traced:
        return numpy.max(self, *args, **options)

    def min(self, *args: Any, **options: Any) -> Traced:
        return numpy.min(self, *args, **options)

    def prod(self, *args: Any, **options: Any) -> Traced:
        return numpy.prod(self, *args, **options)

    def any(self, *args: Any, **options: Any) -> Traced:
        return numpy.any(self, *args, **options)

    def all(self, *args: Any, **options: Any) -> Traced:
        return numpy.all(self, *args, **options)

    def repeat(self, *args: Any, **options: Any) -> Traced:
        return numpy.repeat(self, *args, **options)

    def take(self, *args: Any, **options: Any) -> Traced:
        return numpy.take(self, *args, **options)

    def clip(self, *args: Any, **options: Any) -> Traced:
        return numpy.clip(self, *args, **options)


def _write(value: Any, y: np.ndarray) -> None:
    from melpy.kernels import traced_loops

    traced_loops.write(value, y)


def traced(x: Any) -> Any:
    """Return what stands for an array; anything else as it is."""
    return Traced(x) if isinstance(x, np.ndarray) else x


def plain(x: Any) -> Any:
    """Return the arrays of what a traced function returned: of a stand-in, or a tuple of some."""
    if isinstance(x, tuple):
        return tuple(map(plain, x))
    if x is None:
        return None
    if not isinstance(x, Traced):
        raise UntraceableError("what comes out was not computed from the arrays that went in")
    return x.array


def through(kernel: Callable[..., Any], *args: Any) -> Any:
    """Return what a kernel makes of arrays: a compiled one's work is regions, the others' NumPy's.

    Stand-ins come out where some went in.
    """
    is_within = any(isinstance(x, Traced) for x in args)
    if ".compiled." not in kernel.__module__:
        return kernel(*map(traced, args)) if is_within else computed(kernel, *args)
    if not is_within:
        return kernel(*args)
    made = kernel(*(x.array if isinstance(x, Traced) else x for x in args))
    return type(made)(map(traced, made)) if isinstance(made, tuple | list) else traced(made)


def zeros(shape: Any, dtype: Any) -> np.ndarray:
    """Return zeros that a region adds to: a program sets them anew in each step."""
    if not threads.is_noted():
        return np.zeros(shape, dtype)
    y = memory.empty(tuple(shape), np.dtype(dtype))
    _write(0, y)
    return y


def _basic(index: Any) -> Any:
    """Return an index, refused where it is more than numbers and slices."""
    for part in index if isinstance(index, tuple) else (index,):
        if not (part is None or part is Ellipsis or isinstance(part, int | np.integer | slice)):
            raise UntraceableError("an index that is an array")
        if isinstance(part, bool):
            raise UntraceableError("an index that is a bool")
    return index
