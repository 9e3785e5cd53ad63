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

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.lib.mixins import NDArrayOperatorsMixin

from melpy.kernels import memory, threads

__all__ = [
    "Traced", "UntraceableError", "as_regions", "begin", "computed", "constant", "empty_like",
    "note_loop", "of_type", "operand", "plain", "through",
    "traced", "write", "zeros",
]  # fmt: skip

COSTLY = 16  # times what an addition costs, for what is worth sharing
CHEAP = frozenset(
    (
        np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.square,
        np.negative, np.positive, np.absolute, np.sign, np.isnan, np.greater, np.greater_equal,
        np.less, np.less_equal, np.equal, np.not_equal, np.logical_and, np.logical_or,
        np.logical_not,
    )
)  # fmt: skip


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
        if method == "__call__":
            return _called(ufunc, inputs, **options)
        if method == "reduce":
            return _reduced(ufunc, *inputs, **options)
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
        write(value, self[index].array)

    def reshape(self, *shape: Any, order: str = "C") -> Traced:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)

    def transpose(self, *axes: Any) -> Traced:
        return Traced(self.array.transpose(*axes))

    def swapaxes(self, a: int, b: int) -> Traced:
        return Traced(self.array.swapaxes(a, b))

    def astype(self, dtype: Any, copy: bool = True, **options: Any) -> Traced:
        if np.dtype(dtype) == self.dtype and not copy:
            return self
        y = Traced(empty_like(np.empty_like(self.array), np.dtype(dtype)))
        write(self, y.array)
        return y

    def copy(self, order: str = "C") -> Traced:
        return np.copy(self, order)

    def ravel(self) -> Traced:
        return self.reshape(-1)

    def flatten(self) -> Traced:
        return self.reshape(-1).copy()

    def squeeze(self, axis: Any = None) -> Traced:
        return Traced(self.array.squeeze(axis))

    def fill(self, value: Any) -> None:
        write(value, self.array)

    def sum(self, *args: Any, **options: Any) -> Traced:
        return np.sum(self, *args, **options)

    def mean(self, *args: Any, **options: Any) -> Traced:
        return np.mean(self, *args, **options)

    def max(self, *args: Any, **options: Any) -> Traced:
        return np.max(self, *args, **options)

    def min(self, *args: Any, **options: Any) -> Traced:
        return np.min(self, *args, **options)

    def prod(self, *args: Any, **options: Any) -> Traced:
        return np.prod(self, *args, **options)

    def any(self, *args: Any, **options: Any) -> Traced:
        return np.any(self, *args, **options)

    def all(self, *args: Any, **options: Any) -> Traced:
        return np.all(self, *args, **options)

    def repeat(self, *args: Any, **options: Any) -> Traced:
        return np.repeat(self, *args, **options)

    def take(self, *args: Any, **options: Any) -> Traced:
        return np.take(self, *args, **options)

    def clip(self, *args: Any, **options: Any) -> Traced:
        return np.clip(self, *args, **options)


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
    write(0, y)
    return y


def write(value: Any, y: np.ndarray) -> None:
    """Note y = value, which is broadcast and of any type."""
    from melpy.kernels.compiled import loops

    x = value.array if isinstance(value, Traced) else np.array(operand(value), y.dtype)
    if np.may_share_memory(x, y):
        if _lie_alike(x, y):
            return
        raise UntraceableError("an array is written to memory that it lies in")
    x = np.broadcast_to(x, y.shape)
    if x.dtype == y.dtype:
        bits = np.dtype(f"u{y.itemsize}")
        loop = loops.loop_of(np.bitwise_or, (bits,) * 3)  # x or x is x
        note_loop(loop, [x.view(bits)] * 2, y.view(bits))
    elif x.dtype.kind in "fiub" and y.dtype.kind in "fiu":
        note_loop(loops.casting(x.dtype, y.dtype), [x], y)
    else:
        raise UntraceableError(f"{x.dtype} made {y.dtype}")


def _called(ufunc: np.ufunc, inputs: Sequence[Any], out: Any = None, **options: Any) -> Any:
    """Note a ufunc's call."""
    if options:
        raise UntraceableError(f"{ufunc.__name__} with {', '.join(options)}")
    given = [operand(x) for x in inputs]
    made = ufunc(*given)
    known = [type(x) if type(x) in (int, float) else np.asarray(x).dtype for x in given]
    dtypes = ufunc.resolve_dtypes((*known, *[None] * ufunc.nout))
    from melpy.kernels.compiled import loops

    loop = loops.loop_of(ufunc, dtypes)
    if loop is None or ufunc.nout != 1:
        raise UntraceableError(f"{ufunc.__name__} of {', '.join(map(str, dtypes))}")
    arrays = [of_type(x, dtype) for x, dtype in zip(given, dtypes, strict=False)]
    expected = np.asarray(made)
    in_place = out is not None and _may_take(out[0].array, arrays, expected)
    y = out[0].array if in_place else empty_like(expected)
    cost = 1 if ufunc in CHEAP else COSTLY
    note_loop(loop, [np.broadcast_to(x, y.shape) for x in arrays], y, cost, expected)
    if out is None:
        return Traced(y)
    if not in_place:
        write(Traced(y), out[0].array)
    return out[0]


def _may_take(y: np.ndarray, arrays: Sequence[np.ndarray], expected: np.ndarray) -> bool:
    """Return whether a loop may write to ``y`` while it reads the arrays."""
    if y.shape != expected.shape or y.dtype != expected.dtype:
        return False
    return all(_lie_alike(x, y) or not np.may_share_memory(x, y) for x in arrays)


def _lie_alike(x: np.ndarray, y: np.ndarray) -> bool:
    lie = [(z.ctypes.data, z.strides, z.shape, z.dtype) for z in (x, y)]
    return lie[0] == lie[1]


def _reduced(
    ufunc: np.ufunc, x: Any, axis: Any = 0, dtype: Any = None, out: Any = None,
    keepdims: bool = False, initial: Any = None, where: Any = True,
) -> Traced:  # fmt: skip
    """Note a ufunc's sum, or the like, along axes."""
    if out is not None or where is not True or isinstance(initial, Traced | np.ndarray):
        raise UntraceableError(f"{ufunc.__name__}.reduce with more than axes")
    x, more = operand(x), {} if initial in (None, np._NoValue) else {"initial": initial}
    expected = np.asarray(ufunc.reduce(x, axis=axis, dtype=dtype, keepdims=True, **more))
    axes = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    dtypes = ufunc.resolve_dtypes((expected.dtype, expected.dtype, None))
    if dtypes[2] == expected.dtype:
        x = of_type(x, dtypes[1])
    elif dtypes[:2] != (x.dtype,) * 2:
        raise UntraceableError(f"{ufunc.__name__}.reduce of {x.dtype}")
    from melpy.kernels.compiled import loops

    loop = loops.loop_of(ufunc, (expected.dtype, x.dtype, expected.dtype))
    if loop is None or 0 in x.shape:
        raise UntraceableError(f"{ufunc.__name__}.reduce of {x.dtype}")
    y = empty_like(expected)
    if more:
        write(initial, y)
    elif ufunc.identity is None or ufunc in (np.maximum, np.minimum):
        first = tuple(slice(0, 1) if n in axes else slice(None) for n in range(x.ndim))
        write(Traced(x[first]), y)
    else:
        write(ufunc.identity, y)
    walk = [None if n in axes else n for n in range(x.ndim)]
    flat = y.reshape([size for n, size in enumerate(y.shape) if n not in axes])
    order = iter(range(flat.ndim))
    onto = [-1 if n is None else next(order) for n in walk]
    with np.nditer(
        [flat, x], ["external_loop", "reduce_ok"], [["readwrite"], ["readonly"]],
        op_axes=[onto, list(range(x.ndim))],
    ) as walked:  # fmt: skip
        _share(loop, walked, [flat, x], x.size, order=[0, 1, 0])
    _require_same(y, expected)
    kept = [size for n, size in enumerate(y.shape) if n not in axes]
    return Traced(y if keepdims else y.reshape(kept))


def note_loop(
    loop: Any, inputs: Sequence[np.ndarray], y: np.ndarray, cost: int = 1, expected: Any = None
) -> None:
    """Note a loop over arrays of one shape, walked in the order that NumPy would choose."""
    if y.size:
        modes = [["readonly"]] * len(inputs) + [["writeonly"]]
        with np.nditer([*inputs, y], ["external_loop"], modes) as walked:
            _share(loop, walked, [*inputs, y], cost * y.size)
    if expected is not None:
        _require_same(y, expected)


def _share(
    loop: Any, walked: np.nditer, owners: Sequence[np.ndarray], work: int, order: Any = None
) -> None:
    """Run a loop over what is walked, as a region; ``order`` says which is which operand."""
    from melpy.kernels.compiled import loops

    views = walked.itviews
    order = range(len(views)) if order is None else order
    begins = [begin(owners[n], views[n].ctypes.data) for n in order]
    strides = [views[n].strides or (0,) for n in order]
    threads.share(*loops.looping(loop, views[0].shape or (1,), strides, begins, work))


def begin(x: np.ndarray, address: int) -> np.ndarray:
    """Return the bytes of an array's entry: of one type for Numba, however x lies."""
    first = x[(slice(0, 1),) * x.ndim].reshape(1)
    if first.flags.writeable and first.ctypes.data == address:
        return first.view(np.uint8)
    root: Any = x
    while isinstance(root.base, np.ndarray):
        root = root.base
    flat = root.T if root.flags.f_contiguous else root
    if not (flat.flags.writeable and flat.flags.c_contiguous):
        raise UntraceableError("memory that lies in no order, or cannot be written to")
    at = address - root.ctypes.data
    return flat.reshape(-1).view(np.uint8)[at : at + x.itemsize]


def _require_same(y: np.ndarray, expected: np.ndarray) -> None:
    """Refuse a region that gave other bits than NumPy."""
    if not np.array_equal(y, expected, equal_nan=y.dtype.kind == "f"):
        raise UntraceableError("a region gave other bits than NumPy")


def operand(x: Any) -> Any:
    """Return an array, or a number that is constant."""
    if isinstance(x, Traced):
        return x.array
    if isinstance(x, bool | int | float | np.generic):
        return x
    if isinstance(x, np.ndarray) and x.ndim == 0:
        return x[()]
    raise UntraceableError(f"an array that no argument is, of shape {np.shape(x)}")


def of_type(x: Any, dtype: np.dtype) -> np.ndarray:
    """Return an array of a type; of a number, one that stays as it is."""
    if not isinstance(x, np.ndarray):
        return np.array(x, dtype)
    return x if x.dtype == dtype else Traced(x).astype(dtype).array


def constant(x: Any) -> np.ndarray:
    """Return an array, of numbers that are constant one that stays as it is."""
    return np.asarray(operand(x))


def empty_like(x: np.ndarray, dtype: np.dtype | None = None) -> np.ndarray:
    """Return memory that lies as an array does, which NumPy has just made."""
    order = sorted(range(x.ndim), key=lambda n: (-x.strides[n], n))
    y = memory.empty(tuple(x.shape[n] for n in order), dtype or x.dtype)
    return y.transpose(np.argsort(order)) if x.ndim else y


def _basic(index: Any) -> Any:
    """Return an index, refused where it is more than numbers and slices."""
    for part in index if isinstance(index, tuple) else (index,):
        if not (part is None or part is Ellipsis or isinstance(part, int | np.integer | slice)):
            raise UntraceableError("an index that is an array")
        if isinstance(part, bool):
            raise UntraceableError("an index that is a bool")
    return index
